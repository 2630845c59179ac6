"""What a fitted model says of persons given their scores: classes, random effects and latent courses.

Works for persons of the fit and for new ones, with any number of scores, none included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.trajectories import likelihood, params
from analysis.trajectories.censored import CensoredPanel, censored_panel, sides
from analysis.trajectories.design import Design, columns_of, plain
from analysis.trajectories.errors import DesignError
from analysis.trajectories.likelihood import Data
from analysis.trajectories.panel import Panel, cross_products

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Given:
    """N persons given their scores, in the units of the frame.

    `posterior` (N, k); `effects` (k, N, q) and `spread` (k, N, q, q): mean and covariance of the random effects in
    each class; `beta` (k, p), `sd` (k, N) residual. `covariates` has one row per person.
    """

    design: Design
    persons: pd.Index
    covariates: pd.DataFrame
    posterior: Array
    effects: Array
    spread: Array
    beta: Array
    sd: Array

    def levels(self, times: Sequence[float] | Array) -> tuple[Array, Array]:
        """Latent courses at `times`: means (k, N, times) and covariances over times (k, N, times, times)."""
        x, z = self._rows(np.asarray(times, dtype=float))
        mean = np.einsum("ntp,kp->knt", x, self.beta) + np.einsum("ntq,knq->knt", z, self.effects)
        cov = np.einsum("ntq,knqr,nsr->knts", z, self.spread, z)
        return mean, cov

    def _rows(self, times: Array) -> tuple[Array, Array]:
        """Columns of fixed (N, times, p) and random effects (N, times, q)."""
        n, t = len(self.persons), len(times)
        templates = self.design.templates
        frame = self.covariates.loc[self.covariates.index.repeat(t)].reset_index(drop=True)
        frame[self.design.spec.time] = np.tile(times, n)
        names = list(templates.fixed.column_names)
        x = columns_of(templates.fixed, frame)[:, [names.index(c) for c in templates.columns]]
        z = columns_of(templates.random, frame) if templates.random is not None else np.zeros((n * t, 0))
        return x.reshape(n, t, -1), z.reshape(n, t, -1)


def given(design: Design, phi: Array, frame: pd.DataFrame | None = None) -> Given:
    """The persons of `frame`, or those of the fit, given their scores under the solution `phi`."""
    st, to = design.st, design.to
    if frame is None:
        data, persons, covariates = design.data, design.persons, design.covariates
    else:
        data, persons, covariates = new_data(design, frame)
    nat = params.natural(st, phi[None])
    log_joint, effects, spread = likelihood.effects(st, data, phi)
    panel = data.panel if isinstance(data, CensoredPanel) else data
    posterior = np.exp(log_joint - log_joint.max(axis=0))
    posterior /= posterior.sum(axis=0)
    lift = to.scale * to.random_inverse
    s2 = np.broadcast_to(nat.s2[0][:, panel.group], (st.k, panel.n))
    return Given(
        design,
        persons,
        covariates,
        posterior.T,
        effects @ lift.T,
        lift @ spread @ lift.T,
        to.beta(nat.beta[0]),
        to.scale * np.sqrt(s2),
    )


@dataclass(frozen=True)
class NewRows:
    """Rows of a new frame with persons together: `data`, `scores` (rows,) nan where there is none, `codes` (rows,) of
    the `persons`, who stand in the order in which they first appear, and `covariates`, one row each.
    """

    data: pd.DataFrame
    scores: Array
    codes: NDArray[np.intp]
    persons: pd.Index
    covariates: pd.DataFrame


def new_rows(design: Design, frame: pd.DataFrame) -> NewRows:
    """The rows of `frame` as the design of a fit reads them.

    Raises DesignError for a column that is absent, a covariate that is missing or a level that was not fitted.
    """
    spec = design.spec
    columns = [c for c in design.covariates.columns if c != spec.weights and c != spec.cluster]
    absent = [c for c in (*columns, spec.outcome) if c not in frame.columns]
    if absent:
        raise DesignError(f"the new rows have no column {', '.join(map(str, absent))}")
    data = plain(frame[[c for c in columns if c != spec.person]])
    data[spec.person] = frame[spec.person].to_numpy()
    for name in columns:
        if data[name].isna().any():
            row = int(np.flatnonzero(data[name].isna())[0])
            raise DesignError(f"column {name} is missing in row {row} of the new rows; a prediction needs it")
        if not pd.api.types.is_numeric_dtype(data[name].dtype) and name != spec.person:
            unseen = set(data[name]) - set(design.covariates[name])
            if unseen:
                raise DesignError(
                    f"{name} has {', '.join(map(str, sorted(unseen)))}, which the model was not fitted to"
                )
    scored = np.asarray(plain(frame[[spec.outcome]])[spec.outcome], dtype=np.float64)
    data = data.reset_index(drop=True)
    codes, persons = pd.factorize(data[spec.person])
    order = np.argsort(codes, kind="stable")
    data, codes, y = data.iloc[order].reset_index(drop=True), codes[order], scored[order]
    first = np.searchsorted(codes, np.arange(len(persons)))
    covariates = data.iloc[first].reset_index(drop=True)
    return NewRows(data, y, codes.astype(np.intp), pd.Index(persons), covariates)


def new_data(design: Design, frame: pd.DataFrame) -> tuple[Data, pd.Index, pd.DataFrame]:
    """The rows of `frame` in the coordinates of the fit; raises as `new_rows`."""
    spec, st, to, templates = design.spec, design.st, design.to, design.templates
    rows = new_rows(design, frame)
    data, y, codes, persons, covariates = rows.data, rows.scores, rows.codes, rows.persons, rows.covariates
    known = np.isfinite(y)
    visits = np.bincount(codes[known], minlength=len(persons)).astype(float)
    membership = columns_of(templates.membership, covariates) @ to.membership_inverse
    group = np.zeros(len(persons), dtype=np.intp)
    if spec.residual == "study":
        group = np.array([design.groups.index(str(v)) for v in covariates[spec.study]], dtype=np.intp)
    empty = np.zeros((len(st.pairs[0]), len(persons)))
    panel = Panel(empty, visits, np.ascontiguousarray(membership.T), group)
    if not known.any():
        return panel, persons, covariates
    return _scored(design, panel, data[known], y[known], codes[known]), persons, covariates


def _scored(design: Design, panel: Panel, rows: pd.DataFrame, y: Array, codes: NDArray[np.intp]) -> Data:
    """The panel with the scores `y` of some of its persons."""
    spec, st, to, templates = design.spec, design.st, design.to, design.templates
    names = list(templates.fixed.column_names)
    x = columns_of(templates.fixed, rows)[:, [names.index(c) for c in templates.columns]]
    z = columns_of(templates.random, rows) if templates.random is not None else np.zeros((len(rows), 0))
    columns = to.columns(x, z, y, nested=st.n_extra == 0)
    scored = np.flatnonzero(panel.visits > 0)
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
    panel.products[:, scored] = cross_products(columns, starts)
    if spec.family != "censored":
        return panel
    side = sides(y, spec.floor, spec.ceiling, spec.outcome)
    position = np.searchsorted(scored, codes)
    some = censored_panel(panel.take(scored), columns, z @ to.random_inverse, position, starts, side, st.p)
    seen = panel.take(np.arange(panel.n))
    seen.products[:, scored] = some.seen.products
    seen.visits[scored] = some.seen.visits
    return replace(some, panel=panel, seen=seen, person=scored[some.person])
