"""Who is asked at a landmark, and what is known of them then.

A landmark of week s is the day 7 s + 3: the visit of a week may be held three days late. Everybody still in treatment
on that day is asked, with or without a score so far. Nothing that was measured later enters a predictor.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.early.material import ENTRY, NEXT_FAILURE, NONRESPONSE, Material

GRACE = 3
"""Days that a visit may be held late."""
VISITS = (1, 2, 3, 4)
"""Weeks whose scores are columns of their own for the learner that takes missing values."""

SUMMARY = ("baseline", "last", "fall", "last_week", "n_scores", "hrsd17_baseline", *ENTRY)
"""Predictors of the regression."""


def cut(week: float) -> int:
    """The day of a landmark."""
    return round(7 * week) + GRACE


def asked(material: Material, week: float) -> pd.Series:
    """Persons (index of `persons`) in treatment at the landmark and with a baseline: who gets a prediction."""
    persons = material.persons
    found: pd.Series = (persons["end_day"] >= cut(week)) & persons["baseline"].notna()
    return found


def target(material: Material, name: str, week: float) -> pd.Series:
    """1 for the bad end, 0, or missing, by subject_id. An exit that was already known at the landmark has no target."""
    persons = material.persons
    value = persons[name].astype(float)
    if name == NONRESPONSE:
        value = value.where(persons["exit_day"] > cut(week))
    elif name != NEXT_FAILURE:
        raise KeyError(f"no target {name!r}")
    return pd.Series(value.to_numpy(), index=pd.Index(persons["subject_id"]), name=name)


def known(scores: pd.DataFrame, week: float) -> pd.DataFrame:
    """The scores up to the landmark."""
    return scores[scores["day"] <= cut(week)]


def summaries(persons: pd.DataFrame, scores: pd.DataFrame, week: float) -> pd.DataFrame:
    """One row per person, indexed by subject_id: `SUMMARY` and a column for each of `VISITS`.

    `persons` and `scores` are on the common scale, with `baseline_measured` and `measured` beside: `fall` is the share
    of the baseline lost, as measured. Who has no score yet has not improved: last = baseline, fall = 0.
    """
    seen = known(scores, week).sort_values(["subject_id", "day"])
    ids = pd.Index(persons["subject_id"])
    last = seen.groupby("subject_id").last().reindex(ids)
    frame = persons.set_index("subject_id")
    found = frame[["baseline", "hrsd17_baseline", *ENTRY]].astype(float)
    base = frame["baseline_measured"].astype(float)
    fall = 1 - last["measured"] / base.where(base > 0)
    found["last"] = last["score"].fillna(found["baseline"])
    found["fall"] = fall.fillna(0.0)
    found["last_week"] = (last["day"] / 7).fillna(0.0)
    found["n_scores"] = seen.groupby("subject_id").size().reindex(ids, fill_value=0).astype(float)
    visit = np.clip(np.rint(seen["day"].to_numpy(dtype=float) / 7), min(VISITS), max(VISITS)).astype(int)
    wide = seen.assign(visit=visit).pivot_table(index="subject_id", columns="visit", values="score", aggfunc="last")
    for number in VISITS:
        found[f"week_{number}"] = wide[number].reindex(ids) if number in wide else np.nan
    return found[[*SUMMARY, *(f"week_{n}" for n in VISITS)]]
