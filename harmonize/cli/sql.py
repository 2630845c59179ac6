"""`trd sql`: questions to the published file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import duckdb
import typer

from analysis.results import results_file
from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of
from harmonize.cli.build import terminal
from harmonize.paths import Warehouse
from harmonize.published import connect


@command(
    "sql",
    examples=[
        "trd sql 'select study_id, count(*) as n from cdm.subjects group by all'",
        "trd sql 'from marts.outcomes' --csv > outcomes.csv",
        "trd sql --file question.sql --json",
        "trd sql",
    ],
    fails="the query is wrong, or nothing is published yet",
)
def sql(
    ctx: typer.Context,
    query: Annotated[str | None, typer.Argument(metavar="QUERY", help="SQL; without it, DuckDB's shell opens.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the query from a file; - is stdin.")] = None,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Rows of the table for people; 0 is all.")] = 1000,
) -> None:
    """Ask the published file, which is opened read-only.

    Schemas: cdm (the common model), marts (one table per question), quality, reference, and results (what analyses
    wrote). JSON and CSV give all rows.
    """
    house = warehouse_of(ctx)
    if as_json and as_csv:
        raise typer.BadParameter("choose one of --json and --csv")
    if query is not None and file is not None:
        raise typer.BadParameter("give the query or --file, not both")
    text = query if query is not None else _read_query(file)
    with connect(house) as connection:
        if text is not None:
            _answer(connection, text, as_json=as_json, as_csv=as_csv, limit=limit)
            return
    raise typer.Exit(_shell(house))


def _read_query(file: Path | None) -> str | None:
    """The query from a file or a pipe; None where a person is to have the shell."""
    if file is None and terminal():
        return None
    if file is not None and str(file) != "-":
        return file.read_text(encoding="utf-8")
    text = "" if sys.stdin.isatty() else sys.stdin.read()
    if not text.strip():
        raise typer.BadParameter("no query: give one, name a --file, or pipe one in; the shell needs a terminal")
    return text


def _answer(connection: duckdb.DuckDBPyConnection, text: str, *, as_json: bool, as_csv: bool, limit: int) -> None:
    try:
        cursor = connection.execute(text)
        columns = [column[0] for column in cursor.description or []]
        if as_csv:
            console.show_csv(columns, _rows(cursor))
            return
        fetched = cursor.fetchall() if as_json or not limit else cursor.fetchmany(limit + 1)
    except duckdb.Error as error:
        raise console.CommandError(f"the query failed: {error}", remedy=_remedy(error)) from error
    if as_json:
        console.show_json([dict(zip(_distinct(columns), row, strict=True)) for row in fetched])
        return
    kept = fetched[:limit] if limit else fetched
    console.show_table("", columns, kept)
    more = len(fetched) > len(kept)
    console.say(
        f"the first {len(kept)} rows; --limit 0, --csv and --json give all"
        if more
        else console.counted(len(kept), "row")
    )


def _rows(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while block := cursor.fetchmany(10_000):
        yield from block


def _distinct(columns: list[str]) -> list[str]:
    """Names as keys of an object: a name that comes again gets a number."""
    seen: dict[str, int] = {}
    names = []
    for name in columns:
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return names


def _remedy(error: duckdb.Error) -> str:
    if isinstance(error, duckdb.CatalogException):
        return "trd sql 'show all tables' lists what there is"
    if "read-only" in str(error):
        return "The published file is only read. Change the models and run trd build"
    return ""


def _shell(warehouse: Warehouse) -> int:
    """DuckDB's own shell on the published file; its exit code."""
    installed = Path(sys.executable).parent / "duckdb"
    shell = str(installed) if installed.exists() else shutil.which("duckdb")
    if shell is None:
        raise console.CommandError("DuckDB's shell is not installed", remedy="pip install duckdb-cli")
    results = results_file(warehouse.database)
    beside = ["-cmd", f"attach '{results}' as results (read_only)"] if results.is_file() else []
    return subprocess.call([shell, "-readonly", *beside, str(warehouse.database)])
