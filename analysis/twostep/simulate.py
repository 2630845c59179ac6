"""Outcomes of known classes, for tests and `validate/twostep.py`. SYNTHETIC: no patient stands behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from analysis.trajectories.simulate import Courses, mixture

Array = NDArray[np.float64]

TWO = Courses(
    np.array([[16.0, -1.6, 0.06], [16.5, -0.5, 0.0]]),
    np.array([0.6, 0.4]),
    np.array([[4.0, -0.05], [-0.05, 0.04]]),
    2.2,
)
"""A response and a failure that overlap, as real ones do."""


@dataclass(frozen=True)
class Outcomes:
    """log odds of remission are `logits` of the class + `slope` x; the outcome is lost more often where u is low and x
    high, which also lowers it: only weights know.
    """

    logits: tuple[float, ...] = (0.8, -0.6)
    slope: float = 0.5
    of_u: float = 0.8
    selection: float = 0.0

    def risks(self) -> Array:
        """(k,) standardised risks over standard normal x and u."""
        node, weight = np.polynomial.hermite_e.hermegauss(60)
        spread = np.hypot(self.slope, self.of_u)
        return np.array([expit(c + spread * node) @ weight / weight.sum() for c in self.logits])


def persons(n: int, seed: int, courses: Courses = TWO, outcomes: Outcomes | None = None) -> tuple[pd.DataFrame, ...]:
    """Scores (one row per person and week) and persons: `truth`, x, u, `seen`, `remitted` (missing where not seen)."""
    outcomes = outcomes or Outcomes()
    scores = mixture(n, seed, courses)
    rng = np.random.default_rng([seed, 1])
    people = scores.drop_duplicates("subject_id")[["subject_id", "truth", "synthetic"]].reset_index(drop=True)
    people["x"], people["u"] = rng.normal(size=n), rng.normal(size=n)
    linear = np.array(outcomes.logits)[people["truth"] - 1] + outcomes.slope * people["x"] + outcomes.of_u * people["u"]
    remitted = (rng.random(n) < expit(linear)).astype(float)
    seen = rng.random(n) < expit(1.0 + outcomes.selection * people["u"])
    people["seen"] = (seen | (outcomes.selection == 0)).astype(float)
    people["remitted"] = np.where(people["seen"] == 1, remitted, np.nan)
    return scores, people
