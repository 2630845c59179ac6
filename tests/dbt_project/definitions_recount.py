"""An independent count of remission by step, in pandas over the tables of the common data model.

Written from the two publications and not from the models: the baseline window is 14 days before to 7 days after the
first day of a step.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from harmonize.paths import Warehouse
from tests.dbt_project import kit

LEVELS = {"1": 1, "2": 2, "2A": 2, "3": 3, "4": 4}


def tables(house: Warehouse) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Treatment steps and scored ratings of STAR*D."""
    with kit.published(house) as connection:
        steps = connection.execute(
            "select subject_id, step_id, step_no, start_day from cdm.steps where study_id = 'stard'"
        ).df()
        scales = connection.execute(
            "select subject_id, step_id, day, occasion, instrument_id, score_used as score from cdm.scales"
            " where study_id = 'stard' and score_used is not null"
        ).df()
    return steps[steps["step_id"].isin(LEVELS)].sort_values(["subject_id", "step_no"]), scales


def after(steps: pd.DataFrame, scales: pd.DataFrame) -> pd.DataFrame:
    """Ratings of each step after its baseline window, in order."""
    joined = steps.merge(scales, on=["subject_id", "step_id"])
    return joined[joined["day"] > joined["start_day"] + 7].sort_values(["day", "occasion"])


def original(steps: pd.DataFrame, scales: pd.DataFrame) -> list[float]:
    """Rush 2006: the last QIDS-SR16 of each person's n-th step; 1 less the product of the step failures, %."""
    numbered = steps.assign(nth=steps.groupby("subject_id").cumcount() + 1)
    rated = after(numbered, scales[scales["instrument_id"] == "QIDS_SR16"])
    last = rated.groupby(["subject_id", "nth"])["score"].last()
    failures = 1 - (last <= 5).groupby("nth").mean()
    return [100 * (1 - float(np.prod(failures[failures.index <= n]))) for n in range(1, 5) if n in failures.index]


def protocol(steps: pd.DataFrame, scales: pd.DataFrame) -> list[float]:
    """The re-analysis: HRSD17 of 14 or more at entry of the level, some rating later in it, 7 or less at its end, else
    not remitted; persons remitted so far over those who count at level 1, %."""
    leveled = steps.assign(level=steps["step_id"].map(LEVELS))
    hrsd = scales[scales["instrument_id"] == "HRSD17"]
    first = leveled.groupby(["subject_id", "level"], as_index=False).first()
    near = first.merge(hrsd, on="subject_id", suffixes=("", "_rated"))
    near["off"] = near["day"] - near["start_day"]
    near = near[near["off"].between(-14, 7)]
    near = near.assign(distance=near["off"].abs()).sort_values(["distance", "day", "occasion"])
    entry = near.groupby(["subject_id", "level"])["score"].first()
    seen = after(leveled, scales).groupby(["subject_id", "level"]).size()
    counted = set(entry[entry >= 14].index) & set(seen.index)
    ends = leveled.groupby(["subject_id", "level"], as_index=False).last()
    exits = after(ends, hrsd).groupby(["subject_id", "level"])["score"].last()
    remitted = {key for key in exits[exits <= 7].index if key in counted}
    cohort = {person for person, level in counted if level == 1}
    found = []
    for level in range(1, int(leveled["level"].max()) + 1):
        so_far = {p for p, at in remitted if at <= level and p in cohort}
        found.append(100 * len(so_far) / len(cohort))
    return found
