"""Weighted regressions of an outcome, with errors that carry the estimation of the weights (M-estimation).

Outcome models are `normal` (identity), `binary` (logit) and `count` (log). Both errors are given by name: weights taken
as known (the robust sandwich, Huber 1967) and weights estimated (the stacked sandwich, Stefanski & Boos 2002).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, cast

import numpy as np
import pandas as pd
from formulaic import Formula
from formulaic.errors import FormulaicError
from numpy.typing import NDArray
from scipy.stats import norm

from analysis.trajectories.bases import CONTEXT
from analysis.trajectories.design import plain
from analysis.twostep.families import FAMILIES, mean
from analysis.twostep.stack import influence_covariance
from analysis.weighting.covariates import inverse, left_side, numbers, right_side, variables
from analysis.weighting.errors import Problem, WeightingError
from analysis.weighting.weights import FittedWeights

Array = NDArray[np.float64]

KNOWN, ESTIMATED, CLUSTER = "weights taken as known", "weights estimated (M-estimation)", "clusters"
ERRORS = (KNOWN, ESTIMATED)
ITERATIONS, TOLERANCE = 100, 1e-12


@dataclass(frozen=True)
class WeightedFit:
    """A weighted regression. `b` (p,) by `names`; `x` (m, p), `y` (m,) of the rows used, `rows` (m,) in the frame."""

    weights: FittedWeights
    formula: str
    family: str
    names: tuple[str, ...]
    b: Array
    x: Array
    y: Array
    rows: NDArray[np.intp]
    model: Any
    said: tuple[Problem, ...]
    cluster: str | None = None

    @property
    def n(self) -> int:
        """Persons with outcome and weight."""
        return len(self.y)

    # -- the stack -------------------------------------------------------------------------------------------------

    @cached_property
    def bread(self) -> Array:
        """(p, p): inverse of minus the derivative of the outcome's equations."""
        _, slope = mean(self.family, self.x @ self.b)
        return inverse((self.x * (self.w * slope)[:, None]).T @ self.x)

    @property
    def w(self) -> Array:
        """(m,): weights of the rows used."""
        return self.weights.total[self.rows]

    def _scores(self) -> Array:
        value, _ = mean(self.family, self.x @ self.b)
        found = np.zeros((len(self.b), len(self.weights.total)))
        found[:, self.rows] = (self.x * (self.w * (self.y - value))[:, None]).T
        return found

    def influence(self, errors: str = ESTIMATED) -> Array:
        """(p, n): how much one more person like this moves each coefficient."""
        own = self._scores()
        if errors != KNOWN:
            own = own + self.weights.carry(own)
        return self.bread @ own

    def covariance(self, errors: str = ESTIMATED) -> Array:
        """Covariance of the coefficients."""
        return self._spread(self.influence(errors), errors)

    def _spread(self, influence: Array, errors: str) -> Array:
        if errors not in (*ERRORS, CLUSTER):
            raise WeightingError(f"errors = {errors!r} is none of {', '.join((*ERRORS, CLUSTER))}")
        if errors != CLUSTER:
            return influence_covariance(influence)
        if self.cluster is None:
            raise WeightingError("no clusters: name their column, effect(…, cluster='site')")
        return influence_covariance(influence, self.weights.given[self.cluster])

    # -- estimates -------------------------------------------------------------------------------------------------

    def parameters(self, errors: str = ESTIMATED, level: float = 0.95) -> pd.DataFrame:
        """Coefficients: `term`, `estimate`, `se`, `lower`, `upper`, `p_value`, `errors`."""
        se = np.sqrt(np.diag(self.covariance(errors)))
        return _tabled(pd.DataFrame({"term": self.names}), self.b, se, level).assign(errors=errors)

    @cached_property
    def grid(self) -> list[dict[str, object]]:
        """Every combination of treatment levels that the outcome model knows of."""
        known = set(variables(self.formula, self.weights.frame))
        found = [f for f in self.weights.treatments if f.node.column in known and f.levels]
        if not found:
            return []
        names = [f.node.column for f in found]
        return [dict(zip(names, values, strict=True)) for values in product(*(f.levels for f in found))]

    @cached_property
    def _standard(self) -> tuple[Array, Array, Array]:
        """Means (k,) over the target population by row of `grid`, and their influence with and without the weights'."""
        if not self.grid:
            raise WeightingError(
                f"{self.formula!r} has no treatment node with levels in it, so no means to compare; see parameters()"
            )
        rows, v, weighted = self._population()
        frame = self.weights.frame.iloc[rows]
        n = len(self.weights.total)
        means, own, change = [], [], []
        for setting in self.grid:
            x = self._columns(frame.assign(**cast(Any, setting)))
            value, slope = mean(self.family, x @ self.b)
            total = v.sum()
            m = float(v @ value / total)
            single = np.zeros(n)
            single[rows] = v * (value - m) / total
            means.append(m)
            own.append(single)
            change.append((v * slope) @ x / total)
        first, moved = np.array(own), np.array(change)
        known = first + moved @ self.influence(KNOWN)
        both = first + moved @ self.influence(ESTIMATED)
        if weighted:
            both = both + self.weights.carry(first)
        return np.array(means), known, both

    def _population(self) -> tuple[NDArray[np.intp], Array, bool]:
        """Rows, how much each counts, and whether that depends on estimated weights."""
        used = self.rows
        only = set(variables(self.formula, self.weights.frame)) <= set(self.grid[0])
        estimands = {f.node.estimand for f in self.weights.treatments}
        rest = [f for f in self.weights.nodes if f.node.kind == "selection" and f.node.target == "rest"]
        if only or not estimands <= {"ATE", "ATT", "ATC"}:
            return used, self.w, not only
        here = np.ones(len(self.weights.total), dtype=bool)
        for f in self.weights.treatments:
            if f.node.estimand in ("ATT", "ATC"):
                focal = 1 if f.node.estimand == "ATT" else 0
                here &= f.groups == (f.levels.index(f.node.focal) if f.node.focal is not None else focal)
        for f in rest:
            here &= f.groups == 0
        wanted = [v for v in variables(self.formula, self.weights.frame) if v not in self.grid[0]]
        if self.weights.frame.loc[here, wanted].isna().to_numpy().any():
            return used, self.w, True
        rows = np.flatnonzero(here)
        return rows, self.weights.case[rows], False

    def _columns(self, frame: pd.DataFrame) -> Array:
        needed = variables(self.formula, self.weights.frame)
        data = plain(frame[needed].reset_index(drop=True)) if needed else pd.DataFrame(index=range(len(frame)))
        made = self.model.get_model_matrix(data, context=CONTEXT)
        return np.asarray(made, dtype=float)[:, self._keep]

    @property
    def _keep(self) -> list[int]:
        return [list(self.model.column_names).index(n) for n in self.names]

    def means(self, errors: str = ESTIMATED, level: float = 0.95) -> pd.DataFrame:
        """Mean outcome of the target population under each setting of the treatments."""
        values, known, both = self._standard
        se = np.sqrt(np.diag(self._spread(known if errors == KNOWN else both, errors)))
        return _tabled(pd.DataFrame(self.grid), values, se, level).drop(columns="p_value").assign(errors=errors)

    def contrast(
        self, a: int | None = None, b: int = 0, errors: Sequence[str] = ERRORS, level: float = 0.95
    ) -> pd.DataFrame:
        """Setting `a` against `b` (rows of `means()`; without `a` every other one against `b`), by both errors.

        Columns: `contrast`, `measure` (difference; for risks also risk and odds ratio, for counts the rate ratio),
        `estimate`, `se` (of a ratio: of its logarithm), `lower`, `upper`, `p_value`, `errors`.
        """
        values, known, both = self._standard
        rows = []
        for at in [a] if a is not None else [i for i in range(len(values)) if i != b]:
            label = f"{_told(self.grid[at])} against {_told(self.grid[b])}"
            for kind in errors:
                psi = known if kind == KNOWN else both
                for measure, value, p, ratio in measures(self.family, values[at], values[b], psi[at], psi[b]):
                    se = float(np.sqrt(self._spread(p[None], kind)[0, 0]))
                    rows.append({"contrast": label, **_line(measure, value, se, ratio, level), "errors": kind})
        return pd.DataFrame(rows)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What a reader must know of the weights and of the outcome."""
        return (*self.weights.problems, *self.said)

    def describe(self) -> str:
        """Models, effects by both errors and problems as text."""
        table = self.contrast() if self.grid else pd.concat([self.parameters(e) for e in ERRORS])
        lines = [f"{self.formula} ({self.family}), {self.n} persons, effective {self.weights.ess:.1f}"]
        return "\n".join([*lines, table.round(4).to_string(index=False), *(f"! {p}" for p in self.problems)])


def effect(weights: FittedWeights, formula: str, family: str = "normal", cluster: str | None = None) -> WeightedFit:
    """Regress an outcome with `weights`: `effect(w, "change ~ quit")`, then `.contrast()`, `.means()`, `.parameters()`.

    Persons without outcome are left out and counted, unless a node makes others stand for them. Raises WeightingError
    for unknown columns, covariates missing where an outcome is seen, and an outcome that does not fit the family.
    """
    if not isinstance(weights, FittedWeights):
        raise WeightingError("weights of several imputations are pooled by their own effect(formula, family)")
    if family not in FAMILIES:
        raise WeightingError(f"family = {family!r} is none of {', '.join(FAMILIES)}")
    frame, outcome = weights.frame, left_side(formula)
    if outcome not in frame.columns:
        raise WeightingError(
            f"the outcome {outcome!r} is no column of the frame; it has {', '.join(map(str, frame.columns))}"
        )
    needed = variables(formula, frame)
    y = numbers(frame[outcome])
    kept = weights.kept & np.isfinite(y)
    if not kept.any():
        raise WeightingError(f"nobody with a weight has an outcome {outcome}")
    said = []
    lost = int((weights.kept & ~np.isfinite(y)).sum())
    if lost:
        text = f"{lost} of {int(weights.kept.sum())} weighted persons have no {outcome} and are left out"
        said.append(Problem("outcome", text, "add a staying(...) node so that others stand for them", grave=False))
    rows = np.flatnonzero(kept)
    gaps = frame.iloc[rows][needed].isna().any() if needed else pd.Series(dtype=bool)
    if gaps.any():
        raise WeightingError(
            f"column {gaps.idxmax()} of the outcome model is missing for persons with an outcome; fill it"
        )
    _fits(family, y[rows], outcome)
    data = plain(frame.iloc[rows][needed].reset_index(drop=True)) if needed else pd.DataFrame(index=range(len(rows)))
    try:
        made = Formula(right_side(formula)).get_model_matrix(data, context=CONTEXT)
    except (FormulaicError, ValueError) as error:
        raise WeightingError(f"{formula!r} does not fit the frame: {error}") from error
    x, names = np.asarray(made, dtype=float), tuple(made.model_spec.column_names)
    x, names, dropped = _independent(x, names, weights.total[rows])
    said += [
        Problem("outcome", f"column {n} is superfluous: left out", "simplify the formula", grave=False) for n in dropped
    ]
    b = glm(family, x, y[rows], weights.total[rows])
    return WeightedFit(weights, formula, family, names, b, x, y[rows], rows, made.model_spec, tuple(said), cluster)


def glm(family: str, x: Array, y: Array, w: Array) -> Array:
    """Coefficients of the weighted regression by Newton's method. Raises WeightingError without a finite maximum."""
    size = np.sqrt(np.maximum((x**2).mean(axis=0), 1e-300))
    z = x / size
    b = np.zeros(x.shape[1])
    if family == "count":
        b[0] = np.log(max(float(w @ y / w.sum()), 1e-12)) if np.ptp(z[:, 0]) == 0 else 0.0
    for _ in range(ITERATIONS):
        value, slope = mean(family, z @ b)
        gradient = z.T @ (w * (y - value))
        info = (z * (w * slope)[:, None]).T @ z
        try:
            step = np.linalg.solve(info, gradient)
        except np.linalg.LinAlgError:
            break
        if family == "normal":
            return (b + step) / size
        longest = float(np.abs(step).max())
        b = b + step * min(1.0, 2.0 / longest)
        if float(gradient @ step) < TOLERANCE * w.sum():
            if float(np.abs(z @ b).max()) > 25:
                break
            return b / size
    raise WeightingError(
        "the outcome model has no finite solution: the outcome is all or none in some cell of its columns; simplify it"
    )


