"""Aim D: the effect of a previously derived genetic score on treatment failure, weighted for who was genotyped.

    from analysis.biomarkers import Asked, run_biomarker

    run = run_biomarker(Path("warehouse/trd.duckdb"), Asked(weights=Path("score.txt"), draw_week=2.0))
    run.verdict, run.tables["effects"], run.tables["sensitivity"]

In parts: `evidence` (what is known of the outcome), `score_effect(weights, evidence, "score", "~ age + sex")` on fitted
`analysis.weighting.Weights`, `estimators` (side by side), `sensitivity`, `chain` (bootstrap), `power`. See
`docs/biomarker.md`; `python -m analysis.biomarkers` runs it without the `trd` command.
"""

from analysis.biomarkers.estimate import ScoreFit, score_effect
from analysis.biomarkers.run import Asked, Run, run_biomarker

__all__ = ["Asked", "Run", "ScoreFit", "run_biomarker", "score_effect"]
