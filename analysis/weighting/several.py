"""Probabilities of several categories: multinomial logit, and the covariate balancing propensity score.

Imai & Ratkovic (2014) for the balancing version, just identified: sums of x over 1 / p_k of those in category k are
the same for all categories. Parameters stand as one block of columns per category but the first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root

from analysis.weighting.covariates import ROWS, inverse
from analysis.weighting.factor import Block, Part
from analysis.weighting.index import FLAT, ITERATIONS, TOLERANCE

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Several:
    """`p` (n, K) probabilities, `b` (K-1, columns), the scores' numbers `r` (n, K-1), `bread`, and how it ended."""

    p: Array
    b: Array
    r: Array
    bread: Array
    converged: bool
    flat: bool

    def part(self, x: Array, slope: Array) -> Part:
        """With `slope` (n, K-1): d log w by the indices."""
        blocks = tuple(Block(x, slope[:, k], ((x, self.r[:, k]),)) for k in range(self.r.shape[1]))
        return Part(blocks, self.bread)


def probabilities(x: Array, b: Array) -> Array:
    """(n, K), the first category being the reference."""
    e = np.column_stack([np.zeros(len(x)), x @ b.T])
    e -= e.max(axis=1, keepdims=True)
    np.exp(e, out=e)
    e /= e.sum(axis=1, keepdims=True)
    return e


def multinomial(
    x: Array, codes: NDArray[np.intp], k: int, case: Array | None = None, ridge: Array | None = None
) -> Several:
    """Maximum likelihood by Newton's method; `ridge` (p, p): b'ridge b / 2 is taken off for each category."""
    n, q = x.shape
    c = np.ones(n) if case is None else case
    penalty = np.zeros((q, q)) if ridge is None else ridge
    taken = np.eye(k)[codes][:, 1:]
    b: Array = np.zeros((k - 1, q))
    step: Array = np.zeros((k - 1, q))
    converged, value = False, -np.inf
    for _ in range(ITERATIONS):
        p = probabilities(x, b)
        new = float(c @ np.log(np.maximum(p[np.arange(n), codes], 1e-300))) - 0.5 * float(((b @ penalty) * b).sum())
        if new < value - 1e-10 * abs(value):
            step = step / 2
            b = b - step
            continue
        value = new
        gradient = ((taken - p[:, 1:]) * c[:, None]).T @ x - b @ penalty
        info = _information(x, p[:, 1:], c) + np.kron(np.eye(k - 1), penalty)
        step = np.asarray(np.linalg.lstsq(info, gradient.ravel(), rcond=None)[0], dtype=float).reshape(b.shape)
        if float((gradient * step).sum()) < TOLERANCE * c.sum():
            converged = True
            break
        step *= min(1.0, 5.0 / float(np.abs(step).max()))
        b = b + step
    p = probabilities(x, b)
    info = _information(x, p[:, 1:], c) + np.kron(np.eye(k - 1), penalty)
    scale = float(min(c @ (codes == g) for g in range(k)))
    flat = not float(np.linalg.eigvalsh(info)[0]) > FLAT * max(scale, 1.0)
    bread = np.asarray(np.linalg.pinv(info), dtype=float) if flat else inverse(info)
    return Several(p, b, (taken - p[:, 1:]) * c[:, None], bread, converged, flat)


def _information(x: Array, p: Array, c: Array) -> Array:
    """sum c (diag(p) - p p') (x) x x'."""
    m, q = p.shape[1], x.shape[1]
    found = np.zeros((m * q, m * q))
    for at in range(0, len(x), ROWS):
        z, s, v = x[at : at + ROWS], p[at : at + ROWS], c[at : at + ROWS]
        for g in range(m):
            for h in range(g, m):
                w = v * s[:, g] * ((g == h) - s[:, h])
                part = (z * w[:, None]).T @ z
                found[g * q : (g + 1) * q, h * q : (h + 1) * q] += part
    upper = np.triu(np.ones((m, m)), 1)
    for g, h in np.argwhere(upper > 0):
        found[h * q : (h + 1) * q, g * q : (g + 1) * q] = found[g * q : (g + 1) * q, h * q : (h + 1) * q].T
    return found


def balancing(x: Array, codes: NDArray[np.intp], k: int, case: Array | None = None) -> Several:
    """The just identified covariate balancing propensity score for the ATE, from the multinomial logit on."""
    n, q = x.shape
    c = np.ones(n) if case is None else case
    start = multinomial(x, codes, k, case)
    taken = np.eye(k)[codes]

    def numbers(p: Array) -> Array:
        share = taken / np.maximum(p, 1e-12)
        return (share[:, 1:] - share[:, :1]) * c[:, None]

    def equations(b: Array) -> tuple[Array, Array]:
        p = probabilities(x, b.reshape(k - 1, q))
        share = taken / np.maximum(p, 1e-12)
        slope = np.zeros(((k - 1) * q, (k - 1) * q))
        for g in range(1, k):
            for j in range(1, k):
                w = -share[:, g] * ((g == j) - p[:, j]) - share[:, 0] * p[:, j]
                slope[(g - 1) * q : g * q, (j - 1) * q : j * q] = (x * (w * c)[:, None]).T @ x
        return (numbers(p).T @ x).ravel() / n, slope / n

    found = root(equations, start.b.ravel(), jac=True, method="hybr", tol=1e-12, options={"maxfev": 2000})
    value, slope = equations(found.x)
    b = found.x.reshape(k - 1, q)
    p = probabilities(x, b)
    ended = bool(np.abs(value).max() < 1e-7) and float(np.abs(x @ b.T).max()) < 40.0
    flat = not np.linalg.cond(slope) < 1e12
    bread = np.asarray(np.linalg.pinv(-slope * n), dtype=float) if flat else inverse(-slope * n)
    return Several(p, b, numbers(p), bread, ended, flat)


def by_estimand(p: Array, codes: NDArray[np.intp], estimand: str, focal: int) -> tuple[Array, Array]:
    """Weights (n,) and d log w (n, K) by the logarithms-of-odds indices of all categories.

    Li & Li (2019) for the overlap weights, Yoshida et al. (2017) for matching weights.
    """
    n, k = p.shape
    own = p[np.arange(n), codes]
    taken = np.eye(k)[codes]
    slope = p - taken
    if estimand == "ATE":
        return 1 / own, slope
    if estimand in ("ATT", "ATC"):
        at = np.eye(k)[focal]
        return p[:, focal] / own, slope + at - p
    if estimand == "ATO":
        odds = 1 / p
        total = odds.sum(axis=1, keepdims=True)
        return 1 / (own * total[:, 0]), slope + odds / total - p
    least = p.argmin(axis=1)
    return p.min(axis=1) / own, slope + np.eye(k)[least] - p
