"""EM steps for many points at once: slow near the maximum, sure far from it.

Each M-step needs only the gradient of the log-likelihood: the expected sum of squares that EM averages is the present
variance plus a multiple of the score (for the residual variance s2 + 2 s2^2 score / visits, for the covariance
D + 2 D G D / persons, G the score as a symmetric matrix). Fixed effects are generalised least squares.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.trajectories.kernel import Evaluation, evaluate
from analysis.trajectories.panel import Panel
from analysis.trajectories.params import Natural
from analysis.trajectories.structure import Structure

Array = NDArray[np.float64]

RIDGE = 1e-9
"""Added to matrices that are solved, relative to their trace, so that an empty class does no harm."""
SMALLEST_S2 = 1e-6
"""Residual variance below which EM does not go, in units of the variance about the pooled regression."""


def em(st: Structure, panel: Panel, nat: Natural, steps: int) -> Natural:
    """`nat` after some EM steps."""
    for _ in range(steps):
        nat = maximise(st, panel, nat, evaluate(st, panel, nat, order=1))
    return nat


def maximise(st: Structure, panel: Panel, nat: Natural, at: Evaluation) -> Natural:
    """The M-step from what the kernel says `at` the point `nat`."""
    s2 = _residual(st, nat, at.gradient, at.visits)
    factor = _covariance(st, nat, at.gradient, at.expected) if st.q else nat.factor
    return Natural(_logits(st, panel, nat, at), _fixed(st, nat, at), factor, s2)


def _solve(matrix: Array, vector: Array) -> Array:
    ridge = RIDGE * np.trace(matrix, axis1=-2, axis2=-1) + 1e-300
    found: Array = np.linalg.solve(matrix + ridge[:, None, None] * np.eye(matrix.shape[-1]), vector[..., None])[..., 0]
    return found


def _fixed(st: Structure, nat: Natural, at: Evaluation) -> Array:
    """Fixed effects by generalised least squares given the posterior."""
    r, k, _ = nat.beta.shape
    where = st.spread[:, st.at["beta"]] - st.n_logits
    size = st.n_natural - st.n_logits
    matrix = np.zeros((r, size, size))
    for g in range(k):
        matrix[:, where[g][:, None], where[g]] += at.beta_information[:, g]
    used = np.unique(where)
    change = np.zeros((r, size))
    gradient = at.gradient[:, st.n_logits :][:, used]
    change[:, used] = _solve(matrix[:, used[:, None], used], gradient)
    found: Array = nat.beta + change[:, where]
    return found


def _residual(st: Structure, nat: Natural, gradient: Array, visits: Array) -> Array:
    score = gradient[:, st.spread[:, st.at["s2"]]]
    if not st.own_residual:
        score, visits = score[:, :1], visits.sum(axis=1, keepdims=True)
        s2 = nat.s2[:, :1]
    else:
        s2 = nat.s2
    found = np.maximum(s2 + 2 * s2**2 * score / np.maximum(visits, 1e-8), SMALLEST_S2)
    return np.ascontiguousarray(np.broadcast_to(found, nat.s2.shape))


def _covariance(st: Structure, nat: Natural, gradient: Array, expected: Array) -> Array:
    """Factors of the covariances; with L the old factor the new covariance is L (I + 2 L'G L / w) L'."""
    a, b = st.cov_pairs
    score = gradient[:, st.spread[:, st.at["cov"]]] * np.where(a == b, 1.0, 0.5)
    if not st.own_covariance:
        score, expected = score[:, :1], expected.sum(axis=1, keepdims=True)
    factor = nat.factor if st.own_covariance else nat.factor[:, :1]
    r, v = factor.shape[:2]
    slope = np.zeros((r, v, st.q, st.q))
    slope[..., a, b] = score
    slope[..., b, a] = score
    weight = np.maximum(expected, 1e-8)[..., None, None]
    inner = np.eye(st.q) + 2 * factor.swapaxes(-1, -2) @ slope @ factor / weight
    values, vectors = np.linalg.eigh(0.5 * (inner + inner.swapaxes(-1, -2)))
    found = factor @ (vectors * np.sqrt(np.maximum(values, 1e-12))[..., None, :])
    if st.diagonal:
        variances = np.einsum("rvij,rvij->rvi", found, found)
        found = np.sqrt(variances)[..., None] * np.eye(st.q)
    if st.own_covariance and st.covariance == "proportional":
        found = _proportional(found, factor[:, -1], expected)
    return np.ascontiguousarray(np.broadcast_to(found, nat.factor.shape))


def _proportional(found: Array, last: Array, expected: Array) -> Array:
    """Covariances c_k D nearest to those of the classes: c_k against the old D, then D against c_k."""
    q = found.shape[-1]
    full = found @ found.swapaxes(-1, -2)
    old = last @ last.swapaxes(-1, -2)
    inverse = np.linalg.inv(old + 1e-9 * np.trace(old, axis1=-2, axis2=-1)[:, None, None] * np.eye(q))
    scale = np.maximum(np.einsum("rij,rvji->rv", inverse, full) / q, 1e-6)
    share = expected / expected.sum(axis=1, keepdims=True)
    shape = np.einsum("rv,rvij->rij", share / scale, full)
    values, vectors = np.linalg.eigh(shape)
    common = vectors * np.sqrt(np.maximum(values, 1e-12))[:, None, :]
    return common[:, None] * np.sqrt(scale)[:, :, None, None]


def _logits(st: Structure, panel: Panel, nat: Natural, at: Evaluation) -> Array:
    if st.n_logits == 0:
        return nat.gamma
    constant = panel.membership[0, 0]
    if panel.same_membership and constant != 0:
        share = np.maximum(at.expected, 1e-8)
        found: Array = np.log(share[:, :-1] / share[:, -1:])[:, :, None] / constant
        return found
    step = _solve(at.logit_information, at.gradient[:, : st.n_logits])
    return nat.gamma + np.clip(step, -3.0, 3.0).reshape(nat.gamma.shape)
