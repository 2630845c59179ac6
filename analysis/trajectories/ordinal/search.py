"""Finding the best maximum of the ordinal mixture: starts around the one-class fit, EM, then Newton."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.trajectories import newton, search
from analysis.trajectories.ordinal.courses import mean_category
from analysis.trajectories.ordinal.design import OrdinalDesign, build_ordinal
from analysis.trajectories.ordinal.kernel import LARGEST, Cells, evaluate, objective
from analysis.trajectories.ordinal.layout import Layout
from analysis.trajectories.ordinal.links import LINK_SD
from analysis.trajectories.ordinal.result import OrdinalTrajectories
from analysis.trajectories.ordinal.spec import OrdinalGrowth
from analysis.trajectories.threads import one_thread

Array = NDArray[np.float64]

EM_STEPS = 25
LONGEST = 2.0
"""No natural parameter moves further in one M-step."""


def em(lay: Layout, data: Cells, nu: Array, steps: int) -> Array:
    """`nu` (R, free) after some EM steps; each M-step is one Newton step of the concave complete-data likelihood.

    A point whose likelihood would fall or whose thresholds would cross goes half as far the next time.
    """
    turn = max(1, LARGEST // max(data.n * lay.k * 4, data.upper.size))
    return np.concatenate([_em(lay, data, nu[i : i + turn], steps) for i in range(0, len(nu), turn)])


def _em(lay: Layout, data: Cells, nu: Array, steps: int) -> Array:
    nu, length = nu.copy(), np.ones(len(nu))
    at = evaluate(lay, data, nu, louis=False)
    value, gradient, curve = at.loglik, at.gradient.copy(), at.complete.copy()
    for _ in range(steps):
        ridge = 1e-8 * np.trace(-curve, axis1=1, axis2=2)[:, None, None] / lay.n_free * np.eye(lay.n_free)
        step = np.linalg.solve(ridge - curve, gradient[..., None])[..., 0]
        longest = np.maximum(np.abs(step).max(axis=1), 1e-300)
        trial = nu + step * (length * np.minimum(1.0, LONGEST / longest))[:, None]
        ordered = (np.diff(trial[:, lay.thresholds], axis=1) > 1e-8).all(axis=1)
        new = evaluate(lay, data, np.where(ordered[:, None], trial, nu), louis=False)
        better = ordered & np.isfinite(new.loglik) & (new.loglik >= value - 1e-9 * np.abs(value))
        better &= np.isfinite(new.complete).all(axis=(1, 2))
        nu[better], value[better] = trial[better], new.loglik[better]
        gradient[better], curve[better] = new.gradient[better], new.complete[better]
        length = np.where(better, np.minimum(1.0, 2 * length), length / 2)
    return nu


def climb(lay: Layout, data: Cells, nu: Array) -> newton.Maxima:
    """EM for the approach, Newton to finish, from every point of `nu` (R, free)."""
    return newton.maximise(objective(lay, data), lay.free(em(lay, data, nu, EM_STEPS if lay.k > 1 else 3)))


def one_class(lay: Layout, data: Cells) -> newton.Maxima:
    """The cumulative regression: the start has even thresholds and no slopes."""
    single = lay.with_classes(1)
    nu = np.zeros((1, single.n_free))
    nu[0, single.thresholds] = LINK_SD[lay.link] * np.linspace(-1.0, 1.0, lay.n_thresholds + 2)[1:-1]
    return climb(single, data, nu)


def draw(lay: Layout, single: Array, wanted: int, rng: np.random.Generator) -> Array:
    """Starts (wanted, free): the one-class solution `single` (free,), spread at random by class."""
    sd = LINK_SD[lay.link]
    one = lay.with_classes(1)
    nu = np.zeros((wanted, lay.n_free))
    level = sd * rng.normal(size=(wanted, lay.k)) * float(lay.intercepts)
    nu[:, lay.thresholds] = 1.3 * single[one.thresholds] - level[:, -1:]
    if lay.intercepts:
        nu[:, lay.thresholds.stop : lay.thresholds.stop + lay.k - 1] = level[:, :-1] - level[:, -1:]
    for g in range(lay.k):
        nu[:, lay.specific_at(g)] = single[one.specific_at(0)] + 0.7 * sd * rng.normal(size=(wanted, lay.n_specific))
    nu[:, lay.common_at] = single[one.common_at]
    return nu


def fit(
    spec: OrdinalGrowth,
    frame: pd.DataFrame,
    *,
    starts: int = 20,
    max_starts: int = 160,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> OrdinalTrajectories:
    """Fit `spec` to `frame`: `starts` starts, doubled up to `max_starts` until three reach the best value.

    The same `seed` gives the same numbers. Raises DesignError where specification and frame do not fit; what is wrong
    with a solution stands in its `problems`.
    """
    with one_thread():
        return _fit(build_ordinal(spec, frame), starts, max_starts, seed, progress)


def _fit(
    design: OrdinalDesign, starts: int, max_starts: int, seed: int, progress: Callable[[str], None] | None
) -> OrdinalTrajectories:
    lay, data = design.lay, design.data
    single = one_class(lay, data)
    if lay.k == 1:
        table, _ = search.different_maxima(single, 0.0)
        found = search.Search(1, 1, table, data.n)
        return OrdinalTrajectories(design.base, single.phi[0], found, int(single.iterations[0]), design)
    rng = np.random.default_rng(seed)
    part = _part(lay, data, rng)
    base = lay.with_classes(1).natural(single.phi)[0]
    ends, done = None, 0
    while True:
        wanted = starts if ends is None else done
        found_here = climb(lay, part, draw(lay, base, wanted, rng))
        ends = found_here if ends is None else newton.joined(ends, found_here)
        done += wanted
        table, replication = search.different_maxima(ends, 0.0)
        if progress:
            progress(f"{lay.k} classes: best {table['loglik'].iloc[0]:.3f} reached by {replication} of {done} starts")
        if replication >= search.REPLICATED or 2 * done > max_starts:
            break
    found = search.Search(done, replication, table, part.n)
    if part is not data:
        ends = newton.maximise(objective(lay, data), ends.phi[search.representatives(ends, search.FINISH)])
    best = search.best_of(ends)
    phi = ends.phi[best]
    order = np.argsort(mean_category(design, phi), kind="stable")
    phi = lay.free(lay.permuted(lay.natural(phi[None])[0], order)[None])
    last = newton.maximise(objective(lay, data), phi)
    return OrdinalTrajectories(design.base, last.phi[0], found, int(ends.iterations[best] + last.iterations[0]), design)


def _part(lay: Layout, data: Cells, rng: np.random.Generator) -> Cells:
    """A random part for the search where persons are many and the part has every category."""
    if data.n <= search.SEARCH_PERSONS:
        return data
    part = data.take(np.sort(rng.choice(data.n, search.SEARCH_PERSONS, replace=False)))
    return part if _seen(lay, part) == _seen(lay, data) else data


def _seen(lay: Layout, data: Cells) -> set[int]:
    """Categories that occur, from 0."""
    category = np.where(data.top, lay.n_thresholds, data.upper[:, : lay.n_thresholds].argmax(axis=1))
    return set(category.tolist())
