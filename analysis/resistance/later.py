"""Prospective: does the next trial fail more often after a course of treatment failure in the first?

The class has to come from the first trial alone. So scores from the first day of the next trial on are taken away (the
score of that day has both roles, end of the first and entry of the next), and the class model is fitted anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.resistance.before import FEWEST, Failing, covariates_of
from analysis.trajectories import GrowthMixture, labels
from analysis.trajectories.enumeration import enumerate_classes
from analysis.trajectories.inference import InferenceError
from analysis.trajectories.labels import TfRule
from analysis.twostep import ClassOutcome, bch

MODELS = {
    "P0": "crude",
    "P1": "given baseline, age, sex, chronicity, episodes, anxious features",
    "P2": "given these and the score at the start of the next trial",
}
STARTS = 20
COLUMNS = "model estimator measure estimate se lower upper p_value n n_failed problems".split()


@dataclass(frozen=True)
class First:
    """The class step on the first trial alone; `failing` is None where no class is treatment failure."""

    failing: Failing | None
    labels: tuple[str, ...]
    why: str


def first_trial(frame: pd.DataFrame, next_week: pd.Series) -> pd.DataFrame:
    """Scores (subject_id, week, …) up to and with the day on which the next trial begins (weeks, by subject_id)."""
    end = next_week.reindex(frame["subject_id"]).to_numpy(dtype=float)
    return frame[~(frame["week"].to_numpy(dtype=float) > end)].reset_index(drop=True)


def classify(
    spec: GrowthMixture, frame: pd.DataFrame, numbers: Sequence[int], baseline: float, rule: TfRule, seed: int
) -> First:
    """Number of classes and labels by the plan's rules on `frame`, the scores of the first trial."""
    found = enumerate_classes(spec, frame, numbers, starts=STARTS, max_starts=STARTS, seed=seed)
    if found.chosen is None:
        return First(None, (), found.why)
    named = found.best.labels(baseline, rule)
    failing = tuple(g + 1 for g, name in enumerate(named) if name == labels.TF)
    ok = bool(failing) and len(failing) < len(named)
    return First(Failing(found.best, failing) if ok else None, named, found.why)


def next_trial(failing: Failing, people: pd.DataFrame) -> pd.DataFrame:
    """Risk of failing the next trial, failing classes against the others, three models, two-step and BCH.

    One row per model, estimator and measure (mean a: failing, mean b: others, difference, ratios). The population: who
    began a next trial after four weeks or more and has its outcome.
    """
    others = [g + 1 for g in range(failing.fit.k) if g + 1 not in failing.classes]
    at_risk = people[people["next_failed"].notna() & people["subject_id"].isin(failing.fit.design.persons)]
    parts = []
    for model in MODELS:
        extra = {"P0": [], "P1": covariates_of(at_risk), "P2": [*covariates_of(at_risk), "next_entry"]}[model]
        frame = at_risk.dropna(subset=extra).reset_index(drop=True)
        events = int(frame["next_failed"].sum())
        about: dict[str, Any] = {"model": model, "n": len(frame), "n_failed": events}
        if min(events, len(frame) - events) < FEWEST // 2 or len(frame) < 2 * FEWEST:
            parts.append(_blank(about, "too few next trials with an outcome"))
            continue
        spec = ClassOutcome(f"next_failed ~ {' + '.join(extra) or '1'}")
        for name, fit in (
            ("two-step", spec.fit(failing.fit, frame)),
            ("BCH (check)", bch(spec, failing.fit, frame)),
        ):
            said = "; ".join(map(str, fit.problems))
            try:
                table = fit.contrast(list(failing.classes), others)
            except InferenceError as error:
                parts.append(_blank(about | {"estimator": name}, said or str(error)))
                continue
            parts.append(table.assign(**about, estimator=name, problems=said))
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def _blank(about: dict[str, object], problems: str) -> pd.DataFrame:
    row = dict.fromkeys(COLUMNS, np.nan) | {"measure": "difference", "estimator": "two-step"} | about
    return pd.DataFrame([row | {"problems": problems}])
