"""What Aim B found, in plain sentences chosen by the result."""

from __future__ import annotations

import math

import pandas as pd

from analysis.report.shown import about
from analysis.resistance.before import ADJUSTED, CRUDE


def about_trials(table: pd.DataFrame) -> str:
    """Whether treatment failure goes with failed trials before admission; the adjusted model decides."""
    trend = table[table["quantity"] == "per trial"].set_index("model")
    if ADJUSTED not in trend.index or math.isnan(_value(trend, ADJUSTED, "se")):
        return "Whether treatment failure goes with failed trials before admission cannot be said: no error is known."
    value, low, high = (100 * _value(trend, ADJUSTED, c) for c in ("estimate", "lower", "upper"))
    said = (
        f"Each further adequate failed trial before admission changes the probability of treatment failure by"
        f" {value:+.1f} points (95 % interval {low:+.1f} to {high:+.1f}), given baseline and history"
    )
    if low > 0:
        return f"{said}: treatment failure goes with resistance in the episode."
    if high < 0:
        return f"{said}: treatment failure is rarer after failed trials, against the hypothesis."
    crude = CRUDE in trend.index and not math.isnan(_value(trend, CRUDE, "lower")) and _value(trend, CRUDE, "lower") > 0
    if crude:
        return f"{said}: what is seen without adjustment is not seen given severity and history."
    return f"{said}: no relation of treatment failure to resistance is shown."


def about_next(table: pd.DataFrame) -> str:
    """Whether a course of failure says that the next trial fails."""
    own = table[(table["estimator"] == "two-step") & (table["measure"] == "difference")].set_index("model")
    if "P1" not in own.index or math.isnan(_value(own, "P1", "se")):
        return "Whether the next trial fails more often after treatment failure cannot be said: too few next trials."
    value, low, high = (100 * _value(own, "P1", c) for c in ("estimate", "lower", "upper"))
    said = (
        f"After a course of treatment failure in the first trial the next one fails {value:+.1f} points more often"
        f" (95 % interval {low:+.1f} to {high:+.1f}, {about(_value(own, 'P1', 'n'))} persons)"
    )
    if low > 0:
        score = "P2" in own.index and _value(own, "P2", "lower") > 0
        more = "also" if score else "but not shown"
        return f"{said}; {more} among persons with the same score at its start."
    return f"{said}: no difference is shown."


def _value(table: pd.DataFrame, model: str, column: str) -> float:
    return float(table[column].to_numpy(dtype=float)[list(table.index).index(model)])
