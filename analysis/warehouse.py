"""The only door from the statistics to the data: the published DuckDB file, read-only.

Frames of the common data model are checked by its own schemas on the way in, so that an analysis never starts from
a table that its definition does not cover.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
from sqlalchemy import URL, Engine, create_engine, event, text

from analysis.results import attach
from schemas import ENTITIES, Entity
from schemas.checks import statistics
from schemas.entity import PROVENANCE


class WarehouseMissing(FileNotFoundError):
    """There is no published file yet, or it cannot be read."""


@dataclass(frozen=True)
class Warehouse:
    """A published warehouse, opened for reading. Made by `connect`."""

    database: Path

    @cached_property
    def engine(self) -> Engine:
        """A SQLAlchemy engine that can read and nothing else; results answer as `results.<table>`."""
        url = URL.create("duckdb", database=str(self.database))
        engine = create_engine(url, connect_args={"read_only": True})

        @event.listens_for(engine, "connect")
        def _with_results(connection: Any, _: Any) -> None:
            attach(connection, self.database)

        return engine

    def frame(self, sql: str, **params: Any) -> pd.DataFrame:
        """What `sql` gives, with nullable types; `:name` in it takes the value of the parameter `name`."""
        with self.engine.connect() as connection:
            found: pd.DataFrame = pd.read_sql(text(sql), connection, params=params, dtype_backend="numpy_nullable")
        return found

    @cached_property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """The columns of every table and view, by `schema.table`."""
        found = self.frame(
            "select concat(if(table_catalog = 'results', 'results', table_schema), '.', table_name) as name,"
            " column_name from information_schema.columns order by name, ordinal_position"
        )
        return {str(name): tuple(map(str, part)) for name, part in found.groupby("name")["column_name"]}

    def table(self, name: str, columns: Collection[str] | None = None) -> pd.DataFrame:
        """The table `schema.table`, or some columns of it; a table of the common data model is validated.

        Raises KeyError for a table or a column that is not there, and pandera's SchemaError for rows that the common
        data model does not allow.
        """
        if name not in self.columns:
            raise KeyError(f"no table {name}; there are {', '.join(self.columns)}")
        wanted = self.columns[name] if columns is None else tuple(columns)
        unknown = [c for c in wanted if c not in self.columns[name]]
        if unknown:
            raise KeyError(f"{name} has no column {', '.join(unknown)}; it has {', '.join(self.columns[name])}")
        found = self.frame(f"select {', '.join(_quoted(c) for c in wanted)} from {name}")
        schema, _, table = name.partition(".")
        if schema == "cdm" and table in ENTITIES:
            return _schema(ENTITIES[table], wanted).validate(found)
        return found

    def close(self) -> None:
        """Let go of the file."""
        self.engine.dispose()

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(database: Path) -> Warehouse:
    """Open the published file `database` for reading. Raises WarehouseMissing where there is none."""
    path = Path(database)
    if not path.is_file():
        raise WarehouseMissing(f"no warehouse at {path}: run `trd build` (or `make demo`) first")
    return Warehouse(path)


def _schema(entity: Entity, wanted: Collection[str]) -> pa.DataFrameSchema:
    """The part of a table's schema that speaks of the columns `wanted` alone."""
    columns = {n: c for n, c in {**entity.columns, **PROVENANCE}.items() if n in wanted}
    rules = [r for r in entity.frame_rules if set(statistics(r).values()) <= set(wanted)]
    unique = list(entity.grain) if set(entity.grain) <= set(wanted) else None
    return pa.DataFrameSchema(columns, checks=rules, unique=unique, name=entity.name)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
