"""Figures of the report: courses of classes, forests of contrasts, flows. Drawn from published numbers only."""

from __future__ import annotations

from collections.abc import Callable

import altair as alt
import pandas as pd

from analysis.report.figures import INK, QUIET, number_axis

Chart = alt.LayerChart | alt.FacetChart
COLOURS = {
    "rapid response": "#2f6f8f",
    "gradual response": "#6aa3bd",
    "partial response": "#d8a47f",
    "transient response": "#8f9a5b",
    "treatment failure": "#b5533c",
    "unlabelled": "#8a8f96",
}
MODELS = {"M0": "#9aa5b1", "M1": "#2f6f8f", "M2": "#b5533c"}


def courses(frame: pd.DataFrame, scale: str) -> Callable[[int], Chart]:
    """Mean course of each class in its 95 % band: columns `course`, `label`, `week`, `mean`, `lower`, `upper`."""

    def draw(width: int) -> Chart:
        titles = list(dict.fromkeys(frame["course"]))
        colours = [COLOURS.get(str(frame.loc[frame["course"] == t, "label"].iloc[0]), INK) for t in titles]
        legend = alt.Legend(orient="top", columns=2 if width > 500 else 1, labelLimit=320)
        colour = alt.Color("course:N", title=None, scale=alt.Scale(domain=titles, range=colours), legend=legend)
        dash = alt.StrokeDash("course:N", sort=titles, legend=None)
        x = alt.X("week:Q", title="week of the first treatment", axis=number_axis())
        y = alt.Y("mean:Q", title=f"{scale}, points (higher is worse)", axis=number_axis())
        base = alt.Chart(frame)
        band = base.mark_area(opacity=0.18).encode(x=x, y=alt.Y("lower:Q", title=""), y2="upper:Q", color=colour)
        line = base.mark_line(strokeWidth=2.2).encode(x=x, y=y, color=colour, strokeDash=dash)
        return alt.layer(band, line).properties(width=width - 60, height=300 if width > 500 else 240)

    return draw


def forest(frame: pd.DataFrame, title: str, left: str = "", right: str = "") -> Callable[[int], Chart]:
    """Estimates with intervals: columns `label`, `model`, `estimate`, `lower`, `upper` (as shown); rows in order."""

    def draw(width: int) -> Chart:
        order = list(dict.fromkeys(frame["label"]))
        models = list(dict.fromkeys(frame["model"]))
        low, high = float(frame["lower"].min()), float(frame["upper"].max())
        scale = alt.Scale(domain=[max(min(low, 0.0), -80), min(max(high, 0.0), 80)], clamp=True, nice=True)
        axis = alt.Axis(labelLimit=330 if width > 500 else 130, ticks=False, domain=False)
        y = alt.Y("label:N", sort=order, title=None, axis=axis)
        offset = alt.YOffset("model:N", sort=models)
        palette = [MODELS.get(m, INK) for m in models]
        legend = alt.Legend(orient="top")
        colour = alt.Color(
            "model:N", title=None, sort=models, scale=alt.Scale(domain=models, range=palette), legend=legend
        )
        x = alt.X("lower:Q", title=title, scale=scale, axis=number_axis())
        base = alt.Chart(frame)
        lines = base.mark_rule(strokeWidth=1.6).encode(x=x, x2="upper:Q", y=y, yOffset=offset, color=colour)
        dots = base.mark_point(filled=True, size=55, opacity=1).encode(
            x="estimate:Q", y=y, yOffset=offset, color=colour
        )
        zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(color=QUIET, strokeDash=[3, 3]).encode(x="at:Q")
        return alt.layer(zero, lines, dots).properties(
            width=width - (350 if width > 500 else 150), height=alt.Step(15 if len(models) > 1 else 24)
        )

    return draw


def flow(frame: pd.DataFrame) -> Callable[[int], Chart]:
    """Persons from stage to stage by study: columns `study`, `stage_no`, `stage`, `persons`, `shown`."""

    def draw(width: int) -> Chart:
        shown = frame.assign(n=frame["persons"].fillna(0), label=frame["study"].str.cat(frame["stage"], sep=": "))
        order = list(shown["label"])
        x = alt.X(
            "n:Q", title="persons", axis=number_axis(), scale=alt.Scale(domain=[0, float(shown["n"].max()) * 1.15])
        )
        axis = alt.Axis(labelLimit=400 if width > 500 else 150, ticks=False, domain=False)
        y = alt.Y("label:N", sort=order, title=None, axis=axis)
        palette = alt.Scale(range=["#2f6f8f", "#8f9a5b", "#d8a47f", "#b5533c"])
        base = alt.Chart(shown)
        bars = base.mark_bar(height={"band": 0.7}).encode(
            x=x, y=y, color=alt.Color("study:N", scale=palette, legend=None)
        )
        texts = base.mark_text(align="left", dx=4, color=INK).encode(x="n:Q", y=y, text="shown:N")
        return alt.layer(bars, texts).properties(width=width - (430 if width > 500 else 180), height=20 * len(order))

    return draw
