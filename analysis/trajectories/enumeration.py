"""How many classes: every number from 1 up, a table of every criterion, and the plan's choice.

The plan chooses the smallest admissible number within 10 BIC points of the minimum; the other criteria are shown and
not used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.trajectories import params
from analysis.trajectories.censored import CensoredPanel
from analysis.trajectories.design import Design, GrowthMixture, build
from analysis.trajectories.em import em
from analysis.trajectories.likelihood import Data, loglik, objective
from analysis.trajectories.newton import maximise
from analysis.trajectories.result import Trajectories
from analysis.trajectories.search import fit_design, one_class
from analysis.trajectories.starts import draw
from analysis.trajectories.threads import one_thread

Array = NDArray[np.float64]
Progress = Callable[[str], None]

WITHIN = 10.0
"""BIC points from the minimum within which fewer classes are preferred."""


@dataclass(frozen=True)
class Enumeration:
    """Fits with 1, 2, … classes. `table` has one row each; `chosen` is None where no fit is admissible."""

    fits: tuple[Trajectories, ...]
    table: pd.DataFrame
    chosen: int | None
    why: str

    @property
    def best(self) -> Trajectories:
        """The chosen fit. Raises ValueError where none is admissible."""
        if self.chosen is None:
            raise ValueError(self.why)
        return next(f for f in self.fits if f.k == self.chosen)


def enumerate_classes(
    spec: GrowthMixture,
    frame: pd.DataFrame,
    ks: Sequence[int] = (1, 2, 3, 4, 5, 6),
    *,
    starts: int = 50,
    max_starts: int = 400,
    seed: int = 0,
    folds: int = 0,
    progress: Progress | None = None,
) -> Enumeration:
    """Fit `spec` with each number of classes in `ks`; `spec.k` is not used.

    With `folds` the log-likelihood of persons left out is added (column `predictive`): folds are the same for all
    numbers. Weights are refused: the plan enumerates unweighted.
    """
    if spec.weights is not None:
        raise ValueError("enumeration is unweighted (plan): take weights out of the specification")
    with one_thread():
        design = build(spec.with_classes(1), frame)
        single = one_class(design.st, design.data)
    fits = []
    for k in sorted(ks):
        mine = with_classes(design, k)
        fits.append(
            fit_design(mine, starts=starts, max_starts=max_starts, seed=seed + k, single=single, progress=progress)
        )
    table = pd.DataFrame([f.criteria() for f in fits])
    if folds:
        table["predictive"] = [predictive(f, folds, seed) for f in fits]
    chosen, why = choose(table)
    return Enumeration(tuple(fits), table, chosen, why)


def with_classes(design: Design, k: int) -> Design:
    """The same data for another number of classes."""
    return replace(design, spec=design.spec.with_classes(k), st=design.st.with_classes(k))


def choose(table: pd.DataFrame) -> tuple[int | None, str]:
    """The plan's choice from columns `k`, `bic`, `admissible`, and a sentence that says why.

    The minimum is that of the admissible numbers: an inadmissible fit sets no mark.
    """
    admissible = table[table["admissible"].astype(bool)]
    if admissible.empty:
        return None, "no number of classes is admissible; see the problems of each fit"
    least = float(admissible["bic"].min())
    near = admissible[admissible["bic"] <= least + WITHIN]
    k = int(near["k"].min())
    best = int(admissible["k"].to_numpy()[int(np.argmin(admissible["bic"].to_numpy()))])
    refused = [str(v) for v in table.loc[~table["admissible"].astype(bool), "k"]]
    text = f"{k}: the smallest admissible number within {WITHIN:g} BIC points of the minimum (at {best})"
    if refused:
        text += f"; not admissible: {', '.join(refused)}"
    return k, text


def predictive(fit: Trajectories, folds: int, seed: int, starts: int = 10) -> float:
    """Log-likelihood of persons left out in `folds` parts, in the units of the frame.

    Each part is fitted anew from the full solution and from `starts` starts of its own; the better is used.
    """
    design = fit.design
    rng = np.random.default_rng(seed)
    part = rng.permutation(design.n) % folds
    total = 0.0
    for f in range(folds):
        training, held = design.data.take(np.flatnonzero(part != f)), design.data.take(np.flatnonzero(part == f))
        phi = refit(fit, training, rng, starts)
        total += loglik(design.st, held, phi)
    return total - design.seen_rows(design.data) * float(np.log(design.to.scale))


def refit(fit: Trajectories, data: Data, rng: np.random.Generator, starts: int = 0) -> Array:
    """The solution on other persons (or weights), from the solution of `fit` and from `starts` new starts."""
    st = fit.design.st
    points = fit.phi[None]
    if starts and st.k > 1:
        seen = data.panel if isinstance(data, CensoredPanel) else data
        single = one_class(st, data)
        drawn = draw(st, seen, params.natural(st.with_classes(1), single.phi), starts, rng)
        points = np.concatenate([points, params.free(st, em(st, seen, drawn, 10))])
    ends = maximise(objective(st, data), points)
    value = np.where(ends.converged & np.isfinite(ends.loglik), ends.loglik, -np.inf)
    best = int(np.argmax(value)) if np.isfinite(value).any() else int(np.argmax(ends.loglik))
    found: Array = ends.phi[best]
    return found
