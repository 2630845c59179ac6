"""Figures of Aim B: treatment failure by failed trials before, and per staging score. From published numbers only."""

from __future__ import annotations

from collections.abc import Callable

import altair as alt
import pandas as pd

from analysis.report.figures import QUIET, RULE
from analysis.resistance.before import MODELS
from analysis.resistance.people import CATEGORIES

Chart = alt.LayerChart | alt.FacetChart
COLOURS = {"B0": "#9cc3d5", "B1": "#2f6f8f"}


def _axis() -> alt.Axis:
    return alt.Axis(grid=True, gridColor=RULE, tickCount=5, format=".0f", domain=False, ticks=False)


def _colour() -> alt.Color:
    scale = alt.Scale(domain=[f"{m}: {text}" for m, text in MODELS.items()], range=list(COLOURS.values()))
    return alt.Color("model:N", title=None, scale=scale, legend=alt.Legend(orient="top", columns=1, labelLimit=420))


def _percent(table: pd.DataFrame) -> pd.DataFrame:
    named = table.assign(model=table["model"].map(lambda m: f"{m}: {MODELS[m]}"))
    return named.assign(**{c: 100 * named[c] for c in ("estimate", "lower", "upper")})


def by_trials(table: pd.DataFrame) -> Callable[[int], Chart]:
    """P(treatment failure) with limits by number of failed trials, crude and adjusted."""

    def draw(width: int) -> Chart:
        rows = _percent(table[table["quantity"] == "probability"])
        x = alt.X(
            "at:N", sort=list(CATEGORIES), title="adequate failed trials before admission", axis=alt.Axis(labelAngle=0)
        )
        y = alt.Y("lower:Q", title="treatment failure, %", axis=_axis(), scale=alt.Scale(zero=True))
        shift = alt.XOffset("model:N")
        base = alt.Chart(rows)
        lines = base.mark_rule(strokeWidth=1.6).encode(x=x, y=y, y2="upper:Q", xOffset=shift, color=_colour())
        dots = base.mark_point(filled=True, size=60, opacity=1).encode(
            x=x, y="estimate:Q", xOffset=shift, color=_colour()
        )
        return alt.layer(lines, dots).properties(width=min(width - 70, 460), height=240)

    return draw


def by_score(table: pd.DataFrame) -> Callable[[int], Chart]:
    """Change of P(treatment failure) per standard deviation of each staging score without the index trial."""

    def draw(width: int) -> Chart:
        rows = _percent(table[table["estimate"].notna()])
        y = alt.Y(
            "score:N", sort=list(dict.fromkeys(rows["score"])), title=None, axis=alt.Axis(ticks=False, domain=False)
        )
        x = alt.X("lower:Q", title="points of treatment failure per standard deviation", axis=_axis())
        shift = alt.YOffset("model:N")
        base = alt.Chart(rows)
        zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(color=QUIET, strokeDash=[3, 3]).encode(x="at:Q")
        lines = base.mark_rule(strokeWidth=1.6).encode(x=x, x2="upper:Q", y=y, yOffset=shift, color=_colour())
        dots = base.mark_point(filled=True, size=55, opacity=1).encode(
            x="estimate:Q", y=y, yOffset=shift, color=_colour()
        )
        return alt.layer(zero, lines, dots).properties(width=width - 140, height=alt.Step(22))

    return draw
