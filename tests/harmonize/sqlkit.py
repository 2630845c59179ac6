"""Compiled SQL in DuckDB without dbt: models rendered with the project's own macros over small raw tables.

Tests import it as `tests.harmonize.sqlkit`.
"""

from __future__ import annotations

import csv
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import pyarrow as pa

from harmonize.block_sql import block_sql, issue_bits, staging_sql
from harmonize.mapping import BLOCK_HEADER, MAPPING_HEADER, Block, read_mapping
from harmonize.paths import DBT_PROJECT, SEEDS
from harmonize.sources import Form, Study, read_study

MACROS = ("types.sql", "pseudonym.sql", "corrections.sql", "generated/item_totals.sql")
KEY = "a key for tests"

Raw = Mapping[str, str | None]
"""One raw row: text by column; a column that is not named is an empty cell."""


@cache
def _macros() -> str:
    return "".join((DBT_PROJECT / "macros" / name).read_text(encoding="utf-8") for name in MACROS)


@cache
def _environment() -> jinja2.Environment:
    """The macros as names that every model may call; read once, as reading them takes longer than most models."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    environment.globals |= {
        "ref": lambda name: f'"{name}"',
        "source": lambda study, form: f'"raw_{study}__{form}"',
        "execute": False,
    }
    macros = environment.from_string(_macros()).module
    environment.globals |= {name: found for name, found in vars(macros).items() if not name.startswith("_")}
    return environment


def render(sql: str) -> str:
    """The SQL of a model as dbt would run it: macros filled in, refs and sources as names of tables."""
    return _environment().from_string(sql).render()


def connect() -> duckdb.DuckDBPyConnection:
    """A database in memory with a pseudonym key."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute(f"set variable trd_pseudonym_key = '{KEY}'")
    return connection


@cache
def seed_table(name: str) -> tuple[dict[str, str], ...]:
    """A seed's rows as text, read here and not through the code under test."""
    (path,) = SEEDS.rglob(f"{name}.csv")
    with path.open(newline="", encoding="utf-8") as stream:
        return tuple(csv.DictReader(stream))


def load_seeds(connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> None:
    """Seeds as tables of text."""
    for name in names:
        rows = seed_table(name)
        arrays = {c: pa.array([r[c] or None for r in rows], pa.string()) for c in rows[0]}
        connection.register("seed_rows", pa.table(arrays))
        connection.execute(f'create or replace table "{name}" as select * from seed_rows')
        connection.unregister("seed_rows")


def load_raw(connection: duckdb.DuckDBPyConnection, form: Form, rows: Sequence[Raw]) -> None:
    """Raw rows of a form as landing leaves them, numbered from 1, with the staging model on top."""
    unknown = {c for r in rows for c in r} - set(form.column_names)
    assert not unknown, f"{form.name} has no column {unknown}"
    arrays: dict[str, pa.Array] = {"src_row": pa.array(range(1, len(rows) + 1), pa.int64())}
    for name in form.column_names:
        arrays[name] = pa.array([r.get(name, "") for r in rows], pa.string())
    connection.register("raw_rows", pa.table(arrays))
    connection.execute(f'create or replace table "raw_{form.study}__{form.name}" as select * from raw_rows')
    connection.unregister("raw_rows")


def stage(connection: duckdb.DuckDBPyConnection, study: Study, form: Form) -> None:
    """The form's compiled staging model, as a table."""
    model = f"stg_{study.name}__{form.name}"
    connection.execute(f'create or replace table "{model}" as {render(staging_sql(study, form))}')


def candidates(
    connection: duckdb.DuckDBPyConnection, study: Study, block: Block, rows: Sequence[Raw]
) -> list[dict[str, Any]]:
    """The candidate rows a block makes of raw rows, in the order of the file.

    `issues` holds (target column, source column) of each cell that could not be used, decoded from the mask.
    """
    seeds = {t.args.split(";")[1].strip().partition(".")[0] for t in block.targets.values() if t.verb == "lookup"}
    load_seeds(connection, seeds)
    form = study.form(block.form.name)  # a block that joins rows has columns beside those of its form
    load_raw(connection, form, rows)
    stage(connection, study, form)
    query = render(block_sql(block))
    found = connection.execute(f"select * from ({query}) order by src_row, slot_no").to_arrow_table().to_pylist()
    bits = issue_bits(block)
    for row in found:
        row["issues"] = {
            (target, columns[0] if len(columns) == 1 else columns[row["slot_no"] - 1])
            for bit, target, columns, _ in bits
            if row["issue_mask"] >> bit & 1
        }
    return found


SOURCES = """
version: 2
sources:
  - name: toy
    description: "A study for tests."
    config:
      meta:
        study: {{title: Toy, subject_key: [{keys}]}}
        format: {{kind: delimited, encoding: utf-8, header_rows: [1]}}
        missing: {{'': blank}}
    tables:
      - name: {form}
        description: "A form."
        config: {{meta: {{files: ['{form}.csv']{drop_rules}}}}}
        columns:
{columns}
"""


def write_sources(
    folder: Path, columns: Mapping[str, str], form: str = "f", keys: str = "id", drop_rules: str = ""
) -> Study:
    """A study `toy` with one form; `columns` maps a name to its meta in YAML flow style, e.g. "codes: {'1': a}"."""
    listed = "".join(
        f"          - name: {name}\n            description: A column.\n"
        + (f"            config: {{meta: {{{meta}}}}}\n" if meta else "")
        for name, meta in {"id": "", **columns}.items()
    )
    path = folder / "_toy__sources.yml"
    rules = f", drop_rules: [{drop_rules}]" if drop_rules else ""
    path.write_text(SOURCES.format(form=form, keys=keys, columns=listed, drop_rules=rules), encoding="utf-8")
    return read_study(path)


def write_mapping(folder: Path, blocks: str, targets: str, study: str = "toy") -> None:
    """Both mapping documents, their headers put in front."""
    for name, header, text in ((f"{study}_blocks", BLOCK_HEADER, blocks), (study, MAPPING_HEADER, targets)):
        body = ",".join(header) + "\n" + textwrap.dedent(text).strip("\n") + "\n"
        (folder / f"{name}.csv").write_text(body, encoding="utf-8")


def one_block(folder: Path, study: Study, blocks: str, targets: str) -> Block:
    """The first block of inline mapping documents."""
    write_mapping(folder, blocks, targets)
    return read_mapping(study, folder)[0]
