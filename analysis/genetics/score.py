"""A genetic score per person, from a matrix and weights, with what it rests on.

`score_matrix` works on any opened matrix. `score_persons` works on what was landed beside a published warehouse and
gives the frame that other analyses use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.genetics.errors import DerivationOverlap, GeneticsError
from analysis.genetics.landed import LandedSet, genotyped_persons, landed_sets
from analysis.genetics.match import Matched, match
from analysis.genetics.matrix import Matrix
from analysis.genetics.sums import weighted_sums
from analysis.genetics.weights import Weights, read_weights

MODES = ("additive", "carrier", "single")
LEAST_COVERAGE = 0.5
"""Below this share of the file's variants a score is marked as poorly covered."""
SCORE_COLUMNS = (
    "study_id", "subject_id", "set_id", "score", "score_sum", "score_avg", "allele_ct", "denom",
    "named_allele_dosage_sum", "n_variants_file", "n_variants_matched", "n_variants_used", "n_imputed", "coverage",
    "passed_qc", "in_derivation", "weights_id", "mode",
)  # fmt: skip


@dataclass(frozen=True)
class MatrixScore:
    """Scores of all persons of one matrix, in its order, as PLINK 2's --score counts them.

    `score_sum`: sum of weight × dosage, a missing dosage taken as twice the allele's frequency among those called
    (PLINK 2's default). `score_avg` = score_sum / `denom`; `denom`: 2 × variants. `allele_ct`: 2 × variants called.
    `named_allele_dosage_sum`: sum of dosages of effect alleles, imputed ones included. `n_imputed`: missing dosages.
    """

    frame: pd.DataFrame
    matched: Matched


@dataclass(frozen=True)
class Score:
    """Scores of persons of the warehouse.

    `persons`: one row per genotyped person of the asked studies who is in `cdm.subjects`, columns SCORE_COLUMNS.
    `score` is `score_sum`, not standardised: the standard deviation belongs to the group an effect is estimated in.
    `coverage` is the share of the file's variants that were called for the person; `in_derivation` says that the person
    (or the study) helped to make the weights, None where the file does not tell. `variants`: what became of each line,
    by study and set. `warnings`: named, to be shown beside any result.
    """

    persons: pd.DataFrame
    variants: pd.DataFrame
    weights: Weights
    warnings: tuple[str, ...]

    @property
    def circular(self) -> bool:
        """Some of the persons helped to make the weights."""
        return bool(self.persons["in_derivation"].eq(True).any())


def score_persons(
    database: Path,
    weights: Path | Weights,
    *,
    mode: str = "additive",
    variant: str | None = None,
    studies: Sequence[str] | None = None,
    palindromic: str = "frequency",
    allow_derivation: bool = False,
    only_passed: bool = False,
) -> Score:
    """Score the genotyped persons of the published file `database`.

    `mode`: `additive` sums weight × dosage; `carrier` counts 1 for any copy instead of the dosage; `single` is the
    dosage of `variant` alone. `studies`: without it all that have genotypes. Persons typed in two sets are scored from
    the one the warehouse chose. `only_passed` leaves out who did not pass quality control.
    Raises DerivationOverlap where the weights were derived in one of the studies and `allow_derivation` is not set;
    GeneticsError where nobody is genotyped or the weights do not fit.
    """
    chosen = weights if isinstance(weights, Weights) else read_weights(Path(weights))
    chosen = of_mode(chosen, mode, variant)
    sets = [s for s in landed_sets(Path(database).parent) if studies is None or s.study in set(studies)]
    people = genotyped_persons(Path(database), studies)
    people = people[people["is_chosen"] & (people["passed_qc"] | (not only_passed))]
    if not sets or people.empty:
        asked = "" if studies is None else f" of {', '.join(studies)}"
        raise GeneticsError(
            f"nobody{asked} is genotyped in this warehouse",
            remedy="Land genotypes (trd genotypes land STUDY FILE --key KEY) and build",
        )
    refuse_overlap(chosen, sorted({s.study for s in sets}), allow=allow_derivation)
    parts, lines, warnings = [], [], dict.fromkeys(chosen.warnings)
    for landed in sets:
        mine = people[(people["study_id"] == landed.study) & (people["set_id"] == landed.set_id)]
        if mine.empty:
            continue
        done = score_landed(landed, chosen, mode=mode, palindromic=palindromic)
        rows = done.frame.iloc[mine["matrix_row"].to_numpy(np.int64)].reset_index(drop=True)
        keys = mine[["study_id", "subject_id", "set_id", "passed_qc"]].reset_index(drop=True)
        parts.append(pd.concat([keys, rows.drop(columns=["family_id", "genetic_id"])], axis=1))
        lines.append(done.matched.lines.assign(study_id=landed.study, set_id=landed.set_id))
        warnings |= dict.fromkeys(f"{landed.study} {landed.set_id}: {text}" for text in _said(done, chosen))
    frame = pd.concat(parts, ignore_index=True)
    frame["in_derivation"] = overlap(chosen, frame)
    frame = frame.assign(weights_id=chosen.weights_id, mode=mode)[list(SCORE_COLUMNS)]
    return Score(
        persons=frame.sort_values(["study_id", "subject_id"]).reset_index(drop=True),
        variants=pd.concat(lines, ignore_index=True),
        weights=chosen,
        warnings=tuple(warnings),
    )


