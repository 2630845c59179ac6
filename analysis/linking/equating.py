"""The two linking functions of observed scores: equipercentile and linear, for one table or a batch of them.

Definitions after Kolen & Brennan, Test Equating, Scaling, and Linking: percentile ranks of whole scores with half of
the score's own share (a uniform kernel), and their inverse on the other scale.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Sums of probabilities that should be equal differ in the last digits; so do published figures.
_EPS = 1e-10


def percentile_ranks(probabilities: Floats) -> Floats:
    """Share below each score and half of the share at it; same shape, last axis the scores."""
    cumulated = np.cumsum(probabilities, axis=-1)
    return cumulated - 0.5 * probabilities


def equipercentile(px: Floats, py: Floats, y_min: float = 0.0) -> Floats:
    """Equivalents on Y of every score of X, from the distributions px (…, X) and py (…, Y) of whole scores.

    Where a score of Y has no share there are two equivalents, from above and from below, and the middle is taken. Half
    a point beyond the ends of Y is the farthest that an equivalent can lie.
    """
    px, py = np.atleast_2d(px), np.atleast_2d(py)
    rank = percentile_ranks(px)[..., :, None]
    below = np.concatenate([np.zeros((*py.shape[:-1], 1)), np.cumsum(py, axis=-1)], axis=-1)
    edges = below[..., None, :]
    points = py.shape[-1]
    # from above: the smallest score whose upper edge lies beyond the rank
    upper = np.clip((edges[..., 1:] <= rank + _EPS).sum(axis=-1), 0, points - 1)
    # from below: the largest score whose lower edge lies before it
    lower = np.clip((edges[..., :-1] < rank - _EPS).sum(axis=-1) - 1, 0, points - 1)
    found = (_inverse(rank[..., 0], below, py, upper) + _inverse(rank[..., 0], below, py, lower)) / 2
    out: Floats = (y_min + np.clip(found, -0.5, points - 0.5)).astype(np.float64)
    return out


def _inverse(rank: Floats, below: Floats, py: Floats, place: NDArray[np.int64]) -> Floats:
    edge = np.take_along_axis(below, place, axis=-1)
    share = np.take_along_axis(py, place, axis=-1)
    some = share > np.finfo(np.float64).tiny
    within = np.where(some, np.clip(rank - edge, 0.0, share) / np.where(some, share, 1.0), 0.5)
    out: Floats = (place - 0.5 + within).astype(np.float64)
    return out


def moments(probabilities: Floats, scores: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation (divisor n) of whole scores; the last axis is summed over."""
    mean = (probabilities * scores).sum(axis=-1)
    square = (probabilities * scores**2).sum(axis=-1)
    return mean, np.sqrt(np.maximum(square - mean**2, 0.0))


def linear(px: Floats, py: Floats, x: Floats, y: Floats, at: Floats) -> Floats:
    """Equivalents on Y at the scores `at` of X by mean and standard deviation (mean-sigma)."""
    (mean_x, sd_x), (mean_y, sd_y) = moments(px, x), moments(py, y)
    out: Floats = mean_y[..., None] + (sd_y / sd_x)[..., None] * (at - mean_x[..., None])
    return out


def linear_se_normal(n: int, sd_y: float, correlation: float, z: Floats) -> Floats:
    """Standard error of the linear link in a single group of `n` independent persons with normal scores.

    Lord's formula (1950), as Kolen & Brennan give it in their table of linear standard errors; `z` are standardised
    scores of X.
    """
    out: Floats = sd_y * np.sqrt((1 - correlation) * (2 + (1 + correlation) * z**2) / n)
    return out


def linear_se_clustered(x: Floats, y: Floats, person: NDArray[np.int64], at: Floats) -> Floats:
    """Standard error of the linear link by the delta method, summed within persons; no distribution is assumed.

    `x`, `y`: scores of each pair; `person`: number of the person, 0 to n - 1, who may have several pairs.
    """
    n = len(x)
    mean_x, mean_y, sd_x, sd_y = x.mean(), y.mean(), x.std(), y.std()
    slope = sd_y / sd_x
    u, v = (x - mean_x) / sd_x, (y - mean_y) / sd_y
    level = sd_y * (v - u)
    tilt = slope * (v**2 - u**2) / 2
    clusters = int(person.max()) + 1
    levels, tilts = (np.bincount(person, weights=w, minlength=clusters) for w in (level, tilt))
    influence = levels[:, None] + tilts[:, None] * (at - mean_x)
    out: Floats = np.sqrt((influence**2).sum(axis=0)) / n
    return out
