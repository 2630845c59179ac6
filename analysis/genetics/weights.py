"""The biomarker: a file of weights, in the PGS Catalog's scoring format or as a table of rsid, allele and weight.

A file says what it was derived from in its header: `#derivation_studies=stard;mars` (`none` where no study of the
warehouse was used), and where single persons are known `#derivation_persons=FILE`, a CSV of study_id and subject_id
beside it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.genetics.errors import GeneticsError
from analysis.genetics.matrix import tidy_chrom

NO_BUILD = ("", "NR", "NA")
"""What a header says where the build is not reported."""
CATALOG_FIELDS = ("pgs_id", "pgs_name", "trait_reported", "genome_build")
"""What a header that declares a format_version must say, beside it."""
BUILDS = {"GRCH37": "GRCh37", "HG19": "GRCh37", "B37": "GRCh37", "37": "GRCh37", "GRCH38": "GRCh38", "HG38": "GRCh38",
          "38": "GRCh38", "GRCH36": "GRCh36", "NCBI36": "GRCh36", "HG18": "GRCh36"}  # fmt: skip
_ALIASES = {
    "rsid": "rsid", "snp": "rsid", "id": "rsid", "variant_id": "rsid", "snpid": "rsid",
    "chr_name": "chrom", "chr": "chrom", "chrom": "chrom", "chr_position": "pos", "pos": "pos", "bp": "pos",
    "effect_allele": "effect_allele", "ea": "effect_allele", "a1": "effect_allele", "allele": "effect_allele",
    "other_allele": "other_allele", "oa": "other_allele", "a2": "other_allele", "non_effect_allele": "other_allele",
    "effect_weight": "weight", "weight": "weight", "beta": "weight",
    "allelefrequency_effect": "frequency", "eaf": "frequency",
    "is_dominant": "is_dominant", "is_recessive": "is_recessive",
    "is_haplotype": "is_haplotype", "is_diplotype": "is_diplotype", "is_interaction": "is_interaction",
    "hm_rsid": "hm_rsid", "hm_chr": "hm_chrom", "hm_pos": "hm_pos", "hm_inferotherallele": "hm_other",
}  # fmt: skip
_COLUMNS = ("row", "rsid", "chrom", "pos", "hm_chrom", "hm_pos", "effect_allele", "other_allele", "weight", "frequency")
_TRUE = ("true", "1", "yes")


@dataclass(frozen=True)
class Weights:
    """A file of weights as read.

    `variants`: one row per line that can be used, columns `row` (line of the file), `rsid`, `chrom`, `pos` (0 where not
    given), `hm_chrom`, `hm_pos`, `effect_allele`, `other_allele` ("" where not given), `weight`, `frequency` (of the
    effect allele, NaN where not given), `model` (additive, dominant, recessive). `refused`: lines that no array can
    answer, with `why` (haplotypes, HLA alleles). `build` is None where the file does not say; `harmonised_build` is
    that of the hm_ columns. `derivation_studies` is None where the file does not say.
    """

    weights_id: str
    name: str
    variants: pd.DataFrame
    refused: pd.DataFrame
    build: str | None
    harmonised_build: str | None
    derivation_studies: tuple[str, ...] | None
    derivation_persons: pd.DataFrame
    header: dict[str, str]
    sha256: str
    file: str
    warnings: tuple[str, ...]

    @property
    def n_file(self) -> int:
        """Lines with a weight, whether they can be used or not."""
        return len(self.variants) + len(self.refused)

    def derived_in(self, *studies: str) -> Weights:
        """The same weights, said to be derived in `studies` (none: in no study of the warehouse)."""
        return replace(self, derivation_studies=tuple(sorted(studies)))

    def single(self, rsid: str) -> Weights:
        """One variant of the file with weight 1: the score is the dosage of its effect allele. Raises GeneticsError."""
        rows = self.variants[self.variants["rsid"] == rsid]
        if len(rows) != 1:
            raise GeneticsError(
                f"{rsid} stands in {len(rows)} lines", file=self.file, remedy="Name a variant of the file by its rsID"
            )
        return replace(
            self,
            weights_id=f"{self.weights_id}:{rsid}",
            variants=rows.assign(weight=1.0, model="additive").reset_index(drop=True),
            refused=self.refused.iloc[:0],
        )


def build_named(text: str | None) -> str | None:
    """GRCh36, GRCh37 or GRCh38 for any of their usual names; None for NR and the like."""
    return BUILDS.get((text or "").strip().upper())


def read_weights(path: Path, *, build: str | None = None) -> Weights:
    """Read a file of weights, packed or not; `build` where the file itself says none. Raises GeneticsError."""
    path = Path(path)
    if not path.is_file():
        raise GeneticsError("there is no such file", file=str(path), remedy="Name a file of weights")
    content = path.read_bytes()
    try:
        text = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode("utf-8-sig")
    except (UnicodeDecodeError, OSError, EOFError) as error:
        raise GeneticsError(f"no text: {error}", file=path.name, remedy="Give UTF-8 text, packed or not") from None
    lines = text.splitlines()
    skip = 0
    while skip < len(lines) and (lines[skip].startswith("#") or not lines[skip].strip()):
        if lines[skip].lower().startswith(("#chrom\t", "#id\t", "#rsid\t")):
            break
        skip += 1
    header = _header(lines[:skip])
    warnings = _check_header(header, path.name)
    table = _table(lines[skip:], path.name, skip)
    variants, refused = _rows(table, path.name, skip)
    said = header.get("variants_number", "")
    if said.isdigit() and int(said) != len(variants) + len(refused):
        n = len(variants) + len(refused)
        warnings.append(f"the header declares {said} variants, the file has {n}: a part of the score, or cut off")
    if len(refused):
        warnings.append(f"{len(refused)} lines are haplotypes, HLA alleles or interactions and cannot be scored")
    for name in ("genome_build", "HmPOS_build"):
        said = header.get(name, "").strip()
        if said.upper() not in NO_BUILD and build_named(said) is None:
            raise GeneticsError(
                "no genome build", file=path.name, row=1, column=name, value=said,
                remedy="Name GRCh36, GRCh37 or GRCh38 (hg18, hg19, hg38), or NR where it is not known",
            )  # fmt: skip
    own = build_named(header.get("genome_build")) or build_named(build)
    if build_named(header.get("genome_build")) and build_named(build) not in (None, own):
        raise GeneticsError(
            f"the header says {own}, the caller {build}",
            file=path.name,
            remedy="Leave the build to the header, or correct the header",
        )
    if own is None:
        warnings.append("no genome build is given: variants are matched by rsID alone")
    return Weights(
        weights_id=header.get("pgs_id") or header.get("pgs_name") or path.name.split(".")[0],
        name=header.get("pgs_name") or header.get("pgs_id") or path.name,
        variants=variants,
        refused=refused,
        build=own,
        harmonised_build=build_named(header.get("HmPOS_build")) if (variants["hm_pos"] > 0).any() else None,
        derivation_studies=_studies(header),
        derivation_persons=_persons(header, path),
        header=header,
        sha256=hashlib.sha256(content).hexdigest(),
        file=path.name,
        warnings=tuple(warnings),
    )


def _header(lines: list[str]) -> dict[str, str]:
    fields = [line.lstrip("#").strip() for line in lines if "=" in line and not line.startswith("##")]
    return {key.strip(): value.strip() for key, _, value in (field.partition("=") for field in fields)}


def _check_header(header: dict[str, str], file: str) -> list[str]:
    if "format_version" not in header:
        return [] if header else ["the file has no header: build, source and derivation are not stated"]
    lacking = [field for field in CATALOG_FIELDS if not header.get(field)]
    if lacking:
        raise GeneticsError(
            f"the scoring-file header does not say {', '.join(lacking)}",
            file=file,
            row=1,
            remedy="Download the file from the PGS Catalog again, or add the lines",
        )
    if not header["format_version"].startswith("2"):
        raise GeneticsError(
            "scoring-file format of another version than 2",
            file=file,
            row=1,
            value=header["format_version"],
            remedy="Download the file from the PGS Catalog again",
        )
    return []


def _table(lines: list[str], file: str, skipped: int) -> pd.DataFrame:
    if not any(line.strip() for line in lines):
        raise GeneticsError("no weights below the header", file=file, remedy="Give one line per variant")
    head = lines[0]
    mark = next((m for m in "\t,;" if m in head), r"\s+")
    try:
        table = pd.read_csv(
            io.StringIO("\n".join(lines)), sep=mark, dtype=str, keep_default_na=False, skip_blank_lines=False,
            quoting=3 if mark == "\t" else 0,
        )  # fmt: skip
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise GeneticsError(
            f"no table: {error}", file=file, row=skipped + 1, remedy="Give as many fields in every line as names"
        ) from None
    table["row"] = np.arange(len(table)) + skipped + 2
    values = table.drop(columns="row")
    table = table[~(values.isna() | (values == "")).all(axis=1)]
    names = {c: _ALIASES.get(str(c).strip().lstrip("#").lower()) for c in table.columns if c != "row"}
    known: dict[str, str] = {}
    for old, new in names.items():
        if new is not None:
            if new in known:
                raise GeneticsError(
                    f"columns {known[new]} and {old} both say {new}", file=file, row=skipped + 1, remedy="Keep one"
                )
            known[new] = str(old)
    if "weight" not in known:
        others = [str(c) for c, new in names.items() if new is None]
        raise GeneticsError(
            "no column effect_weight",
            file=file,
            row=skipped + 1,
            value=", ".join(others) or None,
            remedy="Name the column of weights effect_weight; of several scores give a file each",
        )
    if "effect_allele" not in known:
        raise GeneticsError(
            "no column effect_allele", file=file, row=skipped + 1, remedy="Say whose copies the weight counts"
        )
    if not {"rsid", "hm_rsid"} & set(known) and not {"chrom", "pos"} <= set(known):
        raise GeneticsError(
            "neither rsID nor chr_name and chr_position",
            file=file,
            row=skipped + 1,
            remedy="Add the column that says which variant a line is about",
        )
    return table.rename(columns={old: new for new, old in known.items()})[[*known, "row"]].reset_index(drop=True)


def _rows(table: pd.DataFrame, file: str, skipped: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    def text(name: str) -> pd.Series:
        given = table[name] if name in table else pd.Series("", index=table.index)
        return given.fillna("").str.strip()

    out = pd.DataFrame({"row": table["row"]})
    rsid, harmonised = text("rsid"), text("hm_rsid")
    out["rsid"] = rsid.where(~rsid.isin(["", "."]), harmonised.where(harmonised != ".", ""))
    for chrom, pos in (("chrom", "pos"), ("hm_chrom", "hm_pos")):
        out[chrom] = tidy_chrom(text(chrom))
        out[pos] = pd.to_numeric(text(pos), errors="coerce").fillna(0).astype(np.int64)
    # An rsID column may hold chrom:pos:ref:alt.
    coded = out["rsid"].str.extract(r"^(?:chr)?(\w+):(\d+)(?::|_|$)")
    by_code = coded[1].notna() & (out["pos"] == 0)
    out.loc[by_code, "chrom"] = tidy_chrom(coded.loc[by_code, 0])
    out.loc[by_code, "pos"] = coded.loc[by_code, 1].astype(np.int64)
    out["effect_allele"] = text("effect_allele").str.upper()
    other = text("other_allele").str.upper()
    out["other_allele"] = other.where(other != "", text("hm_other").str.upper())
    out["weight"] = pd.to_numeric(text("weight"), errors="coerce")
    out["frequency"] = pd.to_numeric(text("frequency"), errors="coerce")
    flags = {name: text(name).str.lower().isin(_TRUE) for name in ("is_dominant", "is_recessive")}
    out["model"] = np.select([flags["is_dominant"], flags["is_recessive"]], ["dominant", "recessive"], "additive")
    complex_ = pd.Series(False, index=out.index)
    for name in ("is_haplotype", "is_diplotype", "is_interaction"):
        complex_ |= text(name).str.lower().isin(_TRUE)
    complex_ |= ~out["effect_allele"].str.fullmatch(r"[ACGT]*")
    _refuse(out, table, flags, complex_, file)
    out["why"] = np.where(complex_, "not a single variant", "")
    refused = out[complex_].reset_index(drop=True)
    usable = out[~complex_].drop(columns="why").reset_index(drop=True)
    if len(usable) and not usable["weight"].to_numpy(dtype=float).any():
        raise GeneticsError(
            "all weights are 0", file=file, column="weight", value=0, remedy="Give the weights of the score"
        )
    if usable.empty:
        raise GeneticsError(
            "no line is a single variant", file=file, remedy="Give weights of variants, not of haplotypes"
        )
    _refuse_duplicates(usable, file)
    return usable, refused


def _refuse(
    out: pd.DataFrame, table: pd.DataFrame, flags: dict[str, pd.Series], complex_: pd.Series, file: str
) -> None:
    """The first line that cannot be meant."""
    nowhere = (out["rsid"] == "") & ((out["pos"] == 0) | (out["chrom"] == "")) & (out["hm_pos"] == 0) & ~complex_
    wrong_other = ~out["other_allele"].str.fullmatch(r"[ACGT/]*") & ~complex_
    checks: list[tuple[pd.Series, str, str, str]] = [
        (~np.isfinite(out["weight"]), "weight", "the weight is no number", "Correct the line"),
        (out["effect_allele"] == "", "effect_allele", "the effect allele is missing", "Say whose copies are counted"),
        (wrong_other, "other_allele", "the other allele is none", "Write it in A, C, G, T or leave it empty"),
        (
            (out["effect_allele"] == out["other_allele"]) & ~complex_,
            "other_allele",
            "effect and other allele are the same",
            "Correct the line",
        ),
        (nowhere, "rsid", "neither rsID nor position: nobody can say which variant this is", "Add rsID or position"),
        (
            flags["is_dominant"] & flags["is_recessive"],
            "is_dominant",
            "both dominant and recessive",
            "Keep one of the two",
        ),
    ]
    for bad, column, problem, remedy in checks:
        if bad.any():
            at = int(np.flatnonzero(bad)[0])
            raise GeneticsError(
                problem,
                file=file,
                row=int(out["row"].iloc[at]),
                column=column,
                value=str(table[column].iloc[at]) if column in table else None,
                remedy=remedy,
            )


def _refuse_duplicates(usable: pd.DataFrame, file: str) -> None:
    """The same variant with the same pair of alleles twice would count twice."""
    name = usable["rsid"].where(usable["rsid"] != "", usable["chrom"] + ":" + usable["pos"].astype(str))
    pair = np.where(
        usable["effect_allele"] < usable["other_allele"],
        usable["effect_allele"] + "/" + usable["other_allele"],
        usable["other_allele"] + "/" + usable["effect_allele"],
    )
    key = pd.DataFrame({"name": name, "pair": pair})
    twice = key.duplicated()
    if twice.any():
        at = int(np.flatnonzero(twice)[0])
        first = int(np.flatnonzero((key == key.iloc[at]).all(axis=1))[0])
        raise GeneticsError(
            f"{name.iloc[at]} stands twice, first in line {usable['row'].iloc[first]}",
            file=file,
            row=int(usable["row"].iloc[at]),
            column="rsid",
            value=str(name.iloc[at]),
            remedy="Keep one line per variant, or sum the two weights",
        )


def _studies(header: dict[str, str]) -> tuple[str, ...] | None:
    said = header.get("derivation_studies")
    if said is None:
        return None
    names = {part.strip().lower() for part in said.replace(",", ";").split(";")} - {"", "none"}
    return tuple(sorted(names))


def _persons(header: dict[str, str], path: Path) -> pd.DataFrame:
    named = header.get("derivation_persons")
    if not named:
        return pd.DataFrame({"study_id": pd.Series(dtype=str), "subject_id": pd.Series(dtype=str)})
    beside = path.with_name(named)
    if not beside.is_file():
        raise GeneticsError(
            f"names {named} as its persons of derivation, which is not beside it",
            file=path.name,
            remedy="Put the file beside the weights, or take out the line",
        )
    people = pd.read_csv(beside, dtype=str)
    if not {"study_id", "subject_id"} <= set(people.columns):
        raise GeneticsError(
            "has no columns study_id and subject_id", file=beside.name, remedy="Head the two columns so"
        )
    return people[["study_id", "subject_id"]].drop_duplicates().reset_index(drop=True)
