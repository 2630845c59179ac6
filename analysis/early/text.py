"""Numbers of a run as text: an estimate with its limits, and rows picked from the tables."""

from __future__ import annotations

import math

import pandas as pd

DASH = "–"


def estimate(row: pd.Series, decimals: int, sign: bool = False, factor: float = 1.0) -> str:
    """`0.743 (0.726 to 0.760)`, without limits where there are none, a dash where nothing is shown."""
    value, low, high = (float(row[c]) * factor for c in ("estimate", "lower", "upper"))
    if math.isnan(value):
        return DASH
    form = f"{{:{'+' if sign else ''}.{decimals}f}}"
    said = form.format(value)
    return said if math.isnan(low) else f"{said} ({form.format(low)} to {form.format(high)})"


def only(table: pd.DataFrame, **chosen: object) -> pd.DataFrame:
    """The rows in which each column has the value."""
    for column, value in chosen.items():
        table = table[table[column] == value]
    return table


def first(table: pd.DataFrame, **chosen: object) -> pd.Series | None:
    """The one such row, None where there is none."""
    found = only(table, **chosen)
    return None if found.empty else found.iloc[0]


def said(table: pd.DataFrame, decimals: int, sign: bool = False, factor: float = 1.0, **chosen: object) -> str:
    """`estimate` of the one such row; a dash where there is none."""
    row = first(table, **chosen)
    return DASH if row is None else estimate(row, decimals, sign, factor)
