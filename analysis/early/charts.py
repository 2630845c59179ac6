"""Figures of Aim C: calibration, decision curves, and what referral changes. Drawn from published numbers only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import altair as alt
import pandas as pd

from analysis.early.models import BOOSTED, BOTH, CLASSES, LAST, LOGISTIC, ONE, RULE
from analysis.report.figures import INK, QUIET
from analysis.report.figures import RULE as LINE

Chart = alt.LayerChart | alt.FacetChart
COLOURS = {
    RULE: "#8a8f96",
    LAST: "#b5533c",
    LOGISTIC: "#2f6f8f",
    BOOSTED: "#8f9a5b",
    ONE: "#d8a47f",
    CLASSES: "#6aa3bd",
    BOTH: "#33475b",
    "refer everybody": "#c2c8ce",
}


def _axis(form: str = ".1f") -> alt.Axis:
    return alt.Axis(grid=True, gridColor=LINE, tickCount=5, format=form, domain=False, ticks=False)


def _colour(names: Sequence[str], width: int) -> alt.Color:
    legend = alt.Legend(orient="top", columns=4 if width > 500 else 2, labelLimit=260)
    scale = alt.Scale(domain=list(names), range=[COLOURS.get(n, INK) for n in names])
    return alt.Color("predictor:N", title=None, scale=scale, legend=legend)


def calibration(frame: pd.DataFrame, names: Sequence[str]) -> Callable[[int], Chart]:
    """Observed share (with limits) against predicted probability: columns of `judge.calibration`."""

    def draw(width: int) -> Chart:
        rows = frame[frame["predictor"].isin(names)]
        side = min(width - 70, 420)
        unit = alt.Scale(domain=[0, 1])
        x = alt.X("predicted:Q", title="predicted probability", scale=unit, axis=_axis())
        colour = _colour(names, width)
        ideal = pd.DataFrame({"predicted": [0.0, 1.0], "observed": [0.0, 1.0]})
        y = alt.Y("observed:Q", title="share with the bad end", scale=unit, axis=_axis())
        line = alt.Chart(ideal).mark_line(color=QUIET, strokeDash=[3, 3]).encode(x=x, y=y)
        base = alt.Chart(rows)
        limits = base.mark_rule(opacity=0.55).encode(
            x=x, y=alt.Y("lower:Q", scale=unit, title=""), y2="upper:Q", color=colour
        )
        dots = base.mark_line(point={"filled": True, "size": 45}, strokeWidth=1.4).encode(x=x, y=y, color=colour)
        return alt.layer(line, limits, dots).properties(width=side, height=side * 0.8)

    return draw


def decision(frame: pd.DataFrame, names: Sequence[str]) -> Callable[[int], Chart]:
    """Net benefit over thresholds: columns of `judge.net_benefit`; thresholds that are not shown leave a gap."""

    def draw(width: int) -> Chart:
        rows = frame[frame["predictor"].isin(names) & frame["is_shown"]]
        high = float(rows["estimate"].max()) if len(rows) else 1.0
        rows = rows[rows["estimate"] > -0.35 * high]
        x = alt.X("threshold:Q", title="threshold of referral", axis=_axis())
        y = alt.Y("estimate:Q", title="net benefit", axis=_axis(".2f"))
        zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(color=QUIET, strokeDash=[3, 3]).encode(y="at:Q")
        lines = alt.Chart(rows).mark_line(strokeWidth=1.8).encode(x=x, y=y, color=_colour(names, width))
        return alt.layer(zero, lines).properties(width=width - 70, height=260)

    return draw


def referral(frame: pd.DataFrame, names: Sequence[str]) -> Callable[[int], Chart]:
    """Weeks saved for bad ends against persons referred who would have responded, per 1,000, along the thresholds."""

    def draw(width: int) -> Chart:
        rows = frame[frame["predictor"].isin(names) & frame["is_shown"]]
        wide = rows.pivot(index=["predictor", "threshold"], columns="quantity", values="estimate").reset_index()
        wide["text"] = wide["threshold"].map("{:.1f}".format)
        x = alt.X("good_referred:Q", title="referred who would have responded, per 1,000", axis=_axis(",d"))
        y = alt.Y("weeks_saved:Q", title="weeks saved for those who fail, per 1,000", axis=_axis(",d"))
        colour = _colour(names, width)
        base = alt.Chart(wide)
        order = alt.Order("threshold:Q")
        lines = base.mark_line(strokeWidth=1.6).encode(x=x, y=y, color=colour, order=order)
        some = wide[wide["threshold"].isin([0.3, 0.5, 0.7])]
        dots = alt.Chart(some).mark_point(filled=True, size=45).encode(x=x, y=y, color=colour)
        texts = [
            alt.Chart(some[some["predictor"] == name])
            .mark_text(dy=away, color=INK, fontSize=10)
            .encode(x=x, y=y, text="text:N")
            for name, away in ((BOTH, -10), (LAST, 13))
        ]
        return alt.layer(lines, dots, *texts).properties(width=width - 80, height=280)

    return draw
