"""Exact log-likelihood, gradient and Hessian of the ordinal mixture for many points at once.

Rows with the same covariates and category are one cell: probabilities are computed per cell, and a sparse matrix of
counts (persons, cells) sums them to persons. The observed Hessian is Louis' (1982): the expected complete-data one plus
the variance of the complete-data score over the classes, person by person.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import logsumexp

from analysis.trajectories.likelihood import Objective, Solution
from analysis.trajectories.ordinal.layout import Layout
from analysis.trajectories.ordinal.links import EDGE, interval

Array = NDArray[np.float64]

LARGEST = 8_000_000
"""Numbers an intermediate array may hold; more points are taken in turns."""


@dataclass(frozen=True)
class Cells:
    """The data: distinct rows and how often each person has them.

    `upper`, `lower` (cells, thresholds + 1 + columns): the bounds of a cell's category are these times
    [thresholds, intercept, coefficients]; `top`, `bottom` (cells,) mark bounds at infinity. `count` (N, cells);
    `membership` (N, columns) internal; `weight` (N,) or None.
    """

    upper: Array
    lower: Array
    top: NDArray[np.bool_]
    bottom: NDArray[np.bool_]
    count: csr_matrix
    membership: Array
    weight: Array | None

    @property
    def n(self) -> int:
        """Number of persons."""
        return len(self.membership)

    def take(self, persons: NDArray[np.intp]) -> Cells:
        """Some of the persons, with the cells they have."""
        weight = None if self.weight is None else self.weight[persons]
        count = self.count[persons]
        has = np.asarray(count.sum(axis=0)).ravel() > 0
        by_cell = {name: getattr(self, name)[has] for name in ("upper", "lower", "top", "bottom")}
        return replace(self, count=count[:, has], membership=self.membership[persons], weight=weight, **by_cell)


def bounds(x: Array, category: NDArray[np.intp], n_thresholds: int) -> tuple[Array, Array]:
    """`upper` and `lower` of `Cells` for rows with internal columns `x` (rows, columns) and categories from 0."""
    location = np.column_stack([-np.ones(len(x)), -x])
    cuts = np.eye(n_thresholds)
    edge = np.zeros((1, n_thresholds))
    upper = np.hstack([np.vstack([cuts, edge])[category], location])
    lower = np.hstack([np.vstack([edge, cuts])[category], location])
    return upper, lower


def cells(
    x: Array,
    category: NDArray[np.intp],
    person: NDArray[np.intp],
    n_thresholds: int,
    membership: Array,
    weight: Array | None,
) -> Cells:
    """Cells of rows; `person` (rows,) counts from 0."""
    table, code = np.unique(np.column_stack([category, x]), axis=0, return_inverse=True)
    code = code.reshape(-1)
    count = csr_matrix((np.ones(len(code)), (person, code)), shape=(len(membership), len(table)))
    seen = table[:, 0].astype(np.intp)
    upper, lower = bounds(table[:, 1:], seen, n_thresholds)
    return Cells(upper, lower, seen == n_thresholds, seen == 0, count, membership, weight)


@dataclass(frozen=True)
class Evaluation:
    """At R points, by natural parameters.

    loglik (R,), gradient (R, free), `complete` (R, free, free) the expected complete-data Hessian, `hessian` the
    observed one (equal to `complete` where it was not asked for), `log_joint` (R, k, N), `scores` (R, N, free) and
    `class_scores` (k, R, N, free), without weights, where the observed Hessian was asked for.
    """

    loglik: Array
    gradient: Array
    complete: Array
    hessian: Array
    log_joint: Array
    scores: Array
    class_scores: Array


def evaluate(lay: Layout, data: Cells, nu: Array, louis: bool = True) -> Evaluation:
    """The likelihood at `nu` (R, free), natural parameters; without `louis` only what EM needs."""
    r, n, k, m = len(nu), data.n, lay.k, lay.n_membership
    weight = np.ones(n) if data.weight is None else data.weight
    logits = np.zeros((r, n, k))
    logits[..., :-1] = np.einsum("nm,rgm->rng", data.membership, nu[:, : lay.n_logits].reshape(r, k - 1, m))
    log_prior = logits - logsumexp(logits, axis=2, keepdims=True)
    prior = np.exp(log_prior)
    log_joint = np.empty((r, k, n))
    found, rows = [], []
    for g, (use, where) in enumerate(lay.local):
        up, low = data.upper[:, use], data.lower[:, use]
        high, deep = up @ nu[:, where].T, low @ nu[:, where].T
        high[data.top], deep[data.bottom] = EDGE, -EDGE
        part = interval(lay.link, deep, high)
        log_joint[:, g] = log_prior[..., g] + (data.count @ part.value).T
        found.append(part)
        rows.append((up, low))
    per_person = logsumexp(log_joint, axis=1)
    posterior = np.exp(log_joint - per_person[:, None])
    gradient, complete = np.zeros((r, lay.n_free)), np.zeros((r, lay.n_free, lay.n_free))
    class_scores = np.zeros((k if louis else 0, r, n, lay.n_free))
    for g, (_, where) in enumerate(lay.local):
        part, (up, low) = found[g], rows[g]
        omega = data.count.T @ (posterior[:, g] * weight).T
        gradient[:, where] += (omega * part.upper).T @ up + (omega * part.lower).T @ low
        cross = (up.T * (omega * part.mixed).T[:, None]) @ low
        block = (up.T * (omega * part.upper2).T[:, None]) @ up + (low.T * (omega * part.lower2).T[:, None]) @ low
        complete[:, where[:, None], where] += block + cross + cross.swapaxes(1, 2)
        if louis:
            slope = part.upper[..., None] * up[:, None] + part.lower[..., None] * low[:, None]
            summed = data.count @ slope.reshape(len(up), -1)
            class_scores[g][..., where] = summed.reshape(n, r, len(where)).swapaxes(0, 1)
    for g in range(k - 1):
        at = slice(g * m, (g + 1) * m)
        gradient[:, at] = ((posterior[:, g] - prior[..., g]) * weight) @ data.membership
        for h in range(k - 1):
            spread = weight * prior[..., g] * (float(g == h) - prior[..., h])
            complete[:, at, h * m : (h + 1) * m] = -(data.membership.T * spread[:, None]) @ data.membership
        for h in range(k if louis else 0):
            class_scores[h][..., at] = (float(g == h) - prior[..., g])[..., None] * data.membership
    scores, hessian = np.zeros((r, n, lay.n_free)), complete
    if louis:
        hessian = complete.copy()
        for g in range(k):
            scores += posterior[:, g, :, None] * class_scores[g]
        for g in range(k):
            apart = class_scores[g] - scores
            hessian += (apart * (posterior[:, g] * weight)[..., None]).swapaxes(1, 2) @ apart
    return Evaluation(per_person @ weight, gradient, complete, hessian, log_joint, scores, class_scores)


def objective(lay: Layout, data: Cells) -> Objective:
    """Log-likelihood, gradient and Hessian by the optimiser's parameters at many points."""
    size = max(data.n * lay.n_free * (lay.k + 2), data.upper.size)
    turn = max(1, LARGEST // size)

    def some(phi: Array) -> tuple[Array, Array, Array]:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            at = evaluate(lay, data, lay.natural(phi))
            slope, curve = lay.chain(phi, at.gradient, at.hessian)
        return at.loglik, slope, curve

    def everywhere(phi: Array) -> tuple[Array, Array, Array]:
        parts = [some(phi[i : i + turn]) for i in range(0, len(phi), turn)]
        value, slope, curve = (np.concatenate(p) for p in zip(*parts, strict=True))
        return value, slope, curve

    return everywhere


def solution(lay: Layout, data: Cells, phi: Array) -> Solution:
    """The likelihood at the one point `phi` (free,), with persons' scores."""
    at = evaluate(lay, data, lay.natural(phi[None]))
    gradient, hessian = lay.chain(phi[None], at.gradient, at.hessian)
    scores = at.scores[0] @ lay.jacobian(phi[None])[0]
    return Solution(float(at.loglik[0]), gradient[0], hessian[0], np.ascontiguousarray(scores.T), at.log_joint[0])
