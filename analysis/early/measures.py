"""How good predicted probabilities are: discrimination, calibration, Brier score, net benefit.

Every function takes weights (draws, n), one row per bootstrap draw of persons with how often each was drawn, and works
on all draws at once; a row of ones is the estimate itself. bad (n,) is 1 for the bad end, p (n,) its probability.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CLIP = 1e-6
STEPS = 30


def draws(study: NDArray[np.object_], n: int, seed: int) -> Array:
    """(1 + n, persons): a row of ones, then how often each person is drawn, within `study` (persons,)."""
    rng = np.random.default_rng(seed)
    found = np.zeros((1 + n, len(study)))
    found[0] = 1.0
    for name in np.unique(study):
        own = np.flatnonzero(study == name)
        found[1:, own] = rng.multinomial(len(own), np.full(len(own), 1 / len(own)), size=n)
    return found


def auc(bad: Array, p: Array, weight: Array) -> Array:
    """(draws,): P(p of a bad end > p of a good one), ties half (Mann & Whitney 1947); missing without both ends."""
    order = np.argsort(p, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(p[order]) > 0])
    w = weight[:, order]
    pos = np.add.reduceat(w * bad[order], starts, axis=1)
    neg = np.add.reduceat(w * (1 - bad[order]), starts, axis=1)
    wins = (pos * (np.cumsum(neg, axis=1) - neg / 2)).sum(axis=1)
    pairs = pos.sum(axis=1) * neg.sum(axis=1)
    return np.divide(wins, pairs, out=np.full(len(w), np.nan), where=pairs > 0)


def brier(bad: Array, p: Array, weight: Array) -> Array:
    """(draws,): mean squared difference of probability and end (Brier 1950)."""
    found: Array = weight @ (p - bad) ** 2 / weight.sum(axis=1)
    return found


def calibration(bad: Array, p: Array, weight: Array) -> tuple[Array, Array]:
    """(draws,) each: intercept with the slope held at 1 (0 is right), and slope with its own intercept (1 is right).

    Logistic regressions of the end on the logit of p (Cox 1958). Missing where a draw has one end only or does not
    converge.
    """
    inside = np.clip(p, CLIP, 1 - CLIP)
    x = np.log(inside / (1 - inside))
    b = len(weight)
    # the slope starts from 0, from where Newton's method gets to the maximum even if probabilities lie near 0 or 1
    level, slope = np.zeros(b), np.zeros(b)
    with np.errstate(all="ignore"):
        odds = (weight @ bad) / (weight @ (1 - bad))
        own = np.log(np.where(np.isfinite(odds) & (odds > 0), odds, 1.0))
    move1 = np.full(b, np.inf)
    with np.errstate(all="ignore"):
        for _ in range(STEPS):
            q = _expit(level[:, None] + x)
            move = (weight * (bad - q)).sum(axis=1) / (weight * q * (1 - q)).sum(axis=1)
            level = level + np.clip(move, -2, 2)
            if not np.nanmax(np.abs(move), initial=0.0) > 1e-10:
                break
        for _ in range(STEPS):
            q = _expit(own[:, None] + slope[:, None] * x)
            v, r = weight * q * (1 - q), weight * (bad - q)
            s0, s1, s2 = v.sum(axis=1), v @ x, v @ x**2
            g0, g1 = r.sum(axis=1), r @ x
            det = s0 * s2 - s1**2
            move0, move1 = (s2 * g0 - s1 * g1) / det, (s0 * g1 - s1 * g0) / det
            own, slope = own + np.clip(move0, -2, 2), slope + np.clip(move1, -2, 2)
            if not max(np.nanmax(np.abs(move0), initial=0.0), np.nanmax(np.abs(move1), initial=0.0)) > 1e-10:
                break
    ends = (weight @ bad > 0) & (weight @ (1 - bad) > 0)
    alike = np.ptp(x) < 1e-9
    steep = np.abs(move1) < 1e-6 if not alike else np.zeros(b, bool)
    return np.where(ends, level, np.nan), np.where(ends & steep, slope, np.nan)


def _expit(x: Array) -> Array:
    found: Array = 1 / (1 + np.exp(-x))
    return found


def referred(p: Array, thresholds: Array) -> Array:
    """(n, thresholds): 1 where the probability reaches the threshold."""
    return (p[:, None] >= thresholds).astype(float)


def net_benefit(bad: Array, p: Array, weight: Array, thresholds: Array) -> Array:
    """(draws, thresholds): true positives less false ones at the odds of the threshold, per person (Vickers & Elkin
    2006). A decision to refer nobody has 0.
    """
    who = referred(p, thresholds)
    total = weight.sum(axis=1, keepdims=True)
    true, false = (weight * bad) @ who / total, (weight * (1 - bad)) @ who / total
    found: Array = true - false * thresholds / (1 - thresholds)
    return found


def refer_all(bad: Array, weight: Array, thresholds: Array) -> Array:
    """(draws, thresholds): net benefit of referring everybody."""
    share = (weight @ bad / weight.sum(axis=1))[:, None]
    found: Array = share - (1 - share) * thresholds / (1 - thresholds)
    return found


def interval(values: Array, level: float = 0.95) -> tuple[float, float, float]:
    """Estimate (the first draw) and percentile limits of the others; limits are missing without draws."""
    others = values[1:][np.isfinite(values[1:])]
    if len(others) < 2:
        return float(values[0]), float("nan"), float("nan")
    low, high = np.quantile(others, [0.5 - level / 2, 0.5 + level / 2])
    return float(values[0]), float(low), float(high)
