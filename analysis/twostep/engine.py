"""What estimators stacked upon a class model ask of its likelihood: the one place that knows how to ask.

Works for every family that the class model can have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.trajectories.design import Design
from analysis.trajectories.likelihood import log_posterior_slopes, solution

Array = NDArray[np.float64]


@dataclass(frozen=True)
class At:
    """The class model at one point. `log_joint` (k, N); `scores` (free, N) of persons; `slopes` (N, k, free), those of
    the logarithms of the posterior probabilities: a class' complete-data score is `slopes` + `scores`.
    """

    loglik: float
    log_joint: Array
    scores: Array
    slopes: Array


def at(design: Design, phi: Array) -> At:
    """The likelihood of `design` at `phi` (free,), in internal coordinates, with what each person contributes."""
    found = solution(design.st, design.data, phi)
    return At(found.loglik, found.log_joint, found.scores, log_posterior_slopes(design.st, design.data, phi))


def log_joint(design: Design, phi: Array) -> Array:
    """(k, N): log prior + log density of the scores, in internal coordinates."""
    return solution(design.st, design.data, phi).log_joint


def posterior(log_joint: Array) -> Array:
    """(k, N) probabilities of the classes from their log joint densities."""
    p = np.exp(log_joint - log_joint.max(axis=0))
    found: Array = p / p.sum(axis=0)
    return found
