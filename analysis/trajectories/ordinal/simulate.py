"""SYNTHETIC ordinal items with known classes, for tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.trajectories.ordinal.links import LINK_SD

Array = NDArray[np.float64]


def classes(
    n: int, seed: int, thresholds: Array, locations: Array, shares: Array, link: str = "logit", visits: int = 6
) -> pd.DataFrame:
    """Items of `n` persons at irregular times from 0 to 12 weeks, about two thirds of the visits kept.

    `locations` (classes, 2): intercept and coefficient of log(1 + week). Columns `subject_id`, `week`, `item`, `truth`
    (the class, from 1) and `synthetic`.
    """
    rng = np.random.default_rng(seed)
    klass = rng.choice(len(shares), n, p=shares)
    week = np.round(np.concatenate([np.zeros((n, 1)), 12 * rng.random((n, visits - 1))], axis=1), 1)
    location = locations[klass, :1] + locations[klass, 1:] * np.log1p(week)
    noise = rng.logistic(size=week.shape) if link == "logit" else LINK_SD[link] * rng.normal(size=week.shape)
    item = np.searchsorted(thresholds, (location + noise).ravel())
    kept = np.asarray(rng.random(week.shape) < 2 / 3)
    kept[:, 0] = True
    frame = pd.DataFrame(
        {
            "subject_id": np.repeat(np.arange(n), visits),
            "week": week.ravel(),
            "item": item,
            "truth": np.repeat(klass + 1, visits),
            "synthetic": True,
        }
    )
    return frame[kept.ravel()].reset_index(drop=True)
