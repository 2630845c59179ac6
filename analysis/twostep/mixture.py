"""Likelihood of an outcome in a mixture whose class probabilities are fixed: sum_i w_i log sum_k p_ik f(z_i | k, x_i).

Parameters stand as class-specific effects of class 1…k, common effects, then for the normal family logarithms of the
standard deviation (one, or one per class). Second derivatives follow Louis (1982).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from analysis.trajectories import newton
from analysis.twostep.families import terms

Array = NDArray[np.float64]

STEPS = 25
"""EM steps before Newton's method."""


@dataclass(frozen=True)
class Mixture:
    """The data: `z` (n,), `x` (n, specific then common), `p` (n, k), `weight` (n,)."""

    family: str
    z: Array
    x: Array
    p: Array
    weight: Array
    n_specific: int
    own_sd: bool = False

    @property
    def k(self) -> int:
        """Number of classes."""
        return self.p.shape[1]

    @property
    def n_sd(self) -> int:
        """Number of standard deviations."""
        return 0 if self.family != "normal" else (self.k if self.own_sd else 1)

    @property
    def n_parameters(self) -> int:
        """Length of the vector of parameters."""
        return self.k * self.n_specific + self.x.shape[1] - self.n_specific + self.n_sd

    @cached_property
    def spread(self) -> NDArray[np.intp]:
        """(k, columns [+ 1]): where the parameters that a class sees stand."""
        s, k = self.n_specific, self.k
        common = k * s + np.arange(self.x.shape[1] - s)
        rows = [np.r_[g * s + np.arange(s), common] for g in range(k)]
        if self.n_sd:
            first = k * s + len(common)
            rows = [np.r_[row, first + (g if self.own_sd else 0)] for g, row in enumerate(rows)]
        return np.array(rows, dtype=np.intp)

    def predictors(self, eta: Array, x: Array | None = None) -> Array:
        """(k, n) linear predictors at `eta` (parameters,), for the own rows or other ones."""
        x = self.x if x is None else x
        found: Array = eta[self.spread[:, : x.shape[1]]] @ x.T
        return found

    @cached_property
    def log_p(self) -> Array:
        """(k, n) logarithms of the class probabilities; impossible classes have minus infinity."""
        with np.errstate(divide="ignore"):
            return np.log(self.p.T)


@dataclass(frozen=True)
class Point:
    """The likelihood at one point: `scores` (parameters, n) without weights, `complete` (k, parameters, n) those of
    the classes, `r` (k, n) class probabilities given the outcome too, `expected` the complete-data Hessian.
    """

    loglik: float
    gradient: Array
    hessian: Array
    expected: Array
    scores: Array
    complete: Array
    r: Array


def evaluate(data: Mixture, eta: Array, r: Array | None = None) -> Point:
    """The likelihood at `eta` (parameters,). With `r` (k, n) classes are weighted so, whatever the outcome says."""
    log_s: Array | float = eta[data.spread[:, -1]][:, None] if data.n_sd else 0.0
    found = terms(data.family, data.z[None], data.predictors(eta), log_s)
    joint = found.value + data.log_p
    largest = joint.max(axis=0)
    joint = np.exp(joint - largest)
    total = joint.sum(axis=0)
    r = joint / total if r is None else r
    loglik = float(data.weight @ (np.log(total) + largest))
    m = data.n_parameters
    x = data.x.T
    complete = np.zeros((data.k, m, len(data.z)))
    expected = np.zeros((m, m))
    spread_of = np.zeros((m, m))
    for g in range(data.k):
        at, w = data.spread[g], r[g] * data.weight
        own = x * found.by_l[g]
        h = (x * (w * found.ll[g])) @ x.T
        if data.n_sd:
            own = np.vstack([own, found.by_s[g]])
            side = x @ (w * found.ls[g])
            h = np.block([[h, side[:, None]], [side[None], np.array([[w @ found.ss[g]]])]])
        complete[g][at] = own
        expected[np.ix_(at, at)] += h
        spread_of[np.ix_(at, at)] += (own * w) @ own.T
    scores = np.einsum("kn,kmn->mn", r, complete)
    hessian = expected + spread_of - (scores * data.weight) @ scores.T
    return Point(loglik, scores @ data.weight, hessian, expected, scores, complete, r)


def maximise(data: Mixture, max_iterations: int = 100) -> newton.Maxima:
    """Climb from two points, classes weighted by their probabilities and by the likeliest class; both ends, best first.

    Columns of `data` should be of order one and independent, `z` of the normal family of order one.
    """
    modal = (data.p.T.max(axis=0) == data.p.T).astype(float)
    points = np.array([_start(data, r) for r in (data.p.T, modal / modal.sum(axis=0))])

    def objective(points: Array) -> tuple[Array, Array, Array]:
        with np.errstate(over="ignore", invalid="ignore"):
            found = [evaluate(data, eta) for eta in points]
        return (
            np.array([f.loglik for f in found]),
            np.array([f.gradient for f in found]),
            np.array([f.hessian for f in found]),
        )

    ends = newton.maximise(objective, points, max_iterations)
    return ends.take(np.lexsort((-ends.loglik, ~ends.converged)))


def _start(data: Mixture, r: Array) -> Array:
    """Regressions with the classes weighted by `r`, then EM steps of one scoring step each (Lange 1995)."""
    eta = np.zeros(data.n_parameters)
    for step in range(2 * STEPS):
        at = evaluate(data, eta, r if step < STEPS else None)
        information = -at.expected
        if data.n_sd:  # the expected information: the observed one need not be definite far from the maximum
            side = data.spread[:, -1]
            information[side] = information[:, side] = 0.0
            np.add.at(information, (side, side), 2 * (at.r @ data.weight))
        ridge = 1e-8 * np.trace(information) / len(eta) * np.eye(len(eta))
        move = np.linalg.solve(information + ridge, at.gradient)
        eta = np.clip(eta + np.clip(move, -2.0, 2.0), -15.0, 15.0)
    return eta
