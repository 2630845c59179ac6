"""The BCH estimator (Bolck, Croon & Hagenaars 2004; Vermunt 2010): a check of the two-step one.

Assignments W are undone by their error matrix: W* = W D^-1 has E(W*_ik | class) = 1 in the own class and 0 in others,
so a regression weighted by W* is consistent without a model of the outcome within classes. Weights W* can be negative,
so variances and probabilities can come out impossible; that is said, not repaired.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.trajectories.errors import Problem
from analysis.trajectories.fitted import Fitted
from analysis.trajectories.inference import InferenceError
from analysis.twostep.assignment import Assignment, assign
from analysis.twostep.families import terms
from analysis.twostep.mixture import Mixture, Point, evaluate
from analysis.twostep.outcome import ClassOutcome, OutcomeFit
from analysis.twostep.stack import ClassStep, PersonWeights

Array = NDArray[np.float64]

ITERATIONS, TOLERANCE = 100, 1e-12
CONDITION = 1e6
"""Beyond this condition number of D the classes cannot be told apart by their assignments."""


def bch(
    spec: ClassOutcome,
    step: ClassStep | Fitted,
    frame: pd.DataFrame,
    weights: PersonWeights | None = None,
    assignment: str = "modal",
) -> BchFit:
    """The model `spec` by BCH, without the standard deviations of the normal family. Raises what `fit` raises."""
    ready = spec.prepare(step, frame, weights)
    old = ready.data
    family = "linear" if old.family == "normal" else old.family
    data = Mixture(family, old.z, old.x, old.p, old.weight, old.n_specific)
    ready = replace(ready, data=data)
    found = assign(ready, assignment)
    singular = not np.linalg.cond(found.d) < CONDITION
    star = found.w if singular else found.w @ found.inverse
    eta, converged = _solve(data, star.T)
    return BchFit(spec, ready, eta, converged and not singular, True, found, star)


def _solve(data: Mixture, r: Array) -> tuple[Array, bool]:
    """Newton's method for the regression weighted by `r` (k, n), negative weights and all."""
    eta = np.zeros(data.n_parameters)
    for _ in range(ITERATIONS):
        at = evaluate(data, eta, r)
        if not np.isfinite(at.expected).all() or np.linalg.cond(at.expected) > 1e14:
            return eta, False
        step = np.linalg.solve(-at.expected, at.gradient)
        if float(at.gradient @ step) ** 2 < TOLERANCE**2 * len(data.z) ** 2:
            return eta + step, True
        eta = eta + step * min(1.0, 2.0 / float(np.abs(step).max()))
        if np.abs(eta).max() > 30.0 and data.family != "linear":
            return eta, False
    return eta, False


@dataclass(frozen=True)
class BchFit(OutcomeFit):
    """Like `OutcomeFit`, from weighted estimating equations: it has no likelihood. `star` (n, k): weights W*."""

    found: Assignment
    star: Array

    @property
    def r(self) -> Array:
        """W*, (k, n)."""
        return self.star.T

    @property
    def loglik(self) -> float:
        """Not a number: BCH has no likelihood."""
        return float("nan")

    @cached_property
    def point(self) -> Point:
        """The estimating equations at the solution."""
        return evaluate(self.data, self.eta, self.r)

    @cached_property
    def bread(self) -> Array:
        """Inverse of the derivative of the equations. Raises InferenceError where there is no solution."""
        if not self.converged:
            raise InferenceError("the BCH equations have no solution: negative weights outweigh a class; see problems")
        return np.asarray(np.linalg.inv(-self.point.expected), dtype=float)

    def influence(self, naive: bool = False) -> Array:
        """(parameters, persons) of `eta`; `naive` takes the first step and its errors as known."""
        own = self.ready.own(self.point.scores)
        if not naive:
            own = own + self.ready.by_weight(self.point.scores)
            data, inverse = self.data, self.found.inverse
            # sums over persons of weight x W_il x score in class k: what D^-1 multiplies
            q = np.einsum("n,nl,kmn->lkm", data.weight, self.found.w, self.point.complete, optimize=True)
            by_d = -np.einsum("la,bk,lkm->mab", inverse, inverse, q, optimize=True)
            own = own + np.tensordot(by_d, self.found.of_d, 2)
            by_phi = np.einsum(
                "n,nlf,lk,kmn->mf", data.weight, self.found.slopes, inverse, self.point.complete, optimize=True
            )
            own = own + by_phi @ self.ready.phi
        found: Array = self.bread @ own
        return found

    def free_covariance(self, kind: str = "sandwich") -> Array:
        """Covariance of `eta`: `sandwich`, `cluster` or `naive`."""
        if kind == "model":
            raise InferenceError("BCH has no likelihood, so no model-based errors; use sandwich")
        return super().free_covariance(kind)

    def parameters(self, kind: str = "sandwich", level: float = 0.95) -> pd.DataFrame:
        """As `OutcomeFit.parameters`; without a solution all is missing."""
        if self.converged:
            return super().parameters(kind, level)
        names, values, _ = self.reported
        nothing = np.full(len(values), np.nan)
        return names.assign(estimate=nothing, se=nothing, lower=nothing, upper=nothing)

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """Inadmissible results by name: probabilities outside 0 to 1, negative variances, classes without weight."""
        found = []
        data, r = self.data, self.r
        v = r * data.weight
        if not np.linalg.cond(self.found.d) < CONDITION:
            text = "the error matrix is singular: assignments do not tell the classes apart"
            found.append(Problem("D", text, "take fewer classes"))
        total = v.sum(axis=1)
        for g in np.flatnonzero(total <= 0):
            found.append(Problem(f"class {g + 1}", "its weights sum to 0 or less", "merge classes"))
        mean = np.divide(v @ data.z, total, out=np.full(data.k, np.nan), where=total > 0)
        low, high = {"binary": (0.0, 1.0), "count": (0.0, np.inf)}.get(data.family, (-np.inf, np.inf))
        for g in np.flatnonzero((mean <= low) | (mean >= high)):
            text = f"inadmissible: its mean outcome is {mean[g]:.3f}, outside {low:g} to {high:g}"
            found.append(Problem(f"class {g + 1}", text, "negative weights outweigh it; use the two-step estimate"))
        if data.family == "linear" and self.converged:
            residual = -2 * terms("normal", data.z[None], data.predictors(self.eta)).value - np.log(2 * np.pi)
            variance = (v * residual).sum(axis=1) / total
            for g in np.flatnonzero(variance <= 0):
                text = f"inadmissible: its residual variance is {variance[g] * self.ready.scale**2:.3g}"
                found.append(Problem(f"class {g + 1}", text, "use the two-step estimate"))
        if self.converged and np.linalg.eigvalsh(-self.point.expected)[0] <= 0:
            text = "inadmissible: the information is not positive definite"
            found.append(Problem("the equations", text, "use the two-step estimate"))
        if not self.converged and not found:
            found.append(Problem("the equations", "no solution", "use the two-step estimate"))
        return tuple(found)
