"""Synthetic courses with known truth, for tests, `make bench` and `make validate`.

Nothing here is a patient: frames carry the column `synthetic`. Times are in weeks, scores in points of a scale that
falls from about 16.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

WEEKS = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0])


@dataclass(frozen=True)
class Courses:
    """A growth mixture: `means` (classes, 3) of 1, week, week^2; `covariance` (2, 2) of intercept and slope."""

    means: Array
    shares: Array
    covariance: Array
    sd: float

    @property
    def k(self) -> int:
        """Number of classes."""
        return len(self.shares)


FOUR = Courses(
    np.array([[15.0, -2.2, 0.11], [15.0, -2.0, 0.17], [16.0, -1.0, 0.02], [17.0, -0.2, 0.0]]),
    np.array([0.3, 0.2, 0.3, 0.2]),
    np.array([[6.0, -0.2], [-0.2, 0.06]]),
    2.2,
)
"""Response, transient response, partial response, failure."""


def mixture(n: int, seed: int, truth: Courses = FOUR, observed: float = 2 / 3) -> pd.DataFrame:
    """Scores of `n` persons, a share `observed` of the visits after week 0 kept at random; `truth` is the class."""
    rng = np.random.default_rng(seed)
    klass = rng.choice(truth.k, n, p=truth.shares)
    effects = rng.multivariate_normal(np.zeros(2), truth.covariance, n)
    b = truth.means[klass]
    level = b[:, :1] + effects[:, :1] + (b[:, 1:2] + effects[:, 1:]) * WEEKS + b[:, 2:] * WEEKS**2
    score = level + truth.sd * rng.normal(size=level.shape)
    return _long(score, rng.random(level.shape) < observed, klass + 1)


def continuum(n: int, seed: int, floor: float | None = None, observed: float = 2 / 3) -> pd.DataFrame:
    """World W1: no classes, one continuous distribution of change on log(1 + week); censored at `floor` if given."""
    rng = np.random.default_rng(seed)
    effects = rng.multivariate_normal([15.5, -4.0], [[9.0, -0.5], [-0.5, 3.2]], n)
    level = effects[:, :1] + effects[:, 1:] * np.log1p(WEEKS)
    score = level + 2.4 * rng.normal(size=level.shape)
    if floor is not None:
        score = np.maximum(score, floor)
    return _long(score, rng.random(score.shape) < observed, np.ones(n, dtype=int))


def items(n: int, seed: int, n_items: int = 9, observed: float = 2 / 3) -> pd.DataFrame:
    """World W3: one course of a latent severity seen through items from 0 to 3: floor and skew, no classes."""
    rng = np.random.default_rng(seed)
    effects = rng.multivariate_normal([1.0, -0.9], [[0.45, -0.05], [-0.05, 0.25]], n)
    level = effects[:, :1] + effects[:, 1:] * np.log1p(WEEKS)
    latent = level[..., None] + rng.normal(size=(*level.shape, n_items)) + np.linspace(-0.6, 0.6, n_items)
    cuts: Sequence[float] = (-0.4, 0.7, 1.8)
    score = sum((latent > c).astype(float) for c in cuts)
    return _long(np.asarray(score).sum(axis=-1), rng.random(level.shape) < observed, np.ones(n, dtype=int))


def _long(score: Array, kept: NDArray[np.bool_], klass: NDArray[np.int_]) -> pd.DataFrame:
    kept[:, 0] = True
    person, visit = np.nonzero(kept)
    return pd.DataFrame(
        {
            "subject_id": person,
            "week": WEEKS[visit],
            "score": score[person, visit],
            "truth": klass[person],
            "synthetic": True,
        }
    )
