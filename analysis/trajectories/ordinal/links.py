"""Log probability between two bounds, with derivatives, without loss where the bounds are close or far out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, log_ndtr, ndtr

Array = NDArray[np.float64]

EDGE = 1e4
"""Stands for the infinite bound of the outermost categories: every derivative there is exactly zero."""
HALF_LOG_TAU = 0.5 * float(np.log(2 * np.pi))


class Interval(NamedTuple):
    """log(F(upper) - F(lower)) and its first and second derivatives by the bounds."""

    value: Array
    upper: Array
    lower: Array
    upper2: Array
    lower2: Array
    mixed: Array


def interval(link: str, lower: Array, upper: Array) -> Interval:
    """log(F(upper) - F(lower)) for arrays of bounds, lower < upper elementwise."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return _logit(lower, upper) if link == "logit" else _probit(lower, upper)


def _logit(lower: Array, upper: Array) -> Interval:
    """F(b) - F(a) = F(b) F(-a) (1 - exp(a - b)), a product, so nothing cancels."""
    gap = upper - lower
    inverse = 1.0 / np.expm1(gap)
    rest, below = expit(-upper), expit(lower)
    curve = inverse * (1.0 + inverse)
    return Interval(
        log_expit(upper) + log_expit(-lower) + np.log(-np.expm1(-gap)),
        rest + inverse,
        -below - inverse,
        -rest * (1.0 - rest) - curve,
        -below * (1.0 - below) - curve,
        curve,
    )


def _probit(lower: Array, upper: Array) -> Interval:
    """The difference is taken in the tail where both probabilities are small, on the logarithmic scale."""
    flip = lower > 0
    large, small = log_ndtr(np.where(flip, -lower, upper)), log_ndtr(np.where(flip, -upper, lower))
    value = large + np.log(-np.expm1(small - large))
    u = np.exp(-0.5 * upper**2 - HALF_LOG_TAU - value)
    v = np.exp(-0.5 * lower**2 - HALF_LOG_TAU - value)
    return Interval(value, u, -v, -upper * u - u**2, lower * v - v**2, u * v)


def cumulative(link: str, at: Array) -> tuple[Array, Array]:
    """F and its density."""
    if link == "logit":
        p = expit(at)
        return p, p * (1.0 - p)
    return ndtr(at), np.exp(-0.5 * at**2 - HALF_LOG_TAU)


LINK_SD = {"logit": float(np.pi / np.sqrt(3)), "probit": 1.0}
"""Standard deviation of the latent distribution."""
