"""Refits on drawn data: the likelihood-ratio test of one class more, and how stable the labels are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from analysis.trajectories import courses, newton
from analysis.trajectories.design import Design
from analysis.trajectories.fitted import Fitted
from analysis.trajectories.labels import PLAN, TfRule, label, weeks
from analysis.trajectories.likelihood import objective
from analysis.trajectories.redraw import simulate_scores
from analysis.trajectories.threads import one_thread

if TYPE_CHECKING:
    from analysis.trajectories.result import Trajectories

__all__ = ["LabelStability", "LikelihoodRatio", "label_stability", "likelihood_ratio", "simulate_scores"]

Array = NDArray[np.float64]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class LikelihoodRatio:
    """Bootstrap likelihood-ratio test (McLachlan 1987) of `k` against `k` + 1 classes.

    `drawn` are the ratios under `k` classes; replicates in which either model did not converge are left out and
    counted in `failed`.
    """

    k: int
    statistic: float
    drawn: Array
    failed: int

    @property
    def p_value(self) -> float:
        """(1 + drawn ratios at least as large) / (1 + drawn)."""
        return float((1 + (self.drawn >= self.statistic).sum()) / (1 + len(self.drawn)))


def likelihood_ratio(
    small: Fitted,
    large: Fitted,
    replicates: int = 100,
    *,
    starts: int = 20,
    seed: int = 0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> LikelihoodRatio:
    """Test `small` against `large`, which has one class more, on `replicates` sets of scores drawn from `small`.

    In each set both models get `starts` starts beside the solution. Same numbers whatever `jobs`.
    """
    if type(small) is not type(large):
        raise ValueError(f"{small.family} against {large.family}: the test is for models of one kind")
    if large.k != small.k + 1:
        raise ValueError(f"{small.k} against {large.k} classes: the test is for one class more")
    seeds = np.random.SeedSequence(seed).spawn(replicates)
    # without what the fits have worked out already, which every process would be sent
    few, many = replace(small), replace(large)
    work = (delayed(_replicate)(few, many, s, starts) for s in seeds)
    drawn: list[float] = []
    for done, value in enumerate(Parallel(n_jobs=jobs, return_as="generator")(work), start=1):
        drawn.append(value)
        if progress and done % max(1, replicates // 20) == 0:
            progress(f"bootstrap of {small.k} v {large.k} classes: {done} of {replicates}")
    values = np.array(drawn)
    usable = np.isfinite(values)
    statistic = 2 * (large.loglik - small.loglik)
    return LikelihoodRatio(small.k, statistic, values[usable], int((~usable).sum()))


def _replicate(small: Fitted, large: Fitted, seed: np.random.SeedSequence, starts: int) -> float:
    """Twice the gain in log-likelihood in one drawn set; nan where a model did not converge."""
    rng = np.random.default_rng(seed)
    with one_thread():
        data = small.redrawn(rng)
        values = []
        for fit in (small, large):
            ends = fit.climbed(data, rng, starts, drawn=True)
            values.append(np.where(ends.converged, ends.loglik, -np.inf).max())
    return float(2 * (values[1] - values[0])) if np.isfinite(values).all() else float("nan")


@dataclass(frozen=True)
class LabelStability:
    """How often each class got its label again: `agreement` (k,), `uncertain` below 80 %."""

    labels: tuple[str, ...]
    agreement: Array
    replicates: pd.DataFrame

    @property
    def uncertain(self) -> tuple[bool, ...]:
        """Per class: agreement below 80 %."""
        return tuple(bool(a < 0.8) for a in self.agreement)


def label_stability(
    fit: Trajectories,
    baseline: float,
    *,
    replicates: int = 200,
    rule: TfRule = PLAN,
    seed: int = 0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> LabelStability:
    """Draw persons with replacement, refit from the solution, and apply the rule anew; T stays that of the fit.

    Classes of a refit are those that the solution's classes moved to, so that no matching is needed.
    """
    labels = fit.labels(baseline, rule)
    rows = [courses.rows_at(fit.design, weeks(last, rule)) for last in fit.last_weeks]
    seeds = np.random.SeedSequence(seed).spawn(replicates)
    work = (delayed(_relabel)(fit.design, fit.phi, rows, fit.last_weeks, baseline, rule, s) for s in seeds)
    found = []
    for done, value in enumerate(Parallel(n_jobs=jobs, return_as="generator")(work), start=1):
        found.append(value)
        if progress and done % max(1, replicates // 10) == 0:
            progress(f"labels: {done} of {replicates} bootstrap refits")
    table = pd.DataFrame(found, columns=[f"class {g + 1}" for g in range(fit.k)])
    agreement = np.array([(table.iloc[:, g] == labels[g]).mean() for g in range(fit.k)])
    return LabelStability(labels, agreement, table)


def _relabel(
    design: Design,
    phi: Array,
    rows: list[Array],
    last: Array,
    baseline: float,
    rule: TfRule,
    seed: np.random.SeedSequence,
) -> list[str]:
    rng = np.random.default_rng(seed)
    counts = np.bincount(rng.integers(0, design.n, design.n), minlength=design.n).astype(float)
    weight = counts if design.panel.weight is None else counts * design.panel.weight
    drawn = np.flatnonzero(weight > 0)
    data = design.data.weighted(weight).take(drawn)
    with one_thread():
        ends = newton.maximise(objective(design.st, data), phi[None])
    found = []
    for g in range(design.st.k):
        mean, _ = courses.means(design, ends.phi[0], rows[g])
        found.append(label(mean[g], baseline, last[g], rule) if ends.converged[0] else "not converged")
    return found
