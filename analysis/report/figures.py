"""The figures of the report as inline SVG. They are drawn from published counts only, never from the data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import pandas as pd
import vl_convert as vlc

from analysis.report.tables import EXCLUSIVE, FlowRow, OutcomeRow

FONT = "Helvetica Neue, Helvetica, Arial, sans-serif"
INK, QUIET, RULE = "#1f2933", "#66727f", "#d9dee3"
FLOW = {
    "persons": "#33475b",
    "entered": "#2f6f8f",
    "with baseline score": "#6aa3bd",
    "with later visit": "#9cc3d5",
    "with exit score": "#c9dfe8",
}
OUTCOMES = {
    "response": "#2f6f8f",
    "partial response": "#9cc3d5",
    "non-response": "#d8a47f",
    "not determinable": "#e4e7eb",
    "withheld": "#f5f0e1",
}
RANKS = ("response", "partial response", "withheld", "non-response", "not determinable")
"""From left to right; what is withheld stands between the two ends, so that these keep their place."""
WIDTHS = {"wide": 860, "narrow": 350}


@dataclass(frozen=True)
class Figure:
    """One figure, drawn once for a desk and once for a phone."""

    wide: str
    narrow: str


def attrition(rows: Sequence[FlowRow], name: str) -> Figure:
    """Bars from persons found down to each step; a count that is not shown has no bar but its mark."""
    shown = [r for r in rows if r.in_figure]
    frame = pd.DataFrame(
        {
            "label": [r.label for r in shown],
            "kind": [r.kind for r in shown],
            "n": [r.count.value or 0 for r in shown],
            "text": [r.count.text for r in shown],
        }
    )
    return Figure(*(svg(_flow(frame, w), f"{name}-{k}") for k, w in WIDTHS.items()))


def _flow(frame: pd.DataFrame, width: int) -> alt.LayerChart | alt.FacetChart:
    order = list(frame["label"])
    largest = max(int(frame["n"].max()), 1)
    short = "indexof(datum.label, ': with') > 0 ? split(datum.label, ': ')[1] : datum.label"
    axis = alt.Axis(labelLimit=230, labelExpr=short, ticks=False, domain=False)
    y = alt.Y("label:N", sort=order, title=None, axis=axis)
    x = alt.X("n:Q", title="persons", scale=alt.Scale(domain=[0, largest * 1.12]), axis=number_axis())
    colour = alt.Color("kind:N", scale=alt.Scale(domain=list(FLOW), range=list(FLOW.values())), legend=None)
    base = alt.Chart(frame)
    bars = base.mark_bar(height={"band": 0.78}).encode(x=x, y=y, color=colour)
    texts = base.mark_text(align="left", dx=4, color=INK, fontSize=11).encode(x="n:Q", y=y, text="text:N")
    return alt.layer(bars, texts).properties(width=width - (210 if width > 500 else 175), height=18 * len(order))


def outcomes(rows: Sequence[OutcomeRow], name: str) -> Figure:
    """Per step and instrument everybody who entered, by outcome; remission as a mark on the same scale."""
    one_step = len({r.step for r in rows}) == 1
    labels = [r.instrument if one_step else f"{r.step} · {r.instrument}" for r in rows]
    frame = pd.DataFrame([part for row, label in zip(rows, labels, strict=True) for part in _parts(row, label)])
    remitted = [
        {"label": label, "share": r.remission.of_entered}
        for r, label in zip(rows, labels, strict=True)
        if r.remission is not None and r.remission.of_entered is not None
    ]
    marks = pd.DataFrame(remitted, columns=["label", "share"])
    return Figure(*(svg(_stacked(frame, marks, labels, w), f"{name}-{k}") for k, w in WIDTHS.items()))


def _parts(row: OutcomeRow, label: str) -> list[dict[str, object]]:
    """Shares of the persons who entered, laid end to end; what is not shown is one rest, as a reader can compute it."""
    entered = row.entered.value
    if not entered:
        return []
    shares = {v.outcome: v.of_entered for v in row.exclusive}
    if row.not_determinable is not None:
        shares["not determinable"] = 100 * row.not_determinable / entered
    known = {o: s for o, s in shares.items() if s is not None}
    rest = 100 - sum(known.values())
    if rest > 1e-6:
        known["withheld"] = rest
    parts, start = [], 0.0
    for outcome in sorted(known, key=RANKS.index):
        share = known[outcome]
        text = f"{share:.0f}" if outcome in EXCLUSIVE and share >= 7 else ""
        parts.append({"label": label, "part": outcome, "start": start, "end": start + share, "text": text})
        start += share
    return parts


def _stacked(frame: pd.DataFrame, marks: pd.DataFrame, order: list[str], width: int) -> alt.LayerChart | alt.FacetChart:
    y = alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=200, ticks=False, domain=False))
    present = [o for o in OUTCOMES if o in set(frame["part"])]
    colour = alt.Color(
        "part:N",
        title=None,
        scale=alt.Scale(domain=present, range=[OUTCOMES[o] for o in present]),
        legend=alt.Legend(orient="top", direction="horizontal", columns=5 if width > 500 else 2, symbolType="square"),
    )
    x = alt.X("start:Q", title="% of persons who entered", scale=alt.Scale(domain=[0, 100]), axis=number_axis())
    bars = alt.Chart(frame).mark_bar(height={"band": 0.7}).encode(x=x, x2="end:Q", y=y, color=colour)
    ink = alt.condition("datum.part == 'response'", alt.value("#ffffff"), alt.value(INK))
    numbers = alt.Chart(frame).mark_text(align="right", dx=-4, fontSize=10.5)
    numbers = numbers.encode(x=alt.X("end:Q"), y=y, text="text:N", color=ink)
    dots = (
        alt.Chart(marks)
        .mark_point(shape="diamond", size=70, fill="#ffffff", stroke=INK, strokeWidth=1.4, opacity=1, yOffset=10)
        .encode(x=alt.X("share:Q"), y=y)
    )
    return alt.layer(bars, numbers, dots).properties(width=width - 130, height=28 * len(order))


def agreement(frame: pd.DataFrame, name: str) -> Figure:
    """Heat map of kappa between pairs of definitions; a pair that is not shown has no field."""
    names = sorted({*frame["definition_a"], *frame["definition_b"]})
    turned = frame.rename(columns={"definition_a": "definition_b", "definition_b": "definition_a"})
    both = pd.concat([frame, turned], ignore_index=True).assign(text=lambda f: f["kappa"].map("{:.1f}".format))
    return Figure(*(svg(_heat(both, names, w), f"{name}-{k}") for k, w in WIDTHS.items()))


def _heat(frame: pd.DataFrame, names: list[str], width: int) -> alt.LayerChart | alt.FacetChart:
    axis = alt.Axis(labelLimit=200 if width > 500 else 110, ticks=False, domain=False)
    x = alt.X("definition_a:N", sort=names, title=None, axis=axis)
    y = alt.Y("definition_b:N", sort=names, title=None, axis=axis)
    scale = alt.Scale(domain=[-0.2, 0, 1], range=["#d8a47f", "#f6f7f9", "#2f6f8f"], clamp=True)
    base = alt.Chart(frame)
    fields = base.mark_rect().encode(x=x, y=y, color=alt.Color("kappa:Q", scale=scale, legend=None))
    ink = alt.condition("datum.kappa > 0.6", alt.value("#ffffff"), alt.value(INK))
    texts = base.mark_text(fontSize=9.5).encode(x=x, y=y, text="text:N", color=ink)
    side = min(width - (210 if width > 500 else 120), 26 * len(names))
    return alt.layer(fields, texts).properties(width=side, height=20 * len(names))


def number_axis() -> alt.Axis:
    """An axis of numbers as all figures have it."""
    return alt.Axis(grid=True, gridColor=RULE, tickCount=5, format=",d", domain=False, ticks=False)


def svg(chart: alt.LayerChart | alt.FacetChart, name: str) -> str:
    """The chart as SVG that several times in one page does not clash, and that asks for nothing outside."""
    styled = chart.configure(font=FONT, background="transparent").configure_view(stroke=None)
    styled = styled.configure_axis(labelColor=INK, titleColor=QUIET, titleFontWeight="normal", labelFontSize=11)
    drawn = vlc.vegalite_to_svg(styled.to_dict())
    drawn = re.sub(r'(id="|url\(#)(\w+)', rf"\1{name}-\2", drawn)
    return drawn.replace("<svg ", '<svg role="img" ', 1)
