"""The Hessian of a block: the expected complete-data Hessian plus the spread of the scores (Louis 1982)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.trajectories.block import Block
from analysis.trajectories.panel import Panel

Array = NDArray[np.float64]


def stack(block: Block, scores: Array) -> Array:
    """Scores (r, k, width, n) times posterior, summed where classes share: (r, natural but the logits, n)."""
    st, w = block.st, block.posterior
    r, k, _, n = scores.shape
    own = st.n_own
    found = np.empty((r, st.n_natural - st.n_logits, n))
    np.multiply(scores[:, :, :own], w[:, :, None], out=found[:, : k * own].reshape(r, k, own, n))
    shared = scores[:, 0, own:] * w[:, 0, None]
    for g in range(1, k):
        shared += scores[:, g, own:] * w[:, g, None]
    found[:, k * own :] = shared
    return found


def add_spread(block: Block, scores: Array, stacked: Array, hessian: Array) -> None:
    """Add sum w u u' - s s' and all that touches the logits to `hessian` (r, natural, natural)."""
    st, panel = block.st, block.panel
    k = scores.shape[1]
    weighted = scores * block.weighted[:, :, None]
    outer = weighted @ scores.swapaxes(-1, -2)
    for g in range(k):
        hessian[:, st.spread[g][:, None], st.spread[g]] += outer[:, g]
    rest = slice(st.n_logits, st.n_natural)
    own_weight = stacked if panel.weight is None else stacked * panel.weight
    hessian[:, rest, rest] -= own_weight @ stacked.swapaxes(-1, -2)
    if not st.n_logits:
        return
    m = panel.membership
    logits = slice(0, st.n_logits)
    lifted = lift(block.weighted[:, :-1], panel)
    cross = -(lifted @ stacked.swapaxes(-1, -2))
    hessian[:, logits, rest] += cross
    hessian[:, rest, logits] += cross.swapaxes(-1, -2)
    per_class = weighted[:, :-1] @ m.T
    for g in range(k - 1):
        rows = g * st.n_membership + np.arange(st.n_membership)
        hessian[:, st.spread[g][:, None], rows] += per_class[:, g]
        hessian[:, rows[:, None], st.spread[g]] += per_class[:, g].swapaxes(-1, -2)
    hessian[:, logits, logits] += spread_of_posterior(block, lifted)


def lift(w: Array, panel: Panel) -> Array:
    """(r, k-1, n) times the membership columns: (r, logits, n)."""
    m = panel.membership
    if len(m) == 1:
        return w if panel.same_membership and m[0, 0] == 1.0 else w * m
    return (w[:, :, None] * m).reshape(len(w), -1, w.shape[-1])


def spread_of_posterior(block: Block, lifted: Array) -> Array:
    """(r, logits, logits): sum of weight (diag(w) - w w') (x) m m'; `lifted` holds weighted posteriors."""
    other = lift(block.posterior[:, :-1], block.panel)
    return _diagonal(block.weighted[:, :-1], block.panel) - lifted @ other.swapaxes(-1, -2)


def prior_information(block: Block) -> Array:
    """(r, logits, logits): sum of weight (diag(p) - p p') (x) m m', p the membership probabilities."""
    panel = block.panel
    prior = np.exp(block.log_prior[:, :-1])
    k1 = prior.shape[1]
    if panel.same_membership:
        total = panel.total_weight * float(panel.membership[0, 0]) ** 2
        p = prior[:, :, 0]
        diagonal = p[:, :, None] * np.eye(k1)
        found: Array = total * (diagonal - p[:, :, None] * p[:, None])
        return found
    weighted = prior if panel.weight is None else prior * panel.weight
    return _diagonal(weighted, panel) - lift(weighted, panel) @ lift(prior, panel).swapaxes(-1, -2)


def _diagonal(weighted: Array, panel: Panel) -> Array:
    """(r, logits, logits): sum of diag(weighted) (x) m m'."""
    m = panel.membership
    r, k1 = weighted.shape[:2]
    columns = len(m)
    if columns == 1:
        found = np.zeros((r, k1, k1))
        found[:, np.arange(k1), np.arange(k1)] = weighted @ (m[0] * m[0])
        return found
    a, b = np.triu_indices(columns)
    values = weighted @ (m[a] * m[b]).T
    found = np.zeros((r, k1 * columns, k1 * columns))
    for g in range(k1):
        found[:, g * columns + a, g * columns + b] = values[:, g]
        found[:, g * columns + b, g * columns + a] = values[:, g]
    return found


def expected(block: Block, w_moments: Array, score_sums: Array) -> Array:
    """(r, k, width, width): sum of w times the complete-data Hessian.

    `w_moments` (r, k, pairs) is the sum of w M, `score_sums` (r, k, width) that of w u. Within a block s2 is one
    number, so all that touches it follows from the other sums: V is homogeneous in (D, s2).
    """
    st, w = block.st, block.weighted
    r, k, n = w.shape
    q = st.q
    a, b = st.cov_pairs
    h = np.zeros((r, k, st.width, st.width))
    beta, cov, s2 = st.at["beta"], st.at["cov"], int(st.at["s2"][block.group])
    p = np.arange(st.p)
    h[:, :, beta[:, None], beta] = -w_moments[:, :, st.position[p][:, p]]
    inverse = block.inverse
    across = score_sums[:, :, beta]
    quad2 = (block.quad2[:, :, None] @ w[..., None])[:, :, 0, 0]
    pure = score_sums[:, :, s2] + 0.5 * quad2
    if q:
        rows = np.empty((r, k, q + len(a), n))
        np.multiply(block.f, w[:, :, None], out=rows[:, :, :q])
        for e, (i, j) in enumerate(zip(a, b, strict=True)):
            np.multiply(rows[:, :, i], block.f[:, :, j], out=rows[:, :, q + e])
        sums = block.sums(rows)
        xz = st.position[p][:, np.array(st.random)]
        for e, (i, j) in enumerate(zip(a, b, strict=True)):
            value = sums[:, :, j][:, :, xz[:, i]]
            if i != j:
                value = value + sums[:, :, i][:, :, xz[:, j]]
            h[:, :, beta, cov[e]] = -value
        _add_covariance(block, h, sums[:, :, q:])
        entries = np.broadcast_to(block.nat.cov[:, :, a, b], (r, k, len(a)))[..., None]
        across = across + (h[:, :, beta[:, None], cov] @ entries)[..., 0]
        squares = rows[:, :, q:].sum(axis=-1) * np.where(a == b, 0.5, 1.0)
        mixed = -((h[:, :, cov[:, None], cov] @ entries)[..., 0] + score_sums[:, :, cov] + squares) * inverse
        h[:, :, cov, s2] = h[:, :, s2, cov] = mixed
        pure = pure + (mixed[:, :, None] @ entries)[:, :, 0, 0]
        h[:, :, cov[:, None], beta] = h[:, :, beta[:, None], cov].swapaxes(-1, -2)
    h[:, :, beta, s2] = h[:, :, s2, beta] = -across * inverse
    h[:, :, s2, s2] = -pure * inverse[:, :, 0]
    return h


def _add_covariance(block: Block, h: Array, sums: Array) -> None:
    """tr(G E G F) / 2 - f'E G F f for all pairs of entries; `sums` (r, k, entries, pairs) holds w f f' M.

    Where classes share the covariance the first term is the same for every class: it stands in each with the share of
    its posterior, through the weights.
    """
    st, w = block.st, block.weighted
    a, b = st.cov_pairs
    z = np.array(st.random)
    position = st.position[z][:, z]
    entry = np.zeros((st.q, st.q), dtype=np.intp)
    entry[a, b] = entry[b, a] = np.arange(len(a))
    i, j = np.triu_indices(len(a))
    squares = block.g[:, :, i] * block.g[:, :, j]
    products = np.zeros((*h.shape[:2], len(a), len(a)))
    if squares.shape[1] == 1:
        found = (squares[:, 0] @ w.swapaxes(-1, -2)).swapaxes(-1, -2)
    else:
        found = (squares @ w[..., None])[..., 0]
    products[:, :, i, j] = products[:, :, j, i] = found
    cov = st.at["cov"]
    for e in range(len(a)):
        for d in range(e, len(a)):
            value: Array = np.zeros(h.shape[:2])
            for i1, j1 in {(a[e], b[e]), (b[e], a[e])}:
                for s, t in {(a[d], b[d]), (b[d], a[d])}:
                    # E = e_i e_j', F = e_s e_t': tr(G E G F) = G_ti G_js, f'E G F f = f_i G_js f_t
                    value = value + 0.5 * products[:, :, entry[t, i1], entry[j1, s]]
                    value = value - sums[:, :, entry[i1, t], position[j1, s]]
            h[:, :, cov[e], cov[d]] = h[:, :, cov[d], cov[e]] = value
