"""Exits of known hazards, for tests and examples. SYNTHETIC: no patient stands behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

END = 12.5
"""End of planned observation, in weeks."""


def leave(
    scores: pd.DataFrame, people: pd.DataFrame, hazards: Mapping[str, Sequence[float]], seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores up to the exit, and persons with `exit_week` and `exit_cause`.

    `people` has `subject_id` and the class, `truth`, from 1; `hazards` gives each cause its hazard per week by class.
    """
    rng = np.random.default_rng(seed)
    rates = np.column_stack([np.asarray(h)[people["truth"] - 1] for h in hazards.values()])
    times = np.column_stack([rng.exponential(1 / rates), np.full(len(people), END)])
    causes = np.array([*hazards, None], dtype=object)
    found = people.assign(exit_week=times.min(axis=1), exit_cause=causes[times.argmin(axis=1)])
    end = scores["subject_id"].map(found.set_index("subject_id")["exit_week"])
    return scores[scores["week"] <= end].reset_index(drop=True), found
