"""What a table of the common data model is: typed columns, its grain, and the rules of its gate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import pandas as pd
import pandera.pandas as pa

from schemas import checks

Type = Literal["text", "integer", "double", "boolean", "items"]

PANDAS_TYPES: dict[str, Any] = {
    "text": "string",
    "integer": "Int64",
    "double": "Float64",
    "boolean": "boolean",
    "items": object,
}
"""Pandas type of each column type; `items` is a list of item values in the order of the item seed."""


def column(
    type_: Type,
    description: str,
    *rules: pa.Check,
    nullable: bool = True,
) -> pa.Column:
    """A column of a table; a null is refused unless `nullable`."""
    return pa.Column(
        PANDAS_TYPES[type_],
        list(rules),
        nullable=nullable,
        coerce=True,
        description=description,
        metadata={"type": type_},
    )


def nan_is_null(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with NA for every NaN. Coercion does so for plain floats; a Float64 column keeps a NaN beside NA."""
    masked = [n for n in frame.columns if isinstance(frame[n].dtype, pd.Float64Dtype)]
    return frame.assign(**{n: frame[n].astype("float64").astype("Float64") for n in masked})


PROVENANCE: dict[str, pa.Column] = {
    "study_id": column("text", "Study the row comes from.", nullable=False),
    "src_form": column(
        "text", "Raw form of the lowest source row; generated:<what> for a row the system made.", nullable=False
    ),
    "src_row": column("integer", "Lowest source row, counted as the delivered file shows it (header rows count)."),
    "n_src": column("integer", "Candidate rows merged into this row; 0 for a row the system made.", nullable=False),
}
"""Columns every table ends with."""


@dataclass(frozen=True)
class Entity:
    """One table of the common data model.

    `columns` are published; `candidate` are the further columns a mapping fills that are not published;
    `context` are columns the gate adds from elsewhere (an instrument's range, the fate of the parent);
    `frame_rules` compare columns of one row, `gate_rules` need `context` and hold in the gate only.
    """

    name: str
    description: str
    grain: tuple[str, ...]
    columns: dict[str, pa.Column]
    frame_rules: tuple[pa.Check, ...] = ()
    candidate: dict[str, pa.Column] | None = None
    context: dict[str, pa.Column] | None = None
    gate_rules: tuple[pa.Check, ...] = ()
    derived: tuple[str, ...] = ()
    """Published columns that the system fills, not the mapping."""

    @cached_property
    def schema(self) -> pa.DataFrameSchema:
        """What a published frame satisfies."""
        return pa.DataFrameSchema(
            {**self.columns, **PROVENANCE},
            checks=list(self.frame_rules),
            parsers=pa.Parser(nan_is_null),
            name=self.name,
            unique=list(self.grain),
        )

    @cached_property
    def gate(self) -> pa.DataFrameSchema:
        """What a candidate row must satisfy to be accepted: the schema's rules and those that need context."""
        mapped = {n: c for n, c in self.columns.items() if n not in self.derived}
        known = {**mapped, **(self.context or {})}
        frame_rules = [r for r in self.frame_rules if set(checks.statistics(r).values()) <= set(known)]
        return pa.DataFrameSchema(
            known,
            checks=[*frame_rules, *self.gate_rules],
            parsers=pa.Parser(nan_is_null),
            name=f"{self.name}_gate",
        )

    @cached_property
    def mapped_columns(self) -> dict[str, pa.Column]:
        """The columns a mapping document fills, in order."""
        published = {n: c for n, c in self.columns.items() if n not in self.derived and not n.endswith("_missing")}
        return {**published, **(self.candidate or {})}

    def type_of(self, name: str) -> Type:
        """The type of a published, candidate or context column."""
        found = {**self.columns, **PROVENANCE, **(self.candidate or {}), **(self.context or {})}[name]
        return found.metadata["type"]  # type: ignore[index,return-value]


@dataclass(frozen=True)
class Rule:
    """One rule of a gate; `bit` is its place in the mask of failed rules."""

    entity: str
    bit: int
    name: str
    description: str
    column: str
    check: pa.Check | None
    """None stands for not-null."""


def rules(entity: Entity) -> tuple[Rule, ...]:
    """The rules of an entity's gate in the order of their bits."""
    found: list[tuple[str, str, str, pa.Check | None]] = []
    for name, spec in entity.gate.columns.items():
        if not spec.nullable:
            found.append((checks.rule_name(name, "not_null"), f"{name} must not be missing", name, None))
        for check in spec.checks:
            found.append((str(check.name), _describe(check, name), name, check))
    for check in entity.gate.checks:
        found.append((str(check.name), _describe(check, ""), str(check.statistics["column"]), check))
    return tuple(Rule(entity.name, bit, *parts) for bit, parts in enumerate(found))


def _describe(check: pa.Check, name: str) -> str:
    stats = checks.statistics(check)
    if check.title:
        return str(check.title)
    match checks.kind(check):
        case "isin":
            return f"{name} must be one of {', '.join(map(str, stats['allowed_values']))}"
        case "in_range":
            return f"{name} must lie in {stats['min_value']:g} to {stats['max_value']:g}"
        case "between_columns":
            return f"{stats['column']} must lie between {stats['low']} and {stats['high']}"
        case "null_iff_reason":
            return f"{stats['column']} must be null exactly where {stats['reason']} gives a reason"
        case "not_before":
            return f"{stats['column']} must not lie before {stats['start']}"
    raise AssertionError(f"{check.name}: a check of the closed list without a description")
