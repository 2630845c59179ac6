"""The tables of the published file: grain, columns, allowed values, tests, and the first release that has them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import yaml

from harmonize.paths import DBT_PROJECT, Warehouse
from harmonize.sources import LOADER
from schemas import ENTITIES
from schemas.checks import kind, statistics
from schemas.entity import rules
from schemas.parents import REASONS

SCHEMAS = ("cdm", "marts", "quality", "reference")
ALIASES = "ref_"
"""Seeds that share their name with a table of the common data model carry this prefix, and lose it when published."""


@dataclass(frozen=True)
class Column:
    """One column as it is published. `values`: the only ones it may hold; `reasons`: why it may be null, if it says."""

    name: str
    type: str
    description: str
    required: bool = False
    values: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    first_release: str = ""


@dataclass(frozen=True)
class Table:
    """One table or view. `tests` are those of its rows, `unit_tests` what is shown of its derivation."""

    schema: str
    name: str
    description: str
    is_view: bool
    grain: tuple[str, ...]
    columns: tuple[Column, ...]
    tests: tuple[str, ...] = ()
    unit_tests: tuple[tuple[str, str], ...] = ()
    first_release: str = ""

    @property
    def full_name(self) -> str:
        """`schema.table`."""
        return f"{self.schema}.{self.name}"


def tables(connection: duckdb.DuckDBPyConnection, warehouse: Warehouse) -> list[Table]:
    """All tables and views of the published file, by name."""
    documents = _documents()
    declared = {m["name"]: m for d in documents for key in ("models", "seeds") for m in d.get(key) or []}
    units = _unit_tests(documents)
    releases = first_releases(warehouse)
    columns = defaultdict(list)
    for schema, table, *rest in connection.execute(
        "select schema_name, table_name, column_name, data_type, coalesce(comment, ''), not is_nullable"
        " from duckdb_columns() where not internal and database_name = current_database()"
        " order by schema_name, table_name, column_index"
    ).fetchall():
        columns[schema, table].append(rest)
    found = []
    for schema, name, comment, is_view in connection.execute(
        "select schema_name, table_name, coalesce(comment, ''), false from duckdb_tables()"
        " where database_name = current_database() union all"
        " select schema_name, view_name, coalesce(comment, ''), true from duckdb_views()"
        " where not internal and database_name = current_database() order by all"
    ).fetchall():
        if schema not in SCHEMAS:
            continue
        said = (declared.get(ALIASES + name) if schema == "reference" else None) or declared.get(name, {})
        model = said.get("name", name)
        tested = {c["name"]: c for c in said.get("columns", [])}
        found.append(
            Table(
                schema,
                name,
                comment,
                is_view,
                _grain(said, comment),
                tuple(
                    _column(schema, name, parts, tested.get(parts[0], {}), [c[0] for c in columns[schema, name]],
                            releases.get((f"{schema}.{name}", parts[0]), ""))
                    for parts in columns[schema, name]
                ),
                tuple(_test(t) for t in said.get("data_tests", [])),
                tuple(units.get(model, ())),
                releases.get((f"{schema}.{name}", ""), ""),
            )
        )  # fmt: skip
    return found


def first_releases(warehouse: Warehouse) -> dict[tuple[str, str], str]:
    """(table, column or nothing) → name of the earliest release that has it; empty where nothing was released.

    Reads what `trd release` seals: `releases/<name>/manifest.json` with the tables and their columns.
    """
    frozen = []
    for path in sorted(warehouse.releases.glob("[!.]*/manifest.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        frozen.append((str(document.get("frozen_at", "")), str(document.get("name", path.parent.name)), document))
    first: dict[tuple[str, str], str] = {}
    for _, name, document in sorted(frozen, key=lambda f: f[:2]):
        for table in document.get("tables", []):
            for column in ("", *table.get("columns", {})):
                first.setdefault((str(table["table"]), column), name)
    return first


def _column(
    schema: str, table: str, parts: list[Any], said: Mapping[str, Any], beside: list[str], release: str
) -> Column:
    name, type_, description, required = parts
    tests = [_test(t) for t in said.get("data_tests", [])]
    values: tuple[str, ...] = ()
    if schema == "cdm" and table in ENTITIES and name in ENTITIES[table].columns:
        for check in ENTITIES[table].columns[name].checks:
            if kind(check) == "isin":
                values = tuple(map(str, statistics(check)["allowed_values"]))
        tests += [f"gate: {rule.description}" for rule in rules(ENTITIES[table]) if rule.column == name and rule.check]
    if required:
        tests.insert(0, "is never null (constraint)")
    reasons = REASONS if f"{name}_missing" in beside else ()
    return Column(name, type_, description, required, values, tuple(reasons), tuple(tests), release)


def _grain(said: Mapping[str, Any], comment: str) -> tuple[str, ...]:
    grain = said.get("config", {}).get("meta", {}).get("grain")
    if grain:
        return tuple(grain)
    _, found, rest = comment.partition("Grain: ")
    return tuple(part.strip() for part in rest.rstrip(". ").split(",")) if found else ()


def _test(test: Any) -> str:
    """A test of dbt's YAML in one line."""
    if isinstance(test, str):
        return test.replace("_", " ")
    ((name, said),) = [(k, v) for k, v in test.items() if k not in ("config", "description", "name")][:1]
    arguments = (said or {}).get("arguments", said) or {}
    shown = "; ".join(
        f"{k}: {', '.join(map(str, v)) if isinstance(v, list) else v}"
        for k, v in arguments.items()
        if k not in ("config", "name", "description")
    )
    return f"{name.replace('_', ' ')} ({shown})" if shown else name.replace("_", " ")


def _documents() -> list[dict[str, Any]]:
    found = []
    for path in sorted(DBT_PROJECT.rglob("*.yml")):
        if "target" not in path.relative_to(DBT_PROJECT).parts and path.parent != DBT_PROJECT:
            found.append(yaml.load(path.read_text(encoding="utf-8"), LOADER) or {})
    return found


def _unit_tests(documents: list[dict[str, Any]]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for document in documents:
        for test in document.get("unit_tests") or []:
            found[test["model"]].append((test["name"].replace("_", " "), test.get("description", "")))
    return found
