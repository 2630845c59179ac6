"""From a frame with one row per person to the columns that a second step needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from formulaic import Formula
from numpy.typing import NDArray

from analysis.trajectories.bases import CONTEXT
from analysis.trajectories.design import plain
from analysis.trajectories.errors import DesignError
from analysis.twostep.stack import ClassStep, places

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Rows:
    """`at` (n,): where the persons of the frame stand in the class model. `x` (n, columns) with their `names`.
    `z` (n,): the outcome, missing where it was not seen. `population` (n,): how much each counts in a standardised
    mean.
    """

    at: Indices
    names: tuple[str, ...]
    x: Array
    z: Array
    population: Array


def read(step: ClassStep, frame: pd.DataFrame, formula: str, person: str, population: str | None = None) -> Rows:
    """Columns of `formula` (two-sided, or one-sided without outcome) for the persons of `frame`.

    Raises DesignError for unknown persons, missing covariates and columns that are not there.
    """
    left, _, right = formula.rpartition("~")
    outcome = left.strip()
    parsed = Formula(right)
    wanted = [v for v in parsed.required_variables if v not in CONTEXT]
    needed = dict.fromkeys([person, *([outcome] if outcome else []), *wanted, *([population] if population else [])])
    absent = [c for c in needed if c not in frame.columns]
    if absent:
        raise DesignError(f"the frame has no column {', '.join(absent)}; it has {', '.join(map(str, frame.columns))}")
    at = places(pd.Index(frame[person]), step.persons, "a row of the frame")
    data = plain(frame[[c for c in needed if c != person]].reset_index(drop=True))
    for name in wanted:
        gaps = data[name].isna().to_numpy()
        if gaps.any():
            row = int(np.argmax(gaps))
            raise DesignError(
                f"column {name} is missing for {int(gaps.sum())} of {len(data)} persons, the first is "
                f"{frame[person].iloc[row]}; fill it, leave these persons out, or leave the column out"
            )
    matrix = parsed.get_model_matrix(data, context=CONTEXT, na_action="ignore")
    x = np.asarray(matrix, dtype=float)
    z = data[outcome].to_numpy(dtype=float) if outcome else np.full(len(data), np.nan)
    counts = data[population].to_numpy(dtype=float) if population else np.ones(len(data))
    if not np.isfinite(counts).all() or (counts < 0).any() or counts.sum() == 0:
        raise DesignError(f"column {population} has to say how much each person counts: 0 or more, not all 0")
    return Rows(at, tuple(matrix.model_spec.column_names), x, z, counts)


def specific_first(rows: Rows, class_specific: str, frame: pd.DataFrame) -> tuple[Rows, int]:
    """The columns that differ between classes put first, and their number."""
    data = plain(frame.iloc[:2000])
    part = Formula(class_specific.replace("~", "", 1)).get_model_matrix(data, context=CONTEXT, na_action="ignore")
    names = part.model_spec.column_names
    unknown = [c for c in names if c not in rows.names]
    if unknown:
        raise DesignError(f"class_specific has {', '.join(unknown)}, which is not in the formula: {rows.names}")
    order = [*(c for c in rows.names if c in names), *(c for c in rows.names if c not in names)]
    x = rows.x[:, [rows.names.index(c) for c in order]]
    return Rows(rows.at, tuple(order), x, rows.z, rows.population), len(names)
