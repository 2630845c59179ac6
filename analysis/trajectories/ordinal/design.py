"""A frame with an ordinal item made ready for the kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.trajectories.coordinates import triangle
from analysis.trajectories.design import Design, build
from analysis.trajectories.errors import DesignError
from analysis.trajectories.ordinal.kernel import Cells, cells
from analysis.trajectories.ordinal.layout import Layout
from analysis.trajectories.ordinal.spec import OrdinalGrowth

Array = NDArray[np.float64]
INTERCEPT = "Intercept"


@dataclass(frozen=True)
class OrdinalDesign:
    """`base`: the frame as the engine reads it. `categories`: values seen, `empty`: values allowed but never seen.

    Internal columns are (x - `mean`) @ `inverse`, `mean` and `inverse` over the columns `terms` (no intercept), the
    first `lay.n_specific` of them class-specific.
    """

    spec: OrdinalGrowth
    base: Design
    lay: Layout
    data: Cells
    categories: tuple[int, ...]
    empty: tuple[int, ...]
    terms: tuple[str, ...]
    mean: Array
    inverse: Array
    membership_inverse: Array

    def internal(self, x: Array) -> Array:
        """Internal columns (rows, columns) of rows of `base.x` (rows, p)."""
        found: Array = (x[:, _kept(self.base)] - self.mean) @ self.inverse
        return found

    @property
    def scale(self) -> Array:
        """(categories,) their values."""
        return np.array(self.categories, dtype=float)

    def with_codes(self, code: NDArray[np.intp]) -> Cells:
        """The same persons at the same times with other categories (rows,), counted from 0."""
        x, weight = self.internal(self.base.x), self.base.panel.weight
        return cells(x, code, self.base.person, self.lay.n_thresholds, self.data.membership, weight)

    def reported(self) -> Array:
        """(parameters, free): the parameters in units of the frame are this matrix times the natural ones."""
        lay, s = self.lay, self.lay.n_specific
        found = np.eye(lay.n_free)
        for g in range(lay.k - 1):
            at = slice(g * lay.n_membership, (g + 1) * lay.n_membership)
            found[at, at] = self.membership_inverse
        own, shared = self.inverse[:s, :s], self.inverse[s:, s:]
        shift, shift_common = self.mean[:s] @ own, self.mean[s:] @ shared
        last = lay.specific_at(lay.k - 1)
        found[lay.thresholds, last] = shift
        found[lay.thresholds, lay.common_at] = shift_common
        for g in range(lay.k):
            if g < lay.k - 1 and lay.intercepts:
                found[lay.intercept_at(g), lay.specific_at(g)] = -shift
                found[lay.intercept_at(g), last] = shift
            found[lay.specific_at(g), lay.specific_at(g)] = own
        found[lay.common_at, lay.common_at] = shared
        return found

    def names(self) -> pd.DataFrame:
        """One row per parameter: `part` (membership, threshold, fixed), `class` (0: all), `term`."""
        lay, k = self.lay, self.lay.k
        own, shared = self.terms[: lay.n_specific], self.terms[lay.n_specific :]
        rows = [("membership", g, t) for g in range(1, k) for t in self.base.templates.membership.column_names]
        pairs = zip(self.categories[:-1], self.categories[1:], strict=True)
        rows += [("threshold", 0, f"{low}|{high}") for low, high in pairs]
        rows += [("fixed", g, INTERCEPT) for g in range(1, k) if lay.intercepts]
        rows += [("fixed", g, t) for g in range(1, k + 1) for t in own]
        rows += [("fixed", 0, t) for t in shared]
        return pd.DataFrame(rows, columns=["part", "class", "term"])

    def spread(self) -> Array:
        """(parameters,) standard deviation of the column each coefficient belongs to; 1 for constants."""
        lay = self.lay
        sd = self.base.x[:, _kept(self.base)].std(axis=0)
        ones = self.base.membership.std(axis=0)
        s = lay.n_specific
        return np.concatenate(
            [
                np.tile(np.where(ones > 0, ones, 1.0), lay.k - 1),
                np.ones(lay.n_thresholds + lay.n_intercepts),
                np.tile(sd[:s], lay.k),
                sd[s:],
            ]
        )


def _kept(base: Design) -> list[int]:
    return [j for j, name in enumerate(base.templates.columns) if name != INTERCEPT]


def build_ordinal(spec: OrdinalGrowth, frame: pd.DataFrame) -> OrdinalDesign:
    """Matrices of `spec` on `frame`. Raises DesignError for columns, values or formulas that do not fit."""
    _check(spec, frame)
    base = build(spec.as_mixture(), frame)
    values, code = np.unique(base.y, return_inverse=True)
    categories = tuple(int(v) for v in values)
    low, high = spec.categories or (categories[0], categories[-1])
    empty = tuple(v for v in range(low, high + 1) if v not in categories)
    own = [c for c in base.templates.specific if c != INTERCEPT]
    shared = [c for c in base.templates.common if c != INTERCEPT]
    terms = [*own, *shared]
    x = base.x[:, _kept(base)]
    triangle(np.column_stack([np.ones(len(x)), x]), ["thresholds", *terms], "fixed")
    intercepts = INTERCEPT in base.templates.specific
    mean = x.mean(axis=0)
    if not intercepts:
        mean[: len(own)] = 0.0  # classes without an intercept of their own meet where their columns are zero
    inverse = np.zeros((len(terms), len(terms)))
    for at, names in ((slice(0, len(own)), own), (slice(len(own), None), shared)):
        inverse[at, at] = np.linalg.inv(triangle((x - mean)[:, at], names, "fixed"))
    membership_inverse = np.asarray(
        np.linalg.inv(triangle(base.membership, base.templates.membership.column_names, "membership")), dtype=float
    )
    lay = Layout(
        k=spec.k,
        link=spec.link,
        n_thresholds=len(categories) - 1,
        n_membership=base.membership.shape[1],
        n_specific=len(own),
        n_common=len(shared),
        intercepts=intercepts,
    )
    data = cells(
        (x - mean) @ inverse,
        code.reshape(-1).astype(np.intp),
        base.person,
        lay.n_thresholds,
        base.membership @ membership_inverse,
        base.panel.weight,
    )
    return OrdinalDesign(spec, base, lay, data, categories, empty, tuple(terms), mean, inverse, membership_inverse)


def _check(spec: OrdinalGrowth, frame: pd.DataFrame) -> None:
    """The item has whole numbers within its range, at least two of them; rows without one are left out."""
    name = spec.outcome
    for needed in (name, spec.person):
        if needed not in frame.columns:
            raise DesignError(f"the frame has no column {needed}; it has {', '.join(map(str, frame.columns))}")
    column = frame[name]
    present = column.notna().to_numpy()
    values = pd.to_numeric(column, errors="coerce").astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    whole = np.isfinite(values) & (values == np.floor(values))
    _refuse(spec, frame, present & ~whole, "is not a whole number; give each category a whole number")
    if spec.categories is not None:
        low, high = spec.categories
        outside = present & ((values < low) | (values > high))
        _refuse(spec, frame, outside, f"is not within {low} to {high}; correct the value or widen categories")
    seen = np.unique(values[present])
    if len(seen) == 1:
        raise DesignError(f"column {name} is {seen[0]:g} in every row: an ordinal model needs two categories or more")


def _refuse(spec: OrdinalGrowth, frame: pd.DataFrame, bad: NDArray[np.bool_], what: str) -> None:
    if not bad.any():
        return
    row = int(np.flatnonzero(bad)[0])
    where = f"row {frame.index[row]}, {spec.person} {frame[spec.person].iloc[row]}"
    value = frame[spec.outcome].iloc[row]
    raise DesignError(f"column {spec.outcome}, {where}: {value} {what} ({int(bad.sum())} such rows)")
