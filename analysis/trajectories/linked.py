"""Linked scores as plausible values: the error of a link carried through the class model.

Each draw is one set of scores and baselines that the link could have given (`analysis.linking.plausible`). The number
of classes is chosen on the equivalents themselves; the chosen model is fitted anew to every draw, from its solution, so
that its classes keep their names, and what it says is combined by Rubin's rules. What the draws differ in is the error
of linking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.linking.estimate import estimate
from analysis.linking.pairs import LinkError, read_pairs
from analysis.linking.plausible import KEY, combine, plausible_values
from analysis.linking.smoothing import SmoothingError
from analysis.trajectories import newton
from analysis.trajectories.censored import CensoredPanel, sides
from analysis.trajectories.cohort import Cohort, CohortError
from analysis.trajectories.conditional import new_rows
from analysis.trajectories.design import Design, columns_of
from analysis.trajectories.inference import inverse_information
from analysis.trajectories.labels import PLAN, TF, TfRule
from analysis.trajectories.likelihood import objective
from analysis.trajectories.result import Trajectories
from analysis.trajectories.threads import one_thread
from analysis.warehouse import Warehouse

Array = NDArray[np.float64]
DAYS, BOOTSTRAPS = 7, 100
"""Days two ratings may lie apart, and resamples, where the error of a link is estimated here."""
_RATING = ["instrument_id", "day", "rater", "contact", "occasion"]
_ROWS = """
    select
        subject_id, instrument_id, day, rater, contact, occasion, to_instrument_id, link_id, score, equivalent, se, see
    from marts.severity_linked
    where to_instrument_id = :scale and study_id in ({studies})
"""


@dataclass(frozen=True)
class Draws:
    """`score` and `baseline` (draws, rows of the cohort), and `source`: where the error of each link comes from."""

    score: Array
    baseline: Array
    source: str

    def __len__(self) -> int:
        return len(self.score)


def draw(warehouse: Warehouse, cohort: Cohort, *, n: int, seed: int, floor: float | None = None) -> Draws:
    """`n` sets of scores of the cohort; values below `floor` stand at it.

    A link without a published error gets that of an estimated link between the same scales, kept in
    `results.linking_points` or estimated from the visits of the cohort's studies. Raises CohortError where there is
    none to be had.
    """
    if "marts.severity_linked" not in warehouse.columns:
        raise CohortError("there is no marts.severity_linked, which holds the error of each link: run trd build")
    names = {f"s{i}": study for i, study in enumerate(cohort.studies)}
    rows = warehouse.frame(_ROWS.format(studies=", ".join(f":{s}" for s in names)), scale=cohort.scale, **names)
    keys = cohort.keys.assign(subject_id=cohort.frame["subject_id"].to_numpy())
    own = keys[["subject_id", *_RATING]]
    base = keys[["subject_id", *(f"base_{c}" for c in _RATING)]].set_axis(["subject_id", *_RATING], axis=1)
    wanted = pd.concat([own, base]).drop_duplicates()
    rows = wanted.merge(rows, on=["subject_id", *_RATING], how="left")
    if rows["equivalent"].isna().any():
        lost = rows[rows["equivalent"].isna()].iloc[0]
        raise CohortError(
            f"marts.severity_linked has no {cohort.scale} for {int(rows['equivalent'].isna().sum())} ratings of the "
            f"view, the first {lost['instrument_id']} of {lost['subject_id']} on day {lost['day']}: build again"
        )
    rows, source = _with_errors(warehouse, cohort, rows)
    values = plausible_values(rows, seed=seed, n=n).pivot(index=KEY, columns="draw", values="value")
    values = values.droplevel("to_instrument_id")

    def of(frame: pd.DataFrame) -> Array:
        found = values.loc[pd.MultiIndex.from_frame(frame[[c for c in KEY if c != "to_instrument_id"]])].to_numpy().T
        return found if floor is None else np.maximum(found, floor)

    return Draws(of(own), of(base), source)


def _with_errors(warehouse: Warehouse, cohort: Cohort, rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The ratings with `see` and `se` everywhere, and in words where they come from."""
    rows = rows.astype({"see": "float64", "se": "float64", "score": "float64"})
    told = []
    for instrument in sorted(rows.loc[rows["see"].isna(), "instrument_id"].unique()):
        points, where = _points(warehouse, cohort, str(instrument))
        here = (rows["instrument_id"] == instrument) & rows["see"].isna()
        at = points.sort_values("from_score").astype("float64")
        for name in ("see", "se"):
            rows.loc[here, name] = np.interp(rows.loc[here, "score"], at["from_score"], at[name])
        told.append(f"{instrument}: {where}")
    return rows, "; ".join(told) or "published with the links"