def measures(family: str, a: float, b: float, pa: Array, pb: Array) -> list[tuple[str, float, Array, bool]]:
    """Contrasts of two means with influence `pa`, `pb`: name, value, influence (of the logarithm of ratios), ratio."""
    found = [("difference", a - b, pa - pb, False)]
    if family == "binary" and 0 < a < 1 and 0 < b < 1:
        found.append(("risk ratio", a / b, pa / a - pb / b, True))
        odds = a / (1 - a) / (b / (1 - b))
        found.append(("odds ratio", odds, pa / (a * (1 - a)) - pb / (b * (1 - b)), True))
    if family == "count" and a > 0 and b > 0:
        found.append(("rate ratio", a / b, pa / a - pb / b, True))
    return found


def _line(measure: str, value: float, se: float, ratio: bool, level: float) -> dict[str, object]:
    width = float(norm.ppf(0.5 + level / 2)) * se
    z = np.log(value) / se if ratio else value / se
    lower, upper = (value * np.exp(-width), value * np.exp(width)) if ratio else (value - width, value + width)
    return {
        "measure": measure,
        "estimate": value,
        "se": se,
        "lower": lower,
        "upper": upper,
        "p_value": 2 * norm.sf(abs(z)),
    }


def _tabled(frame: pd.DataFrame, values: Array, se: Array, level: float) -> pd.DataFrame:
    width = norm.ppf(0.5 + level / 2) * se
    return frame.assign(
        estimate=values, se=se, lower=values - width, upper=values + width, p_value=2 * norm.sf(np.abs(values) / se)
    )


