"""From a frame to the columns of a weight model: factors, missing values, constant and superfluous columns.

Nothing is repaired silently: what is left out or filled is named as a Problem.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from formulaic import Formula
from formulaic.errors import FormulaicError
from numpy.typing import NDArray

from analysis.trajectories.bases import CONTEXT
from analysis.trajectories.design import plain
from analysis.weighting.errors import Problem, WeightingError

Array = NDArray[np.float64]

MISSING = ("refuse", "complete", "category", "impute")
"""What may be done where a covariate is missing: an error, complete cases, a category of its own, or imputation."""
NO_VALUE = "missing"
RANK = 1e-9
"""A column that keeps less than this share of its variance given those before it is superfluous."""
ROWS = 1 << 16
"""Rows that are multiplied at a time, so that memory stays with the matrix itself."""
HELPERS = {"np"}


@dataclass(frozen=True)
class Columns:
    """`x` (n, p) in internal coordinates, of mean square 1 and independent; `to` (p, p): coefficients of the frame's
    columns `names` are `to` @ internal ones. `raw` (n, p) are not kept; `problems` say what was left out.
    """

    x: Array
    names: tuple[str, ...]
    to: Array
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Filled:
    """A frame whose missing covariates are dealt with, the formulas for it, and what was done."""

    frame: pd.DataFrame
    kept: NDArray[np.bool_]
    formulas: dict[str, str]
    problems: list[Problem] = field(default_factory=list)


def numbers(column: pd.Series) -> Array:
    """A column as floating point numbers, what is none of them as missing."""
    found = pd.to_numeric(column, errors="coerce").astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    return np.asarray(found, dtype=float)


def inverse(a: Array) -> Array:
    """The inverse of a matrix."""
    return np.asarray(np.linalg.inv(a), dtype=float)


def right_side(formula: str) -> str:
    """What stands right of the tilde."""
    return formula.rpartition("~")[2].strip() or "1"


def left_side(formula: str) -> str:
    """What stands left of the tilde, empty for a one-sided formula."""
    return formula.rpartition("~")[0].strip()


def variables(formula: str, frame: pd.DataFrame) -> list[str]:
    """Columns of the frame that the right side asks for. Raises WeightingError for one that is not there."""
    try:
        parsed = Formula(right_side(formula))
    except FormulaicError as error:
        raise WeightingError(f"formula {formula!r} cannot be read: {_plain(error)}") from error
    # formulaic does not see the arguments of some of its own transforms, bs() among them
    needed = set(parsed.required_variables) | {v for term in parsed for f in term.factors for v in _arguments(f)}
    found = [str(v) for v in sorted(needed) if str(v) not in CONTEXT and str(v) not in HELPERS]
    absent = [v for v in found if v not in frame.columns]
    if absent:
        raise WeightingError(
            f"the frame has no column {', '.join(absent)}, which {formula!r} names; it has "
            f"{', '.join(map(str, frame.columns))}"
        )
    return found


def fill(frame: pd.DataFrame, formulas: dict[str, str], missing: str) -> Filled:
    """Deal with missing values of covariates. `formulas` are those of the nodes, by name.

    refuse: WeightingError. complete: rows with one are not kept. category: text gets the level `missing`, a number the
    median and a column that says so, which is added to every formula that names the number.
    """
    if missing not in MISSING:
        raise WeightingError(f"missing = {missing!r} is none of {', '.join(MISSING)}")
    wanted = list(dict.fromkeys(v for f in formulas.values() for v in variables(f, frame)))
    gaps = {v: int(frame[v].isna().sum()) for v in wanted}
    gaps = {v: n for v, n in gaps.items() if n}
    everybody = np.ones(len(frame), dtype=bool)
    if not gaps:
        return Filled(frame, everybody, dict(formulas))
    told = ", ".join(f"{v} ({n})" for v, n in gaps.items())
    if missing in ("refuse", "impute"):
        first = next(iter(gaps))
        row = frame.index[int(np.argmax(frame[first].isna().to_numpy()))]
        raise WeightingError(
            f"covariates are missing: {told} of {len(frame)} persons, the first is row {row} of {first}; say what to "
            "do with missing='category', 'complete' or 'impute'"
        )
    if missing == "complete":
        kept = ~frame[list(gaps)].isna().any(axis=1).to_numpy()
        if not kept.any():
            raise WeightingError(f"nobody has all covariates: {told}; use missing='category' or 'impute'")
        what = f"{int((~kept).sum())} of {len(frame)} persons left out for missing covariates: {told}"
        remedy = "complete cases stand for themselves only; compare with missing='impute'"
        return Filled(frame, kept, dict(formulas), [Problem("covariates", what, remedy, grave=False)])
    changed, added = frame.copy(deep=False), {}
    for v in gaps:
        column = frame[v]
        if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
            values = numbers(column)
            middle = float(np.nanmedian(values)) if np.isfinite(values).any() else 0.0
            added[v] = f"{v}_{NO_VALUE}"
            changed[added[v]] = np.isnan(values).astype(float)
            changed[v] = np.where(np.isnan(values), middle, values)
        else:
            changed[v] = column.astype(object).where(column.notna(), NO_VALUE)
    turned = {}
    for name, formula in formulas.items():
        extra = [added[v] for v in variables(formula, frame) if v in added]
        turned[name] = " + ".join([formula, *extra])
    what = f"missing values are a category of their own: {told}"
    remedy = "right where being missing itself tells what matters; compare with missing='impute'"
    return Filled(changed, everybody, turned, [Problem("covariates", what, remedy, grave=False)])


def matrix(formula: str, frame: pd.DataFrame, node: str) -> tuple[Array, tuple[str, ...], list[Problem]]:
    """Columns of the right side of `formula` for all rows; constant ones are left out and named.

    Raises WeightingError for columns that are not there and values that are not finite.
    """
    needed = variables(formula, frame)
    data = plain(frame[needed].reset_index(drop=True)) if needed else pd.DataFrame(index=range(len(frame)))
    try:
        made = Formula(right_side(formula)).get_model_matrix(data, context=CONTEXT, na_action="ignore")
    except (FormulaicError, ValueError, TypeError) as error:
        raise WeightingError(f"{node}: {formula!r} does not fit the frame: {error}") from error
    names = list(made.model_spec.column_names)
    x = np.asarray(made, dtype=float)
    x = x if x.flags.writeable else x.copy()
    del made, data
    bad = ~np.isfinite(x.sum(axis=0))
    if bad.any():
        column = int(np.argmax(bad))
        row = int(np.argmax(~np.isfinite(x[:, column])))
        raise WeightingError(
            f"{node}: column {names[column]}, row {row} is {x[row, column]}; values must be finite and not missing"
        )
    spread = np.ptp(x, axis=0) if len(x) else np.zeros(x.shape[1])
    constant = [n for n, s in zip(names, spread, strict=True) if s == 0 and n != "Intercept"]
    problems = [
        Problem(node, f"column {n} is constant and says nothing: left out", "take it out of the formula", grave=False)
        for n in constant
    ]
    keep = [j for j, n in enumerate(names) if n not in constant]
    if len(keep) < len(names):
        x = x[:, keep]
    return x, tuple(names[j] for j in keep), problems


def internal(x: Array, names: Sequence[str], node: str, case: Array | None = None) -> Columns:
    """Independent columns of mean square 1 (by Cholesky of the Gram matrix); superfluous ones left out and named.

    `x` is overwritten. `case` (n,): how much each row counts.
    """
    size = np.sqrt(np.maximum((x**2).mean(axis=0), 1e-300)) if len(x) else np.ones(x.shape[1])
    total = float(len(x) if case is None else case.sum())
    gram = np.zeros((x.shape[1], x.shape[1]))
    for at in range(0, len(x), ROWS):
        part = x[at : at + ROWS] / size
        gram += part.T @ (part if case is None else part * case[at : at + ROWS, None])
    gram /= total
    keep: list[int] = []
    lower = np.zeros((0, 0))
    for j in range(len(names)):
        row = np.linalg.solve(lower, gram[keep, j]) if keep else np.zeros(0)
        rest = gram[j, j] - row @ row
        if rest < RANK * max(gram[j, j], 1e-12):
            continue
        grown = np.zeros((len(keep) + 1, len(keep) + 1))
        grown[:-1, :-1], grown[-1, :-1], grown[-1, -1] = lower, row, np.sqrt(rest)
        lower, keep = grown, [*keep, j]
    gone = [names[j] for j in range(len(names)) if j not in keep]
    problems = tuple(
        Problem(node, f"column {n} is a combination of others: left out", "take it out of the formula", grave=False)
        for n in gone
    )
    to = np.linalg.inv(lower).T / size[keep][:, None]
    out = x if len(keep) == x.shape[1] else np.empty((len(x), len(keep)))
    for at in range(0, len(x), ROWS):
        out[at : at + ROWS] = x[at : at + ROWS][:, keep] @ to
    return Columns(out, tuple(names[j] for j in keep), to, problems)


def zeros_by_level(x: Array, names: Sequence[str], chosen: Array, limit: int = 5) -> list[str]:
    """Levels of 0/1 columns in which everybody or nobody is chosen: structural zeros, as sentences."""
    found = []
    for j, name in enumerate(names):
        column = x[:, j]
        if name == "Intercept" or not np.isin(column, (0.0, 1.0)).all():
            continue
        for level in (1.0, 0.0):
            here = column == level
            n, hits = int(here.sum()), float(chosen[here].sum())
            if n and hits in (0.0, float(n)):
                found.append(f"{'nobody' if hits == 0 else 'everybody'} of the {n} with {name} = {level:g} is chosen")
    return found[:limit]


def _arguments(factor: Any) -> set[str]:
    """Names that a factor's expression takes, without those of functions and modules."""
    if factor.eval_method.name != "PYTHON":
        return set()
    nodes = list(ast.walk(ast.parse(factor.expr, mode="eval")))
    called = {id(n.func) for n in nodes if isinstance(n, ast.Call)}
    owners = {id(n.value) for n in nodes if isinstance(n, ast.Attribute)}
    names = [n for n in nodes if isinstance(n, ast.Name) and id(n) not in called | owners]
    return {n.id for n in names}


def _plain(error: Exception) -> str:
    """The first line of a parser's error, without colours of a terminal."""
    return re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()[0]
