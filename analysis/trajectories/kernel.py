"""Exact log-likelihood of a Gaussian growth mixture with gradient and Hessian, for many points at once.

Each class says y_i ~ N(X_i b_k, V_i), V_i = s2 I + Z_i D Z_i'. With D = L L' and N N' = s2 I + L'Z'Z L,

    M_i = [X Z y]' V_i^-1 [X Z y] = (T_i - R_i' L N^-T N^-1 L' R_i) / s2,     R_i the rows of Z in T_i,

holds at singular D too, and everything is a contraction of M_i (`block.py`). It is free of the class where all classes
share their covariance. Second derivatives stand in `louis.py`. Persons and points are worked on in blocks that fit the
processor's cache; the persons of a block have one residual variance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analysis.trajectories import louis
from analysis.trajectories.block import Block
from analysis.trajectories.panel import Panel
from analysis.trajectories.params import Natural
from analysis.trajectories.structure import Structure

Array = NDArray[np.float64]

BLOCK = 6_000
"""Pairs of person and point worked on together, over the number of different matrices M."""


def _nothing() -> Array:
    """Stands for what was not asked for."""
    return np.empty(0)


@dataclass
class Evaluation:
    """What the likelihood says at R points, in the natural order of parameters.

    `loglik` (R,); `gradient` (R, natural); `hessian` (R, natural, natural). `beta_information` (R, k, p, p) is the sum
    of w X'V^-1 X, `expected` (R, k) of w, `visits` (R, k, groups) of w times visits, `logit_information`
    (R, logits, logits) that of a multinomial logit: what an EM step needs. With `persons`: `log_joint` (R, k, N) is
    log prior + log density, `scores` (R, natural, N) each person's gradient.
    """

    loglik: Array
    gradient: Array = field(default_factory=_nothing)
    hessian: Array = field(default_factory=_nothing)
    beta_information: Array = field(default_factory=_nothing)
    expected: Array = field(default_factory=_nothing)
    visits: Array = field(default_factory=_nothing)
    logit_information: Array = field(default_factory=_nothing)
    log_joint: Array = field(default_factory=_nothing)
    scores: Array = field(default_factory=_nothing)


def evaluate(st: Structure, panel: Panel, nat: Natural, order: int = 0, persons: bool = False) -> Evaluation:
    """Evaluate at the points `nat`; `order` 0 gives the log-likelihood, 1 the gradient too, 2 the Hessian too.

    With `persons`, what each person contributes is kept (and `scores`, unweighted, if `order` is at least 1).
    """
    r, k = nat.beta.shape[:2]
    out = Evaluation(np.zeros(r))
    if order >= 1:
        out.gradient = np.zeros((r, st.n_natural))
        out.beta_information = np.zeros((r, k, st.p, st.p))
        out.expected = np.zeros((r, k))
        out.visits = np.zeros((r, k, st.n_groups))
        out.logit_information = np.zeros((r, st.n_logits, st.n_logits))
    if order >= 2:
        out.hessian = np.zeros((r, st.n_natural, st.n_natural))
    if persons:
        out.log_joint = np.empty((r, k, panel.n))
        if order >= 1:
            out.scores = np.empty((r, st.n_natural, panel.n))
    for which, people, group, points in _blocks(st, panel, r):
        block = Block(st, people, nat.rows(points), group)
        person = block.classify()
        out.loglik[points] += person.sum(axis=1) if people.weight is None else person @ people.weight
        if persons:
            out.log_joint[points, :, which] = block.log_joint
        if order:
            _derivatives(block, out, order, persons, which, points)
    return out


def _blocks(st: Structure, panel: Panel, n_points: int) -> Iterator[tuple[slice | NDArray[np.intp], Panel, int, slice]]:
    """Which persons, their panel, their residual variance, and which points."""
    size = max(BLOCK // st.regimes, 64)
    for group, (indices, members) in enumerate(panel.by_group(st.n_groups)):
        n_block = max(1, min(members.n, size))
        r_block = max(1, min(n_points, size // n_block))
        for begin in range(0, members.n, n_block):
            part = slice(begin, min(begin + n_block, members.n))
            people = members if n_block == members.n else members.take(part)
            which = part if indices is None else indices[part]
            for first in range(0, n_points, r_block):
                yield which, people, group, slice(first, min(first + r_block, n_points))


def _derivatives(
    block: Block, out: Evaluation, order: int, persons: bool, which: slice | NDArray[np.intp], points: slice
) -> None:
    """Add the gradient of a block, what EM needs, the Hessian, and put the persons' scores in their place."""
    st, panel, w = block.st, block.panel, block.weighted
    scores = block.class_scores()
    sums = (scores @ w[..., None])[..., 0]
    for g in range(st.k):
        out.gradient[points, st.spread[g]] += sums[:, g]
    out.expected[points] += w.sum(axis=2)
    out.visits[points, :, block.group] += w @ panel.visits
    w_moments = block.sums(w[:, :, None])[:, :, 0]
    p = np.arange(st.p)
    out.beta_information[points] += w_moments[:, :, st.position[p][:, p]]
    if st.n_logits:
        prior = np.exp(block.log_prior[:, :-1])
        difference = w[:, :-1] - (prior if panel.weight is None else prior * panel.weight)
        out.gradient[points, : st.n_logits] += (difference @ panel.membership.T).reshape(len(w), -1)
        information = louis.prior_information(block)
        out.logit_information[points] += information
    if order >= 2 or persons:
        stacked = louis.stack(block, scores)
    if order >= 2:
        hessian = out.hessian[points]
        louis.add_spread(block, scores, stacked, hessian)
        if st.n_logits:
            hessian[:, : st.n_logits, : st.n_logits] -= information
        for g, h in enumerate(np.moveaxis(louis.expected(block, w_moments, sums), 1, 0)):
            hessian[:, st.spread[g][:, None], st.spread[g]] += h
    if persons:
        out.scores[points, st.n_logits :, which] = stacked
        if st.n_logits:
            gap = block.posterior[:, :-1] - prior
            out.scores[points, : st.n_logits, which] = louis.lift(gap, panel)


