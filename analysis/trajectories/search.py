"""Finding the best maximum: many starts at once, all run to their ends, and how often each end was reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.trajectories import courses, newton, params
from analysis.trajectories.censored import CensoredPanel
from analysis.trajectories.design import Design, GrowthMixture, build
from analysis.trajectories.em import em
from analysis.trajectories.likelihood import Data, objective
from analysis.trajectories.params import Natural
from analysis.trajectories.result import Trajectories
from analysis.trajectories.starts import draw, one_class_start
from analysis.trajectories.structure import Structure
from analysis.trajectories.threads import one_thread

Array = NDArray[np.float64]

SAME = 0.01
"""Two log-likelihoods nearer than this are one maximum."""
REPLICATED = 3
"""Starts that have to reach the best value."""
SEARCH_PERSONS = 2_000
"""With more persons the starts are run on a random part of this size and the best ends finished on all."""
FINISH = 3
"""How many different ends of a search on a part are finished on all persons."""
EM_STEPS = 10
SEARCH_NODES = 5
"""Nodes per random effect while censored models are searched; the best ends are finished with all."""

SEARCH_TOLERANCE = 1e-6
"""Of Newton's method with so few nodes, where derivatives agree with the value no better: 1e-5 of log-likelihood."""


@dataclass(frozen=True)
class Search:
    """What many starts found.

    `maxima` has one row per different end, best first: loglik (of `persons` persons), starts that reached it, whether
    it converged. `replication` counts the starts that reached the best converged value within 0.01.
    """

    n_starts: int
    replication: int
    maxima: pd.DataFrame
    persons: int

    @property
    def replicated(self) -> bool:
        """Whether enough starts reached the best value; a single class needs one start only."""
        return self.n_starts == 1 or self.replication >= REPLICATED


def climb(st: Structure, data: Data, nat: Natural, em_steps: int = EM_STEPS) -> newton.Maxima:
    """EM for the approach, Newton to finish, from every point of `nat`.

    EM takes censored scores as if they were seen; Newton does not. With fewer nodes than usual the criterion is
    `SEARCH_TOLERANCE`.
    """
    rough = isinstance(data, CensoredPanel) and data.nodes <= SEARCH_NODES
    seen = data.panel if isinstance(data, CensoredPanel) else data
    nat = em(st, seen, nat, em_steps)
    tolerance = SEARCH_TOLERANCE if rough else None
    return newton.maximise(objective(st, data), params.free(st, nat), tolerance=tolerance)


def one_class(st: Structure, data: Data) -> newton.Maxima:
    """The one-class model of the same shape."""
    single = st.with_classes(1)
    return climb(single, data, one_class_start(single))


def fit(
    spec: GrowthMixture,
    frame: pd.DataFrame,
    *,
    starts: int = 50,
    max_starts: int = 400,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Trajectories:
    """Fit `spec` to `frame`: `starts` starts, doubled up to `max_starts` until three reach the best value.

    The same `seed` gives the same numbers. Raises DesignError where specification and frame do not fit; what is wrong
    with a solution stands in its `problems`.
    """
    with one_thread():
        design = build(spec, frame)
    return fit_design(design, starts=starts, max_starts=max_starts, seed=seed, progress=progress)


def fit_design(
    design: Design,
    *,
    starts: int = 50,
    max_starts: int = 400,
    seed: int = 0,
    single: newton.Maxima | None = None,
    progress: Callable[[str], None] | None = None,
) -> Trajectories:
    """As `fit`, for a design that is built already; `single` is its one-class solution where that is known."""
    with one_thread():
        return _fit(design, starts, max_starts, seed, single, progress)


def _fit(
    design: Design,
    starts: int,
    max_starts: int,
    seed: int,
    single: newton.Maxima | None,
    progress: Callable[[str], None] | None,
) -> Trajectories:
    st, data = design.st, design.data
    single = single or one_class(st, data)
    if st.k == 1:
        table, _ = different_maxima(single, _shift(design, data))
        return Trajectories(design, single.phi[0], Search(1, 1, table, design.n), int(single.iterations[0]))
    rng = np.random.default_rng(seed)
    part: Data = data
    if data.n > SEARCH_PERSONS:
        part = data.take(np.sort(rng.choice(data.n, SEARCH_PERSONS, replace=False)))
    if isinstance(part, CensoredPanel):
        part = part.with_nodes(SEARCH_NODES)
    seen = part.panel if isinstance(part, CensoredPanel) else part
    base = params.natural(st.with_classes(1), single.phi)
    ends, done = None, 0
    while True:
        wanted = starts if ends is None else done
        found = climb(st, part, draw(st, seen, base, wanted, rng))
        ends = found if ends is None else newton.joined(ends, found)
        done += wanted
        table, replication = different_maxima(ends, _shift(design, part))
        if progress:
            progress(f"{st.k} classes: best {table['loglik'].iloc[0]:.3f} reached by {replication} of {done} starts")
        if replication >= REPLICATED or 2 * done > max_starts:
            break
    search = Search(done, replication, table, part.n)
    if part is not data:
        ends = newton.maximise(objective(st, data), ends.phi[representatives(ends, FINISH)])
    best = best_of(ends)
    # the factors of the covariance turn with the order of the classes, so the ordered point is polished once more
    last = newton.maximise(objective(st, data), courses.in_order(design, ends.phi[best])[None])
    return Trajectories(design, last.phi[0], search, int(ends.iterations[best] + last.iterations[0]))


def _shift(design: Design, data: Data) -> float:
    """What the log-likelihood in internal coordinates lacks of that in the units of the frame."""
    return -design.seen_rows(data) * float(np.log(design.to.scale))


def _order(ends: newton.Maxima) -> NDArray[np.intp]:
    """Converged ends first, each sort from the best to the worst."""
    value = np.where(np.isfinite(ends.loglik), ends.loglik, -np.inf)
    return np.lexsort((-value, ~ends.converged))


def best_of(ends: newton.Maxima) -> int:
    """Which end is the best; one that converged goes before all that did not."""
    return int(_order(ends)[0])


def different_maxima(ends: newton.Maxima, shift: float) -> tuple[pd.DataFrame, int]:
    """One row per different end, and how many starts reached the first."""
    rows: list[dict[str, object]] = []
    for e in _order(ends):
        value, converged = float(ends.loglik[e]) + shift, bool(ends.converged[e])
        last = rows[-1] if rows else None
        if last and last["converged"] == converged and abs(float(str(last["loglik"])) - value) <= SAME:
            last["starts"] = int(str(last["starts"])) + 1
        else:
            rows.append({"loglik": value, "starts": 1, "converged": converged})
    table = pd.DataFrame(rows)
    return table, int(table["starts"].iloc[0]) if table["converged"].iloc[0] else 0


def representatives(ends: newton.Maxima, wanted: int) -> list[int]:
    """One start for each of the best different ends."""
    found: list[int] = []
    for e in _order(ends):
        if len(found) == wanted:
            break
        if not found or abs(ends.loglik[e] - ends.loglik[found[-1]]) > SAME:
            found.append(int(e))
    return found
