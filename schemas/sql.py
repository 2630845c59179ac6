"""Prints the rules of the common data model as null-safe SQL.

The same rules run on frames through pandera; tests show that both agree rule by rule on generated rows.
"""

from __future__ import annotations

from typing import Any

from schemas import checks
from schemas.entity import Entity, Rule, rules

SQL_TYPES = {"text": "varchar", "integer": "bigint", "double": "double", "boolean": "boolean", "items": "float[]"}
"""Column types of the published tables."""


def literal(value: Any) -> str:
    """A value as an SQL literal."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if value == int(value) and abs(value) < 1e6 else repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def is_null(entity: Entity, column: str) -> str:
    """The condition under which a column counts as missing; NaN is missing."""
    if entity.type_of(column) == "double":
        return f"({column} is null or isnan({column}))"
    return f"{column} is null"


def failing(entity: Entity, rule: Rule) -> str:
    """The condition, never null, under which a row breaks `rule`. Raises TypeError for an unknown check."""
    if rule.check is None:
        return is_null(entity, rule.column)
    stats = checks.statistics(rule.check)
    match checks.kind(rule.check):
        case "isin":
            allowed = ", ".join(literal(v) for v in stats["allowed_values"])
            return f"({rule.column} is not null and {rule.column} not in ({allowed}))"
        case "in_range":
            low, high = literal(stats["min_value"]), literal(stats["max_value"])
            return _guard(entity, f"({rule.column} < {low} or {rule.column} > {high})", rule.column)
        case "between_columns":
            low, high = stats["low"], stats["high"]
            return _guard(entity, f"({rule.column} < {low} or {rule.column} > {high})", rule.column, low, high)
        case "null_iff_reason":
            reason = is_null(entity, stats["reason"])
            return f"(({is_null(entity, rule.column)}) = ({reason}))"
        case "not_before":
            return _guard(entity, f"{rule.column} < {stats['start']}", rule.column, stats["start"])
    raise TypeError(f"{rule.name}: no SQL for this check")


def _guard(entity: Entity, condition: str, *columns: str) -> str:
    known = " and ".join(f"not {is_null(entity, c)}" for c in columns)
    return f"({known} and {condition})"


def mask(conditions: list[str]) -> str:
    """Conditions, never null, as one number (bigint): bit k is set where the k-th holds.

    Most rows hold none: one test over all of them is cheaper than adding up the bits of each.
    """
    if not conditions:
        return "cast(0 as bigint)"
    any_of = "\n        or ".join(conditions)
    bits = "\n            + ".join(f"case when {c} then {2**k} else 0 end" for k, c in enumerate(conditions))
    return f"""case
        when {any_of}
        then cast(
            {bits}
        as bigint)
        else 0
    end"""


def gate_mask(entity: Entity) -> str:
    """The mask of failed rules of a row: bit k is set where the k-th rule is broken (type bigint)."""
    return mask([failing(entity, r) for r in rules(entity)])


def check_constraints(entity: Entity, column: str) -> list[str]:
    """Conditions a published column satisfies, for enforced check constraints."""
    found = []
    for check in entity.columns[column].checks:
        stats = checks.statistics(check)
        match checks.kind(check):
            case "isin":
                found.append(f"{column} in ({', '.join(literal(v) for v in stats['allowed_values'])})")
            case "in_range":
                found.append(f"{column} between {literal(stats['min_value'])} and {literal(stats['max_value'])}")
    return found
