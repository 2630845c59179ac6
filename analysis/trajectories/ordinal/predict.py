"""Predictions of an ordinal item for persons of the fit and for new ones, from any number of visits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.trajectories.conditional import new_rows
from analysis.trajectories.design import columns_of
from analysis.trajectories.errors import DesignError
from analysis.trajectories.ordinal.courses import row_probabilities
from analysis.trajectories.ordinal.design import OrdinalDesign
from analysis.trajectories.ordinal.kernel import cells, evaluate

Array = NDArray[np.float64]


@dataclass(frozen=True)
class OrdinalPrediction:
    """What the model says of N persons given the categories seen. The parameters count as known.

    `probabilities` (N, k) of the classes. Within a class persons do not differ but by their covariates, so all that a
    person's visits say is the class.
    """

    design: OrdinalDesign
    phi: Array
    persons: pd.Index
    covariates: pd.DataFrame
    probabilities: Array

    @property
    def posterior(self) -> pd.DataFrame:
        """One row per person: the person, `p1` … `pk`, `modal`."""
        p = self.probabilities
        found = pd.DataFrame(p, columns=[f"p{g + 1}" for g in range(p.shape[1])])
        found.insert(0, self.design.spec.person, self.persons.to_numpy())
        found["modal"] = p.argmax(axis=1) + 1
        return found

    def categories(self, times: Sequence[float] | Array) -> Array:
        """(N, times, categories): probability of each category, averaged over the classes."""
        found: Array = np.einsum("nk,kntc->ntc", self.probabilities, self._by_class(times))
        return found

    def course(self, times: Sequence[float] | Array, level: float = 0.95, new_score: bool = False) -> pd.DataFrame:
        """One row per person and time: `mean`, `sd`, `lower`, `upper`, and `p_c` for each category c.

        The interval and `sd` are of the mean category of the person's class, which is not known for sure; with
        `new_score` of the category that would be seen.
        """
        by_class, scale = self._by_class(times), self.design.scale
        mixed = np.einsum("nk,kntc->ntc", self.probabilities, by_class)
        mean = mixed @ scale
        if new_score:
            values, weight = np.broadcast_to(scale, mixed.shape), mixed
        else:
            values = np.moveaxis(by_class @ scale, 0, -1)
            weight = np.broadcast_to(self.probabilities[:, None], values.shape)
        sd = np.sqrt((weight * (values - mean[..., None]) ** 2).sum(axis=-1))
        ends = [_quantile(values, weight, q) for q in (0.5 - level / 2, 0.5 + level / 2)]
        n, t = mean.shape
        found = pd.DataFrame(
            {
                self.design.spec.person: np.repeat(self.persons.to_numpy(), t),
                self.design.spec.time: np.tile(np.asarray(times, dtype=float), n),
                "mean": mean.ravel(),
                "sd": sd.ravel(),
                "lower": ends[0].ravel(),
                "upper": ends[1].ravel(),
            }
        )
        shares = {f"p_{c}": mixed[..., j].ravel() for j, c in enumerate(self.design.categories)}
        return found.assign(**shares)

    def at_most(self, category: int, times: Sequence[float] | Array) -> pd.DataFrame:
        """One row per person, a column per time: P(item <= `category`), e.g. PGIC at most 2, much improved."""
        low, high = self.design.categories[0], self.design.categories[-1]
        if not low <= category <= high:
            raise ValueError(f"category {category} is not within {low} to {high}")
        inside = self.categories(times)[..., self.design.scale <= category].sum(axis=-1)
        return pd.DataFrame(inside, index=pd.Index(self.persons, name=self.design.spec.person), columns=list(times))

    def _by_class(self, times: Sequence[float] | Array) -> Array:
        """(k, N, times, categories)."""
        at, n = np.asarray(times, dtype=float), len(self.persons)
        base = self.design.base
        frame = self.covariates.loc[self.covariates.index.repeat(len(at))].reset_index(drop=True)
        frame[base.spec.time] = np.tile(at, n)
        x = _columns(self.design, frame)
        found = row_probabilities(self.design, self.phi, x)
        return found.reshape(len(found), n, len(at), -1)


def _quantile(values: Array, weight: Array, level: float) -> Array:
    """Least value whose cumulated weight reaches `level`, along the last axis."""
    order = np.argsort(values, axis=-1)
    total = np.cumsum(np.take_along_axis(weight, order, -1), axis=-1)
    at = (total < level - 1e-12).sum(axis=-1, keepdims=True)
    sorted_values = np.take_along_axis(values, order, -1)
    found: Array = np.take_along_axis(sorted_values, np.minimum(at, values.shape[-1] - 1), -1)[..., 0]
    return found


def _columns(design: OrdinalDesign, frame: pd.DataFrame) -> Array:
    """Internal columns of rows."""
    templates = design.base.templates
    names = list(templates.fixed.column_names)
    return design.internal(columns_of(templates.fixed, frame)[:, [names.index(c) for c in templates.columns]])


def predict(design: OrdinalDesign, phi: Array, frame: pd.DataFrame) -> OrdinalPrediction:
    """Predictions for the persons of `frame` from the categories in it, none included.

    Raises DesignError as the fit does, and for a category that nobody had there: it has no probability.
    """
    rows = new_rows(design.base, frame)
    known = np.isfinite(rows.scores)
    seen = rows.scores[known]
    strange = ~np.isin(seen, design.scale)
    if strange.any():
        at = int(np.flatnonzero(known)[int(np.argmax(strange))])
        who = f"{design.spec.person} {rows.persons[rows.codes[at]]}"
        raise DesignError(
            f"column {design.spec.outcome}, {who}: {rows.scores[at]:g} is "
            f"none of the categories the model was fitted to ({', '.join(map(str, design.categories))})"
        )
    to_internal = design.membership_inverse
    membership = columns_of(design.base.templates.membership, rows.covariates) @ to_internal
    lay, point = design.lay, design.lay.natural(phi[None])
    logits = np.zeros((len(rows.persons), lay.k))
    logits[:, :-1] = membership @ phi[: lay.n_logits].reshape(lay.k - 1, lay.n_membership).T
    joint = logits
    if known.any():
        code = np.searchsorted(design.scale, seen).astype(np.intp)
        x = _columns(design, rows.data[known])
        data = cells(x, code, rows.codes[known], lay.n_thresholds, membership, None)
        joint = evaluate(lay, data, point, louis=False).log_joint[0].T
    p = np.exp(joint - joint.max(axis=1, keepdims=True))
    return OrdinalPrediction(design, phi, rows.persons, rows.covariates, p / p.sum(axis=1, keepdims=True))
