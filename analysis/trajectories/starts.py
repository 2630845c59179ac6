"""Starting points of a mixture: courses of single persons, brought near a maximum with the variances held.

A start draws k persons and takes their courses, shrunk towards the pooled one, as the courses of the classes. While
the variances stay those of the one-class model, all starts share the matrices M of the kernel, and an EM step for all
starts together is two products of matrices.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.trajectories.kernel import scaled_moments
from analysis.trajectories.panel import Panel
from analysis.trajectories.params import Natural
from analysis.trajectories.structure import Structure

Array = NDArray[np.float64]

SHRINK = 0.5
"""Share of the one-class variances that is left within classes at the start."""
FROZEN_STEPS = 20
CELLS = 40_000
"""Cells (person x class x start) worked on together."""


def one_class_start(st: Structure) -> Natural:
    """Where the one-class model starts from: the pooled regression, half of the variance between persons."""
    share = 0.5 if st.q else 1.0
    factor = np.sqrt(share / max(st.q, 1)) * np.eye(st.q)
    return Natural(
        np.zeros((1, 0, st.n_membership)),
        np.zeros((1, 1, st.p)),
        factor[None, None],
        np.full((1, 1, st.n_groups), share if st.q else 1.0),
    )


def draw(st: Structure, panel: Panel, single: Natural, n_starts: int, rng: np.random.Generator) -> Natural:
    """`n_starts` starting points for the model `st`; `single` is the fitted one-class model."""
    curves = _curves(st, panel, single)
    rich = np.flatnonzero(panel.visits >= min(st.n_specific, 2))
    pool = rich if len(rich) >= st.k else np.arange(panel.n)
    chosen = np.array([rng.choice(pool, size=st.k, replace=len(pool) < st.k) for _ in range(n_starts)])
    beta = np.broadcast_to(single.beta[0, 0], (n_starts, st.k, st.p)).copy()
    beta[:, :, : st.n_specific] = curves[:, chosen].transpose(1, 2, 0)
    share = np.full((n_starts, st.k), 1.0 / st.k)
    variance = Natural(single.gamma, single.beta, single.factor * np.sqrt(SHRINK), single.s2 * _left(st))
    beta, share = _frozen_em(st, panel, variance, beta, share)
    return _natural(st, panel, variance, beta, share)


def _left(st: Structure) -> float:
    """Share of the residual variance left at the start: all of it where random effects already carry the persons."""
    return 1.0 if st.q else SHRINK


def _curves(st: Structure, panel: Panel, single: Natural) -> Array:
    """(specific, N): each person's ridge regression about the pooled course."""
    n = st.n_specific
    s = np.arange(n)
    s2 = single.s2[0, 0, panel.group]
    gram = panel.products[st.position[s][:, s]].transpose(2, 0, 1) + (s2[:, None, None] * np.eye(n))
    b = np.append(-single.beta[0, 0], np.zeros(st.n_extra + 1))
    b[-1] = 1.0
    right = np.einsum("sbn,b->ns", panel.products[st.position[s]], b)
    found = np.linalg.solve(gram, right[..., None])[..., 0]
    curves: Array = (single.beta[0, 0, :n] + found).T
    return curves


def _frozen_em(st: Structure, panel: Panel, variance: Natural, beta: Array, share: Array) -> tuple[Array, Array]:
    """EM for the courses and shares of all starts, the variances and common effects held."""
    moments = scaled_moments(st, panel, variance)
    r, k, p = beta.shape
    n_specific = st.n_specific
    s = np.arange(n_specific)
    weight = None if panel.weight is None else panel.weight
    size = max(1, min(panel.n, CELLS // (r * k)))
    first, second = st.pairs
    double = np.where(first == second, 1.0, 2.0)
    own = st.position[s][:, s]
    for _ in range(FROZEN_STEPS):
        b = np.zeros((r, k, st.m))
        b[:, :, :p] = -beta
        b[:, :, -1] = 1.0
        coefficients = (b[:, :, first] * b[:, :, second] * (-0.5 * double)).reshape(r * k, -1)
        offset = np.log(np.maximum(share, 1e-12))[:, :, None]
        sums = np.zeros((r * k, len(first)))
        counted = np.zeros((r, k))
        for begin in range(0, panel.n, size):
            part = slice(begin, begin + size)
            w = (coefficients @ moments[:, part]).reshape(r, k, -1)
            w += offset
            w -= w.max(axis=1, keepdims=True)
            np.exp(w, out=w)
            w /= w.sum(axis=1, keepdims=True)
            if weight is not None:
                w *= weight[part]
            counted += w.sum(axis=2)
            sums += w.reshape(r * k, -1) @ moments[:, part].T
        total = sums.reshape(r, k, -1)
        # right-hand side: M[specific, :] times (0, -common, 0, 1)
        rest = b.copy()
        rest[:, :, :n_specific] = 0.0
        right = np.einsum("rksb,rkb->rks", total[:, :, st.position[s]], rest)
        left = total[:, :, own]
        ridge = 1e-6 * np.trace(left, axis1=-2, axis2=-1) + 1e-8
        left = left + ridge[..., None, None] * np.eye(n_specific)
        beta = beta.copy()
        beta[:, :, :n_specific] = np.linalg.solve(left, right[..., None])[..., 0]
        share = np.maximum(counted / counted.sum(axis=1, keepdims=True), 1e-3)
        share = share / share.sum(axis=1, keepdims=True)
    return beta, share


def _natural(st: Structure, panel: Panel, variance: Natural, beta: Array, share: Array) -> Natural:
    r = len(beta)
    gamma = np.zeros((r, st.k - 1, st.n_membership))
    constant = panel.membership[0, 0]
    if constant != 0 and np.all(panel.membership[0] == constant):
        gamma[:, :, 0] = np.log(share[:, :-1] / share[:, -1:]) / constant
    factor = np.broadcast_to(variance.factor, (r, st.regimes, st.q, st.q))
    s2 = np.broadcast_to(variance.s2, (r, st.regimes, st.n_groups))
    return Natural(gamma, beta, np.ascontiguousarray(factor), np.ascontiguousarray(s2))
