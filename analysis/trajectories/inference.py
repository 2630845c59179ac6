"""Standard errors three ways, and tests of linear hypotheses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

Array = NDArray[np.float64]

FEWEST_CLUSTERS = 20
"""Below this many clusters a cluster-robust error is refused: it would be too small."""


class InferenceError(ValueError):
    """Standard errors cannot be had; the message says why."""


def inverse_information(information: Array) -> Array:
    """Covariance of the estimates from the observed information. Raises InferenceError where it is not definite."""
    try:
        lower = np.linalg.cholesky(information)
    except np.linalg.LinAlgError:
        raise InferenceError(
            "the observed information is not positive definite: the solution has no standard errors; see its problems"
        ) from None
    root = np.linalg.inv(lower)
    found: Array = root.T @ root
    return found


def sandwich(
    information: Array, scores: Array, weight: Array | None = None, clusters: NDArray[np.intp] | None = None
) -> Array:
    """Robust covariance I^-1 B I^-1 (Huber 1967).

    `scores` (free, N) are those of persons without their `weight`. With `clusters` (N,), codes from 0, B sums within
    clusters and is scaled by G / (G - 1).
    """
    bread = inverse_information(information)
    weighted = scores if weight is None else scores * weight
    if clusters is not None:
        n = int(clusters.max()) + 1
        if n < FEWEST_CLUSTERS:
            raise InferenceError(f"{n} clusters are too few for cluster-robust errors; at least {FEWEST_CLUSTERS}")
        summed = np.stack([np.bincount(clusters, row, n) for row in weighted])
        meat = summed @ summed.T * n / (n - 1)
    else:
        meat = weighted @ weighted.T
    found: Array = bread @ meat @ bread
    return found


@dataclass(frozen=True)
class Wald:
    """A test that linear combinations of parameters have given values."""

    statistic: float
    df: int
    p_value: float


def wald(contrast: Array, values: Array, covariance: Array, null: Array | float = 0.0) -> Wald:
    """Wald test of `contrast` @ parameters = `null`; `contrast` (rows, parameters) of full row rank."""
    contrast = np.atleast_2d(contrast)
    difference = contrast @ values - null
    spread = contrast @ covariance @ contrast.T
    if np.linalg.matrix_rank(spread, hermitian=True) < len(contrast):
        raise InferenceError("the hypotheses are not independent of each other; drop the redundant ones")
    statistic = float(difference @ np.linalg.solve(spread, difference))
    return Wald(statistic, len(contrast), float(chi2.sf(statistic, len(contrast))))