def class_scores(st: Structure, panel: Panel, nat: Natural) -> tuple[Array, Array]:
    """Complete-data scores (k, natural, N) and posterior probabilities (k, N) at the one point `nat`."""
    k = st.k
    found = np.zeros((k, st.n_natural, panel.n))
    posterior = np.empty((k, panel.n))
    for which, people, group, _ in _blocks(st, panel, 1):
        block = Block(st, people, nat, group)
        block.classify()
        posterior[:, which] = block.posterior[0]
        scores, prior = block.class_scores()[0], np.exp(block.log_prior[0])
        for g in range(k):
            own = np.zeros((st.n_natural, people.n))
            own[st.spread[g]] = scores[g]
            for h in range(k - 1):
                rows = h * st.n_membership + np.arange(st.n_membership)
                own[rows] = ((g == h) - prior[h]) * people.membership
            found[g][:, which] = own
    return found, posterior


def random_effects(st: Structure, panel: Panel, nat: Natural) -> tuple[Array, Array, Array]:
    """Given the scores, at the one point `nat`: log joint (k, N), means (k, N, q) and covariances (k, N, q, q)."""
    k, q = st.k, st.q
    joint = np.empty((k, panel.n))
    means, spread = np.zeros((k, panel.n, q)), np.zeros((k, panel.n, q, q))
    a, b = st.cov_pairs
    entry = np.zeros((q, q), dtype=np.intp)
    entry[a, b] = entry[b, a] = np.arange(len(a))
    for which, people, group, _ in _blocks(st, panel, 1):
        block = Block(st, people, nat, group)
        joint[:, which] = block.log_joint[0]
        if q:
            block.class_scores()
            cov = nat.cov
            means[:, which] = (cov @ block.f)[0].swapaxes(-1, -2)
            inner = np.moveaxis(block.g[0][:, entry], -1, 1)
            wide = cov[0][:, None]
            spread[:, which] = wide - wide @ inner @ wide
    return joint, means, spread


def scaled_moments(st: Structure, panel: Panel, nat: Natural) -> Array:
    """M (pairs, N) under the one covariance of the one-class point `nat`."""
    one = st.with_classes(1)
    found = np.empty((len(st.pairs[0]), panel.n))
    for which, people, group, _ in _blocks(one, panel, 1):
        block = Block(one, people, nat, group)
        found[:, which] = block.moments[0, 0] * block.inverse[0]
    return found
