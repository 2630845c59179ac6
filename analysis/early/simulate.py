"""Worlds for tests and `validate/early.py`. SYNTHETIC: no patient stands behind them.

Two studies: `alpha` is followed on the HRSD17, `beta` on the QIDS-SR16; both rate both at entry and exit.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from analysis.early.material import Material
from analysis.trajectories.simulate import FOUR, WEEKS, Courses

Array = NDArray[np.float64]

LAST_DAY = 7 * int(WEEKS[-1])
ONE = Courses(np.array([[15.5, -1.0, 0.02]]), np.array([1.0]), np.array([[6.0, -0.25], [-0.25, 0.20]]), 2.2)
"""World W1: no classes, one distribution of change."""


def material(
    n: int, seed: int, courses: Courses = FOUR, *, next_on: str = "course", studies: tuple[str, ...] = ("alpha", "beta")
) -> tuple[Material, pd.Series]:
    """`n` persons, and their true class (the last is failure) by subject_id.

    next_on: the next step fails by the `course` (0.8 in the last class, 0.4 else), by the latent exit `severity`, or by
    `nothing`.
    """
    rng = np.random.default_rng(seed)
    klass = rng.choice(courses.k, n, p=courses.shares)
    effects = rng.multivariate_normal(np.zeros(2), courses.covariance, n)
    b = courses.means[klass]
    level = 4 + b[:, :1] + effects[:, :1] + (b[:, 1:2] + effects[:, 1:]) * WEEKS + b[:, 2:] * WEEKS**2
    score = np.clip(np.rint(level + courses.sd * rng.normal(size=level.shape)), 0, 52)
    exits = np.clip(np.rint(level[:, -1] + courses.sd * rng.normal(size=n)), 0, 52)
    ids = np.array([f"p{seed}-{i:06d}" for i in range(n)], dtype=object)
    study = np.array(studies, dtype=object)[rng.integers(0, len(studies), n)]
    on_qids = study == "beta"
    shown = np.where(on_qids[:, None], _qids(score, rng), score)
    left = rng.random(n) < 0.15
    end = np.where(left, rng.integers(7, LAST_DAY, n), LAST_DAY)
    chance = {
        "course": np.where(klass == courses.k - 1, 0.8, 0.4),
        "severity": expit((level[:, -1] - 10) / 4),
        "nothing": np.full(n, 0.5),
    }[next_on]
    nonresponse = (2 * exits > score[:, 0]).astype(float)
    fails = (rng.random(n) < chance).astype(float)
    persons = pd.DataFrame(
        {
            "subject_id": ids,
            "study_id": study,
            "instrument_id": np.where(on_qids, "QIDS_SR16", "HRSD17"),
            "baseline": shown[:, 0],
            "hrsd17_baseline": score[:, 0],
            "age": rng.normal(42, 12, n),
            "female": (rng.random(n) < 0.6).astype(float),
            "chronic": np.where(rng.random(n) < 0.05, np.nan, (rng.random(n) < 0.2).astype(float)),
            "episodes": rng.poisson(2, n).astype(float),
            "anxious": (rng.random(n) < 0.4).astype(float),
            "end_day": end.astype(float),
            "exit_day": np.where(left, np.nan, end),
            "nonresponse": np.where(left, np.nan, nonresponse),
            "next_failure": np.where(left | (nonresponse == 0), np.nan, fails),
        }
    )
    person, visit = np.nonzero((end[:, None] >= 7 * WEEKS) & (rng.random(score.shape) < 0.85) & (WEEKS > 0))
    scores = pd.DataFrame({"subject_id": ids[person], "day": 7 * WEEKS[visit], "score": shown[person, visit]})
    ends = np.column_stack([score[:, 0], exits])
    pairs = pd.DataFrame({"subject_id": np.repeat(ids, 2), "x": _qids(ends, rng).ravel(), "y": ends.ravel()})
    return Material(persons, scores, pairs), pd.Series(klass + 1, index=pd.Index(ids), name="truth")


def _qids(score: Array, rng: np.random.Generator) -> Array:
    found: Array = np.clip(np.rint(0.72 * score + 0.8 + rng.normal(size=score.shape)), 0, 27)
    return found
