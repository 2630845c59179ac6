"""How many classes: every number from 1 up, a table of every criterion, and the plan's choice.

The plan chooses the smallest admissible number within 10 BIC points of the minimum; the other criteria are shown and
not used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.trajectories.design import Design, GrowthMixture, build
from analysis.trajectories.fitted import Fitted
from analysis.trajectories.search import fit_design, one_class
from analysis.trajectories.threads import one_thread

if TYPE_CHECKING:
    from analysis.trajectories.ordinal import OrdinalGrowth

Progress = Callable[[str], None]

WITHIN = 10.0
"""BIC points from the minimum within which fewer classes are preferred."""


@dataclass(frozen=True)
class Enumeration:
    """Fits with 1, 2, … classes. `table` has one row each; `chosen` is None where no fit is admissible.

    `fits` are `Trajectories`, or `OrdinalTrajectories` where an item was enumerated.
    """

    fits: tuple[Any, ...]
    table: pd.DataFrame
    chosen: int | None
    why: str

    @property
    def best(self) -> Any:
        """The chosen fit. Raises ValueError where none is admissible."""
        if self.chosen is None:
            raise ValueError(self.why)
        return next(f for f in self.fits if f.k == self.chosen)


def enumerate_classes(
    spec: GrowthMixture | OrdinalGrowth,
    frame: pd.DataFrame,
    ks: Sequence[int] = (1, 2, 3, 4, 5, 6),
    *,
    starts: int = 50,
    max_starts: int = 400,
    seed: int = 0,
    folds: int = 0,
    replicates: int = 0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Enumeration:
    """Fit `spec` with each number of classes in `ks`; `spec.k` is not used.

    With `folds` the log-likelihood of persons left out is added (column `predictive`): folds are the same for all
    numbers. With `replicates` the bootstrap likelihood-ratio test against one class fewer is added (column `blrt`, its
    p-value; missing where the number below was not fitted), on `jobs` processes. Neither is used for the choice.
    Weights are refused: the plan enumerates unweighted.
    """
    if spec.weights is not None:
        raise ValueError("enumeration is unweighted (plan): take weights out of the specification")
    if len(set(ks)) != len(ks) or not ks or min(ks) < 1:
        raise ValueError(f"ks = {tuple(ks)}: give different numbers of classes from 1 up")
    fits = _fits(spec, frame, sorted(ks), starts, max_starts, seed, progress)
    table = pd.DataFrame([f.criteria() for f in fits])
    if folds:
        table["predictive"] = [_left_out(f, folds, seed, progress) for f in fits]
    if replicates:
        table["blrt"] = [_test(f, fits, replicates, seed, jobs, progress) for f in fits]
    chosen, why = choose(table)
    return Enumeration(tuple(fits), table, chosen, why)


def _fits(
    spec: GrowthMixture | OrdinalGrowth,
    frame: pd.DataFrame,
    ks: Sequence[int],
    starts: int,
    max_starts: int,
    seed: int,
    progress: Progress | None,
) -> list[Any]:
    """One fit for each number; what they share is worked out once."""
    if not isinstance(spec, GrowthMixture):
        return [
            spec.with_classes(k).fit(frame, starts=starts, max_starts=max_starts, seed=seed + k, progress=progress)
            for k in ks
        ]
    with one_thread():
        design = build(spec.with_classes(1), frame)
        single = one_class(design.st, design.data)
    return [
        fit_design(
            with_classes(design, k),
            starts=starts,
            max_starts=max_starts,
            seed=seed + k,
            single=single,
            progress=progress,
        )
        for k in ks
    ]


def _left_out(fit: Fitted, folds: int, seed: int, progress: Progress | None) -> float:
    if progress:
        progress(f"{fit.k} classes: persons left out in {folds} folds")
    return predictive(fit, folds, seed)


def _test(
    fit: Fitted, fits: Sequence[Fitted], replicates: int, seed: int, jobs: int, progress: Progress | None
) -> float:
    """The p-value against one class fewer; nan where that was not fitted."""
    from analysis.trajectories.bootstrap import likelihood_ratio

    smaller = [f for f in fits if f.k == fit.k - 1]
    if not smaller:
        return float("nan")
    return likelihood_ratio(smaller[0], fit, replicates, seed=seed, jobs=jobs, progress=progress).p_value


def numbers_of_classes(text: str | None) -> tuple[int, ...] | None:
    """`1-6` or `3` as numbers of classes; None for None. Raises ValueError for anything else."""
    if text is None:
        return None
    found = re.fullmatch(r"([1-9]\d?)(?:-([1-9]\d?))?", text.strip())
    if found is None or int(found[2] or found[1]) < int(found[1]):
        raise ValueError(f"{text!r} is no range of numbers of classes; write 1-6, or 3")
    return tuple(range(int(found[1]), int(found[2] or found[1]) + 1))


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


def predictive(fit: Fitted, folds: int, seed: int, starts: int = 10) -> float:
    """Log-likelihood of persons left out in `folds` parts, in the units of the frame.

    Each part is fitted anew from the full solution and from `starts` starts of its own; the better is used.
    """
    rng = np.random.default_rng(seed)
    part = rng.permutation(fit.n) % folds
    total = 0.0
    with one_thread():
        for f in range(folds):
            training, held = fit.data.take(np.flatnonzero(part != f)), fit.data.take(np.flatnonzero(part == f))
            total += fit.loglik_of(held, fit.refit(training, rng, starts))
    return total
