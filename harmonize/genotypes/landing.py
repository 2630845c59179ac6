"""Landing a set of genotypes: the matrix beside the warehouse, the variants asked for and the persons as raw forms.

`genotypes/<study>/<set>/` keeps the files as delivered, `facts.json`, and as Parquet what quality control found. What
the warehouse is to hold is written as two text files, `genotype_calls.tsv` and `genotype_persons.tsv`, which are landed
as forms of the study like any other: they stand in the ledger, pass staging and gate, and are refused where they would
mix synthetic with real data.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.genetics import COMPONENTS, FACTS, FOLDER
from analysis.genetics.errors import GeneticsError
from analysis.genetics.landed import LandedSet, landed_sets
from analysis.genetics.matrix import Matrix, open_matrix
from harmonize.genotypes.asked import asked_columns, calls_of
from harmonize.genotypes.facts import Facts, check_facts
from harmonize.genotypes.keyfile import join_key, read_key, resolve_keys
from harmonize.genotypes.quality import Limits, Progress, Quality, check_quality
from harmonize.genotypes.stages import write_stages
from harmonize.landing import LandingReport, land
from harmonize.ledger import landed_forms, now
from harmonize.paths import Warehouse
from harmonize.sources import Study

CALLS, PERSONS = "genotype_calls", "genotype_persons"
"""The two raw forms of a study."""
_PERSON_COLUMNS = (
    "genetic_id", "set_id", "matrix_row", "array_name", "batch", "build", "strand", "sex_reported", "sex_genetic",
    "x_f", "call_rate", "heterozygosity", "kinship_max", "related_group", "exclusion",
    *(f"pc{n}" for n in range(1, COMPONENTS + 1)),
)  # fmt: skip
_CALL_COLUMNS = (
    "genetic_id", "set_id", "variant_id", "assay", "effect_allele", "other_allele", "dosage", "genotype", "build",
    "imputation_r2", "call",
)  # fmt: skip


@dataclass(frozen=True)
class GenotypeReport:
    """What landing a set came to. `not_found`: asked variants that the matrix does not have."""

    study: str
    set_id: str
    n_persons: int
    n_variants: int
    n_with_key: int
    n_unknown: int | None
    n_asked: int
    not_found: tuple[str, ...]
    stages: pd.DataFrame
    notes: tuple[str, ...]
    landing: LandingReport


def land_genotypes(
    study: Study,
    path: Path,
    key: Path,
    facts: Facts,
    warehouse: Warehouse,
    *,
    set_id: str | None = None,
    variants: Iterable[str] = (),
    weights: Iterable[Path] = (),
    diplotypes: Path | None = None,
    limits: Limits = Limits(),  # noqa: B008
    synthetic: bool = False,
    seed: int = 1,
    on_progress: Progress | None = None,
) -> GenotypeReport:
    """Land one file of genotypes of a study. A set of the same name is replaced; others of the study stay.

    `variants` and those of `weights` are the ones that `cdm.genotypes` will hold. `diplotypes` is a table of
    `genetic_id`, `gene`, `diplotype` from an assay that calls structural variants.
    Raises GeneticsError or LandingError, and then nothing has changed.
    """
    _check_contract(study)
    _refuse_mixture(study, warehouse, synthetic)
    matrix = open_matrix(path)
    name = set_id or matrix.path.name.split(".")[0]
    if not name.replace("_", "").replace("-", "").isalnum():
        raise GeneticsError("no name of a set", value=name, remedy="Use letters, digits, - and _ (--set)")
    facts, notes = check_facts(matrix, facts)
    joined = join_key(matrix, read_key(key, study), key)
    keys, unknown = resolve_keys(study, warehouse, joined["subject_key"], key)
    joined = joined.assign(subject_key=keys)
    columns, missing = asked_columns(matrix, build=facts.build, names=variants, weights=weights)
    found = check_quality(matrix, limits, sex=joined["sex"].to_numpy(object), seed=seed, on_progress=on_progress)
    persons = _persons(name, joined, found, facts)
    calls = calls_of(matrix, columns, assay=facts.array, build=facts.build)
    if diplotypes is not None:
        calls = pd.concat([calls, _diplotypes(diplotypes, joined)], ignore_index=True)
    calls = _calls(name, joined, calls)
    folder = warehouse.root / FOLDER / study.name
    part = folder / f".{name}.{secrets.token_hex(4)}"
    part.mkdir(parents=True)
    old = folder / f".old.{name}.{secrets.token_hex(4)}"
    final = folder / name
    try:
        files = _keep_matrix(matrix, part)
        _write_facts(part, study, matrix, facts, files, limits, synthetic, found)
        persons.to_parquet(part / "persons.parquet", index=False)
        calls.to_parquet(part / "calls.parquet", index=False)
        found.variants.to_parquet(part / "variants.parquet", index=False)
        found.stages.to_parquet(part / "stages.parquet", index=False)
        if final.exists():
            os.replace(final, old)
        os.replace(part, final)
        try:
            report = land_forms(study, warehouse, synthetic=synthetic)
        except Exception:
            shutil.rmtree(final)
            if old.exists():
                os.replace(old, final)
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    write_stages(warehouse)
    return GenotypeReport(
        study=study.name,
        set_id=name,
        n_persons=matrix.shape[0],
        n_variants=matrix.shape[1],
        n_with_key=int((joined["subject_key"] != "").sum()),
        n_unknown=unknown,
        n_asked=len(columns),
        not_found=missing,
        stages=found.stages,
        notes=(*notes, *found.notes),
        landing=report,
    )


def land_forms(study: Study, warehouse: Warehouse, *, synthetic: bool) -> LandingReport:
    """Write the two forms from all sets of the study, and land them."""
    folder = warehouse.root / FOLDER / study.name
    sets = [s for s in landed_sets(warehouse.root) if s.study == study.name]
    column = study.subject_key[0]
    persons = _of_sets(sets, "persons")
    for form, whole in ((CALLS, _that_stand(_of_sets(sets, "calls"), persons)), (PERSONS, persons)):
        names = _CALL_COLUMNS if form == CALLS else _PERSON_COLUMNS
        whole = whole.rename(columns={"subject_key": column})
        for other in study.subject_key[1:]:
            whole[other] = ""
        path = folder / f"{form}.tsv"
        whole[[*study.subject_key, *names]].to_csv(path, sep="\t", index=False, lineterminator="\n")
    report = land(study, folder / f"{CALLS}.tsv", warehouse, synthetic=synthetic)
    second = land(study, folder / f"{PERSONS}.tsv", warehouse, synthetic=synthetic)
    return replace(report, forms=report.forms + second.forms, absent=())


def _of_sets(sets: list[LandedSet], stem: str) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(s.folder / f"{stem}.parquet") for s in sets], ignore_index=True)


def _that_stand(calls: pd.DataFrame, persons: pd.DataFrame) -> pd.DataFrame:
    """The calls that may stand in the warehouse: of samples that quality control did not exclude, and of several
    samples of a person on one assay those of the better called."""
    passed = persons.loc[persons["exclusion"] == "", ["set_id", "genetic_id", "call_rate"]]
    rate = pd.to_numeric(passed["call_rate"], errors="coerce")
    ranked = passed.assign(place=rate.rank(method="first", ascending=False)).drop(columns="call_rate")
    kept = calls.merge(ranked, on=["set_id", "genetic_id"])
    kept = kept.sort_values("place", kind="stable").drop_duplicates(["subject_key", "variant_id", "assay"])
    return kept.sort_values(["set_id", "variant_id", "place"], kind="stable").reset_index(drop=True)


def _check_contract(study: Study) -> None:
    declared = {form.name for form in study.forms}
    lacking = [name for name in (CALLS, PERSONS) if name not in declared]
    if lacking:
        raise GeneticsError(
            f"{study.name} declares no form {' and '.join(lacking)}",
            file=study.path.name,
            remedy="Add the two forms as docs/genetics.md shows them, then trd compile",
        )


def _refuse_mixture(study: Study, warehouse: Warehouse, synthetic: bool) -> None:
    """Before anything is computed: landing would refuse it at the end."""
    other = [name for name, landing in landed_forms(study.name, warehouse).items() if landing.synthetic != synthetic]
    if other:
        kind, held = ("synthetic", "real") if synthetic else ("real", "synthetic")
        raise GeneticsError(
            f"{study.name} holds {held} data; {kind} genotypes must not be mixed with them",
            remedy="Land into another warehouse, or take the study away first",
        )


def _persons(set_id: str, joined: pd.DataFrame, found: Quality, facts: Facts) -> pd.DataFrame:
    out = pd.concat([joined[["subject_key", "genetic_id"]], found.persons.reset_index(drop=True)], axis=1)
    out["set_id"], out["matrix_row"] = set_id, np.arange(len(out))
    out["array_name"] = joined["array"].where(joined["array"] != "", facts.array)
    out["batch"] = joined["batch"].where(joined["batch"] != "", facts.batch)
    out["build"], out["strand"] = facts.build, facts.strand
    out = out[["subject_key", *_PERSON_COLUMNS]]
    numbers = ["x_f", "call_rate", "heterozygosity", "kinship_max", *(f"pc{n}" for n in range(1, COMPONENTS + 1))]
    for name in numbers:
        out[name] = out[name].map("{:.8g}".format).where(out[name].notna(), "")
    return out.astype(object).where(out.notna(), "").astype(str)


def _calls(set_id: str, joined: pd.DataFrame, calls: pd.DataFrame) -> pd.DataFrame:
    """Calls of those whose key is known: nobody else can stand in the warehouse."""
    who = joined[["subject_key", "genetic_id", "array"]].assign(matrix_row=np.arange(len(joined)))
    calls = calls.merge(who[["matrix_row", "array"]], on="matrix_row", how="left")
    # The array of a person, where the key file tells it, is the assay of the calls.
    own = calls["array"].fillna("").ne("") & calls["effect_allele"].ne("")
    calls["assay"] = calls["array"].where(own, calls["assay"])
    calls, who = calls.drop(columns="array"), who.drop(columns="array")
    out = calls.merge(who[who["subject_key"] != ""], on="matrix_row").assign(set_id=set_id)
    return out[["subject_key", *_CALL_COLUMNS]].fillna("").astype(str)


def _diplotypes(path: Path, joined: pd.DataFrame) -> pd.DataFrame:
    """Diplotypes as an assay called them, as calls whose variant is the gene."""
    if not path.is_file():
        raise GeneticsError("there is no such file", file=str(path), remedy="Name the table of diplotypes")
    table = pd.read_csv(path, sep=None, engine="python", dtype=str, keep_default_na=False)
    lacking = [c for c in ("genetic_id", "gene", "diplotype") if c not in table]
    if lacking:
        raise GeneticsError(
            f"no column {', '.join(lacking)}",
            file=path.name,
            row=1,
            remedy="Give genetic_id, gene, diplotype, and assay where it is known",
        )
    bad = ~table["diplotype"].str.fullmatch(r"\*\S+/\*\S+")
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise GeneticsError(
            "no diplotype",
            file=path.name,
            row=at + 2,
            column="diplotype",
            value=table["diplotype"].iloc[at],
            remedy="Write both haplotypes, as *1/*4",
        )
    rows = pd.Series(np.arange(len(joined)), index=joined["genetic_id"])
    rows = rows[~rows.index.duplicated()]
    known = table[table["genetic_id"].isin(rows.index)]
    if known.empty:
        raise GeneticsError(
            "no genetic id is among the genotypes", file=path.name, column="genetic_id", remedy="Use the same ids"
        )
    return pd.DataFrame(
        {
            "matrix_row": known["genetic_id"].map(rows),
            "variant_id": known["gene"].str.upper(),
            "assay": known.get("assay", "diplotype_call"),
            "effect_allele": "",
            "other_allele": "",
            "dosage": "NA",
            "genotype": known["diplotype"],
            "build": "",
            "imputation_r2": "",
            "call": "called",
        }
    )


def _keep_matrix(matrix: Matrix, folder: Path) -> dict[str, str]:
    """The files of the matrix as delivered, and their SHA-256; linked where the file system can."""
    files = [matrix.path]
    if matrix.path.suffix == ".bed":
        files += [matrix.path.with_suffix(".bim"), matrix.path.with_suffix(".fam")]
    out = {}
    for file in files:
        target = folder / file.name
        shutil.copyfile(file, target)
        with target.open("rb") as stream:
            out[file.name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return out


def _write_facts(
    folder: Path,
    study: Study,
    matrix: Matrix,
    facts: Facts,
    files: dict[str, str],
    limits: Limits,
    synthetic: bool,
    found: Quality,
) -> None:
    document = {
        "study": study.name,
        "file": matrix.path.name,
        "sha256": files,
        "build": facts.build,
        "strand": facts.strand,
        "array": facts.array,
        "batch": facts.batch,
        "n_persons": matrix.shape[0],
        "n_variants": matrix.shape[1],
        "limits": limits.__dict__,
        "notes": list(found.notes),
        "synthetic": synthetic,
        "landed_at": now(),
    }
    (folder / FACTS).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
