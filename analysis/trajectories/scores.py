"""The likelihood at one solution: totals and what each person contributes, in the order of the free parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.trajectories import params
from analysis.trajectories.design import Design
from analysis.trajectories.kernel import class_scores, evaluate

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Solution:
    """`gradient` (free,), `hessian` (free, free), `scores` (free, N) without weights, `log_joint` (k, N).

    `log_joint` is log prior + log density of the scores in internal coordinates; subtract visits x log(scale) for the
    units of the frame.
    """

    loglik: float
    gradient: Array
    hessian: Array
    scores: Array
    log_joint: Array


def solution(design: Design, phi: Array) -> Solution:
    """The likelihood of `design` at `phi` (free,)."""
    st, point = design.st, phi[None]
    found = evaluate(st, design.panel, params.natural(st, point), order=2, persons=True)
    slope, curve = params.chain(st, point, found.gradient, found.hessian)
    scores = params.jacobian(st, point)[0].T @ found.scores[0]
    return Solution(float(found.loglik[0]), slope[0], curve[0], scores, found.log_joint[0])


def log_posterior_slopes(design: Design, phi: Array) -> Array:
    """(N, k, free): derivatives by `phi` of the logarithms of the posterior probabilities.

    What a two-step estimator needs to carry the first step's uncertainty: u_ik - s_i, the complete-data score of a
    class minus the person's own.
    """
    st, point = design.st, phi[None]
    nat = params.natural(st, point)
    jac = params.jacobian(st, point)[0]
    complete, posterior = class_scores(st, design.panel, nat)
    by_class = np.einsum("knp,nf->kpf", complete, jac)
    own = np.einsum("kpf,kp->pf", by_class, posterior)
    found: Array = (by_class - own).transpose(1, 0, 2)
    return found