def _told(setting: dict[str, object]) -> str:
    return ", ".join(f"{k} = {v}" for k, v in setting.items())


def _fits(family: str, y: Array, outcome: str) -> None:
    bad = np.zeros(len(y), dtype=bool)
    if family == "binary":
        bad, what = ~np.isin(y, (0.0, 1.0)), "0 or 1"
    elif family == "count":
        bad, what = (y < 0) | (y != np.round(y)), "a whole number, 0 or more"
    if bad.any():
        raise WeightingError(f"the outcome {outcome} is {y[int(np.argmax(bad))]:g}; a {family} one is {what}")
    if np.ptp(y) == 0:
        raise WeightingError(f"the outcome {outcome} is {y[0]:g} for everybody: there is nothing to estimate")


def _independent(x: Array, names: tuple[str, ...], w: Array) -> tuple[Array, tuple[str, ...], list[str]]:
    """Columns that are no combination of those before them, among rows with a weight."""
    size = np.sqrt(np.maximum((x[w > 0] ** 2).mean(axis=0), 0))
    scaled = x[w > 0] / np.where(size > 0, size, 1.0)
    gram = scaled.T @ scaled / len(scaled)
    keep: list[int] = []
    for j in range(x.shape[1]):
        if gram[j, j] < 1e-12:
            continue
        if keep:
            inner = gram[np.ix_(keep, keep)]
            rest = gram[j, j] - gram[j, keep] @ np.linalg.solve(inner, gram[keep, j])
            if rest < 1e-9 * gram[j, j]:
                continue
        keep.append(j)
    return x[:, keep], tuple(names[j] for j in keep), [n for j, n in enumerate(names) if j not in keep]
