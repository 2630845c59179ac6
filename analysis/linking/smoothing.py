"""Log-linear presmoothing of score distributions, many tables at once.

A polynomial log-linear model keeps the first moments of each margin and the first cross moments of the pair (Holland &
Thayer 2000, Journal of Educational and Behavioral Statistics 25:133-183). Its likelihood equations say that fitted and
observed moments are equal; Newton's method solves them for a whole batch of tables (the bootstrap) with one matrix
product per step, so that nothing loops over replicates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

Floats = NDArray[np.float64]

ROUNDS = 60
TOLERANCE = 1e-9
DEGREES = (4, 5, 6, 7, 8)
"""Degrees of a margin between which the criterion chooses. The first four moments are always kept: fewer bend the link
where scores pile up near the floor, an error that no standard error shows."""


class SmoothingError(ValueError):
    """The model of these counts has no finite solution, as when a score takes one value only."""


@dataclass(frozen=True)
class Degrees:
    """Highest power of each margin, and of the cross products x^i y^j (i, j up to `cross`)."""

    x: int
    y: int
    cross: int = 1


@dataclass(frozen=True)
class Fitted:
    """Fitted probabilities (tables, cells), coefficients (tables, terms) and log-likelihood (tables,)."""

    probabilities: Floats
    coefficients: Floats
    log_likelihood: Floats


def powers(points: int, degree: int) -> Floats:
    """Legendre polynomials of degrees 1 to `degree` on equally spaced scores; (points, degree).

    They span the same space as plain powers and do not lose digits.
    """
    at = np.linspace(-1.0, 1.0, points)
    out: Floats = np.polynomial.legendre.legvander(at, degree)[:, 1:].astype(np.float64)
    return out


def joint_design(points_x: int, points_y: int, degrees: Degrees) -> Floats:
    """Terms of the joint model; rows are cells with y running fastest."""
    x = np.repeat(powers(points_x, degrees.x), points_y, axis=0)
    y = np.tile(powers(points_y, degrees.y), (points_x, 1))
    crossed = [x[:, i] * y[:, j] for i in range(degrees.cross) for j in range(degrees.cross)]
    return np.column_stack([x, y, *crossed])


def fit(counts: Floats, design: Floats, *, start: Floats | None = None) -> Fitted:
    """Fit the model to each row of `counts` (tables, cells). Raises SmoothingError.

    Matrix products run on one thread: the sums are then the same on every machine, and small ones are several times
    faster than shared out.
    """
    with _threads().limit(limits=1, user_api="blas"):
        return _fit(counts, design, start)


@cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def _fit(counts: Floats, design: Floats, start: Floats | None) -> Fitted:
    counts = np.atleast_2d(np.asarray(counts, dtype=np.float64))
    n = counts.sum(axis=1)
    if not (n > 0).all():
        raise SmoothingError("a table without observations cannot be smoothed")
    observed = counts @ design / n[:, None]
    terms = design.shape[1]
    products = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    beta = np.zeros((len(counts), terms)) if start is None else np.broadcast_to(start, (len(counts), terms)).copy()
    value, p = _objective(beta, observed, design)
    # tables that are done are left alone: a few slow ones would otherwise cost as much as all
    active = np.arange(len(counts))
    for _ in range(ROUNDS):
        mean = p[active] @ design
        gradient = observed[active] - mean
        open_ = np.abs(gradient).max(axis=1) >= TOLERANCE
        active, mean, gradient = active[open_], mean[open_], gradient[open_]
        if not len(active):
            break
        information = (p[active] @ products).reshape(-1, terms, terms) - mean[:, :, None] * mean[:, None, :]
        information += 1e-12 * np.eye(terms)
        step = np.linalg.solve(information, gradient[:, :, None])[:, :, 0]
        beta[active], value[active], p[active] = _halved(beta[active], step, value[active], observed[active], design)
    else:
        raise SmoothingError(
            "the log-linear model has no finite solution here: a score is too rarely observed, or takes one value only"
        )
    # the objective is minus the log-likelihood per observation, up to what the data alone decide
    return Fitted(p, beta, -value * n)


def _objective(beta: Floats, observed: Floats, design: Floats) -> tuple[Floats, Floats]:
    score = beta @ design.T
    top = score.max(axis=1, keepdims=True)
    weights = np.exp(score - top)
    total = weights.sum(axis=1, keepdims=True)
    value = (np.log(total) + top)[:, 0] - (beta * observed).sum(axis=1)
    return value, weights / total


def _halved(
    beta: Floats, step: Floats, value: Floats, observed: Floats, design: Floats
) -> tuple[Floats, Floats, Floats]:
    """The Newton step, halved for those tables that it would make worse."""
    scale = np.ones(len(beta))
    for _ in range(40):
        tried = beta + scale[:, None] * step
        now, p = _objective(tried, observed, design)
        worse = ~(now <= value + 1e-12)
        if not worse.any():
            break
        scale = np.where(worse, scale / 2, scale)
    return tried, now, p


def choose_degree(counts: Floats, criterion: str = "aic", degrees: tuple[int, ...] = DEGREES) -> int:
    """The degree of a margin with the smallest AIC or BIC; of equal ones the lowest.

    AIC is the default: in simulations of equating it left the smallest error of the link, where stricter criteria
    smooth away what is there (Moses & Holland 2009, Journal of Educational Measurement 46:159-176).

    Degrees that the number of observed scores cannot carry are not tried. Raises SmoothingError where none can be.
    """
    n, seen = float(counts.sum()), int((counts > 0).sum())
    tried = [d for d in degrees if d < seen]
    if not tried:
        raise SmoothingError(f"only {seen} different scores were observed: too few to smooth")
    per_term = {"aic": 2.0, "bic": np.log(n)}[criterion]
    cost = [per_term * d - 2 * fit(counts, powers(len(counts), d)).log_likelihood[0] for d in tried]
    return tried[int(np.argmin(cost))]


def choose(joint: Floats, criterion: str = "aic") -> Degrees:
    """Degrees of a pair of scores (x by y counts): each margin by itself, then the cross products 1 or 2."""
    x, y = choose_degree(joint.sum(axis=1), criterion), choose_degree(joint.sum(axis=0), criterion)
    per_term = {"aic": 2.0, "bic": np.log(joint.sum())}[criterion]
    options = [Degrees(x, y, cross) for cross in (1, 2)]
    cost = []
    for option in options:
        design = joint_design(joint.shape[0], joint.shape[1], option)
        cost.append(per_term * design.shape[1] - 2 * fit(joint.ravel(), design).log_likelihood[0])
    return options[int(np.argmin(cost))]
