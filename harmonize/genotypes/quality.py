"""Quality control of a matrix: what is excluded, in which order, and how many each rule takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.genetics import COMPONENTS
from analysis.genetics.matrix import MISSING, Matrix
from harmonize.genotypes.components import components, prune, standardised
from harmonize.genotypes.hwe import hwe_exact
from harmonize.genotypes.kinship import DUPLICATE, SECOND_DEGREE, Kin, families, king_robust, unrelated
from harmonize.genotypes.sexcheck import sex_of, x_inbreeding

AUTOSOMES = tuple(str(n) for n in range(1, 23))
STRUCTURE_VARIANTS = 20_000
"""At most so many autosomal variants, evenly along the genome, serve kinship and components."""
MOST_CALLS = 200_000_000
"""At most so many calls of persons × variants are held for kinship and components."""
MOST_PAIRED = 50_000
"""With more persons not all pairs are compared (ten minutes of one core): that is left to a tool made for it."""
LEAST_KINSHIP = 2_000
"""With fewer variants the error of kinship (about 1 / sqrt(2 × heterozygous calls)) hides second-degree relatives."""
LEAST_STRUCTURE = 100
"""With fewer variants neither kinship nor components are computed."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Limits:
    """The rules. A person stays with a call rate of at least `person_call_rate`; a variant with `variant_call_rate`, a
    Hardy-Weinberg P of at least `hwe_p` and a minor allele frequency of at least `maf`."""

    person_call_rate: float = 0.95
    variant_call_rate: float = 0.95
    hwe_p: float = 1e-6
    maf: float = 0.01
    duplicate: float = DUPLICATE
    related: float = SECOND_DEGREE


@dataclass(frozen=True)
class Quality:
    """What quality control found.

    `variants`, in the order of the matrix: counts of genotypes, `call_rate`, `frequency` of the counted allele, `maf`,
    `hwe_p`, `exclusion` (duplicated_id, no_alleles, call_rate, hwe, maf, or None). `persons`, likewise: `call_rate`,
    `heterozygosity`, `x_f`, `sex_genetic`, `kinship_max`, `related_group`, `exclusion` (call_rate, sex_mismatch,
    duplicate_sample, or None), `pc1` ….  `stages`: kind (variant, person), stage_no, stage, n.
    """

    variants: pd.DataFrame
    persons: pd.DataFrame
    stages: pd.DataFrame
    notes: tuple[str, ...]


def check_quality(
    matrix: Matrix,
    limits: Limits = Limits(),
    *,
    sex: NDArray[np.object_] | None = None,
    seed: int = 1,
    on_progress: Progress | None = None,
) -> Quality:
    """Run quality control. `sex` as reported (female, male, None) per person; without it that of the matrix.

    Persons with too few calls go first, so that they do not cost variants; frequencies and Hardy-Weinberg are counted
    in those who stay. Hardy-Weinberg on the X chromosome is tested in women alone.
    """
    reported = matrix.persons["sex"].to_numpy(object) if sex is None else np.asarray(sex, dtype=object)
    first, person_called = _counts(matrix, None, on_progress)
    rate = person_called / max(matrix.shape[1], 1)
    enough = rate >= limits.person_call_rate
    counts = first if enough.all() else _counts(matrix, enough, on_progress)[0]
    women = reported == "female"
    on_x = matrix.variants["chrom"].eq("X").to_numpy()
    female = _counts(matrix, enough & women, None, np.flatnonzero(on_x))[0] if on_x.any() else counts[on_x]
    variants = _variants(matrix, counts, int(enough.sum()), female, on_x, limits)
    persons = pd.DataFrame({"call_rate": rate, "sex_reported": reported})
    notes: list[str] = []
    good = variants["exclusion"].isna().to_numpy() & variants["other"].ne("").to_numpy()
    x = _calls(matrix, np.flatnonzero(on_x & good))
    frequency = variants["frequency"].to_numpy(float)
    persons["x_f"] = x_inbreeding(x, frequency[on_x & good])
    persons["sex_genetic"] = sex_of(persons["x_f"].to_numpy())
    if not persons["x_f"].notna().any():
        notes.append("sex was not checked: too few variants on the X chromosome")
    elif not pd.notna(reported).any():
        notes.append("sex was not checked against the file: it reports none (the warehouse checks against the study)")
    told = pd.notna(reported) & persons["sex_genetic"].notna().to_numpy()
    wrong_sex = told & (persons["sex_genetic"].to_numpy(object) != reported)
    kin, structure, heterozygosity, share = _structure(
        matrix, variants, good, enough & ~wrong_sex, rate, limits, seed, notes
    )
    persons["kinship_max"] = kin.highest
    group = families(kin.pairs, len(persons))
    persons["related_group"] = pd.array(np.where(group < 0, 0, group + 1), dtype="Int64")
    persons.loc[persons["related_group"] == 0, "related_group"] = pd.NA
    persons["heterozygosity"] = heterozygosity
    for at in range(COMPONENTS):
        persons[f"pc{at + 1}"] = structure[:, at] if at < structure.shape[1] else np.nan
    twice = ~unrelated(kin.pairs, rate, limits.duplicate)
    persons["exclusion"] = np.select(
        [~enough, wrong_sex, twice], ["call_rate", "sex_mismatch", "duplicate_sample"], ""
    ).astype(object)
    persons["exclusion"] = persons["exclusion"].where(persons["exclusion"] != "", None)
    if len(share):
        notes.append(f"components: {len(share)}, the first {share[0]:.1%} of variance")
    return Quality(variants, persons, _stages(variants, persons), tuple(notes))


