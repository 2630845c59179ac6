"""CSV, Parquet, Stata and DuckDB: columns that count, dates, keys and pseudonyms, found by the engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyreadstat

from harmonize.disclosing.own_words import is_own
from harmonize.disclosing.rules import Rules, is_count

TIMES = ("DATE", "TIMESTAMP")
LEDGER = {("written", "written_at"), ("written", "n_rows")}
"""When an analysis wrote which table of results, and of how many rows: nothing of patients."""
IDS = ("subject", "patient", "person", "participant", "key", "guid", "id")


def file_findings(path: Path, rules: Rules, *, persons_allowed: bool) -> Iterator[tuple[str, str, str]]:
    """(kind, where, what) of everything in a CSV, Parquet or Stata file that must not leave."""
    named = str(path).replace("'", "''")
    with duckdb.connect() as connection:
        if path.suffix == ".parquet":
            source = f"read_parquet('{named}')"
        elif path.suffix == ".dta":
            connection.register("stata", pyreadstat.read_dta(str(path))[0])
            source = "stata"
        else:
            # read once, as every column is asked
            read = f"read_csv('{named}', all_varchar = true, ignore_errors = true)"
            connection.execute(f"create temp table given as from {read}")
            source = "given"
        yield from _findings(connection, source, path.stem, rules, persons_allowed)


def database_findings(
    path: Path, rules: Rules, *, persons_allowed: bool, is_inside: bool = False
) -> Iterator[tuple[str, str, str]]:
    """The same for every table of a DuckDB file; of one that stays inside for those that hold no persons."""
    with duckdb.connect(str(path), read_only=True) as connection:
        for schema, table in connection.execute(
            "select schema_name, table_name from duckdb_columns() where not internal group by all"
            " having not (bool_or(column_name = 'subject_id') and ?) order by all",
            [is_inside],
        ).fetchall():
            for kind, where, what in _findings(connection, f'"{schema}"."{table}"', table, rules, persons_allowed):
                yield kind, f"{table}, {where}", what


def _findings(
    connection: duckdb.DuckDBPyConnection, source: str, table: str, rules: Rules, persons_allowed: bool
) -> Iterator[tuple[str, str, str]]:
    for name, kind in [r[:2] for r in connection.execute(f"describe select * from {source}").fetchall()]:
        column = '"' + name.replace('"', '""') + '"'
        if (table, name) in LEDGER:
            continue
        if kind.startswith(TIMES):
            yield "date", f"column {name}", f"of type {kind}"
            continue
        if name.lower() == "site_no":
            yield "site", f"column {name}", "numbers of sites"
        if not persons_allowed and is_count(name):
            yield from _small(connection, source, column, name, rules)
        if kind == "VARCHAR":
            yield from _text(connection, source, column, name, rules, persons_allowed)
        elif _is_id(name):
            yield from _short(connection, source, column, name, rules)


def _small(
    connection: duckdb.DuckDBPyConnection, source: str, column: str, name: str, rules: Rules
) -> Iterator[tuple[str, str, str]]:
    number = f"try_cast({column}::varchar as double)"
    (n,) = connection.execute(
        f"select count(*) from {source} where {number} > 0 and {number} < ? and {number} = floor({number})",
        [rules.minimum],
    ).fetchone() or (0,)
    if n:
        yield "small cell", f"column {name}", f"{n} cells below {rules.minimum}"


def _text(
    connection: duckdb.DuckDBPyConnection, source: str, column: str, name: str, rules: Rules, persons_allowed: bool
) -> Iterator[tuple[str, str, str]]:
    # a first sieve in the engine, so that only texts that could be something come here; a said count is short
    own = f" and not regexp_full_match({column}, '{rules.pseudonym.pattern}')" if persons_allowed else ""
    values = connection.execute(
        f"select distinct {column} from {source} where length({column}) >= 5 and regexp_matches({column}, '[0-9]'){own}"
    ).fetchall()
    seen: dict[tuple[str, str], int] = {}
    for (value,) in values:
        words = list(rules.words(value, persons_allowed=persons_allowed))
        if not persons_allowed:
            words += [("small cell", what) for what in rules.said_counts(value)]
        if words and not is_own(value):
            for found in words:
                seen[found] = seen.get(found, 0) + 1
    for (kind, what), n in seen.items():
        yield kind, f"column {name}", f"{what}, in {n} values"
    if _is_id(name):
        yield from _short(connection, source, column, name, rules)


def _short(
    connection: duckdb.DuckDBPyConnection, source: str, column: str, name: str, rules: Rules
) -> Iterator[tuple[str, str, str]]:
    """Keys that look like any number: told by a column of ids most of whose values are keys."""
    if not rules.short_keys:
        return
    values = {
        str(v).strip().lower() for (v,) in connection.execute(f"select distinct {column} from {source}").fetchall()
    }
    known = values & rules.short_keys
    if len(known) >= 3 and 2 * len(known) >= len(values):
        yield "key", f"column {name}", f"keys of the archive, {len(known)} values"


def _is_id(name: str) -> bool:
    parts = name.lower().replace("-", "_").split("_")
    return any(word in parts or name.lower().endswith(word) for word in IDS) and not name.lower().endswith(
        ("instrument_id", "definition_id", "step_id", "study_id", "scale_id", "rule_id", "check_id")
    )