def score_landed(
    landed: LandedSet, weights: Weights, *, mode: str = "additive", palindromic: str = "frequency"
) -> MatrixScore:
    """Scores of all persons of a landed set."""
    return score_matrix(landed.open(), weights, build=landed.build, mode=mode, palindromic=palindromic)


def score_matrix(
    matrix: Matrix,
    weights: Weights,
    *,
    build: str | None,
    mode: str = "additive",
    palindromic: str = "frequency",
    impute: bool = True,
) -> MatrixScore:
    """Scores of all persons of `matrix`, which lies on `build`. Raises GeneticsError where no variant is left.

    Without `impute` a missing dosage counts as nothing and `denom` is `allele_ct` (PLINK 2's no-mean-imputation).
    """
    found = match(weights, matrix, build=build, palindromic=palindromic)
    used = found.used
    if used.empty:
        told = ", ".join(f"{n} {status}" for status, n in found.counts().items() if n)
        raise GeneticsError(
            f"no variant of the weights can be scored ({told})",
            file=weights.file,
            remedy="Look whether rsIDs, build and strand of weights and genotypes are those that are stated",
        )
    models = np.full(len(used), "carrier", dtype=object) if mode == "carrier" else used["model"].to_numpy(object)
    total, named, called = weighted_sums(
        matrix,
        used["column"].to_numpy(np.int64),
        used["weight"].to_numpy(float),
        used["counts_other"].to_numpy(bool),
        models,
        impute=impute,
    )
    n = len(used)
    denom = np.full(len(total), 2 * n) if impute else 2 * called
    frame = matrix.persons[["family_id", "genetic_id"]].assign(
        score=total,
        score_sum=total,
        score_avg=np.divide(total, denom, out=np.full(len(total), np.nan), where=denom > 0),
        allele_ct=2 * called,
        denom=denom,
        named_allele_dosage_sum=named,
        n_variants_file=weights.n_file,
        n_variants_matched=n,
        n_variants_used=called,
        n_imputed=(n - called) if impute else 0,
        coverage=called / max(weights.n_file, 1),
    )
    return MatrixScore(frame, found)


def overlap(weights: Weights, persons: pd.DataFrame) -> pd.Series:
    """Person by person: did they help to make the weights? None where the file does not say."""
    if weights.derivation_studies is None:
        return pd.Series(None, index=persons.index, dtype="boolean")
    by_study = persons["study_id"].isin(weights.derivation_studies)
    here = pd.MultiIndex.from_frame(persons[["study_id", "subject_id"]].astype(str))
    by_person = here.isin(list(weights.derivation_persons.itertuples(index=False, name=None)))
    return pd.Series(by_study.to_numpy(bool) | by_person, index=persons.index).astype("boolean")


def refuse_overlap(weights: Weights, studies: Sequence[str], *, allow: bool) -> None:
    """Raise DerivationOverlap where the weights were derived in one of `studies`, unless that is allowed."""
    named = set(weights.derivation_studies or ()) | set(weights.derivation_persons["study_id"])
    shared = sorted(named & set(studies))
    if shared and not allow:
        raise DerivationOverlap(
            f"{weights.weights_id} was derived in {', '.join(shared)}: tested there it would find itself",
            file=weights.file,
            column="derivation_studies",
            remedy="Leave these studies out, or say that it is meant (--in-derivation); the result is then marked",
        )


def of_mode(weights: Weights, mode: str, variant: str | None) -> Weights:
    """The weights that a mode asks for: with `single` those of `variant` alone. Raises GeneticsError."""
    if mode not in MODES:
        raise ValueError(f"mode is one of {', '.join(MODES)}, not {mode!r}")
    if (mode == "single") != (variant is not None):
        raise GeneticsError("mode single and a variant go together", remedy="Give both, or neither")
    return weights.single(variant) if variant is not None else weights


def _said(done: MatrixScore, weights: Weights) -> list[str]:
    """What a reader must know of one set."""
    said = [text for text in done.matched.warnings if text not in weights.warnings]
    counts = done.matched.counts()
    for status, what in (
        ("not_found", "are not among the genotypes"),
        ("allele_mismatch", "have other alleles there"),
        ("palindromic_dropped", "are palindromic and were dropped"),
        ("ambiguous", "fit several alleles of one variant"),
    ):
        if counts[status]:
            said.append(f"{counts[status]} of {weights.n_file} variants {what}")
    coverage = float(done.frame["coverage"].mean())
    if coverage < LEAST_COVERAGE:
        said.append(f"the score rests on {coverage:.0%} of its variants")
    imputed = int(done.frame["n_imputed"].sum())
    if imputed:
        said.append(f"{imputed} missing dosages were replaced by the mean")
    return said