def _counts(
    matrix: Matrix,
    who: NDArray[np.bool_] | None,
    on_progress: Progress | None,
    columns: NDArray[np.integer] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Genotype counts (variants, 3) among `who`, dosages rounded, and called variants per person of them."""
    n, m = matrix.shape
    places = np.arange(m) if columns is None else columns
    out = np.zeros((len(places), 3), dtype=np.int64)
    called = np.zeros(n if who is None else int(who.sum()), dtype=np.int64)
    for part, block in matrix.blocks(places):
        hard = hard_calls(block if who is None else block[who])
        for k in range(3):
            out[part, k] = (hard == k).sum(axis=0)
        called += (hard >= 0).sum(axis=1)
        if on_progress is not None:
            on_progress("variants", part.stop, len(places))
    return out, called


def hard_calls(block: NDArray) -> NDArray[np.int8]:
    """Dosages rounded to calls where they lie within 0.1 of one, else missing."""
    if block.dtype == np.int8:
        return block
    near = np.rint(block)
    sure = np.abs(block - near) <= 0.1
    return np.where(sure, near, MISSING).astype(np.int8)


def _calls(matrix: Matrix, columns: NDArray[np.integer]) -> NDArray[np.int8]:
    out = np.empty((matrix.shape[0], len(columns)), dtype=np.int8, order="F")
    for part, block in matrix.blocks(columns):
        out[:, part] = hard_calls(block)
    return out


def _variants(
    matrix: Matrix,
    counts: NDArray[np.int64],
    n_persons: int,
    female: NDArray[np.int64],
    on_x: NDArray[np.bool_],
    limits: Limits,
) -> pd.DataFrame:
    n = counts.sum(axis=1)
    out = matrix.variants.copy()
    out["n_other_other"], out["n_het"], out["n_counted_counted"] = counts.T
    out["call_rate"] = n / max(n_persons, 1)
    frequency = np.divide(counts[:, 1] + 2 * counts[:, 2], 2 * n, out=np.full(len(n), np.nan), where=n > 0)
    out["frequency"] = frequency
    out["maf"] = np.minimum(frequency, 1 - frequency)
    tested = counts.copy()
    tested[on_x] = female
    autosomal = out["chrom"].isin([*AUTOSOMES, "X"]).to_numpy() | out["chrom"].eq("").to_numpy()
    p = hwe_exact(tested[:, 0], tested[:, 1], tested[:, 2])
    out["hwe_p"] = np.where(autosomal & (tested.sum(axis=1) > 0), p, np.nan)
    twice = out.duplicated(["variant_id", "counted", "other"], keep=False)
    nameless = (out["counted"] == "") & (out["other"] == "")
    out["exclusion"] = np.select(
        [
            nameless,
            twice,
            out["call_rate"] < limits.variant_call_rate,
            out["hwe_p"] < limits.hwe_p,
            ~(out["maf"] >= limits.maf),
        ],
        ["no_alleles", "duplicated_id", "call_rate", "hwe", "maf"],
        "",
    ).astype(object)
    out["exclusion"] = out["exclusion"].where(out["exclusion"] != "", None)
    return out


def _structure(
    matrix: Matrix,
    variants: pd.DataFrame,
    good: NDArray[np.bool_],
    fit: NDArray[np.bool_],
    rate: NDArray[np.float64],
    limits: Limits,
    seed: int,
    notes: list[str],
) -> tuple[Kin, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Kinship, components, heterozygosity and shares of variance; empty where there are too few variants."""
    n = matrix.shape[0]
    auto = np.flatnonzero(good & variants["chrom"].isin(AUTOSOMES).to_numpy())
    if not len(auto):
        auto = np.flatnonzero(good & variants["chrom"].eq("").to_numpy())
    most = min(STRUCTURE_VARIANTS, MOST_CALLS // max(n, 1))
    if len(auto) > most:
        auto = auto[np.linspace(0, len(auto) - 1, most).astype(int)]
    if len(auto) < LEAST_STRUCTURE or fit.sum() < 3:
        notes.append(
            f"kinship and components were not computed: {len(auto)} autosomal variants passed, {LEAST_STRUCTURE} are "
            "needed; neither duplicates nor relatives are flagged, and nothing stands for ancestry"
        )
        return _no_kin(n), np.empty((n, 0)), np.full(n, np.nan), np.empty(0)
    frame = variants.iloc[auto]
    order = np.lexsort((frame["pos"].to_numpy(), frame["chrom"].to_numpy(str)))
    auto, frame = auto[order], frame.iloc[order]
    calls = _calls(matrix, auto)
    called = (calls >= 0).sum(axis=1)
    het = np.divide((calls == 1).sum(axis=1), called, out=np.full(n, np.nan), where=called > 0)
    frequency = frame["frequency"].to_numpy(float)
    if n <= MOST_PAIRED:
        few = len(auto) < LEAST_KINSHIP
        if few:
            notes.append(
                f"relatives are not flagged, duplicates are: {len(auto)} autosomal variants, and kinship needs "
                f"{LEAST_KINSHIP:,}"
            )
        kin = king_robust(calls, least=limits.duplicate if few else limits.related)
    else:
        notes.append(
            f"kinship was not computed: {n:,} samples are more than {MOST_PAIRED:,}; neither duplicates nor relatives "
            "are flagged: find them with KING or PLINK 2 (--make-king-table) and leave them out of the key file"
        )
        kin = _no_kin(n)
    z = standardised(calls, frequency)
    kept = prune(z[fit], frame["chrom"].to_numpy(str), frequency)
    apart = fit & unrelated(kin.pairs, rate, limits.related)
    scores, share = components(z[:, kept], apart, COMPONENTS, seed)
    notes.append(f"{int(kept.sum())} of {len(auto)} autosomal variants after pruning")
    return kin, scores, het, share


def _no_kin(n: int) -> Kin:
    empty = pd.DataFrame({"i": [], "j": [], "kinship": [], "n_variants": []}).astype({"i": int, "j": int})
    return Kin(empty, np.full(n, np.nan), np.full(n, -1))


def _stages(variants: pd.DataFrame, persons: pd.DataFrame) -> pd.DataFrame:
    rows: list[tuple[str, int, str, int]] = []
    for kind, frame, reasons in (
        ("variant", variants, ("no_alleles", "duplicated_id", "call_rate", "hwe", "maf")),
        ("person", persons, ("call_rate", "sex_mismatch", "duplicate_sample")),
    ):
        rows.append((kind, 1, "delivered", len(frame)))
        for at, reason in enumerate(reasons, start=2):
            rows.append((kind, at, f"excluded_{reason}", int(frame["exclusion"].eq(reason).sum())))
        rows.append((kind, 90, "passed", int(frame["exclusion"].isna().sum())))
    return pd.DataFrame(rows, columns=["kind", "stage_no", "stage", "n"])
