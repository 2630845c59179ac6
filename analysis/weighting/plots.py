"""Pictures of weights with altair: love plot, distribution, overlap. They are drawn from summaries, never from rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
import pandas as pd

from analysis.weighting.errors import WeightingError

if TYPE_CHECKING:
    from analysis.weighting.weights import FittedWeights

BEFORE, AFTER = "#d8a47f", "#2f6f8f"
LIMIT = 0.1
"""Differences beyond this are commonly called unbalanced."""
KINDS = ("love", "weights", "overlap")
BINS = 30


def draw(weights: FittedWeights, kind: str, by: str | None, synthetic: bool) -> Any:
    """The picture of that kind."""
    if kind not in KINDS:
        raise WeightingError(f"plot {kind!r} is none of {', '.join(KINDS)}")
    if kind == "love":
        return love(weights.balance(by), synthetic=synthetic)
    if kind == "weights":
        return distribution(histogram(weights), synthetic=synthetic)
    return overlap(weights.overlap(), synthetic=synthetic)


def titled(what: str, synthetic: bool) -> str:
    """SYNTHETIC stands in every title where it must."""
    return f"{what} (SYNTHETIC)" if synthetic else what


def love(table: pd.DataFrame, *, synthetic: bool = False, width: int = 420) -> alt.FacetChart | alt.LayerChart:
    """Absolute standardised mean differences before and after, the worst contrast of each covariate."""
    long = table.melt(
        ["node", "study", "contrast", "covariate"], ["smd_before", "smd_after"], "when", "smd"
    )  # one mark per node, study and covariate: the pair of groups that differs most
    long["smd"] = long["smd"].abs()
    worst = long.groupby(["node", "study", "covariate", "when"], sort=False, as_index=False)["smd"].max()
    worst["when"] = worst["when"].map({"smd_before": "before weighting", "smd_after": "after weighting"})
    before = worst[(worst["when"] == "before weighting") & (worst["study"] == "all")]
    order = before.sort_values("smd", ascending=False)["covariate"].drop_duplicates().tolist()
    colour = alt.Color(
        "when:N", title=None, scale=alt.Scale(domain=["before weighting", "after weighting"], range=[BEFORE, AFTER]),
        legend=alt.Legend(orient="top"),
    )  # fmt: skip
    x = alt.X("smd:Q", title="absolute standardised mean difference")
    base = alt.Chart(worst)
    points = base.mark_point(filled=True, size=55, opacity=0.9).encode(
        x=x, y=alt.Y("covariate:N", sort=order, title=None, axis=alt.Axis(labelLimit=260)), color=colour
    )
    rule = base.transform_calculate(limit=str(LIMIT)).mark_rule(strokeDash=[4, 3], color="#66727f").encode(x="limit:Q")
    chart = alt.layer(rule, points).properties(width=width, height=max(80, 18 * len(order)))
    several = worst[["node", "study"]].drop_duplicates()
    if len(several) == 1:
        return chart.properties(title=titled("Balance", synthetic))
    rows = alt.Row("node:N", title=None, header=alt.Header(labelAngle=0, labelOrient="top", labelAnchor="start"))
    if several["study"].nunique() > 1:
        faceted = chart.facet(row=rows, column=alt.Column("study:N", title=None))
    else:
        faceted = chart.facet(row=rows)
    return faceted.properties(title=titled("Balance", synthetic)).resolve_scale(y="independent")


def histogram(weights: FittedWeights) -> pd.DataFrame:
    """Counts of weights by bins: `factor`, `lower`, `upper`, `n`."""
    rows = []
    pairs = [(f.label, f.factor.values[weights.kept]) for f in weights.nodes]
    for name, values in [*pairs, ("product", weights.total[weights.kept])]:
        counts, edges = np.histogram(values, BINS)
        rows += [
            {"factor": name, "lower": low, "upper": high, "n": int(n)}
            for low, high, n in zip(edges[:-1], edges[1:], counts, strict=True)
        ]
    return pd.DataFrame(rows)


def distribution(table: pd.DataFrame, *, synthetic: bool = False, width: int = 420) -> alt.FacetChart:
    """Histograms of each factor and of the product, counts on a root scale so that the tail is seen."""
    bars = (
        alt.Chart(table)
        .mark_bar(color=AFTER)
        .encode(
            x=alt.X("lower:Q", title="weight", bin="binned"),
            x2="upper:Q",
            y=alt.Y("n:Q", title="persons", scale=alt.Scale(type="sqrt")),
        )
        .properties(width=width, height=110)
    )
    faceted = bars.facet(row=alt.Row("factor:N", title=None, header=alt.Header(labelAngle=0, labelOrient="top")))
    return faceted.resolve_scale(x="independent", y="independent").properties(title=titled("Weights", synthetic))


def overlap(table: pd.DataFrame, *, synthetic: bool = False, width: int = 420) -> alt.FacetChart:
    """Shares of each group by fitted probability."""
    if table.empty:
        raise WeightingError("no node has probabilities (entropy balancing has none); look at the weights instead")
    share = table.assign(share=table["n"] / table.groupby(["node", "what", "group"])["n"].transform("sum"))
    bars = (
        alt.Chart(share)
        .mark_bar(opacity=0.55)
        .encode(
            x=alt.X("lower:Q", title="fitted probability", bin="binned", scale=alt.Scale(domain=[0, 1])),
            x2="upper:Q",
            y=alt.Y("share:Q", title="share of the group", stack=None),
            color=alt.Color("group:N", title=None, legend=alt.Legend(orient="top")),
        )
        .properties(width=width, height=120)
    )
    return bars.facet(row=alt.Row("node:N", title=None, header=alt.Header(labelAngle=0, labelOrient="top"))).properties(
        title=titled("Overlap", synthetic)
    )
