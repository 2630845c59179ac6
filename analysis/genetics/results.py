"""Scores as results: one row per person and weights, what became of each variant, and a summary that may be shown."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.genetics.score import Score
from analysis.results import Stamp, stamp_of, write_result

SMALL = 5
"""No count below this is shown (design, decision 14)."""


def keep_scores(database: Path, score: Score) -> Stamp:
    """Write `results.genetic_scores`, `results.genetic_variants` and `results.genetic_overlap`; gives the stamp."""
    stamp = stamp_of(Path(database), studies=sorted(score.persons["study_id"].unique()))
    key = ["weights_id", "mode"]
    write_result("genetic_scores", score.persons, stamp=stamp, key=key)
    lines = score.variants[["study_id", "set_id", "row", "rsid", "status", "weight", "model", "palindromic"]]
    mode = str(score.persons["mode"].iloc[0])
    lines = lines.assign(weights_id=score.weights.weights_id, mode=mode)
    write_result("genetic_variants", lines, stamp=stamp, key=key)
    write_result("genetic_overlap", overlap_table(score), stamp=stamp, key=["weights_id"])
    return stamp


def overlap_table(score: Score) -> pd.DataFrame:
    """Person × derivation: `study_id`, `subject_id`, `weights_id`, `weights_sha256`, `derivation` (the studies of the
    file, "not stated" where it is silent), `in_derivation`."""
    studies = score.weights.derivation_studies
    said = "not stated" if studies is None else "; ".join(studies) or "none of the warehouse"
    out = score.persons[["study_id", "subject_id", "weights_id", "in_derivation"]].copy()
    return out.assign(weights_sha256=score.weights.sha256, derivation=said)


def shown(score: Score) -> pd.DataFrame:
    """One row per study: persons, mean and SD of the score, coverage, imputed dosages, overlap with the derivation;
    counts below SMALL as `<5`, and then neither mean nor SD."""
    rows = []
    for study, part in score.persons.groupby("study_id"):
        few = len(part) < SMALL
        overlap = part["in_derivation"]
        within = int(overlap.fillna(False).sum())
        rows.append(
            {
                "study": study,
                "persons": _count(len(part)),
                "passed": _count(int(part["passed_qc"].sum())),
                "mean": None if few else float(part["score"].mean()),
                "sd": None if few else float(part["score"].std()),
                "variants": int(part["n_variants_matched"].iloc[0]),
                "of": int(part["n_variants_file"].iloc[0]),
                "coverage": None if few else float(part["coverage"].mean()),
                "imputed": int(part["n_imputed"].sum()),
                "in derivation": "not stated" if overlap.isna().all() else _count(within),
            }
        )
    return pd.DataFrame(rows)


def _count(n: int) -> str:
    return f"<{SMALL}" if 0 < n < SMALL else str(n)
