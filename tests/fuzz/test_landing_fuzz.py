"""Fuzzed deliveries are refused with an error that says what to do, or land without a lost row.

`make test` tries few (seconds), `make fuzz` ten thousand: FUZZ_DELIVERIES and FUZZ_SECONDS say how many and how long.
What landed is counted again by Python's own csv module, and the first identity of decision 4 (raw = used + dropped by a
named rule) is looked at on the compiled SQL of the form's blocks.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import tempfile
import time
from collections import Counter
from functools import cache
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harmonize.account_sql import _fates_sql
from harmonize.block_sql import block_sql, slot_present, staging_sql
from harmonize.landing import FormReport, LandingError, land
from harmonize.mapping import Block, read_mapping
from harmonize.paths import Warehouse
from harmonize.sources import Study, study
from tests.fuzz.deliveries import BYTE_CHANGES, ROW_CHANGES, Delivered, changed, sound_files
from tests.harmonize import sqlkit

DELIVERIES = int(os.environ.get("FUZZ_DELIVERIES", "120"))
SECONDS = float(os.environ.get("FUZZ_SECONDS", "8"))
LONG = DELIVERIES > 1000
csv.field_size_limit(1 << 24)


class Inbox:
    """One warehouse that every delivery goes to, and what became of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warehouse = Warehouse(folder / "warehouse")
        files = sound_files(folder, ("stard", "ispotd", "predict", "mars") if LONG else ("stard", "predict"))
        # Damaged .sav files go to a library in C that may end the process: only where somebody watches.
        self.files = tuple(f for f in files if f.is_text or LONG)
        self.fates: Counter[str] = Counter()
        self.tried = 0
        self.started = time.monotonic()

    @property
    def late(self) -> bool:
        return time.monotonic() - self.started > SECONDS

    def deliver(self, file: Delivered, content: bytes) -> FormReport:
        """Land one file. Raises LandingError."""
        inbox = self.folder / "inbox"
        shutil.rmtree(inbox, ignore_errors=True)
        inbox.mkdir()
        (inbox / file.name).write_bytes(content)
        (report,) = [
            f for f in land(known(file.study), inbox, self.warehouse, synthetic=True).forms if f.form == file.form.name
        ]
        return report

    def try_to(self, file: Delivered, content: bytes) -> tuple[FormReport | None, LandingError | None]:
        """Land one file, or the error with which it was refused. Any other error is a fault."""
        try:
            return self.deliver(file, content), None
        except LandingError as refused:
            return None, refused

    def held(self, file: Delivered) -> bytes | None:
        """The landed form as it lies there."""
        path = self.warehouse.raw / file.study / f"{file.form.name}.parquet"
        return path.read_bytes() if path.exists() else None


@cache
def inbox() -> Inbox:
    return Inbox(Path(tempfile.mkdtemp(prefix="trd_fuzz_")))


@pytest.fixture(scope="module", autouse=True)
def tidy() -> object:
    yield
    print(f"\nfuzzed deliveries: {dict(inbox().fates)} in {time.monotonic() - inbox().started:.0f} s")
    shutil.rmtree(inbox().folder, ignore_errors=True)


CHANGES = st.integers(0, 2**32 - 1)
ROWS = st.lists(st.tuples(st.integers(0, len(ROW_CHANGES) - 1), CHANGES), max_size=3)
BYTES = st.lists(st.tuples(st.integers(0, len(BYTE_CHANGES) - 1), CHANGES), max_size=2)


@settings(
    max_examples=DELIVERIES,
    deadline=None,
    derandomize=not LONG,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
)
@given(which=st.integers(0, 999), rows=ROWS, content=BYTES)
def test_a_fuzzed_delivery_is_refused_or_lands_whole(
    which: int, rows: list[tuple[int, int]], content: list[tuple[int, int]]
) -> None:
    box = inbox()
    if box.late:
        box.fates["not tried: the time is over"] += 1
        return
    file = box.files[which % len(box.files)]
    data = changed(file, rows, content)
    before = box.held(file)
    report, refused = box.try_to(file, data)
    if report is None:
        assert refused is not None
        assert refused.problem
        assert refused.remedy, "an error says what to do"
        assert box.held(file) == before, "a refused delivery changes nothing"
        box.fates["refused"] += 1
        return
    box.fates[report.status] += 1
    table = pq.read_table(box.warehouse.raw / file.study / f"{file.form.name}.parquet")
    assert table.num_rows == report.rows
    numbers = table.column("src_row").to_pylist()
    assert len(set(numbers)) == len(numbers)
    assert numbers == sorted(numbers)
    if file.is_text:
        same_records(file, data, report, table.drop_columns(["src_file"]).to_pylist())
    identities(file, table.num_rows)


