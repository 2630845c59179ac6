"""Are the classes the same in every study? Randomised treatments are asked in `treatments`.

Four nested models with the chosen number of classes: study in membership only; + study intercept (the primary one); +
study x slope; everything free (each study alone). The classes count as the same where their means at week 8 differ by
less than 2 HRSD17-equivalent points and no label changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis.plan import Plan
from analysis.trajectories import GrowthMixture, Trajectories, labels
from analysis.trajectories.errors import DesignError
from analysis.trajectories.run import rule_of
from analysis.treatment_failure.section import Classes
from analysis.treatment_failure.treatments import Treatments, treatments

STARTS = 20
WEEK = 8.0


@dataclass(frozen=True)
class Invariance:
    """`table`: one row per model. `said`: the verdict. `treatments`: contrasts and models by randomised arm."""

    table: pd.DataFrame
    said: str
    note: str
    treatments: Treatments


def invariance(
    plan: Plan, found: Classes, points: float, say: Callable[[str], None], seed: int = 1
) -> Invariance | None:
    """The nested models; None for one study or no classes. `points`: HRSD17 points per point of the scale."""
    if found.fit is None or found.fit.k == 1 or len(found.cohort.studies) < 2:
        return None
    spec, cohort, border = found.fit.spec, found.cohort, float(plan.invariance["max_difference_week_8"])
    study = " + study_id"
    shapes = {
        "membership": replace(spec, fixed=spec.fixed.replace(study, "")),
        "+ study intercept (primary)": spec,
        "+ study × slope": replace(spec, fixed=spec.fixed.replace(study, " + study_id * log1p(week)")),
    }
    rows: list[dict[str, object]] = []
    base = _means(found.fit)
    for name, shape in shapes.items():
        say(f"invariance of {found.population}: {name}")
        fit = found.fit if shape == spec else _fit(shape, cohort.frame, seed)
        if fit is not None:
            rows.append(_row(name, fit, found, _means(fit) - base, points, rule_of(plan)))
    for one in cohort.studies:
        say(f"invariance of {found.population}: {one} alone")
        frame = cohort.frame[cohort.frame["study_id"] == one]
        alone = replace(
            spec, fixed=spec.fixed.replace(study, ""), membership="~ 1", residual="common",
            cluster=spec.cluster if frame["site"].nunique() >= plan.clusters["min_clusters"] else None,
        )  # fmt: skip
        fit = _fit(alone, frame, seed)
        if fit is not None:
            of_study = found.fit.courses([WEEK], at={"study_id": one})["mean"].to_numpy()
            rows.append(_row(f"all free: {one} alone", fit, found, _means(fit) - of_study, points, rule_of(plan)))
    table = pd.DataFrame(rows)
    worst = float(table["largest difference, points"].max())
    changed = table.loc[table["labels changed"] != "none", "model"].tolist()
    same = worst < border and not changed
    told = (
        f"Invariance by study: class means at week 8 differ by up to {worst:.1f} HRSD17-equivalent points between the "
        "models "
        f"(border {border:g}) and labels change in {', '.join(changed) if changed else 'none of them'}; the classes "
        f"{'count as the same in all studies' if same else 'do not count as the same in all studies'}."
    )
    note = (
        f"Differences in HRSD17 points ({points:.2f} per point of the {cohort.scale}); classes matched by their order."
    )
    return Invariance(table, told, note, treatments(plan, found, points, say, seed))


def _fit(spec: GrowthMixture, frame: pd.DataFrame, seed: int) -> Trajectories | None:
    try:
        return spec.fit(frame, starts=STARTS, max_starts=STARTS, seed=seed)
    except (DesignError, np.linalg.LinAlgError):
        return None


def _means(fit: Trajectories) -> np.ndarray:
    return fit.courses([WEEK])["mean"].to_numpy()


def _row(
    name: str, fit: Trajectories, found: Classes, difference: np.ndarray, points: float, rule: labels.TfRule
) -> dict[str, object]:
    b = float(fit.design.covariates["baseline"].mean())
    named = fit.labels(b, rule)
    changed = [f"{g + 1}: {new}" for g, (old, new) in enumerate(zip(found.labels, named, strict=True)) if old != new]
    return {
        "model": name,
        "persons": f"{fit.n:,}",
        "bic": fit.bic,
        "largest difference, points": points * float(np.abs(difference).max()),
        "labels changed": "; ".join(changed) or "none",
        "converged": "yes" if fit.admissible else "not admissible",
    }
