"""Densities of an outcome given its linear predictor, with first and second derivatives.

Functions take the outcome z (..., n), the linear predictor l of the same shape and, for the normal family, the
logarithm of the standard deviation; see `Terms` for what they give.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaln

Array = NDArray[np.float64]

FAMILIES = ("binary", "normal", "count")


@dataclass(frozen=True)
class Terms:
    """log f, its slopes by l and log sd, and its second derivatives (l l, l log sd, log sd twice)."""

    value: Array
    by_l: Array
    by_s: Array
    ll: Array
    ls: Array
    ss: Array


def terms(family: str, z: Array, l: Array, log_s: Array | float = 0.0) -> Terms:  # noqa: E741
    """All terms of one family: logit for `binary`, identity for `normal`, log for `count`."""
    nothing = np.zeros_like(l)
    if family == "binary":
        p = expit(l)
        return Terms(z * l - np.logaddexp(0, l), z - p, nothing, -p * (1 - p), nothing, nothing)
    if family == "count":
        rate = np.exp(np.minimum(l, 700.0))
        return Terms(z * l - rate - gammaln(z + 1), z - rate, nothing, -rate, nothing, nothing)
    precision = np.exp(-2.0 * np.asarray(log_s)) + nothing
    residual = z - l
    square = residual**2 * precision
    return Terms(
        -0.5 * square - log_s - 0.5 * np.log(2 * np.pi),
        residual * precision,
        square - 1,
        -precision,
        -2 * residual * precision,
        -2 * square,
    )


def mean(family: str, l: Array) -> tuple[Array, Array]:  # noqa: E741
    """Expected outcome at the linear predictor, and its slope."""
    if family == "binary":
        p = expit(l)
        return p, p * (1 - p)
    if family == "count":
        rate = np.exp(l)
        return rate, rate
    return l, np.ones_like(l)
