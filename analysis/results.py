"""Where results are kept: `results.duckdb` beside the published warehouse, whose tables answer as `results.<name>`.

A build replaces the published file as a whole, so what is estimated from it cannot stand in it. Every row of every
result says which data and which plan it came from (design, decision 11 and 15). A write makes the file anew and renames
it, so that who has it open keeps reading, and a writer that dies leaves what was there.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from filelock import FileLock

from analysis.results_data import data_parts, release_id

FILE = "results.duckdb"
PLAN = Path(__file__).with_name("plan.toml")
"""The frozen analysis plan; its hash stands in every result."""

OWN_TABLES = ("written", "releases")
"""What the file of results says of itself: when a table was written, which studies a release is of."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_STAMP = {"release": "varchar", "plan_hash": "varchar", "seed": "bigint", "is_synthetic": "boolean"}


class ResultError(ValueError):
    """A result cannot be written as asked; the message says why and what to do."""


@dataclass(frozen=True)
class Stamp:
    """What a result came from.

    `database` is the published file, beside which the result is written. `release` names the data of the studies it
    was computed from: it changes when a landed file, a correction or a published row of theirs does, not with the
    time. `plan_hash` is None where there is no frozen plan. `is_synthetic`: a synthetic delivery is among the data.
    """

    database: Path
    release: str
    plan_hash: str | None
    seed: int | None
    is_synthetic: bool
    studies: tuple[str, ...] = ()
    """Those it was computed from; kept beside the results, so that it can be told whether they are outdated."""


def stamp_of(database: Path, *, seed: int | None = None, studies: Sequence[str] | None = None) -> Stamp:
    """The stamp of what is computed now from the published file `database`.

    `studies`: those the result was computed from; without it all that are landed. Raises ResultError where a named
    study is not landed.
    """
    from analysis.warehouse import connect  # which imports this module

    with connect(database) as warehouse:
        found = warehouse.frame("select study, form, sha256, is_synthetic from quality.landings order by all")
        landed = list(found.itertuples(index=False, name=None))
    if studies is not None:
        absent = sorted(set(studies) - {row[0] for row in landed})
        if absent:
            raise ResultError(f"no landing of {', '.join(absent)} in {database}: land the study and build first")
        landed = [row for row in landed if row[0] in set(studies)]
    used = tuple(sorted({str(row[0]) for row in landed}))
    return Stamp(
        database=Path(database),
        release=release_id(data_parts(database), used),
        plan_hash=plan_hash(),
        seed=seed,
        is_synthetic=any(row[3] for row in landed),
        studies=used,
    )


def plan_hash(plan: Path = PLAN) -> str | None:
    """SHA-256 of the frozen plan, None where there is none."""
    return hashlib.sha256(plan.read_bytes()).hexdigest() if plan.is_file() else None


def results_file(database: Path) -> Path:
    """The file of results that belongs to the published file `database`."""
    return Path(database).with_name(FILE)


def write_result(
    name: str,
    frame: Any,
    *,
    stamp: Stamp,
    key: Sequence[str] = (),
    run_id: str | None = None,
    say: Callable[[str], None] | None = None,
) -> None:
    """Write `frame` (pandas, Polars or Arrow) as table `name` of the results; each row gets the columns of `stamp`.

    Without `key` the table is replaced. With `key` the rows of the table whose key is in `frame` are replaced and the
    others stay, so that one table can hold the results of many runs; the columns must then be those of the table, or,
    where `say` is given, a table with the columns of an earlier version is replaced as a whole and that is said. With
    `run_id` the rows of that run go even where `frame` has none. Raises ResultError.
    """
    if not _NAME.fullmatch(name):
        raise ResultError(f"{name!r} is no name of a result: write it in lower case letters, digits and underscores")
    columns = [str(c) for c in frame.columns] if hasattr(frame, "columns") else []
    if name in OWN_TABLES:
        raise ResultError(f"{name} is a table of the file of results itself: choose another name")
    taken = sorted(set(columns) & set(_STAMP))
    if taken:
        raise ResultError(f"result {name} has columns {', '.join(taken)}, which belong to the stamp: rename them")
    unknown = sorted(set(key) - set(columns))
    if unknown:
        raise ResultError(f"result {name} has no column {', '.join(unknown)}, which is named as its key")
    path = results_file(stamp.database)
    with FileLock(path.with_name(f".{FILE}.lock")):
        handle, made = tempfile.mkstemp(dir=path.parent, prefix=".results-", suffix=".duckdb")
        os.close(handle)
        part = Path(made)
        try:
            if path.exists():
                shutil.copyfile(path, part)
            else:
                part.unlink()
            with duckdb.connect(str(part)) as connection:
                _put(connection, name, frame, stamp, list(key), run_id, say)
            _sync(part)
            part.chmod(0o644)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
            part.with_name(part.name + ".wal").unlink(missing_ok=True)


