"""Linking through items: one graded response model for the items of both scales, and the totals it expects.

Samejima's model (1969): the chance of answering in category k or above is logistic in slope × severity + intercept k.
Parameters by marginal maximum likelihood with an EM algorithm on fixed quadrature nodes (Bock & Aitkin 1981); severity
is standard normal in the persons at hand. Both scales are calibrated at once on the persons who answered them, so their
parameters share one metric and no anchor is needed. The link joins the expected totals at the same severity: it is a
link of true scores, free of the unequal error that moves a link of observed ones.

Items are whole numbers from 0 and may be missing. What is added up to a total is an item here: of the QIDS its nine
domain scores, of which the largest item counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from analysis.linking.estimate import resamples

Floats = NDArray[np.float64]

NODES = np.linspace(-6.0, 6.0, 61)
CYCLES = 2000
TOLERANCE = 1e-4
"""Largest change of a parameter in the last cycle."""
HALVINGS = 20
GRID = np.linspace(-6.0, 6.0, 2401)


class CalibrationError(ValueError):
    """The items cannot be calibrated; the message says which and why."""


@dataclass(frozen=True)
class Calibration:
    """Slopes (items,), intercepts (items, most categories − 1; NaN beyond an item's own), and how it went."""

    slopes: Floats
    intercepts: Floats
    cycles: int
    log_likelihood: float

    @property
    def thresholds(self) -> Floats:
        """Severity at which category k or above has even odds: the b of other programs."""
        out: Floats = -self.intercepts / self.slopes[:, None]
        return out

    def expected(self, items: NDArray[np.int64], severity: Floats) -> Floats:
        """Expected sum of the named items at each severity."""
        reach = _above(self.slopes[items], self.intercepts[items], severity)
        out: Floats = np.nansum(reach, axis=2).sum(axis=0)
        return out


@dataclass(frozen=True)
class ItemLink:
    """Expected total of Y at the severity where that of X is `scores`; se: bootstrap of persons."""

    calibration: Calibration
    scores: Floats
    severity: Floats
    point: Floats
    se: Floats


def calibrate(
    answers: Floats, *, weights: Floats | None = None, start: Calibration | None = None, tolerance: float = TOLERANCE
) -> Calibration:
    """Fit the model to answers (persons, items), NaN where missing; `weights` count persons, as in a bootstrap.

    Raises CalibrationError for an item with one category only, with a category that nobody chose below a chosen one,
    or where the algorithm does not come to an end.
    """
    with threadpool_limits(1):
        return _calibrate(np.asarray(answers, dtype=np.float64), weights, start, tolerance)


def _calibrate(answers: Floats, weights: Floats | None, start: Calibration | None, tolerance: float) -> Calibration:
    n, items = answers.shape
    weight = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    top = _top(answers)
    most = int(top.max())
    chosen = (answers[:, :, None] == np.arange(most + 1)).reshape(n, -1).astype(np.float64)
    prior = np.exp(-0.5 * NODES**2)
    prior /= prior.sum()
    slopes, intercepts = (start.slopes.copy(), start.intercepts.copy()) if start else _first(answers, top)
    for cycle in range(1, CYCLES + 1):
        p = _categories(slopes, intercepts)
        likelihood = chosen @ np.log(np.maximum(p, 1e-300)).transpose(0, 2, 1).reshape(-1, len(NODES)) + np.log(prior)
        peak = likelihood.max(axis=1, keepdims=True)
        posterior = np.exp(likelihood - peak)
        total = posterior.sum(axis=1, keepdims=True)
        expected = (chosen.T @ (posterior / total * weight[:, None])).reshape(items, most + 1, len(NODES))
        new_slopes, new_intercepts = _scored(slopes, intercepts, expected, p)
        change = max(np.abs(new_slopes - slopes).max(), np.nanmax(np.abs(new_intercepts - intercepts)))
        slopes, intercepts = new_slopes, new_intercepts
        if change < tolerance:
            value = float((weight * (np.log(total) + peak)[:, 0]).sum())
            return Calibration(slopes, intercepts, cycle, value)
    raise CalibrationError(
        f"the calibration did not come to an end in {CYCLES} cycles; the last change was {change:.2g}"
    )


def _top(answers: Floats) -> NDArray[np.int64]:
    """Highest category of each item."""
    for place, column in enumerate(answers.T):
        seen = np.unique(column[~np.isnan(column)])
        if len(seen) < 2 or not np.array_equal(seen, np.arange(len(seen))):
            found = ", ".join(f"{v:g}" for v in seen) or "none"
            raise CalibrationError(
                f"item {place}: categories {found} were chosen; they must be 0, 1, … without a gap:"
                " join categories that nobody chose"
            )
    out: NDArray[np.int64] = np.nanmax(answers, axis=0).astype(np.int64)
    return out


def _first(answers: Floats, top: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Intercepts from how many answer in a category or above, slopes of 1.5."""
    levels = np.arange(1, int(top.max()) + 1)
    with np.errstate(invalid="ignore"):
        reached = (answers[:, :, None] >= levels).sum(axis=0) / (~np.isnan(answers)).sum(axis=0)[:, None]
    reached = np.clip(reached, 1e-3, 1 - 1e-3)
    # logistic of a slope of 1.5 on a standard normal severity: wider by about sqrt(1 + 1.5² / 2.9)
    intercepts = 1.33 * np.log(reached / (1 - reached))
    intercepts[levels > top[:, None]] = np.nan
    return np.full(len(top), 1.5), intercepts


def _above(slopes: Floats, intercepts: Floats, severity: Floats) -> Floats:
    """Chance of category k or above: (items, severities, most categories − 1)."""
    z = slopes[:, None, None] * severity[None, :, None] + intercepts[:, None, :]
    out: Floats = 1 / (1 + np.exp(-np.clip(z, -500, 500)))
    return out


def _categories(slopes: Floats, intercepts: Floats) -> Floats:
    """Chance of each category at each node: (items, nodes, most categories); 0 beyond an item's own."""
    reach = np.nan_to_num(_above(slopes, intercepts, NODES))
    edges = np.concatenate([np.ones((*reach.shape[:2], 1)), reach, np.zeros((*reach.shape[:2], 1))], axis=2)
    out: Floats = edges[:, :, :-1] - edges[:, :, 1:]
    return out


def _scored(slopes: Floats, intercepts: Floats, expected: Floats, p: Floats) -> tuple[Floats, Floats]:
    """One step of Fisher scoring for all items at once, from expected counts (items, categories, nodes).

    The step of an item is halved until its expected log-likelihood does not fall: a full one can make cuts cross where
    a category has few answers, and the cycles then never end.
    """
    own = ~np.isnan(intercepts)
    reach = np.nan_to_num(_above(slopes, intercepts, NODES))
    steep = reach * (1 - reach) * own[:, None, :]
    items, nodes, cuts = steep.shape
    by_cut = np.zeros((items, nodes, cuts + 1, cuts))
    place = np.arange(cuts)
    by_cut[:, :, place + 1, place] += steep
    by_cut[:, :, place, place] -= steep
    slope = (by_cut.sum(axis=3) * NODES[None, :, None])[..., None]
    derivative = np.concatenate([slope, by_cut], axis=3)
    safe = np.maximum(p, 1e-12)
    counts = expected.transpose(0, 2, 1)
    gradient = np.einsum("iqc,iqcp->ip", counts / safe, derivative)
    information = np.einsum("iq,iqcp,iqcr->ipr", counts.sum(axis=2), derivative / safe[..., None], derivative)
    # cuts that an item does not have stay where they are
    absent = np.concatenate([np.zeros((items, 1), dtype=bool), ~own], axis=1)
    information = np.where(absent[:, :, None] | absent[:, None, :], 0.0, information)
    information += np.eye(cuts + 1) * np.where(absent, 1.0, 1e-9)[:, :, None]
    step = np.clip(np.linalg.solve(information, np.where(absent, 0.0, gradient)[..., None])[..., 0], -1.0, 1.0)
    before, size, tried = _reached(slopes, intercepts, expected), np.ones(items), (slopes, intercepts)
    for _ in range(HALVINGS):
        tried = np.maximum(slopes + size * step[:, 0], 1e-3), intercepts + size[:, None] * step[:, 1:]
        falls = _reached(*tried, expected) < before - 1e-9 * np.abs(before)
        if not falls.any():
            break
        size = np.where(falls, size / 2, size)
    return tried


def _reached(slopes: Floats, intercepts: Floats, expected: Floats) -> Floats:
    """Expected log-likelihood of each item (items,)."""
    p = np.maximum(_categories(slopes, intercepts), 1e-300)
    out: Floats = (expected * np.log(p).transpose(0, 2, 1)).sum(axis=(1, 2))
    return out


def link_items(
    answers: Floats,
    x_items: NDArray[np.int64],
    y_items: NDArray[np.int64],
    *,
    lowest_x: float = 0.0,
    lowest_y: float = 0.0,
    person: NDArray[np.int64] | None = None,
    bootstraps: int = 50,
    seed: int = 1,
) -> ItemLink:
    """Link the total of `x_items` to that of `y_items` (columns of `answers`, one row per visit).

    `person` numbers the person of each row, 0 to n − 1, who is drawn with all visits; without it each row is a person.
    `lowest_x`, `lowest_y`: totals when every answer is 0. Scores of X at the very ends, which the model only comes near
    to, have no equivalent. Raises CalibrationError.
    """
    whole = calibrate(answers)
    highest = float(np.nansum(np.nanmax(answers[:, x_items], axis=0)))
    scores = np.arange(1.0, highest)
    severity = np.interp(scores, whole.expected(x_items, GRID), GRID)
    inside = (severity > GRID[0]) & (severity < GRID[-1])
    person = np.arange(len(answers)) if person is None else person
    drawn = resamples(int(person.max()) + 1, bootstraps, seed).astype(np.float64)[:, person]
    models = (calibrate(answers, weights=weight, start=whole, tolerance=1e-3) for weight in drawn)
    again = np.stack([_linked(model, x_items, y_items, scores) for model in models])
    point = _linked(whole, x_items, y_items, scores)
    return ItemLink(
        whole, scores[inside] + lowest_x, severity[inside], point[inside] + lowest_y, again.std(axis=0, ddof=1)[inside]
    )


def _linked(model: Calibration, x: NDArray[np.int64], y: NDArray[np.int64], scores: Floats) -> Floats:
    out: Floats = np.interp(np.interp(scores, model.expected(x, GRID), GRID), GRID, model.expected(y, GRID))
    return out
