"""The closed list of checks a table of the common data model may use.

Each check exists twice: as a pandera check (what runs on frames) and as null-safe SQL (what runs in the gate).
`schemas.sql` prints the SQL; a check that is not in this list stops it.

A null passes every check but `not_null`. NaN counts as null, in frames and in SQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd
import pandera.pandas as pa
from pandera import extensions


@extensions.register_check_method(statistics=["column", "low", "high"])  # type: ignore[untyped-decorator]
def between_columns(frame: pd.DataFrame, *, column: str, low: str, high: str) -> pd.Series:
    """`column` lies between the columns `low` and `high`, borders included."""
    value, floor, ceiling = frame[column], frame[low], frame[high]
    return value.isna() | floor.isna() | ceiling.isna() | ((value >= floor) & (value <= ceiling)).fillna(True)


@extensions.register_check_method(statistics=["column", "reason"])  # type: ignore[untyped-decorator]
def null_iff_reason(frame: pd.DataFrame, *, column: str, reason: str) -> pd.Series:
    """`column` is null exactly where `reason` says why."""
    return frame[column].isna() != frame[reason].isna()


@extensions.register_check_method(statistics=["column", "start"])  # type: ignore[untyped-decorator]
def not_before(frame: pd.DataFrame, *, column: str, start: str) -> pd.Series:
    """`column` is not smaller than `start`."""
    return frame[column].isna() | frame[start].isna() | (frame[column] >= frame[start]).fillna(True)


KINDS = ("isin", "in_range", "between_columns", "null_iff_reason", "not_before")
"""The closed list, by pandera's names."""


def rule_name(column: str, rule: str) -> str:
    """How a rule is called in quarantine: `column:rule`."""
    return f"{column}:{rule}"


def isin(column: str, values: Iterable[str], rule: str = "in_set", says: str | None = None) -> pa.Check:
    """`column` holds one of `values`; `says` describes the rule where the list alone does not."""
    return _named(pa.Check.isin(list(values), title=says), rule_name(column, rule))


def flag(column: str, good: bool, name: str, says: str) -> pa.Check:
    """The flag `column`, which the gate sets from elsewhere, is `good`; null where it does not apply."""
    return _named(pa.Check.isin([good], title=says), name)


def in_range(column: str, low: float, high: float) -> pa.Check:
    """`column` lies between `low` and `high`, borders included."""
    return _named(pa.Check.in_range(low, high), rule_name(column, "in_range"))


def between(column: str, low: str, high: str, rule: str = "in_range") -> pa.Check:
    """Frame check: `column` lies between two other columns (an instrument's range, a step's days)."""
    return _named(pa.Check.between_columns(column=column, low=low, high=high), rule_name(column, rule))


def reason_given(column: str, reason: str) -> pa.Check:
    """Frame check: value null ⇔ reason not null (decision 5)."""
    return _named(pa.Check.null_iff_reason(column=column, reason=reason), rule_name(column, "missing_reason"))


def ordered(column: str, start: str) -> pa.Check:
    """Frame check: `column` does not lie before `start`."""
    return _named(pa.Check.not_before(column=column, start=start), rule_name(column, f"not_before_{start}"))


def _named(check: pa.Check, name: str) -> pa.Check:
    # pandera's own name of the check, before it takes the rule's
    check.kind = check.name  # type: ignore[attr-defined]
    check.name = name
    check.error = name  # what pandera's failure cases show
    return check


def kind(check: pa.Check) -> str:
    """Which check of the closed list this is. Raises TypeError for one that is not in it."""
    found = getattr(check, "kind", None)
    if found not in KINDS:
        raise TypeError(f"check {check.name!r} is not in the closed list of schemas.checks: {', '.join(KINDS)}")
    return str(found)


def statistics(check: pa.Check) -> dict[str, Any]:
    """The parameters of a check as it was declared."""
    return dict(check.statistics or {})
