"""What a published table is: grain, columns, types, allowed values; from its own comments and the models' YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb
import yaml

from harmonize.paths import DBT_PROJECT
from harmonize.sources import LOADER

SCHEMAS = ("cdm", "marts", "reference")
NOT_FROZEN = {"cdm.scale_items": "a view that spreads cdm.scales.items"}
RESTRICTED = ("site_no",)
"""Columns that never leave the warehouse (design, decision 7), whatever is said of them."""
NEVER = "never exported"
"""So does a column whose description says this."""
_ISIN = re.compile(r"(\w+) in \((.*)\)")
_RANGE = re.compile(r"(\w+) between (-?[\d.]+) and (-?[\d.]+)")


@dataclass(frozen=True)
class ColumnInfo:
    """One column: its DuckDB type, what it means, and what it may hold."""

    name: str
    type: str
    description: str
    required: bool = False
    values: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class TableInfo:
    """One table, `schema.name`; `key` is its grain, empty where none is declared; `left_out` never leave."""

    name: str
    description: str
    key: tuple[str, ...]
    columns: tuple[ColumnInfo, ...]
    left_out: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[str, ...]:
        """The columns a frozen table is sorted by: its key, then all others."""
        names = [c.name for c in self.columns]
        return tuple(dict.fromkeys([*(k for k in self.key if k in names), *names]))


def tables(connection: duckdb.DuckDBPyConnection, database: str = "trd") -> list[TableInfo]:
    """The tables and views of the attached published file that a release holds, sorted by name."""
    comments = {
        f"{schema}.{name}": comment or ""
        for schema, name, comment in connection.execute(
            "select schema_name, table_name, comment from duckdb_tables() where database_name = $db"
            " union all select schema_name, view_name, comment from duckdb_views() where database_name = $db",
            {"db": database},
        ).fetchall()
    }
    found: dict[str, list[tuple[str, str, str]]] = {}
    query = (
        "select schema_name, table_name, column_name, data_type, comment from duckdb_columns()"
        " where database_name = ? order by schema_name, table_name, column_index"
    )
    for schema, table, column, type_, comment in connection.execute(query, [database]).fetchall():
        if schema in SCHEMAS and f"{schema}.{table}" not in NOT_FROZEN:
            found.setdefault(f"{schema}.{table}", []).append((column, type_, comment or ""))
    infos = []
    for name, columns in sorted(found.items()):
        declared = _declared().get(name, {})
        rules = declared.get("columns", {})
        infos.append(
            TableInfo(
                name=name,
                description=comments.get(name, ""),
                key=_key(declared.get("grain", ()), [c for c, _, text in columns if not _stays(c, text)]),
                columns=tuple(
                    ColumnInfo(column, type_, text, **rules.get(column, {}))
                    for column, type_, text in columns
                    if not _stays(column, text)
                ),
                left_out=tuple(column for column, _, text in columns if _stays(column, text)),
            )
        )
    return infos


def _stays(column: str, description: str) -> bool:
    """Whether a column stays in the warehouse."""
    return column in RESTRICTED or NEVER in description


def _key(grain: Sequence[str], columns: Sequence[str]) -> tuple[str, ...]:
    """The declared grain, where the columns have all of it: an older build may have published it otherwise."""
    return tuple(grain) if set(grain) <= set(columns) else ()


@cache
def _declared() -> Mapping[str, dict[str, Any]]:
    """Grain and constraints of every model, by `schema.table`, as its YAML declares them."""
    found: dict[str, dict[str, Any]] = {}
    for schema in ("cdm", "marts"):
        for path in sorted((DBT_PROJECT / "models" / schema).rglob("*.yml")):
            if path.stem.endswith("__unit_tests"):
                continue
            document = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER) or {}
            for model in document.get("models", []):
                config = model.get("config", {})
                found[f"{schema}.{model['name']}"] = {
                    "grain": config.get("meta", {}).get("grain", ()),
                    "columns": {c["name"]: _rules(c) for c in model.get("columns", ())},
                }
    return found


def _rules(column: Mapping[str, Any]) -> dict[str, Any]:
    rules: dict[str, Any] = {}
    for constraint in column.get("constraints", ()):
        expression = constraint.get("expression", "")
        if constraint["type"] == "not_null":
            rules["required"] = True
        elif (isin := _ISIN.fullmatch(expression)) and isin[1] == column["name"]:
            rules["values"] = tuple(re.findall(r"'([^']*)'", isin[2]))
        elif (span := _RANGE.fullmatch(expression)) and span[1] == column["name"]:
            rules |= {"low": float(span[2]), "high": float(span[3])}
    return rules
