"""Multiple imputation of covariates by chained equations, and Rubin's rules.

Each missing column is predicted from all others by a linear regression whose coefficients are drawn from their
posterior, and a missing value is taken from one of the five observed persons with the nearest prediction (predictive
mean matching, type 1; van Buuren 2018). Categories are predicted as their 0/1 columns and matched on all of them, so
that only values that occur are imputed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.stats import t as student

from analysis.weighting.covariates import left_side, variables
from analysis.weighting.errors import Problem, WeightingError
from analysis.weighting.weights import FittedWeights, Weights

Array = NDArray[np.float64]

DONORS, ROUNDS = 5, 10
RIDGE = 1e-5


def impute(
    frame: pd.DataFrame, columns: Sequence[str], m: int = 20, seed: int = 1, helpers: Sequence[str] = ()
) -> list[pd.DataFrame]:
    """`m` copies of `frame` without gaps in `columns`, predicted from each other and from `helpers` (gaps allowed,
    filled for this purpose only). Raises WeightingError for a column without any value.
    """
    wanted = list(dict.fromkeys(columns))
    around = [c for c in dict.fromkeys([*wanted, *helpers]) if c in frame.columns]
    absent = [c for c in (*wanted, *helpers) if c not in frame.columns]
    if absent:
        raise WeightingError(f"imputation: the frame has no column {', '.join(absent)}")
    for c in around:
        if frame[c].isna().all():
            raise WeightingError(f"imputation: column {c} has no value at all; leave it out")
    gaps = [c for c in around if frame[c].isna().any()]
    return [_chain(frame, around, gaps, wanted, np.random.default_rng([seed, i])) for i in range(m)]


def _chain(
    frame: pd.DataFrame, around: list[str], gaps: list[str], wanted: list[str], rng: np.random.Generator
) -> pd.DataFrame:
    n = len(frame)
    observed = {c: frame[c].notna().to_numpy() for c in around}
    state: dict[str, pd.Series] = {}
    for c in around:
        values = frame[c].astype(object).to_numpy()
        pool = values[observed[c]]
        filled = values.copy()
        filled[~observed[c]] = pool[rng.integers(0, len(pool), int((~observed[c]).sum()))]
        state[c] = pd.Series(filled)
    numeric = {c: _is_number(frame[c]) for c in around}
    order = sorted(gaps, key=lambda c: int((~observed[c]).sum()))
    for _ in range(ROUNDS if len(gaps) > 1 else 1):
        for c in order:
            x = np.column_stack([np.ones(n), *(_encoded(state[o], numeric[o]) for o in around if o != c)])
            state[c] = _drawn(x, state[c], observed[c], numeric[c], rng)
    done = {}
    for c in wanted:
        if not observed[c].all():
            series = pd.Series(state[c].to_numpy(), index=frame.index)
            done[c] = series.astype(float) if numeric[c] else series
    return frame.assign(**done)


def _is_number(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype))


def _encoded(column: pd.Series, numeric: bool) -> Array:
    if numeric:
        x = column.to_numpy(dtype=float)
        spread = x.std()
        return (x - x.mean())[:, None] / (spread if spread > 0 else 1.0)
    codes, found = pd.factorize(column)
    return np.eye(len(found))[codes][:, 1:]


def _drawn(x: Array, column: pd.Series, seen: NDArray[np.bool_], numeric: bool, rng: np.random.Generator) -> pd.Series:
    if numeric:
        y = column.to_numpy(dtype=float)[:, None]
    else:
        codes, found = pd.factorize(column)
        y = np.eye(len(found))[codes]
    xs, ys = x[seen], y[seen]
    precision = xs.T @ xs + RIDGE * len(xs) * np.eye(x.shape[1])
    beta = np.linalg.solve(precision, xs.T @ ys)
    residual = ys - xs @ beta
    free = max(len(xs) - x.shape[1], 1)
    # one scale per draw and one set of normals per column of y
    sigma = np.sqrt((residual**2).sum(axis=0) / rng.chisquare(free))
    root = np.linalg.cholesky(np.linalg.inv(precision))
    moved = beta + (root @ rng.normal(size=beta.shape)) * sigma
    tree = cKDTree(xs @ beta)
    k = min(DONORS, len(xs))
    near = np.asarray(tree.query(x[~seen] @ moved, k=k)[1]).reshape(-1, k)
    picked = near[np.arange(len(near)), rng.integers(0, k, len(near))]
    values = column.to_numpy(dtype=object).copy()
    values[~seen] = values[seen][picked]
    return pd.Series(values)


@dataclass(frozen=True)
class Pooled:
    """Estimates pooled by Rubin's rules: within, between and total variance, degrees of freedom (Barnard & Rubin 1999
    without their small-sample term) and the fraction of missing information.
    """

    estimate: Array
    se: Array
    df: Array
    fmi: Array

    def limits(self, level: float = 0.95) -> tuple[Array, Array]:
        """Confidence limits."""
        width = student.ppf(0.5 + level / 2, self.df) * self.se
        return self.estimate - width, self.estimate + width


def pool(estimates: Array, variances: Array) -> Pooled:
    """Rubin's rules for (m, k) estimates and their variances; at least two imputations."""
    estimates, variances = np.atleast_2d(estimates), np.atleast_2d(variances)
    m = len(estimates)
    if m < 2:
        raise WeightingError(f"{m} imputation cannot be pooled: the spread between imputations is needed; take 20")
    within, between = variances.mean(axis=0), estimates.var(axis=0, ddof=1)
    total = within + (1 + 1 / m) * between
    with np.errstate(divide="ignore", invalid="ignore"):
        r = (1 + 1 / m) * between / within
        df = np.where(between > 0, (m - 1) * (1 + 1 / np.maximum(r, 1e-300)) ** 2, 1e9)
        fmi = np.where(between > 0, (r + 2 / (df + 3)) / (r + 1), 0.0)
    return Pooled(estimates.mean(axis=0), np.sqrt(total), np.minimum(df, 1e9), fmi)


