"""The likelihood of any family at given points, in the free order: what optimisers and results read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.trajectories import params, quadrature
from analysis.trajectories.censored import CensoredPanel
from analysis.trajectories.kernel import class_scores, evaluate, random_effects
from analysis.trajectories.panel import Panel
from analysis.trajectories.structure import Structure

Array = NDArray[np.float64]
Data = Panel | CensoredPanel
Objective = Callable[[Array], tuple[Array, Array, Array]]
"""(R, free) -> log-likelihood (R,), gradient (R, free), Hessian (R, free, free)."""


@dataclass(frozen=True)
class Solution:
    """The likelihood at one point.

    `gradient` (free,), `hessian` (free, free), `scores` (free, N) without weights, `log_joint` (k, N): log prior + log
    density of the scores in internal coordinates; subtract visits x log(scale) for the units of the frame.
    """

    loglik: float
    gradient: Array
    hessian: Array
    scores: Array
    log_joint: Array


def objective(st: Structure, data: Data) -> Objective:
    """Log-likelihood, gradient and Hessian at many points."""
    if isinstance(data, CensoredPanel):
        return _censored_objective(st, data)

    def at(phi: Array) -> tuple[Array, Array, Array]:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            found = evaluate(st, data, params.natural(st, phi), order=2)
            slope, curve = params.chain(st, phi, found.gradient, found.hessian)
        return found.loglik, slope, curve

    return at


def loglik(st: Structure, data: Data, phi: Array) -> float:
    """Log-likelihood at the one point `phi` (free,)."""
    if isinstance(data, Panel):
        return float(evaluate(st, data, params.natural(st, phi[None])).loglik[0])
    plain, hidden = _split(data)
    value = quadrature.integrate(st, data.take(hidden), phi, order=0).loglik if len(hidden) else 0.0
    return value + (loglik(st, data.seen.take(plain), phi) if len(plain) else 0.0)


def solution(st: Structure, data: Data, phi: Array) -> Solution:
    """The likelihood at the one point `phi` (free,), with what each person contributes."""
    if isinstance(data, Panel):
        point = phi[None]
        found = evaluate(st, data, params.natural(st, point), order=2, persons=True)
        slope, curve = params.chain(st, point, found.gradient, found.hessian)
        scores = params.jacobian(st, point)[0].T @ found.scores[0]
        return Solution(float(found.loglik[0]), slope[0], curve[0], scores, found.log_joint[0])
    scores, joint = np.empty((st.n_free, data.n)), np.empty((st.k, data.n))
    total, slope, curve = 0.0, np.zeros(st.n_free), np.zeros((st.n_free, st.n_free))
    plain, hidden = _split(data)
    if len(plain):
        seen = solution(st, data.seen.take(plain), phi)
        scores[:, plain], joint[:, plain] = seen.scores, seen.log_joint
        total, slope, curve = total + seen.loglik, slope + seen.gradient, curve + seen.hessian
    if len(hidden):
        rest = quadrature.integrate(st, data.take(hidden), phi, order=2, persons=True)
        scores[:, hidden], joint[:, hidden] = rest.scores, rest.log_joint
        total, slope, curve = total + rest.loglik, slope + rest.gradient, curve + rest.hessian
    return Solution(total, slope, curve, scores, joint)


def log_posterior_slopes(st: Structure, data: Data, phi: Array) -> Array:
    """(N, k, free): derivatives by `phi` of the logarithms of the posterior probabilities.

    What a two-step estimator needs to carry the first step's uncertainty: the score of a person's scores in a class
    minus the person's own.
    """
    if isinstance(data, Panel):
        complete, posterior = class_scores(st, data, params.natural(st, phi[None]))
        by_class = np.einsum("knp,nf->kfp", complete, params.jacobian(st, phi[None])[0])
        own = np.einsum("kfp,kp->fp", by_class, posterior)
        found: Array = (by_class - own).transpose(2, 0, 1)
        return found
    found = np.empty((data.n, st.k, st.n_free))
    plain, hidden = _split(data)
    if len(plain):
        found[plain] = log_posterior_slopes(st, data.seen.take(plain), phi)
    if len(hidden):
        rest = quadrature.integrate(st, data.take(hidden), phi, order=2, persons=True)
        found[hidden] = (rest.class_scores - rest.scores).transpose(2, 0, 1)
    return found


def effects(st: Structure, data: Data, phi: Array) -> tuple[Array, Array, Array]:
    """Given the scores at `phi` (free,): log joint (k, N), mean (k, N, q) and covariance (k, N, q, q) of effects."""
    if isinstance(data, Panel):
        return random_effects(st, data, params.natural(st, phi[None]))
    k, q = st.k, st.q
    joint, mean, spread = np.empty((k, data.n)), np.empty((k, data.n, q)), np.empty((k, data.n, q, q))
    plain, hidden = _split(data)
    if len(plain):
        joint[:, plain], mean[:, plain], spread[:, plain] = effects(st, data.seen.take(plain), phi)
    if len(hidden):
        rest = quadrature.integrate(st, data.take(hidden), phi, order=0, persons=True)
        joint[:, hidden], mean[:, hidden], spread[:, hidden] = rest.log_joint, rest.mean, rest.spread
    return joint, mean, spread


def _split(data: CensoredPanel) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Persons without and with a censored score."""
    touched = data.touched
    return np.flatnonzero(~touched), np.flatnonzero(touched)


def _censored_objective(st: Structure, data: CensoredPanel) -> Objective:
    plain, hidden = _split(data)
    seen = objective(st, data.seen.take(plain)) if len(plain) else None
    part = data.take(hidden) if len(hidden) else None

    def at(phi: Array) -> tuple[Array, Array, Array]:
        r = len(phi)
        total, slope, curve = np.zeros(r), np.zeros((r, st.n_free)), np.zeros((r, st.n_free, st.n_free))
        if seen is not None:
            total, slope, curve = seen(phi)
        if part is None:
            return total, slope, curve
        for i, point in enumerate(phi):
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                found = quadrature.integrate(st, part, point, order=2)
            total[i] += found.loglik
            slope[i] += found.gradient
            curve[i] += found.hessian
        return total, slope, curve

    return at
