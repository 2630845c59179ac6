"""Estimating equations with one linear index: sum_i c_i s(x_i'b, t_i) x_i = 0, each the slope of a concave function.

Logistic likelihood, covariate balancing propensity scores, inverse probability tilting and entropy balancing are all
of this kind, so that one Newton solver serves them, and their bootstrap replicates all at once (`bootstrap`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from analysis.weighting.covariates import ROWS, inverse

Array = NDArray[np.float64]
Function = Callable[[Array, Array], Array]

FAR = 40.0
"""An index that far out means that the equations have no finite solution."""
ITERATIONS, TOLERANCE = 100, 1e-13
FLAT = 1e-7
"""Information below this share of what balanced choice would give: the choice is determined by the columns."""


@dataclass(frozen=True)
class Equation:
    """`value` is maximised; `score` is its slope and `curve` minus its curvature in the index, both (n, …)."""

    name: str
    value: Function
    score: Function
    curve: Function


def _safe_exp(z: Array) -> Array:
    return np.exp(np.minimum(z, FAR + 10))


LOGISTIC = Equation(
    "logistic",
    lambda e, t: t * e - np.logaddexp(0.0, e),
    lambda e, t: t - expit(e),
    lambda e, t: expit(e) * expit(-e),
)
CBPS_ATE = Equation(
    "covariate balancing, ATE",
    lambda e, t: t * (e - _safe_exp(-e)) - (1 - t) * (e + _safe_exp(e)),
    lambda e, t: t * (1 + _safe_exp(-e)) - (1 - t) * (1 + _safe_exp(e)),
    lambda e, t: t * _safe_exp(-e) + (1 - t) * _safe_exp(e),
)
CBPS_ATT = Equation(
    "covariate balancing, ATT",
    lambda e, t: t * e - (1 - t) * _safe_exp(e),
    lambda e, t: t - (1 - t) * _safe_exp(e),
    lambda e, t: (1 - t) * _safe_exp(e),
)
CBPS_ATC = Equation(
    "covariate balancing, ATC",
    lambda e, t: -t * _safe_exp(-e) - (1 - t) * e,
    lambda e, t: t * _safe_exp(-e) - (1 - t),
    lambda e, t: t * _safe_exp(-e),
)
TILTING = Equation(
    "inverse probability tilting",
    lambda e, t: t * (e - _safe_exp(-e)) - e,
    lambda e, t: t * (1 + _safe_exp(-e)) - 1,
    lambda e, t: t * _safe_exp(-e),
)
ENTROPY = Equation(
    "entropy balancing",
    lambda e, t: e - t * _safe_exp(e),
    lambda e, t: 1 - t * _safe_exp(e),
    lambda e, t: t * _safe_exp(e),
)
"""Weights exp(index) of the chosen sum to the totals of everybody: exponential tilting, raking to the population."""


@dataclass(frozen=True)
class Solution:
    """`b` (p,), the index `e` (n,), the information (p, p), and whether it is a maximum."""

    b: Array
    e: Array
    information: Array
    converged: bool
    flat: bool


def information(x: Array, weight: Array) -> Array:
    """X' diag(weight) X, some rows at a time."""
    found = np.zeros((x.shape[1], x.shape[1]))
    for at in range(0, len(x), ROWS):
        part = x[at : at + ROWS]
        found += (part * weight[at : at + ROWS, None]).T @ part
    return found


def solve(
    equation: Equation,
    x: Array,
    t: Array,
    case: Array | None = None,
    ridge: Array | None = None,
    start: Array | None = None,
) -> Solution:
    """Newton's method with halved steps. `case` (n,): how much a row counts; b'`ridge` b / 2 is taken off."""
    n, p = x.shape
    c = np.ones(n) if case is None else case
    penalty = np.zeros((p, p)) if ridge is None else ridge
    b = np.zeros(p) if start is None else start.copy()
    e = x @ b

    def objective(e: Array, b: Array) -> float:
        return float(c @ equation.value(e, t)) - 0.5 * float(b @ penalty @ b)

    value, converged = objective(e, b), False
    info = np.eye(p)
    for _ in range(ITERATIONS):
        gradient = (c * equation.score(e, t)) @ x - penalty @ b
        info = information(x, c * equation.curve(e, t)) + penalty
        try:
            step = np.linalg.solve(info, gradient)
        except np.linalg.LinAlgError:
            return Solution(b, e, info, False, True)
        gain = float(gradient @ step)
        if not np.isfinite(gain) or gain < 0:
            return Solution(b, e, info, False, True)
        if gain < TOLERANCE * max(1.0, float(c.sum())):
            converged = True
            b = b + step
            e = x @ b
            break
        length = min(1.0, 5.0 / float(np.abs(step).max()))
        for _ in range(40):
            trial = b + length * step
            ahead = x @ trial
            new = objective(ahead, trial)
            if np.isfinite(new) and new >= value - 1e-12 * abs(value):
                break
            length /= 2
        b, e, value = trial, ahead, new
        if float(np.abs(e).max()) > FAR and gain < 1e-6 * float(c.sum()):
            break
    info = information(x, c * equation.curve(e, t)) + penalty
    smallest = float(np.linalg.eigvalsh(info)[0]) if p else 1.0
    chosen = float(c @ t)
    scale = max(min(chosen, float(c.sum()) - chosen), 1.0)
    flat = not smallest > FLAT * scale
    return Solution(b, e, info, converged, flat)


def firth(x: Array, t: Array, case: Array | None = None) -> tuple[Solution, Array]:
    """Logistic regression with Firth's penalty (1993), finite under separation; also the scores (n,) set to zero."""
    n, p = x.shape
    c = np.ones(n) if case is None else case
    b = np.zeros(p)
    converged = False
    for _ in range(ITERATIONS * 3):
        e = x @ b
        chance = expit(e)
        v = c * chance * (1 - chance)
        info = information(x, v)
        bread = inverse(info)
        leverage = v * np.einsum("ij,ij->i", x @ bread, x)
        score = c * (t - chance) + leverage * (0.5 - chance)
        gradient = score @ x
        step = bread @ gradient
        b = b + step * min(1.0, 2.0 / float(np.abs(step).max()))
        if float(gradient @ step) < TOLERANCE * max(1.0, float(c.sum())):
            converged = True
            break
    e = x @ b
    chance = expit(e)
    v = c * chance * (1 - chance)
    info = information(x, v)
    leverage = v * np.einsum("ij,ij->i", x @ inverse(info), x)
    return Solution(b, e, info, converged, False), c * (t - chance) + leverage * (0.5 - chance)
