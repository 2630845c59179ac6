"""Courses and exits together: the class model with a hazard factor in each class.

Missing at random lets exits depend on the scores seen before. Here they may depend on the class as well, which nobody
sees: exp(v_ik) multiplies the density of the scores of person i in class k (Lin, McCulloch & Rosenheck 2004; latent
class drop-out, Roy 2003). The likelihood needs only log densities and complete-data scores of the class model, so it
holds for every family; steps use the outer product of the scores, errors the differenced exact gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from analysis.exits.hazards import Hazards
from analysis.exits.rows import PersonTime
from analysis.trajectories import Trajectories, courses, newton
from analysis.trajectories.errors import Problem
from analysis.trajectories.inference import inverse_information
from analysis.twostep import engine

Array = NDArray[np.float64]

DIFFERENCE = 1e-4
"""Step of the differences of the gradient; parameters are of order one."""
UNBOUNDED = 8.0
"""A log hazard ratio further out than this has no finite value."""


@dataclass(frozen=True)
class JointPoint:
    """`loglik`; `scores` (free + hazard parameters, N) without weights; `r` (k, N): probabilities given exits too."""

    loglik: float
    scores: Array
    r: Array


@dataclass(frozen=True)
class Joint:
    """The joint likelihood of scores and exits."""

    result: Trajectories
    time: PersonTime
    hazards: Hazards

    @property
    def weight(self) -> Array:
        """(N,) weights of persons."""
        weight = self.result.design.panel.weight
        return np.ones(self.result.n) if weight is None else weight

    def at(self, point: Array) -> JointPoint:
        """At `point` (free + hazard parameters,)."""
        n_free = len(self.result.phi)
        found = engine.at(self.result.design, point[:n_free])
        value, slopes = self.hazards.terms(self.time, point[n_free:], self.result.n)
        joint = found.log_joint + value
        largest = joint.max(axis=0)
        r = np.exp(joint - largest)
        total = r.sum(axis=0)
        r /= total
        of_phi = found.scores + np.einsum("kn,nkf->fn", r, found.slopes)
        of_theta = np.einsum("kn,kpn->pn", r, slopes)
        loglik = float(self.weight @ (np.log(total) + largest))
        return JointPoint(loglik, np.concatenate([of_phi, of_theta]), r)

    def objective(self, points: Array) -> tuple[Array, Array, Array]:
        """Log-likelihood, gradient and minus the outer product of the scores, for points (R, parameters)."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            found = [self.at(p) for p in points]
        w = self.weight
        return (
            np.array([f.loglik for f in found]),
            np.array([f.scores @ w for f in found]),
            np.array([-(f.scores * w) @ f.scores.T for f in found]),
        )

    def differences(self, point: Array) -> tuple[Array, Array]:
        """Observed information (p, p), by differences of the exact gradient, and slopes (k, p) of the shares."""
        found = np.empty((len(point), len(point)))
        shares = np.empty((self.result.k, len(point)))
        w = self.weight
        for i in range(len(point)):
            step = np.zeros(len(point))
            step[i] = DIFFERENCE
            up, down = self.at(point + step), self.at(point - step)
            found[i] = (down.scores - up.scores) @ w / (2 * DIFFERENCE)
            shares[:, i] = (up.r - down.r) @ w / (2 * DIFFERENCE * w.sum())
        return (found + found.T) / 2, shares

    def fit(self) -> JointFit:
        """Climb from the solution under missing at random: the maximum found is the one nearest to it."""
        start = np.concatenate([self.result.phi, self.hazards.start(self.time, self.weight)])
        ends = newton.maximise(self.objective, start[None], max_iterations=200)
        return JointFit(self, ends.phi[0], float(ends.loglik[0]), bool(ends.converged[0]))


@dataclass(frozen=True)
class JointFit:
    """A fitted joint model; `point` (free + hazard parameters,)."""

    model: Joint
    point: Array
    internal_loglik: float
    converged: bool

    @property
    def loglik(self) -> float:
        """Joint log-likelihood of scores, in the units of the frame, and exits."""
        result = self.model.result
        return self.internal_loglik + result.loglik - result.solution.loglik

    @cached_property
    def _differences(self) -> tuple[Array, Array]:
        return self.model.differences(self.point)

    @cached_property
    def covariance(self) -> Array:
        """Of `point`, from the observed information. Raises InferenceError where that is not positive definite."""
        return inverse_information(self._differences[0])

    @property
    def phi(self) -> Array:
        """Parameters of the class model."""
        return self.point[: len(self.model.result.phi)]

    @property
    def probabilities(self) -> Array:
        """(N, k): of the classes, given scores and exits."""
        return self.model.at(self.point).r.T

    @property
    def shares(self) -> Array:
        """(k,): mean probabilities."""
        return np.average(self.probabilities, axis=0, weights=self.model.weight)

    @property
    def share_errors(self) -> Array:
        """(k,): robust standard errors of `shares`, the persons taken as a sample."""
        w = self.model.weight
        at = self.model.at(self.point)
        own = (at.r - self.shares[:, None]) * w / w.sum()
        influence = own + self._differences[1] @ self.covariance @ (at.scores * w)
        return np.sqrt((influence**2).sum(axis=1))

    def hazard_table(self, level: float = 0.95) -> pd.DataFrame:
        """One row per parameter of the hazards, with its error."""
        n_free = len(self.phi)
        se = np.sqrt(np.diag(self.covariance))[n_free:]
        theta = self.point[n_free:]
        width = norm.ppf(0.5 + level / 2) * se
        return self.model.hazards.names().assign(estimate=theta, se=se, lower=theta - width, upper=theta + width)

    def courses(self, times: Sequence[float] | Array, level: float = 0.95) -> pd.DataFrame:
        """Mean courses of the classes, as `Trajectories.courses`, with errors of the joint model."""
        n_free = len(self.phi)
        cov = self.covariance[:n_free, :n_free]
        return courses.table(self.model.result.design, self.phi, cov, np.asarray(times, dtype=float), None, level)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What a reader must know before using it."""
        found = []
        if not self.converged:
            found.append(Problem("the maximum", "not converged", "take fewer pieces or causes"))
        theta = self.point[len(self.phi) :]
        names = self.model.hazards.names()
        for i in np.flatnonzero((names["term"] == "log hazard ratio").to_numpy() & (np.abs(theta) > UNBOUNDED)):
            row = names.iloc[i]
            what = f"the hazard of {row['cause']} has no finite ratio: (nearly) nobody, or only this class, leaves so"
            found.append(Problem(f"class {row['class']}", what, "put causes together"))
        return tuple(found)


def likelihood_ratio(larger: JointFit, smaller: JointFit) -> tuple[float, int, float]:
    """Statistic, degrees of freedom and p of exits that do not depend on the class, given what both models hold."""
    statistic = max(2 * (larger.internal_loglik - smaller.internal_loglik), 0.0)
    df = len(larger.point) - len(smaller.point)
    return statistic, df, float(chi2.sf(statistic, df))
