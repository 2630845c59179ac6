"""What differs between two releases: rows added, removed, changed, per table and column.

Rows are matched by the table's key. Where it has none, or where the key is not unique in one of the two, rows are
compared as wholes: then a changed row is one removed and one added.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from harmonize.releases.manifest import FrozenTable, Manifest, ReleaseError

KINDS = (
    "added",
    "removed",
    "changed",
    "table_added",
    "table_removed",
    "column_added",
    "column_removed",
    "type_changed",
)
"""`added`, `removed`: rows. `changed`: rows that both have, in one column. The rest is of tables and columns."""


@dataclass(frozen=True)
class Change:
    """One kind of change in one table, of one column where it is of a column; `n` rows (1 for tables and columns)."""

    table: str
    kind: str
    column: str | None
    n: int


@dataclass(frozen=True)
class TableDiff:
    """How a table differs. `n_changed` rows have another value in some column; `by_key` says how rows were matched."""

    table: str
    by_key: tuple[str, ...]
    n_before: int
    n_after: int
    n_changed: int
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Side:
    """One of the two: its manifest and the folder with its files."""

    manifest: Manifest
    folder: Path

    def table(self, name: str) -> FrozenTable | None:
        """The frozen table of that name."""
        return next((t for t in self.manifest.tables if t.table == name), None)

    def source(self, name: str) -> str:
        """SQL that reads it."""
        found = self.table(name)
        assert found is not None
        return "read_parquet('" + str(self.folder / found.path).replace("'", "''") + "')"


def compare(before: Side, after: Side) -> list[TableDiff]:
    """All tables that differ, sorted by name."""
    names = sorted({t.table for side in (before, after) for t in side.manifest.tables})
    found = []
    with duckdb.connect() as connection:
        for name in names:
            old, new = before.table(name), after.table(name)
            if old is None or new is None:
                there, kind = (new, "table_added") if old is None else (old, "table_removed")
                assert there is not None
                n_old, n_new = (0, there.rows) if old is None else (there.rows, 0)
                found.append(TableDiff(name, (), n_old, n_new, 0, (Change(name, kind, None, 1),)))
            elif old.sha256 != new.sha256:
                diff = _compare_table(connection, before, after, old, new)
                if diff.changes:
                    found.append(diff)
    return found


def changed_rows(before: Side, after: Side, table: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Every added or removed row and every changed cell: what, key, column, before, after (as text).

    Raises ReleaseError where one of the two has no such table.
    """
    old, new = before.table(table), after.table(table)
    if old is None or new is None:
        known = sorted({t.table for t in before.manifest.tables} & {t.table for t in after.manifest.tables})
        raise ReleaseError(f"{table!r} is not a table of both", remedy=f"Both have {', '.join(known)}")
    with duckdb.connect() as connection:
        keys, shared = _keys(connection, before, after, old, new), _shared(old, new)
        with _joined(connection, before, after, old, new, keys):
            shown = keys or shared
            key = "concat_ws(' ', " + ", ".join(f'cast(coalesce(b."{k}", a."{k}") as varchar)' for k in shown) + ")"
            parts = [
                f"select case when a.there is null then 'added' else 'removed' end as what, {key} as row_key,"
                " null as column_name, null as before, null as after from both_sides"
                " where a.there is null or b.there is null"
            ]
            parts += [
                f"select 'changed', {key}, '{c}', cast(a.\"{c}\" as varchar), cast(b.\"{c}\" as varchar)"
                f' from both_sides where {_BOTH} and a."{c}" is distinct from b."{c}"'
                for c in shared
                if keys and c not in keys
            ]
            rows = connection.execute(" union all ".join(parts) + " order by all").fetchall()
    return ["what", "key", "column", "before", "after"], rows


_BOTH = "a.there is not null and b.there is not null"


def _compare_table(
    connection: duckdb.DuckDBPyConnection, before: Side, after: Side, old: FrozenTable, new: FrozenTable
) -> TableDiff:
    name = old.table
    changes = [Change(name, "column_removed", c, 1) for c in old.columns if c not in new.columns]
    changes += [Change(name, "column_added", c, 1) for c in new.columns if c not in old.columns]
    changes += [
        Change(name, "type_changed", c, 1) for c, t in new.columns.items() if c in old.columns and old.columns[c] != t
    ]
    keys, shared = _keys(connection, before, after, old, new), _shared(old, new)
    compared = [c for c in shared if keys and c not in keys]
    differs = " or ".join(f'a."{c}" is distinct from b."{c}"' for c in compared) or "false"
    counts = [
        "count(*) filter (where a.there is null)",
        "count(*) filter (where b.there is null)",
        f"count(*) filter (where {_BOTH} and ({differs}))",
        *(f'count(*) filter (where {_BOTH} and a."{c}" is distinct from b."{c}")' for c in compared),
    ]
    with _joined(connection, before, after, old, new, keys):
        ((added, removed, changed, *by_column),) = connection.execute(
            f"select {', '.join(counts)} from both_sides"
        ).fetchall()
    changes += [Change(name, kind, None, n) for kind, n in (("added", added), ("removed", removed)) if n]
    changes += [Change(name, "changed", c, n) for c, n in zip(compared, by_column, strict=True) if n]
    return TableDiff(name, tuple(keys), old.rows, new.rows, changed, tuple(changes))


def _shared(old: FrozenTable, new: FrozenTable) -> list[str]:
    return [c for c in new.columns if c in old.columns]


def _keys(
    connection: duckdb.DuckDBPyConnection, before: Side, after: Side, old: FrozenTable, new: FrozenTable
) -> list[str]:
    """The key by which rows of both are matched; empty where there is none that is unique in both."""
    keys = list(new.key)
    if not keys or not set(keys) <= set(_shared(old, new)):
        return []
    listed = ", ".join(f'"{k}"' for k in keys)
    for side in (before, after):
        query = f"select 1 from {side.source(new.table)} group by {listed} having count(*) > 1 limit 1"
        if connection.execute(query).fetchone() is not None:
            return []
    return keys


@contextmanager
def _joined(
    connection: duckdb.DuckDBPyConnection,
    before: Side,
    after: Side,
    old: FrozenTable,
    new: FrozenTable,
    keys: list[str],
) -> Iterator[None]:
    """The view `both_sides`: structs `a` and `b`, one of them with nulls where the row is in the other alone.

    Without a key, equal rows are numbered, so that the second of two equal rows is matched with the second.
    """
    shared = _shared(old, new)
    listed = ", ".join(f'"{c}"' for c in shared)
    # A column that changed its type is compared as text.
    typed = ", ".join(
        f'"{c}"' if old.columns[c] == new.columns[c] else f'cast("{c}" as varchar) as "{c}"' for c in shared
    )
    number = f"row_number() over (partition by {listed})" if not keys else "1"
    matched = [*(keys or shared), "number__"]
    same = " and ".join(f'a."{k}" is not distinct from b."{k}"' for k in matched)
    sides = [
        f"(select {typed}, {number} as number__, true as there from {side.source(new.table)})"
        for side in (before, after)
    ]
    connection.execute(
        "create or replace temp view both_sides as"
        f" select a, b from {sides[0]} as a full join {sides[1]} as b on {same}"
    )
    try:
        yield
    finally:
        connection.execute("drop view both_sides")
