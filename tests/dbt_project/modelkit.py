"""Single models in DuckDB without dbt: the project's SQL with its macros, over seeds and small tables made by hand.

For worked figures and queries that would cost a build each; what dbt itself does is left to the tests that build.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import duckdb
import jinja2
import yaml

from harmonize.paths import DBT_PROJECT, SEEDS


@cache
def _macros() -> str:
    folder = DBT_PROJECT / "macros"
    generated = sorted(f"generated/{p.name}" for p in (folder / "generated").glob("*.sql"))
    names = ["types.sql", "outcomes.sql", "genetics.sql", *generated]
    return "".join((folder / name).read_text(encoding="utf-8") for name in names)


@cache
def _seed_types() -> dict[str, dict[str, str]]:
    """The types that the project declares for the columns of its seeds."""
    found: dict[str, dict[str, str]] = {}
    declared = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["seeds"]["trd_warehouse"]
    for part in (declared["reference"], declared["generated"]):
        found |= {name: of["+column_types"] for name, of in part.items() if "+column_types" in of}
    for path in SEEDS.rglob("*__seeds.yml"):
        for seed in yaml.safe_load(path.read_text(encoding="utf-8")).get("seeds") or []:
            types = seed.get("config", {}).get("column_types")
            if types:
                found[seed["name"]] = types
    return found


def load_seed(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """A seed as dbt loads it: a table under the seed's name, empty cells null, columns of their declared types."""
    (path,) = SEEDS.rglob(f"{name}.csv")
    types = ", ".join(f"'{column}': '{kind}'" for column, kind in _seed_types().get(name, {}).items())
    connection.execute(
        f"create or replace table {name} as"
        f" select * from read_csv(?, header=true, delim=',', quote='\"', types={{{types}}})",
        [str(path)],
    )


def load(connection: duckdb.DuckDBPyConnection, name: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
    """A table made by hand; `columns` as in create table."""
    connection.execute(f"create or replace table {name} ({columns})")
    if rows:
        connection.executemany(f"insert into {name} values ({', '.join('?' * len(rows[0]))})", rows)


class _Dbt:
    """What the models use of dbt's own macros."""

    @staticmethod
    def safe_cast(field: str, kind: str) -> str:
        return f"try_cast({field} as {kind})"


def run_model(
    connection: duckdb.DuckDBPyConnection, name: str, refs: Mapping[str, str] | None = None, kind: str = "view"
) -> None:
    """Make the view (or the table, if `kind` says so) `name` from the model of that name; `refs` gives other names of
    tables that it refers to."""
    (path,) = (DBT_PROJECT / "models").rglob(f"{name}.sql")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    template = environment.from_string(_macros() + path.read_text(encoding="utf-8"))
    names = refs or {}
    sql = template.render(ref=lambda table: names.get(table, table), config=lambda **_: "", dbt=_Dbt)
    connection.execute(f"create or replace {kind} {name} as {sql}")
