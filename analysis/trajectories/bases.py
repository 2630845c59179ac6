"""Bases of time that formulas may use: `poly`, `ns`, `piecewise`, `log1p`.

All remember what they saw when the model was fitted (knots, bounds), so that a prediction uses the same curve.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from formulaic.transforms import poly
from formulaic.utils.stateful_transforms import stateful_transform
from numpy.typing import NDArray

Array = NDArray[np.float64]


@stateful_transform
def ns(x: Any, df: int = 3, knots: list[float] | None = None, _state: Any = None) -> dict[str, Array]:
    """Natural cubic spline without a constant: `df` columns, linear beyond the outer knots.

    Inner knots lie at quantiles unless `knots` names them; the outer ones are the least and the largest value.
    """
    values = np.asarray(x, dtype=float)
    state = _state if _state is not None else {}
    if "knots" not in state:
        seen = values[np.isfinite(values)]
        inner = np.asarray(knots, float) if knots is not None else np.quantile(seen, np.linspace(0, 1, df + 1)[1:-1])
        found = np.unique(np.r_[seen.min(), inner, seen.max()])
        if len(found) < 2 or (knots is None and len(found) < df + 1):
            raise ValueError(f"ns(df={df}): the times have too few different values for {df} columns; lower df")
        state["knots"] = found
    at = state["knots"]
    span = at[-1] - at[0]

    def tail(j: int) -> Array:
        cubes = np.maximum(values - at[j], 0) ** 3 - np.maximum(values - at[-1], 0) ** 3
        return cubes / ((at[-1] - at[j]) * span)

    last = tail(len(at) - 2)
    columns = {"1": values}
    for j in range(len(at) - 2):
        columns[str(j + 2)] = tail(j) - last
    return columns


def piecewise(x: Any, *knots: float) -> dict[str, Array]:
    """Piecewise linear: the time itself and the time past each knot, so that coefficients are changes of slope."""
    values = np.asarray(x, dtype=float)
    columns = {"0": values}
    for knot in knots:
        columns[f"{knot:g}"] = np.maximum(values - knot, 0.0)
    return columns


def log1p(x: Any) -> Any:
    """log(1 + x). Raises ValueError for values of -1 and less, naming the first."""
    values = np.asarray(x, dtype=float)
    bad = values <= -1
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(f"log1p: {values[row]:g} is not above -1 (row {row}); drop such rows")
    found = np.log1p(values)
    return pd.Series(found, index=x.index) if isinstance(x, pd.Series) else found


CONTEXT: dict[str, Any] = {"ns": ns, "piecewise": piecewise, "log1p": log1p, "poly": poly, "np": np}
"""What formulas may call."""