def attach(connection: duckdb.DuckDBPyConnection, database: Path) -> bool:
    """Let `results.<table>` answer on a connection to the published file; gives whether there are results."""
    path = results_file(database)
    if not path.is_file():
        return False
    connection.execute(f"attach if not exists '{str(path).replace(chr(39), chr(39) * 2)}' as results (read_only)")
    return True


def _put(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    frame: Any,
    stamp: Stamp,
    key: list[str],
    run_id: str | None,
    say: Callable[[str], None] | None,
) -> None:
    connection.register("given", frame)
    stamped = ", ".join(f"cast(${column} as {kind}) as {column}" for column, kind in _STAMP.items())
    values = {column: value for column, value in asdict(stamp).items() if column in _STAMP}
    connection.execute("begin")
    connection.execute(f"create temp table fresh as select given.*, {stamped} from given", values)
    there = bool(key) and _exists(connection, name)
    empty = connection.execute("select count(*) = 0 from fresh").fetchall() == [(True,)]
    if run_id is not None and there and "run_id" in _columns(connection, name):
        connection.execute(f"delete from {name} where run_id = $run_id", {"run_id": run_id})
        there = not empty
    if run_id is not None and empty:  # types of its columns would be guesses
        connection.execute("drop table fresh")
        connection.execute("commit")
        return
    if there:
        old, new = _columns(connection, name), _columns(connection, "fresh")
        if old != new and say is not None:
            say(f"results.{name} came from an earlier version of this command with other columns: replaced as a whole")
            there = False
        elif old != new:
            differ = ", ".join(sorted(set(old) ^ set(new))) or "their order"
            raise ResultError(
                f"result {name} has other columns than the table that is there ({differ}):"
                " write it without key to replace the whole table"
            )
    if there:
        same = " and ".join(f'{name}."{c}" is not distinct from fresh."{c}"' for c in key)
        connection.execute(f"delete from {name} where exists (select 1 from fresh where {same})")
        connection.execute(f"insert into {name} select * from fresh")
    else:
        connection.execute(f"create or replace table {name} as select * from fresh")
    connection.execute(
        "create table if not exists written (name varchar primary key, n_rows bigint, written_at timestamp)"
    )
    connection.execute(
        f"insert or replace into written select ?, (select count(*) from {name}), ?",
        [name, datetime.now(UTC).replace(tzinfo=None, microsecond=0)],
    )
    connection.execute("create table if not exists releases (release varchar primary key, studies varchar[])")
    connection.execute("insert or replace into releases values (?, ?)", [stamp.release, list(stamp.studies)])
    connection.execute("drop table fresh")
    connection.execute("commit")
    connection.execute("checkpoint")


def _exists(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    found = connection.execute("select 1 from duckdb_tables() where table_name = ? and not temporary", [name])
    return found.fetchone() is not None


def _columns(connection: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    return [f"{row[0]} {row[1]}" for row in connection.execute(f"describe {name}").fetchall()]


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