@dataclass(frozen=True)
class ImputedWeights:
    """Weights fitted in each of several imputed data sets; `effect` pools by Rubin's rules."""

    spec: Weights
    fits: tuple[FittedWeights, ...]
    gaps: dict[str, int]

    @property
    def values(self) -> Array:
        """(n,): mean of the weights over the imputations."""
        return np.mean([f.values for f in self.fits], axis=0)

    @property
    def ess(self) -> float:
        """Mean effective sample size."""
        return float(np.mean([f.ess for f in self.fits]))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What a reader must know; the same problem of several imputations once."""
        told = ", ".join(f"{c} ({n})" for c, n in self.gaps.items())
        first = Problem(
            "covariates", f"imputed {len(self.fits)} times (seed {self.spec.seed}): {told}",
            "right where being missing hangs on what is observed; name the outcome in auxiliary=", grave=False,
        )  # fmt: skip
        return (first, *dict.fromkeys(p for f in self.fits for p in f.problems))

    def flow(self) -> pd.DataFrame:
        """That of the first imputation."""
        return self.fits[0].flow()

    def summary(self) -> pd.DataFrame:
        """Distribution of weights, averaged over imputations."""
        return self._mean([f.summary() for f in self.fits], ["factor", "group"])

    def balance(self, by: str | None = None, formula: str | None = None) -> pd.DataFrame:
        """Balance, averaged over imputations."""
        keys = ["node", "study", "contrast", "covariate", "kind"]
        return self._mean([f.balance(by, formula) for f in self.fits], keys)

    def plot(self, kind: str = "love", by: str | None = None, synthetic: bool = False) -> Any:
        """As that of `FittedWeights`, of the first imputation."""
        return self.fits[0].plot(kind, by, synthetic)

    @staticmethod
    def _mean(tables: list[pd.DataFrame], keys: list[str]) -> pd.DataFrame:
        every = pd.concat(tables, ignore_index=True)
        return every.groupby(keys, sort=False, dropna=False, as_index=False).mean(numeric_only=True)

    def effect(self, formula: str, family: str = "normal") -> pd.DataFrame:
        """Contrasts of `effects.effect` pooled: ratios on the logarithmic scale."""
        from analysis.weighting.effects import effect

        return pooled_contrasts(self.fits, lambda w: effect(w, formula, family).contrast())


def pooled_contrasts(
    fits: Sequence[FittedWeights], contrast: Callable[[FittedWeights], pd.DataFrame], level: float = 0.95
) -> pd.DataFrame:
    """Tables with `estimate` and `se` of every imputation as one, by Rubin's rules; adds `df` and `fmi`."""
    tables = [contrast(f) for f in fits]
    ratio = tables[0]["measure"].str.contains("ratio").to_numpy()
    values = np.array([t["estimate"] for t in tables], dtype=float)
    values[:, ratio] = np.log(values[:, ratio])
    found = pool(values, np.array([t["se"] for t in tables], dtype=float) ** 2)
    low, high = found.limits(level)
    out = tables[0].assign(estimate=found.estimate, se=found.se, lower=low, upper=high, df=found.df, fmi=found.fmi)
    for column in ("estimate", "lower", "upper"):
        out[column] = np.where(ratio, np.exp(out[column]), out[column])
    return out.assign(p_value=2 * student.sf(np.abs(found.estimate) / found.se, found.df))


def fit_imputed(spec: Weights) -> ImputedWeights | FittedWeights:
    """What `Weights.fit` does for missing = "impute"; without a gap there is nothing to impute."""
    wanted = list(dict.fromkeys(v for f in spec.formulas.values() for v in variables(f, spec.frame)))
    gaps = {v: int(spec.frame[v].isna().sum()) for v in wanted if spec.frame[v].isna().any()}
    if not gaps:
        return spec.fit_complete(spec.frame)
    helpers = [left_side(n.formula) if not n.wants_levels else n.column for n in spec.nodes]
    frames = impute(spec.frame, wanted, spec.imputations, spec.seed, [*helpers, *spec.auxiliary])
    return ImputedWeights(spec, tuple(spec.fit_complete(f) for f in frames), gaps)