def _points(warehouse: Warehouse, cohort: Cohort, instrument: str) -> tuple[pd.DataFrame, str]:
    """`from_score`, `see`, `se` of a link from an instrument to the scale of the cohort."""
    if "results.linking_points" in warehouse.columns:
        kept = warehouse.frame(
            "select link_id, from_score, points.see, points.se from results.linking_points as points"
            " inner join results.linking_links as links using (link_id)"
            " where from_instrument_id = :a and to_instrument_id = :b and method = 'equipercentile'"
            " qualify dense_rank() over (order by n_pairs desc, link_id) = 1",
            a=instrument,
            b=cohort.scale,
        )
        if len(kept):
            return kept.drop(columns="link_id"), f"results.linking_points, {kept['link_id'].iloc[0]}"
    try:
        pairs = read_pairs(warehouse, instrument, cohort.scale, studies=cohort.studies, days=DAYS)
        link = estimate(pairs, bootstraps=BOOTSTRAPS, seed=1)
    except (LinkError, SmoothingError) as error:
        raise CohortError(
            f"the error of the link from {instrument} to {cohort.scale} is not known and cannot be estimated "
            f"here ({error}): run trd link --from {instrument} --to {cohort.scale}, or leave the draws out with "
            "--plausible 0"
        ) from error
    return link.points()[["from_score", "see", "se"]], f"estimated from {pairs.n_persons} persons within {DAYS} days"


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

    `table`: `quantity` (share, course, fixed …), `class`, `term` (week or name), estimate, se, df, share_of_link.
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
    progress: Callable[[str], None] | None = None,
) -> Carried:
    """Fit the model of `fit` to each draw and combine: shares, courses at `grid`, parameters; labels by `rule`, q.

    `weeks`: first week of q; its second is the last week of each class. Draws in which the model did not converge are
    left out and counted.
    """
    kind = "cluster" if fit.design.clusters is not None else "sandwich"
    points: list[tuple[Array, Array]] = []
    labels, p_tf, q = [], [], []
    for m in range(len(draws)):
        if progress:
            progress(f"plausible values: {m + 1} of {len(draws)}")
        one = _refitted(fit, cohort.frame.assign(score=draws.score[m], baseline=draws.baseline[m]))
        if one is None:
            continue
        baseline = float(one.design.covariates["baseline"].mean())
        named = one.labels(baseline, rule)
        points.append(_estimates(one, grid, kind))
        labels.append(named)
        p_tf.append(one.probabilities[:, [name == TF for name in named]].sum(axis=1))
        last = one.last_weeks
        q.append(one.predict().no_fall([*weeks, float(last.max())][:2], below, "baseline", last.tolist()).to_numpy())
    if len(points) < 2:
        raise CohortError(
            f"the model converged in {len(points)} of {len(draws)} draws of the link: too few to combine; "
            "take fewer classes, or leave the draws out with --plausible 0"
        )
    values, variances = (np.array(part) for part in zip(*points, strict=True))
    combined = [combine(values[:, j], variances[:, j]) for j in range(values.shape[1])]
    table = pd.concat([_names(fit, grid), pd.DataFrame(combined)], axis=1)
    persons = pd.DataFrame({"subject_id": fit.design.persons.to_numpy()})
    for name, part in (("p_tf", p_tf), ("q", q)):
        persons[name] = np.mean(part, axis=0)
        persons[f"{name}_sd"] = np.std(part, axis=0, ddof=1)
    return Carried(table, np.array(labels, dtype=object), persons, len(draws) - len(points))


def _refitted(fit: Trajectories, frame: pd.DataFrame) -> Trajectories | None:
    design = redone(fit.design, frame)
    with one_thread():
        ends = newton.maximise(objective(design.st, design.data), fit.phi[None])
    return Trajectories(design, ends.phi[0], fit.search, int(ends.iterations[0])) if ends.converged[0] else None


def _estimates(fit: Trajectories, grid: Array, kind: str) -> tuple[Array, Array]:
    """Values and variances of shares, courses and parameters, in the order of `_names`."""
    shares, of_shares = _shares(fit)
    courses = fit.courses(grid, kind=kind)
    table = fit.parameters(kind)
    values = np.concatenate([shares, courses["mean"], table["estimate"]])
    return values, np.concatenate([of_shares, courses["se"] ** 2, table["se"] ** 2])


def _shares(fit: Trajectories) -> tuple[Array, Array]:
    """(k,) mean posterior probabilities and their variances: persons as a sample, and the error of the model."""
    p = fit.probabilities
    slopes = np.einsum("nk,nkf->kf", p, fit.log_posterior_slopes()) / fit.n
    influence = (p - p.mean(axis=0)).T / fit.n + slopes @ inverse_information(fit.information) @ fit.solution.scores
    return p.mean(axis=0), (influence**2).sum(axis=1)


def _names(fit: Trajectories, grid: Array) -> pd.DataFrame:
    classes = np.arange(1, fit.k + 1)
    parameters = fit.parameters()
    return pd.DataFrame(
        {
            "quantity": ["share"] * fit.k + ["course"] * (fit.k * len(grid)) + list(parameters["part"]),
            "class": np.concatenate([classes, np.repeat(classes, len(grid)), parameters["class"]]),
            "term": ["share"] * fit.k + [f"week {t:g}" for t in grid] * fit.k + list(parameters["term"]),
        }
    )
