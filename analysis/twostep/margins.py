"""Standardised means of an outcome by class, their differences and ratios, with errors of the whole chain.

The mean of class k is that of g(x_i, k) over the stated population: everybody's covariates, with the class put in place
(g-computation). A set of classes is averaged with their shares in the population, the mean posterior of the first step.
The population is a sample too: its own variation is in the error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from analysis.twostep.families import mean
from analysis.twostep.stack import influence_covariance, spread

if TYPE_CHECKING:
    from analysis.twostep.outcome import OutcomeFit

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Margins:
    """`means` (k,) and `shares` (k,) of the classes, with their influence (k, persons) each."""

    means: Array
    shares: Array
    of_means: Array
    of_shares: Array

    def pooled(self, classes: Sequence[int]) -> tuple[float, Array]:
        """Mean (and its influence) of a set of classes, numbered from 1, weighted by their shares."""
        at = np.array([c - 1 for c in classes])
        total = float(self.shares[at].sum())
        value = float(self.shares[at] @ self.means[at]) / total
        influence = (self.shares[at] @ self.of_means[at] + (self.means[at] - value) @ self.of_shares[at]) / total
        return value, influence


def of(fit: OutcomeFit, naive: bool = False) -> Margins:
    """Standardised means of the classes; `naive` takes the first step as known."""
    ready, data = fit.ready, fit.data
    rows = ready.rows
    v = rows.population / rows.population.sum()
    value, slope = mean(data.family, data.predictors(fit.eta, rows.x @ ready.inverse))
    value, slope = value * ready.scale, slope * ready.scale
    means = value @ v
    k, n = len(means), len(ready.persons)
    change = np.zeros((k, len(fit.eta)))
    x = rows.x @ ready.inverse
    for g in range(k):
        change[g, data.spread[g, : x.shape[1]]] = (slope[g] * v) @ x
    own = spread((value - means[:, None]) * v, ready.places, n)
    p = fit.step.p[rows.at]
    shares = p.T @ v
    of_shares = spread((p.T - shares[:, None]) * v, ready.places, n)
    if not naive:
        slopes = fit.step.slopes[rows.at]
        centred = slopes - np.einsum("nk,nkf->nf", p, slopes)[:, None]
        of_shares = of_shares + np.einsum("n,nk,nkf->kf", v, p, centred) @ ready.phi
    return Margins(means, shares, own + change @ fit.influence(naive), of_shares)


def table(fit: OutcomeFit, kind: str = "sandwich", level: float = 0.95) -> pd.DataFrame:
    """One row per class: `class`, `share`, `mean`, `se`, `lower`, `upper`; limits of a risk on the logit scale."""
    found = of(fit, kind == "naive")
    se = np.sqrt(np.diag(_covariance(fit, found.of_means, kind)))
    width = norm.ppf(0.5 + level / 2)
    m = found.means
    if fit.data.family == "binary":
        inside = np.clip(m, 1e-12, 1 - 1e-12)
        logit, half = np.log(inside / (1 - inside)), width * se / (inside * (1 - inside))
        lower, upper = 1 / (1 + np.exp(half - logit)), 1 / (1 + np.exp(-half - logit))
    else:
        lower, upper = m - width * se, m + width * se
    return pd.DataFrame(
        {
            "class": np.arange(1, len(m) + 1),
            "share": found.shares,
            "mean": m,
            "se": se,
            "lower": lower,
            "upper": upper,
        }
    )


def contrast(
    fit: OutcomeFit, a: int | Sequence[int], b: int | Sequence[int], kind: str = "sandwich", level: float = 0.95
) -> pd.DataFrame:
    """`a` against `b`, each one class or several: `measure`, `estimate`, `se`, `lower`, `upper`, `p_value`.

    Measures: `mean a`, `mean b`, `difference`; for binary outcomes `risk ratio` and `odds ratio`, for counts `rate
    ratio`. The error of a ratio is that of its logarithm, and its limits are symmetric there.
    """
    found = of(fit, kind == "naive")
    first, second = ([c] if isinstance(c, int) else list(c) for c in (a, b))
    for c in (*first, *second):
        if not 1 <= c <= len(found.means):
            raise ValueError(f"there is no class {c}; they are numbered from 1 to {len(found.means)}")
    if set(first) & set(second):
        raise ValueError("the two sides of the contrast have a class in common")
    (ma, ia), (mb, ib) = found.pooled(first), found.pooled(second)
    rows: list[tuple[str, float, Array, bool]] = [
        ("mean a", ma, ia, False),
        ("mean b", mb, ib, False),
        ("difference", ma - mb, ia - ib, False),
    ]
    if fit.data.family == "binary":
        rows.append(("risk ratio", ma / mb, ia / ma - ib / mb, True))
        odds = ma / (1 - ma) / (mb / (1 - mb))
        rows.append(("odds ratio", odds, ia / (ma * (1 - ma)) - ib / (mb * (1 - mb)), True))
    elif fit.data.family == "count":
        rows.append(("rate ratio", ma / mb, ia / ma - ib / mb, True))
    width = norm.ppf(0.5 + level / 2)
    se = np.sqrt(np.diag(_covariance(fit, np.array([r[2] for r in rows]), kind)))
    out = []
    for (measure, value, _, ratio), error in zip(rows, se, strict=True):
        if ratio:
            z, limits = np.log(value) / error, value * np.exp(width * error * np.array([-1, 1]))
        else:
            z, limits = value / error, value + width * error * np.array([-1, 1])
        p_value = np.nan if measure.startswith("mean") else 2 * norm.sf(abs(z))
        out.append((measure, value, error, limits[0], limits[1], p_value))
    return pd.DataFrame(out, columns=["measure", "estimate", "se", "lower", "upper", "p_value"])


def _covariance(fit: OutcomeFit, influence: Array, kind: str) -> Array:
    if kind == "model":
        raise ValueError("standardised means have sandwich or cluster errors; the population is sampled")
    return influence_covariance(influence, fit.clusters if kind == "cluster" else None)
