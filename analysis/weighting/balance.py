"""Balance of covariates before and after weighting: what cobalt (Greifer) shows, for treatments and for selections.

Standardised mean difference: difference of means over a standard deviation that weights do not touch (treated for the
ATT, controls for the ATC, the mean of the groups' variances otherwise; that of the population for a selection, the
target for transport). Variance ratio: larger-sample formula for weights, of continuous covariates. KS: largest
difference of the distribution functions; of a 0/1 covariate the difference of proportions.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.weighting.covariates import numbers, variables
from analysis.weighting.errors import WeightingError

if TYPE_CHECKING:
    from analysis.weighting.fitting import FittedNode
    from analysis.weighting.weights import FittedWeights

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

COLUMNS = (
    "node study contrast covariate kind n_a n_b mean_a_before mean_b_before mean_a_after mean_b_after diff_before"
    " diff_after smd_before smd_after variance_ratio_before variance_ratio_after ks_before ks_after"
).split()
FEWEST = 2


def table(weights: FittedWeights, by: str | None = None, formula: str | None = None) -> pd.DataFrame:
    """One row per node, study (`all`, and with `by` each of its values), contrast and covariate.

    Groups a and b: of a treatment every pair, a the later level (the focal one for ATT and ATC); of a selection a are
    the chosen and b is the target population. A continuous treatment has correlations in the place of differences.
    `diff`: in the covariate's own units, for 0/1 covariates a difference of proportions.
    """
    parts: list[tuple[str, Mask]] = [("all", np.ones(len(weights.frame), dtype=bool))]
    if by is not None:
        if by not in weights.frame.columns:
            raise WeightingError(f"balance by {by!r}: no such column")
        column = weights.frame[by].astype(object)
        parts += [(str(v), np.asarray(column == v)) for v in sorted(column.dropna().unique(), key=str)]
    rows: list[dict[str, object]] = []
    for node in weights.nodes:
        names, x = covariates(weights, node, formula)
        for study, here in parts:
            rows += _node(weights, node, names, x, here, study)
    return pd.DataFrame(rows, columns=COLUMNS)


def covariates(weights: FittedWeights, node: FittedNode, formula: str | None = None) -> tuple[list[str], Array]:
    """Covariates of a node's model, categories with a 0/1 column for each level: names and (n, columns)."""
    wanted = variables(formula or node.node.formula, weights.frame)
    # a covariate whose gaps became a category is shown with that category
    extra = [f"{v}_missing" for v in wanted if f"{v}_missing" in weights.frame and f"{v}_missing" not in weights.given]
    names: list[str] = []
    columns: list[Array] = []
    categorical = {v for v in wanted if f"C({v}" in node.node.formula.replace(" ", "")}
    for v in [*wanted, *extra]:
        column = weights.frame[v]
        numeric = pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype)
        if numeric and v not in categorical:
            names.append(v)
            columns.append(numbers(column))
            continue
        for level in sorted(column.dropna().unique().tolist(), key=str):
            names.append(f"{v}_{level}")
            columns.append(np.asarray(column == level, dtype=float))
    return names, np.column_stack(columns) if columns else np.zeros((len(weights.frame), 0))


def _node(
    weights: FittedWeights, node: FittedNode, names: list[str], x: Array, here: Mask, study: str
) -> list[dict[str, object]]:
    among = node.among & here
    total, case = weights.total, weights.case
    if node.node.kind == "treatment" and not node.levels:
        return _correlations(weights, node, names, x, among, study)
    if node.node.kind == "selection":
        chosen = node.groups == 1
        target = among & (node.groups == 0) if node.node.target == "rest" else among
        sets = [("chosen against target", among & chosen, target, node.factor.values * case, case, "b")]
    else:
        sd = {"ATT": "a", "ATC": "a"}.get(node.node.estimand, "both")
        levels, pairs = node.levels, list(combinations(range(len(node.levels)), 2))
        focal = None
        if node.node.estimand in ("ATT", "ATC"):
            default = 1 if node.node.estimand == "ATT" else 0
            focal = levels.index(node.node.focal) if node.node.focal is not None else default
        sets = []
        for low, high in pairs:
            i, j = (low, high) if focal == low else (high, low)
            which = "both" if focal is not None and focal not in (i, j) else sd
            label = f"{levels[i]} against {levels[j]}"
            # before weighting everybody of the group, also those a later node loses
            sets.append((label, among & (node.groups == i), among & (node.groups == j), total, total, which))
    found = []
    for label, a, b, wa, wb, sd in sets:
        if a.sum() < FEWEST or b.sum() < FEWEST:
            continue
        for j, name in enumerate(names):
            row = _compare(x[:, j], a, b, case, wa, wb, sd)
            found.append({"node": node.label, "study": study, "contrast": label, "covariate": name, **row})
    return found


