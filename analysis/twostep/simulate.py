"""Outcomes of known classes, for tests and `validate/twostep.py`. SYNTHETIC: no patient stands behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from analysis.trajectories import GrowthMixture, Trajectories, newton
from analysis.trajectories.design import build
from analysis.trajectories.likelihood import objective
from analysis.trajectories.simulate import Courses, mixture

Array = NDArray[np.float64]

TWO = Courses(
    np.array([[16.0, -1.6, 0.06], [16.5, -0.5, 0.0]]),
    np.array([0.6, 0.4]),
    np.array([[4.0, -0.05], [-0.05, 0.04]]),
    2.2,
)
"""A response and a failure that overlap, as real ones do."""


APART = Courses(
    np.array([[16.0, -1.75, 0.06], [16.5, -0.35, 0.0]]),
    np.array([0.6, 0.4]),
    np.array([[4.0, -0.05], [-0.05, 0.03]]),
    2.2,
)
"""The same further apart: a relative entropy above 0.7, as the gate of coverage asks."""


@dataclass(frozen=True)
class Outcomes:
    """Log odds of remission: `logits` of the class + `slope` x + `of_u` u, u a covariate the outcome model leaves out.

    u is standard normal, in the last class about `u_last`. The log odds of being seen are 1 + `selection` u; with 0
    everybody is.
    """

    logits: tuple[float, ...] = (0.8, -0.6)
    slope: float = 0.5
    of_u: float = 0.8
    selection: float = 0.0
    u_last: float = 0.0

    def risks(self) -> Array:
        """(k,) risks standardised over x, whatever u."""
        node, weight = np.polynomial.hermite_e.hermegauss(60)
        spread = np.hypot(self.slope, self.of_u)
        centre = np.array(self.logits)
        centre[-1] += self.of_u * self.u_last
        return np.array([expit(c + spread * node) @ weight / weight.sum() for c in centre])


def persons(n: int, seed: int, courses: Courses = TWO, outcomes: Outcomes | None = None) -> tuple[pd.DataFrame, ...]:
    """Scores (one row per person and week) and persons: `truth`, x, u, `seen`, `remitted` (missing where not seen)."""
    outcomes = outcomes or Outcomes()
    scores = mixture(n, seed, courses)
    rng = np.random.default_rng([seed, 1])
    people = scores.drop_duplicates("subject_id")[["subject_id", "truth", "synthetic"]].reset_index(drop=True)
    people["x"] = rng.normal(size=n)
    people["u"] = rng.normal(size=n) + outcomes.u_last * (people["truth"] == courses.k)
    linear = np.array(outcomes.logits)[people["truth"] - 1] + outcomes.slope * people["x"] + outcomes.of_u * people["u"]
    remitted = (rng.random(n) < expit(linear)).astype(float)
    seen = rng.random(n) < expit(1.0 + outcomes.selection * people["u"])
    people["seen"] = (seen | (outcomes.selection == 0)).astype(float)
    people["remitted"] = np.where(people["seen"] == 1, remitted, np.nan)
    return scores, people


def refit(spec: GrowthMixture, scores: pd.DataFrame, like: Trajectories) -> Trajectories:
    """The maximum nearest to the solution of a large sample of the same world, so that classes keep their order."""
    design = build(spec, scores)
    st, phi = design.st, like.phi.copy()
    at = st.free["specific"]
    beta = like.design.to.beta(phi[at].reshape(st.k, -1))
    phi[at] = (((beta - design.to.beta0) @ np.linalg.inv(design.to.fixed_inverse).T) / design.to.scale).ravel()
    ends = newton.maximise(objective(st, design.data), phi[None])
    return Trajectories(design, ends.phi[0], like.search, int(ends.iterations[0]))
