"""Which variant of a matrix a line of weights is about, and which of its alleles is meant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.genetics.errors import GeneticsError
from analysis.genetics.matrix import Matrix
from analysis.genetics.weights import Weights

COMPLEMENT = str.maketrans("ACGT", "TGCA")
NEAR_HALF = 0.1
"""A frequency within this distance of one half cannot tell the strand of a palindromic variant."""
STATUSES = (
    "matched",
    "swapped",
    "flipped",
    "flipped_swapped",
    "palindromic_dropped",
    "allele_mismatch",
    "ambiguous",
    "not_found",
    "not_a_variant",
)
_USED = STATUSES[:4]
PALINDROMIC = ("frequency", "drop", "keep")


@dataclass(frozen=True)
class Matched:
    """What became of each line of a file of weights.

    `lines`: one row per line that could be read, columns `row`, `rsid`, `status` (STATUSES), `by` (id, position),
    `column` (position in the matrix, -1 where unused), `counts_other` (the effect allele is the one the matrix does not
    count), `palindromic`, `weight`, `model`. `warnings` name what a reader must know.
    """

    lines: pd.DataFrame
    warnings: tuple[str, ...]

    @property
    def used(self) -> pd.DataFrame:
        """The lines that are scored, in the order of the matrix."""
        return self.lines[self.lines["status"].isin(_USED)].sort_values("column", kind="stable").reset_index(drop=True)

    def counts(self) -> dict[str, int]:
        """Lines by status, every status named."""
        found = self.lines["status"].value_counts()
        return {status: int(found.get(status, 0)) for status in STATUSES}


def match(
    weights: Weights,
    matrix: Matrix,
    *,
    build: str | None,
    palindromic: str = "frequency",
) -> Matched:
    """Match lines to variants, by rsID first, then by position where both are of one build.

    Alleles may be swapped or stand on the other strand. A palindromic variant (A/T, C/G) looks the same on both: with
    `palindromic="frequency"` its strand is taken from the frequency of the effect allele in the file against that in
    the matrix where both are at least NEAR_HALF away from one half, and else it is dropped; `drop` drops all; `keep`
    takes the alleles as written, for files known to be on one strand. Raises GeneticsError where the builds differ and
    positions would be needed, where rsIDs and positions contradict each other, and for a variant that is there twice.
    """
    if palindromic not in PALINDROMIC:
        raise ValueError(f"palindromic is one of {', '.join(PALINDROMIC)}")
    lines, variants = weights.variants, matrix.variants.assign(column=np.arange(len(matrix.variants)))
    chrom, pos, positions_build = _positions(weights, build)
    located = lines.assign(at_chrom=chrom, at_pos=pos, line=np.arange(len(lines)))
    by_id = _by_id(located, variants)
    rest = located[~located["line"].isin(by_id["line"])]
    same_build = build is not None and positions_build == build
    by_place = _by_position(rest, variants) if same_build else by_id.iloc[:0]
    _check_build(weights, matrix, build, positions_build, by_id, rest)
    pairs = pd.concat([by_id.assign(by="id"), by_place.assign(by="position")], ignore_index=True)
    pairs = _orient(pairs, matrix, palindromic)
    table, warnings = _settle(located, pairs, weights, matrix), list(weights.warnings)
    if build is not None and positions_build not in (None, build):
        warnings.append(f"weights on {positions_build}, genotypes on {build}: matched by rsID alone")
    return Matched(table, tuple(warnings))


def _positions(weights: Weights, build: str | None) -> tuple[pd.Series, pd.Series, str | None]:
    """Chromosome and position of each line in the build of the matrix where the file has them."""
    v = weights.variants
    if weights.harmonised_build is not None and build in (weights.harmonised_build, None):
        return v["hm_chrom"], v["hm_pos"], weights.harmonised_build
    return v["chrom"], v["pos"], weights.build


def _by_id(lines: pd.DataFrame, variants: pd.DataFrame) -> pd.DataFrame:
    return lines[lines["rsid"] != ""].merge(variants, left_on="rsid", right_on="variant_id", suffixes=("", "_there"))


def _by_position(lines: pd.DataFrame, variants: pd.DataFrame) -> pd.DataFrame:
    known = lines[(lines["at_pos"] > 0) & (lines["at_chrom"] != "")]
    there = variants[variants["pos"] > 0]
    return known.merge(there, left_on=["at_chrom", "at_pos"], right_on=["chrom", "pos"], suffixes=("", "_there"))


def _check_build(
    weights: Weights,
    matrix: Matrix,
    build: str | None,
    positions_build: str | None,
    by_id: pd.DataFrame,
    rest: pd.DataFrame,
) -> None:
    need_place = rest["at_pos"].gt(0) & (rest["rsid"].eq("") | ~rest["rsid"].str.startswith("rs"))
    if need_place.any() and build is not None and positions_build not in (None, build):
        raise GeneticsError(
            f"the weights are on {positions_build}, the genotypes on {build}, and {int(need_place.sum())} lines are"
            " known by position alone",
            file=weights.file,
            row=int(rest.loc[need_place, "row"].iloc[0]),
            column="chr_position",
            remedy=f"Use the file harmonised to {build} (hmPOS_{build}), or lift the positions over",
        )
    if need_place.any() and (build is None or positions_build is None):
        whose = "genotypes" if build is None else "weights"
        raise GeneticsError(
            f"{int(need_place.sum())} lines are known by position alone, and the build of the {whose} is not stated",
            file=weights.file,
            row=int(rest.loc[need_place, "row"].iloc[0]),
            column="chr_position",
            remedy="State the build: --build for genotypes, #genome_build for weights",
        )
    if build is None or positions_build != build:
        return
    there = by_id[(by_id["at_pos"] > 0) & (by_id["pos_there"] > 0)] if "pos_there" in by_id else by_id.iloc[:0]
    apart = there["at_pos"] != there["pos_there"]
    if len(there) >= 3 and apart.mean() > 0.5:
        raise GeneticsError(
            f"both are said to be on {build}, and {int(apart.sum())} of {len(there)} rsIDs lie elsewhere in the"
            f" genotypes: one of the two builds is wrong",
            file=weights.file,
            row=int(there.loc[apart, "row"].iloc[0]),
            column="chr_position",
            value=int(there.loc[apart, "at_pos"].iloc[0]),
            remedy=f"Look at {matrix.path.name}: state its true build",
        )


def _orient(pairs: pd.DataFrame, matrix: Matrix, palindromic: str) -> pd.DataFrame:
    """Add how the alleles of a line stand to those of its variant: `status`, `counts_other`, `palindromic`."""
    e, o = pairs["effect_allele"].astype(str), pairs["other_allele"].astype(str)
    a, b = pairs["counted"].astype(str), pairs["other"].astype(str)
    flipped_e, flipped_o = _complement(e), _complement(o)
    direct, swapped = _fits(e, o, a, b), _fits(e, o, b, a)
    flipped, flipped_swapped = _fits(flipped_e, flipped_o, a, b), _fits(flipped_e, flipped_o, b, a)
    # With an allele that neither side names, the two that are known decide.
    strandless = np.where((a != "") & (b != ""), _complement(a) == b, (o != "") & (flipped_e == o))
    status = np.select(
        [direct, swapped, flipped, flipped_swapped],
        ["matched", "swapped", "flipped", "flipped_swapped"],
        "allele_mismatch",
    ).astype(object)
    out = pairs.assign(status=status, palindromic=strandless & (status != "allele_mismatch"))
    if palindromic == "drop":
        out.loc[out["palindromic"], "status"] = "palindromic_dropped"
    elif palindromic == "frequency":
        out = _by_frequency(out, matrix)
    out["counts_other"] = out["status"].isin(["swapped", "flipped_swapped"])
    return out


def _by_frequency(pairs: pd.DataFrame, matrix: Matrix) -> pd.DataFrame:
    """Settle palindromic pairs by the side of one half on which the effect allele lies, or drop them."""
    at = np.flatnonzero(pairs["palindromic"])
    if not at.size:
        return pairs
    out = pairs.copy()
    told = out["frequency"].to_numpy(float)[at]
    clear = np.abs(told - 0.5) >= NEAR_HALF
    seen = np.full(at.size, np.nan)
    if clear.any():
        seen[clear] = frequencies(matrix, out["column"].to_numpy()[at[clear]])
    as_written = np.where(out["status"].iloc[at] == "swapped", 1 - seen, seen)
    clear &= np.abs(as_written - 0.5) >= NEAR_HALF
    same = (told > 0.5) == (as_written > 0.5)
    status = out["status"].to_numpy(object)
    turned = np.where(status[at] == "swapped", "flipped", "flipped_swapped")
    status[at] = np.where(clear, np.where(same, status[at], turned), "palindromic_dropped")
    out["status"] = status
    return out


def frequencies(matrix: Matrix, columns: NDArray[np.integer]) -> NDArray[np.float64]:
    """Frequency of the counted allele among the called, per variant."""
    out = np.full(len(columns), np.nan)
    for part, block in matrix.blocks(columns):
        if block.dtype == np.int8:
            called = block >= 0
            n = called.sum(axis=0)
            total = block.sum(axis=0, dtype=np.int64, where=called)
        else:
            n, total = (~np.isnan(block)).sum(axis=0), np.nansum(block, axis=0, dtype=np.float64)
        out[part] = np.divide(total, 2 * n, out=np.full(len(n), np.nan), where=n > 0)
    return out


def _settle(lines: pd.DataFrame, pairs: pd.DataFrame, weights: Weights, matrix: Matrix) -> pd.DataFrame:
    """One row per line: the pair that fits, or why there is none."""
    fits = pairs[pairs["status"].isin(_USED)]
    many = fits[fits.duplicated("line", keep=False)]
    if len(many):
        first = many[many["line"] == many["line"].iloc[0]]
        alleles = {frozenset(pair) for pair in zip(first["counted"], first["other"], strict=True)}
        if len(alleles) == 1:
            raise GeneticsError(
                f"{first['variant_id'].iloc[0]} stands {len(first)} times in the genotypes with the same alleles"
                f" (weights line {first['row'].iloc[0]})",
                file=matrix.path.name,
                row=int(first["column"].iloc[1]) + 1,
                column="variant_id",
                value=str(first["variant_id"].iloc[0]),
                remedy="Keep one of the duplicated variants (the one called better) and land again",
            )
    dup = many["line"].unique()
    fits = fits[~fits["line"].isin(dup)]
    dropped = pairs[pairs["status"] == "palindromic_dropped"].drop_duplicates("line")
    table = lines[["line", "row", "rsid", "weight", "model"]].copy()
    table["status"] = "not_found"
    table.loc[table["line"].isin(pairs["line"]), "status"] = "allele_mismatch"
    table.loc[table["line"].isin(dropped["line"]), "status"] = "palindromic_dropped"
    table.loc[table["line"].isin(dup), "status"] = "ambiguous"
    table = table.merge(
        fits[["line", "status", "column", "counts_other", "palindromic", "by"]].rename(columns={"status": "fit"}),
        on="line",
        how="left",
    )
    table["status"] = table["fit"].where(table["fit"].notna(), table["status"])
    table["column"] = table["column"].fillna(-1).astype(np.int64)
    table["counts_other"] = table["counts_other"].eq(True)
    table["palindromic"] = table["palindromic"].eq(True) | table["status"].eq("palindromic_dropped")
    refused = weights.refused[["row", "rsid", "weight", "model"]].assign(
        status="not_a_variant", column=-1, counts_other=False, palindromic=False, by=None
    )
    table = table.drop(columns=["line", "fit"])
    if len(refused):
        table = pd.concat([table, refused[table.columns]], ignore_index=True)
    return table.sort_values("row", kind="stable").reset_index(drop=True)


def _fits(e: pd.Series, o: pd.Series, a: pd.Series, b: pd.Series) -> pd.Series:
    """Effect allele e is a and other allele o is b; an allele that is not named contradicts nothing but itself."""
    return (e == a) & ((o == b) | (o == "") | (b == "")) | (a == "") & (b != "") & (o == b) & (e != b)


def _complement(allele: pd.Series) -> pd.Series:
    """The other strand of single bases; longer alleles are taken as written."""
    return allele.where(allele.str.len() != 1, allele.str.translate(COMPLEMENT))
