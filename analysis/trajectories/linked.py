"""Linked scores as plausible values: the error of a link carried through the class model.

Each draw is one linking function that could have been found, applied to every score and baseline that passed through
the link (`link_error`). The number of classes is chosen on the equivalents themselves; the chosen model is fitted anew
to every draw, from its solution, so that its classes keep their names, and what it says is combined by Rubin's rules.
What the draws differ in is the error of linking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from analysis.linking.plausible import combine
from analysis.trajectories import newton
from analysis.trajectories.censored import CensoredPanel, sides
from analysis.trajectories.cohort import Cohort, CohortError
from analysis.trajectories.conditional import new_rows
from analysis.trajectories.design import Design, columns_of
from analysis.trajectories.inference import inverse_information
from analysis.trajectories.labels import PLAN, TF, TfRule
from analysis.trajectories.likelihood import objective
from analysis.trajectories.link_error import Curves, curves
from analysis.trajectories.result import Trajectories
from analysis.trajectories.threads import one_thread
from analysis.warehouse import Warehouse

Array = NDArray[np.float64]
EXACT = ("as_measured", "items")
"""Links that are no estimate begin with one of these: the scale itself, or the sum of its own items."""


@dataclass(frozen=True)
class Draws:
    """`score` and `baseline` (draws, rows of the cohort), and `source`: where the error of each link comes from."""

    score: Array
    baseline: Array
    source: str

    def __len__(self) -> int:
        return len(self.score)

    def frame(self, cohort: Cohort, m: int, floor: float | None = None) -> pd.DataFrame:
        """The scores of the cohort in draw `m`; values below `floor` stand at it."""
        low = -np.inf if floor is None else floor
        return cohort.frame.assign(score=np.maximum(self.score[m], low), baseline=np.maximum(self.baseline[m], low))


def draw(warehouse: Warehouse, cohort: Cohort, *, n: int, seed: int, view: str = "marts.trajectory_input") -> Draws:
    """`n` sets of scores of the cohort, one drawn linking function each; scores measured on the scale stay.

    Raises CohortError where the error of a link is neither published nor to be estimated from `view`.
    """
    m, scale = cohort.measured, cohort.scale
    score = np.tile(cohort.frame["score"].to_numpy(dtype=float), (n, 1))
    baseline = np.tile(cohort.frame["baseline"].to_numpy(dtype=float), (n, 1))
    links = pd.concat(
        [
            m[["instrument_id", "link_id"]],
            m[["base_instrument_id", "base_link_id"]].set_axis(["instrument_id", "link_id"], axis=1),
        ]
    ).drop_duplicates()
    told = []
    for instrument, link in links.itertuples(index=False, name=None):
        known = None if pd.isna(link) else str(link)
        if instrument == scale or (known or "").startswith(EXACT):
            continue
        error = curves(warehouse, instrument, scale, known, view=view, studies=cohort.studies, n=n, seed=seed)
        same = m["link_id"].isna() | (m["link_id"] == link)
        now = (m["instrument_id"] == instrument) & same
        told.append(_source(instrument, error, m.loc[now, "measured"], score[0, now]))
        score[:, now] += error.at(m.loc[now, "measured"].to_numpy(dtype=float))
        same = m["base_link_id"].isna() | (m["base_link_id"] == link)
        first = (m["base_instrument_id"] == instrument) & same
        baseline[:, first] += error.at(m.loc[first, "base_measured"].to_numpy(dtype=float))
    return Draws(score, baseline, "; ".join(told) or "no score is linked")


def _source(instrument: str, error: Curves, measured: pd.Series, equivalent: Array) -> str:
    apart = error.apart(measured.to_numpy(dtype=float), equivalent) if len(measured) else None
    more = "" if apart is None else f"; their own link lies {apart:.1f} points from the one in use, on average"
    return f"{instrument}: {error.source}{more}"


def redone(design: Design, frame: pd.DataFrame) -> Design:
    """The design of a fit with the scores and covariates of `frame`, in the same coordinates.

    `frame` has the rows of the fit in their order, without missing scores.
    """
    rows = new_rows(design, frame)
    templates, names = design.templates, list(design.templates.fixed.column_names)
    x = columns_of(templates.fixed, rows.data)[:, [names.index(c) for c in templates.columns]]
    z = columns_of(templates.random, rows.data) if templates.random is not None else design.z
    spec = design.spec
    side = None if design.side is None else sides(rows.scores, spec.floor, spec.ceiling, spec.outcome)
    covariates = design.covariates.assign(**{c: rows.covariates[c] for c in rows.covariates.columns})
    found = replace(design, x=x, z=z, y=rows.scores, covariates=covariates, side=side)
    data = found.with_scores(found.y)
    return replace(found, panel=data.panel if isinstance(data, CensoredPanel) else data)


@dataclass(frozen=True)
class Carried:
    """A fit carried through the draws.

    `table`: `quantity` (share, course, fall, fixed …), `class`, `term` (week or name), estimate, se, df, share_of_link.
    `labels` (draws, k) of the draws that converged; `persons`: p_tf and q, mean and standard deviation over them.
    """

    table: pd.DataFrame
    labels: NDArray[np.object_]
    persons: pd.DataFrame
    failed: int

    def agreement(self, named: Sequence[str]) -> Array:
        """(k,): share of the draws in which each class has the label it has in the fit."""
        found: Array = (self.labels == np.asarray(named, dtype=object)).mean(axis=0)
        return found


def carried(
    fit: Trajectories,
    cohort: Cohort,
    draws: Draws,
    grid: Array,
    weeks: Sequence[float],
    *,
    rule: TfRule = PLAN,
    below: float = 0.25,
    jobs: int = 1,
    progress: Callable[[str], None] | None = None,
) -> Carried:
    """Fit the model of `fit` to each draw and combine: shares, courses and falls from the mean baseline of the draw at
    `grid`, parameters; labels by `rule`, q.

    `weeks`: first week of q; its second is the last week of each class. Draws in which the model did not converge are
    left out and counted.
    """
    work = (
        delayed(_one)(fit, draws.frame(cohort, m, fit.spec.floor), grid, tuple(weeks), rule, below)
        for m in range(len(draws))
    )
    found = []
    for m, one in enumerate(Parallel(n_jobs=jobs, return_as="generator")(work), start=1):
        found.append(one)
        if progress:
            progress(f"plausible values: {m} of {len(draws)}")
    made = [one for one in found if one is not None]
    if len(made) < 2:
        raise CohortError(
            f"the model converged in {len(made)} of {len(draws)} draws of the link: too few to combine; "
            "take fewer classes, or leave the draws out with --plausible 0"
        )
    values, variances = (np.array([one[i] for one in made]) for i in (0, 1))
    combined = [combine(values[:, j], variances[:, j]) for j in range(values.shape[1])]
    table = pd.concat([_names(fit, grid), pd.DataFrame(combined)], axis=1)
    persons = pd.DataFrame({"subject_id": fit.design.persons.to_numpy()})
    for i, name in ((3, "p_tf"), (4, "q")):
        part = [one[i] for one in made]
        persons[name] = np.mean(part, axis=0)
        persons[f"{name}_sd"] = np.std(part, axis=0, ddof=1)
    return Carried(table, np.array([one[2] for one in made], dtype=object), persons, len(draws) - len(made))


def _one(
    fit: Trajectories, frame: pd.DataFrame, grid: Array, weeks: tuple[float, ...], rule: TfRule, below: float
) -> tuple[Array, Array, Sequence[str], Array, Array] | None:
    """Values and variances (`_estimates`), labels, P(TF) and q of one draw; None where the model did not converge."""
    one = refitted(fit, frame)
    if one is None:
        return None
    values, variances = _estimates(one, grid, "cluster" if fit.design.clusters is not None else "sandwich")
    named = one.labels(float(one.design.covariates["baseline"].mean()), rule)
    p_tf = one.probabilities[:, [name == TF for name in named]].sum(axis=1)
    last = one.last_weeks
    q = one.predict().no_fall([*weeks, float(last.max())][:2], below, "baseline", last.tolist()).to_numpy()
    return values, variances, named, p_tf, q


def refitted(fit: Trajectories, frame: pd.DataFrame) -> Trajectories | None:
    """The model of `fit` climbed from its solution on a draw (`redone`); None where it does not converge."""
    design = redone(fit.design, frame)
    with one_thread():
        ends = newton.maximise(objective(design.st, design.data), fit.phi[None])
    return Trajectories(design, ends.phi[0], fit.search, int(ends.iterations[0])) if ends.converged[0] else None


def _estimates(fit: Trajectories, grid: Array, kind: str) -> tuple[Array, Array]:
    """Values and variances of shares, courses, falls and parameters, in the order of `_names`."""
    shares, of_shares = class_shares(fit)
    courses = fit.courses(grid, kind=kind)
    table = fit.parameters(kind)
    b = float(fit.design.covariates["baseline"].mean())
    values = np.concatenate([shares, courses["mean"], 1 - courses["mean"] / b, table["estimate"]])
    return values, np.concatenate([of_shares, courses["se"] ** 2, (courses["se"] / b) ** 2, table["se"] ** 2])


def class_shares(fit: Trajectories) -> tuple[Array, Array]:
    """(k,) mean posterior probabilities and their variances: persons as a sample, and the error of the model."""
    p = fit.probabilities
    slopes = np.einsum("nk,nkf->kf", p, fit.log_posterior_slopes()) / fit.n
    influence = (p - p.mean(axis=0)).T / fit.n + slopes @ inverse_information(fit.information) @ fit.solution.scores
    return p.mean(axis=0), (influence**2).sum(axis=1)


def _names(fit: Trajectories, grid: Array) -> pd.DataFrame:
    classes, points = np.arange(1, fit.k + 1), fit.k * len(grid)
    parameters = fit.parameters()
    return pd.DataFrame(
        {
            "quantity": ["share"] * fit.k + ["course"] * points + ["fall"] * points + list(parameters["part"]),
            "class": np.concatenate([classes, *[np.repeat(classes, len(grid))] * 2, parameters["class"]]),
            "term": ["share"] * fit.k + [f"week {t:g}" for t in grid] * fit.k * 2 + list(parameters["term"]),
        }
    )