def same_records(file: Delivered, data: bytes, report: FormReport, landed: list[dict[str, object]]) -> None:
    """Every record of the file is there, cell by cell, by Python's own reader."""
    text = data.decode("utf-8-sig" if file.encoding == "utf-8" else file.encoding)
    head = text.split("\n")[0]
    delimiter = max("\t,;|", key=head.count)
    records = [r for r in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if r]
    names = [name.strip().lower() for name in records[0]]
    body = records[report.header_rows :]
    assert len(landed) == len(body), "rows were lost or made"
    for column in file.form.columns:
        name = next((n for n in (column.name, *column.aliases) if n in names), None)
        if name is not None:
            given = [record[names.index(name)] for record in body]
            assert [row[column.name] or "" for row in landed] == given, column.name


@cache
def prepared() -> duckdb.DuckDBPyConnection:
    """One database with all seeds that a lookup may ask."""
    connection = sqlkit.connect()
    sqlkit.load_seeds(connection, ["drug_synonyms"])
    return connection


@cache
def known(name: str) -> Study:
    """The study's contract, read once."""
    return study(name)


@cache
def mapped(name: str) -> tuple[Block, ...]:
    """The study's blocks, read once."""
    return read_mapping(known(name))


@cache
def staging(name: str, form: str) -> str:
    """The SQL of the form's staging model."""
    return sqlkit.render(staging_sql(known(name), known(name).form(form)))


@cache
def block_and_fates(name: str, block: str) -> tuple[str, str]:
    """The SQL of a block's rows, and of what it drops."""
    (found,) = [b for b in mapped(name) if b.name == block]
    fates = f"select {block}__fate as fate, sum(n_rows) as n from ({_fates_sql([found])}) group by 1"
    return sqlkit.render(block_sql(found)), sqlkit.render(fates)


def identities(file: Delivered, n_rows: int) -> None:
    """Raw rows × slots = used + dropped by a named rule + empty slots, for a block of the form."""
    box, connection, name, form = inbox(), prepared(), file.study, file.form.name
    box.tried += 1
    path = box.warehouse.raw / name / f"{form}.parquet"
    connection.execute(f"""create or replace table "raw_{name}__{form}" as select * from read_parquet('{path}')""")
    staged = f"stg_{name}__{form}"
    connection.execute(f'create or replace table "{staged}" as {staging(name, form)}')
    assert connection.table(f'"{staged}"').count("*").fetchone() == (n_rows,)
    found = [b for b in mapped(name) if b.form.name == form and not b.undecided]
    if not found:
        return
    block = found[box.tried % len(found)]
    sql, fates = block_and_fates(name, block.name)
    slots = max(len(block.slots), 1)
    used = connection.execute(f"select count(*) from ({sql})").fetchall()[0][0]
    by_fate = dict(connection.execute(fates).fetchall())
    kept = by_fate.pop(None, 0)
    empty = 0
    if block.slots:
        conditions = " and ".join(["drop_rule is null", *(f"({f.keep})" for f in block.filters)])
        counted = " + ".join(f"case when {slot_present(s.columns)} then 0 else 1 end" for s in block.slots)
        empty = connection.execute(f'select coalesce(sum({counted}), 0) from "{staged}" where {conditions}').fetchall()[
            0
        ][0]
    assert kept * slots == used + empty, f"{block.name}: {kept} rows × {slots} slots, {used} used, {empty} empty"
    assert sum(by_fate.values()) + kept == n_rows


def test_sound_files_land_unchanged() -> None:
    """The comparison can fail: it is made on files that must pass, and on one that must not."""
    box = inbox()
    for file in box.files[:4]:
        report = box.deliver(file, file.content)
        path = box.warehouse.raw / file.study / f"{file.form.name}.parquet"
        landed = pq.read_table(path).drop_columns(["src_file"]).to_pylist()
        same_records(file, file.content, report, landed)
        with pytest.raises(AssertionError, match="lost or made"):
            same_records(file, file.content, report, landed[:-1])
