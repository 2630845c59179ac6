"""The score of each person: from genotypes by a weights file, from variants in `cdm.genotypes`, or from a table.

A table has one row per person: `subject_id`, `score`, and what is adjusted for where it is there (`PC1` … `PC5`,
`array`, `batch`); `passed_qc` and `in_derivation` where known. Components, array and batch that it does not have come
from the warehouse, which computed them when genotypes were landed.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.genetics.landed import GENOTYPED, landed_sets
from analysis.genetics.matrix import Dosages, Ints, Matrix, tidy_persons, tidy_variants
from analysis.genetics.score import overlap, refuse_overlap, score_matrix, score_persons
from analysis.genetics.weights import read_weights
from analysis.trajectories.cohort import CohortError
from analysis.warehouse import Warehouse

COMPONENTS = tuple(f"PC{i}" for i in range(1, 6))
BATCHES = ("array", "batch")


@dataclass(frozen=True)
class Scores:
    """`frame`: study_id, subject_id, score, passed_qc, in_derivation and covariates of the score. `name` of the score;
    `warnings` to be shown beside any result; `derived_in`: studies it was derived in, None where unknown.
    """

    frame: pd.DataFrame
    name: str
    warnings: tuple[str, ...]
    derived_in: tuple[str, ...] | None

    @property
    def text(self) -> str:
        """How much of the file of weights was found, empty for scores from a table."""
        if "n_variants_matched" not in self.frame:
            return ""
        by = self.frame.groupby("study_id")
        told = zip(by["n_variants_matched"].min(), by["n_variants_file"].max(), by["coverage"].mean(), strict=True)
        said = [f"{study}: {m} of {n} variants matched, mean coverage {100 * c:.1f} %"
                for study, (m, n, c) in zip(by.groups, told, strict=True)]  # fmt: skip
        return "; ".join(said) + "; "

    @property
    def covariates(self) -> list[str]:
        """Columns of genotyping that are there and may be adjusted for."""
        return [c for c in (*COMPONENTS, *BATCHES) if c in self.frame.columns and self.frame[c].notna().any()]


class _Table(Matrix):
    """Variants of `cdm.genotypes` as a matrix."""

    def __init__(self, dosage: pd.DataFrame, variants: pd.DataFrame) -> None:
        self.path, self.hard_calls = Path("cdm.genotypes"), False
        self.persons = tidy_persons(np.full(len(dosage), "0"), dosage.index.to_numpy())
        self.variants = tidy_variants(variants)
        self._dosage = np.asfortranarray(dosage.to_numpy(dtype=np.float32))

    def read(self, columns: Ints) -> Dosages:
        """See Matrix."""
        return np.asfortranarray(self._dosage[:, columns])


def from_weights(
    warehouse: Warehouse,
    weights: Path,
    studies: Sequence[str],
    *,
    mode: str = "additive",
    variant: str | None = None,
    allow_derivation: bool = False,
) -> Scores:
    """Scores by a weights file. Genotypes that were landed as a matrix go first, else variants of `cdm.genotypes`."""
    chosen = read_weights(Path(weights))
    here = [s for s in landed_sets(Path(warehouse.database).parent) if s.study in set(studies)]
    if here:
        found = score_persons(
            warehouse.database, chosen, mode=mode, variant=variant, studies=studies, allow_derivation=allow_derivation
        )
        return Scores(found.persons, chosen.weights_id, found.warnings, chosen.derivation_studies)
    refuse_overlap(chosen, list(studies), allow=allow_derivation)
    if variant is not None:
        chosen = chosen.single(variant)
    listed = ", ".join(f":s{i}" for i in range(len(studies)))
    rows = warehouse.frame(
        "select subject_id, study_id, variant_id, effect_allele, other_allele, max(build) as build,"
        f" max(dosage) as dosage from cdm.genotypes where study_id in ({listed}) group by all",
        **{f"s{i}": s for i, s in enumerate(studies)},
    )
    if rows.empty:
        raise CohortError(
            f"nobody of {', '.join(studies)} is genotyped in this warehouse: land genotypes (trd genotypes land STUDY "
            "FILE --key KEY) and build, or give a table of scores with --scores"
        )
    parts = []
    lines: list[str] = ["variants as they stand in cdm.genotypes"]
    for study, own in rows.groupby("study_id"):
        wide = own.pivot(index="subject_id", columns="variant_id", values="dosage").astype(float)
        about = own.drop_duplicates("variant_id").set_index("variant_id").loc[list(wide.columns)].reset_index()
        variants = pd.DataFrame(
            {
                "variant_id": about["variant_id"], "chrom": "0", "pos": 0, "counted": about["effect_allele"],
                "other": about["other_allele"], "imputation_r2": np.nan,
            }
        )  # fmt: skip
        build = about["build"].dropna()
        done = score_matrix(
            _Table(wide, variants), chosen, build=None if build.empty else str(build.iloc[0]), mode=mode
        )
        part = done.frame.assign(study_id=study, subject_id=wide.index.to_numpy())
        part["passed_qc"] = wide.notna().any(axis=1).to_numpy()
        parts.append(part)
        counts = {k: n for k, n in done.matched.counts().items() if n}
        lines.append(f"{study}: " + ", ".join(f"{n} {k}" for k, n in counts.items()))
    frame = pd.concat(parts, ignore_index=True)
    frame["in_derivation"] = overlap(chosen, frame)
    return Scores(frame, chosen.weights_id, (*chosen.warnings, *lines), chosen.derivation_studies)


def with_genotyping(warehouse: Warehouse, scores: Scores, studies: Sequence[str]) -> Scores:
    """`scores` with components, array and batch from `marts.genotyped_persons`, as far as they lack them.

    Of the set that was scored where the scores tell it, else of the person's chosen one. Components of several sets of
    a study were computed apart: that is said.
    """
    lacking = [c for c in (*COMPONENTS, *BATCHES) if c not in scores.covariates]
    if not lacking or GENOTYPED not in warehouse.columns:
        return scores
    listed = ", ".join(f":s{i}" for i in range(len(studies)))
    known = warehouse.frame(
        f"select * from {GENOTYPED} where study_id in ({listed})", **{f"s{i}": s for i, s in enumerate(studies)}
    ).rename(columns={"array_name": "array"} | {c.lower(): c for c in COMPONENTS})
    key = ["subject_id", "set_id"] if "set_id" in scores.frame.columns else ["subject_id"]
    known = known.astype(dict.fromkeys(COMPONENTS, float) | dict.fromkeys(key, str))
    known = known.sort_values("is_chosen", ascending=False, kind="stable").drop_duplicates(key)
    own = scores.frame.drop(columns=lacking, errors="ignore").astype(dict.fromkeys(key, str))
    found = own.merge(known[[*key, *lacking]], on=key, how="left", validate="one_to_one")
    said = list(scores.warnings)
    if set(COMPONENTS) & set(lacking):
        for study, part in known[known["PC1"].notna()].groupby("study_id"):
            if part["set_id"].nunique() > 1:
                said.append(f"{study}: components of {part['set_id'].nunique()} sets of genotypes were computed apart")
    return replace(scores, frame=found, warnings=tuple(said))


def from_table(path: Path, score: str = "score") -> Scores:
    """Scores from a delimited file (comma or tab). Raises CohortError naming column, row and value."""
    try:
        frame = pd.read_csv(path, sep=None, engine="python")
    except (OSError, UnicodeDecodeError, csv.Error, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise CohortError(
            f"{Path(path).name} cannot be read as a table of scores: {error}; give subject_id, score, by comma or tab"
        ) from error
    for column in ("subject_id", score):
        if column not in frame.columns:
            raise CohortError(f"{Path(path).name} has no column {column}; it has {', '.join(map(str, frame.columns))}")
    twice = frame["subject_id"].duplicated()
    if twice.any():
        row = int(np.argmax(twice))
        raise CohortError(f"{Path(path).name}, row {row + 2}: subject_id {frame['subject_id'].iloc[row]} stands twice")
    values = pd.to_numeric(frame[score], errors="coerce")
    bad = ~np.isfinite(values) & frame[score].notna()
    if bad.any():
        row = int(np.argmax(bad))
        raise CohortError(
            f"{Path(path).name}, row {row + 2}, column {score}: {str(frame[score].iloc[row])!r} is no number"
        )
    frame = frame.assign(score=values, subject_id=frame["subject_id"].astype(str))
    if "passed_qc" not in frame:
        frame["passed_qc"] = True
    if "in_derivation" not in frame:
        frame["in_derivation"] = pd.array([None] * len(frame), dtype="boolean")
    return Scores(frame, Path(path).stem, ("scores as given in a table",), None)
