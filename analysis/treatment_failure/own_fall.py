"""Treatment failure without classes: what the one-class (or K-class) model says of each person's own latent course.

q_i = P(own latent fall < 25 % at week 8 and at T | scores). Beside it the other two states that fill the rest: own
partial response, a fall below 50 % at T that is no failure, and own response. Their probabilities are used as those
of classes, so that the same two-step estimators serve; what the parameters of the model add to the error is carried
by differences.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.plan import Plan
from analysis.trajectories import Trajectories
from analysis.trajectories.predict import predict
from analysis.trajectories.threads import one_thread
from analysis.twostep import ClassStep

Array = NDArray[np.float64]

STATES = ("own failure", "own partial response", "own response")
LEAST = 1e-9
STEP = 1e-4
"""Of the central differences, in units of the optimiser's parameters."""


def states(fit: Trajectories, plan: Plan, last: float, phi: Array | None = None) -> Array:
    """(N, 3) probabilities of STATES for the persons of `fit`; T = `last`, falls from the measured baseline.

    Where the data end before week 8 only T is asked: nothing is extrapolated.
    """
    below, week = float(plan.own_fall["below"]), min(float(plan.own_fall["weeks"][0]), last)
    found = predict(fit.design, fit.phi if phi is None else phi)
    failing = found.no_fall([week, last], below, "baseline").to_numpy(dtype=float)
    low = found.no_fall([last], plan.labels.response_from, "baseline").to_numpy(dtype=float)
    low = np.maximum(low, failing)
    p = np.column_stack([failing, low - failing, 1 - low]).clip(LEAST, 1)
    scaled: Array = p / p.sum(axis=1, keepdims=True)
    return scaled


def own_step(fit: Trajectories, plan: Plan, last: float) -> ClassStep:
    """The states as a first step for the two-step estimators, T held, the parameters' error carried."""
    with one_thread():
        base = ClassStep.of(fit)
        p = states(fit, plan, last)
        slopes = np.empty((*p.shape, len(fit.phi)))
        for j in range(len(fit.phi)):
            ends = []
            for sign in (1, -1):
                phi = fit.phi.copy()
                phi[j] += sign * STEP
                ends.append(np.log(states(fit, plan, last, phi)))
            slopes[:, :, j] = (ends[0] - ends[1]) / (2 * STEP)
    return ClassStep(base.persons, p, slopes, base.influence, base.covariance, base.clusters)


def exit_severity(fit: Trajectories, weeks: pd.Series) -> pd.Series:
    """Latent severity of each person at the own week (`weeks`, by subject) as the model predicts it, indexed alike.

    Whole weeks are computed and the course taken as straight between them.
    """
    top = int(np.ceil(max(float(weeks.max()), 1.0)))
    grid = np.arange(0, top + 1, dtype=float)
    with one_thread():
        found = fit.predict()
        mean, _ = found.given.levels(grid)
        middle = (found.given.posterior.T[:, :, None] * mean).sum(axis=0)
    at = weeks.reindex(found.given.persons).to_numpy(dtype=float)
    low = np.clip(np.floor(at), 0, top - 1)
    rows, low = np.arange(len(at)), np.nan_to_num(low).astype(int)
    value = middle[rows, low] + (at - low) * (middle[rows, low + 1] - middle[rows, low])
    return pd.Series(value, index=pd.Index(found.given.persons, name="subject_id"), name="exit_severity")