def _compare(x: Array, a: Mask, b: Mask, case: Array, wa: Array, wb: Array, sd: str) -> dict[str, object]:
    seen = np.isfinite(x)
    xa, xb = x[a & seen], x[b & seen]
    ca, cb, va, vb = case[a & seen], case[b & seen], wa[a & seen], wb[b & seen]
    binary = bool(np.isin(xa, (0.0, 1.0)).all() and np.isin(xb, (0.0, 1.0)).all())
    ma, mb, na, nb = mean(xa, ca), mean(xb, cb), mean(xa, va), mean(xb, vb)
    sa, sb = variance(xa, ca, binary), variance(xb, cb, binary)
    scale = np.sqrt({"a": sa, "b": sb}.get(sd, (sa + sb) / 2))
    smd = lambda d: d / scale if scale > 0 else (0.0 if abs(d) < 1e-12 else np.nan)  # noqa: E731
    ratio = [np.nan, np.nan]
    if not binary:
        ta, tb = variance(xa, va, False), variance(xb, vb, False)
        ratio = [sa / sb if sb > 0 else np.nan, ta / tb if tb > 0 else np.nan]
    distance = [abs(ma - mb), abs(na - nb)] if binary else ks(xa, xb, ((ca, cb), (va, vb)))
    return {
        "kind": "binary" if binary else "continuous", "n_a": len(xa), "n_b": len(xb),
        "mean_a_before": ma, "mean_b_before": mb, "mean_a_after": na, "mean_b_after": nb,
        "diff_before": ma - mb, "diff_after": na - nb, "smd_before": smd(ma - mb), "smd_after": smd(na - nb),
        "variance_ratio_before": ratio[0], "variance_ratio_after": ratio[1],
        "ks_before": distance[0], "ks_after": distance[1],
    }  # fmt: skip


def mean(x: Array, w: Array) -> float:
    """Weighted mean, missing where the weights sum to 0."""
    total = float(w.sum())
    return float(w @ x) / total if total > 0 else np.nan


def variance(x: Array, w: Array, binary: bool) -> float:
    """Weighted variance: p (1 - p) of a 0/1 covariate, else unbiased for reliability weights."""
    total = float(w.sum())
    if not total > 0:
        return np.nan
    m = mean(x, w)
    if binary:
        return m * (1 - m)
    squares = float(w @ w)
    rest = total**2 - squares
    return float(w @ (x - m) ** 2) * total / rest if rest > 0 else np.nan


def ks(xa: Array, xb: Array, weights: tuple[tuple[Array, Array], ...]) -> list[float]:
    """Largest difference of the weighted distribution functions of two groups, for each pair of weights."""
    x = np.concatenate([xa, xb])
    order = np.argsort(x, kind="stable")
    last = np.append(np.diff(x[order]) != 0, True)
    found = []
    for wa, wb in weights:
        ta, tb = wa.sum(), wb.sum()
        if not (ta > 0 and tb > 0):
            found.append(np.nan)
            continue
        step = np.concatenate([wa / ta, -wb / tb])[order]
        found.append(float(np.abs(np.cumsum(step)[last]).max()))
    return found


def _correlations(
    weights: FittedWeights, node: FittedNode, names: list[str], x: Array, among: Mask, study: str
) -> list[dict[str, object]]:
    """Correlations of covariates with a continuous treatment; in `smd` their values, in `diff` the weighted shift of
    the covariate's mean from the population's.
    """
    a = weights.frame[node.node.column].to_numpy(dtype=float)
    found: list[dict[str, object]] = []
    if among.sum() < FEWEST:
        return found
    for j, name in enumerate(names):
        here = among & np.isfinite(x[:, j])
        c, w, z, t = weights.case[here], weights.total[here], x[here, j], a[here]
        spread = np.sqrt(variance(z, c, False) * variance(t, c, False))
        before = mean((z - mean(z, c)) * (t - mean(t, c)), c) / spread
        after = mean((z - mean(z, w)) * (t - mean(t, w)), w) / spread
        found.append(
            {
                "node": node.label,
                "study": study,
                "contrast": "correlation with the treatment",
                "covariate": name,
                "kind": "continuous",
                "n_a": int(here.sum()),
                "n_b": int(here.sum()),
                "mean_a_before": mean(z, c),
                "mean_b_before": mean(z, c),
                "mean_a_after": mean(z, w),
                "mean_b_after": mean(z, c),
                "diff_before": 0.0,
                "diff_after": mean(z, w) - mean(z, c),
                "smd_before": before,
                "smd_after": after,
            }
        )
    return found


def overlap(weights: FittedWeights, bins: int = 20) -> pd.DataFrame:
    """Persons by fitted probability and group of each node, for plots: counts only."""
    edges = np.linspace(0, 1, bins + 1)
    rows = []
    for f in weights.nodes:
        chance = f.factor.chance
        if chance is None:
            continue
        groups = f.groups[f.factor.rows]
        wide = chance[:, None] if chance.ndim == 1 else chance
        names = ["probability"] if chance.ndim == 1 else [f"probability of {v}" for v in f.levels]
        for k, what in enumerate(names):
            for g, level in enumerate(f.levels):
                counts = np.histogram(wide[groups == g, k], edges)[0]
                rows += [
                    {"node": f.label, "what": what, "group": str(level), "lower": low, "upper": high, "n": int(n)}
                    for low, high, n in zip(edges[:-1], edges[1:], counts, strict=True)
                ]
    return pd.DataFrame(rows, columns=["node", "what", "group", "lower", "upper", "n"])
