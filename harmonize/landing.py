"""From files as delivered to `raw/<study>/<form>.parquet`: nothing interpreted, every value still text.

A delivery is converted form by form to a work folder, and only when all of it is sound it is moved into place. So a
landing that is refused or dies leaves every form as it was, or as it is to be. What was landed stands in the ledger.

An empty field is NULL, quoted or not; everything else is kept as delivered, blanks included.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harmonize.delivery import match_files
from harmonize.ledger import (
    METADATA_KEY,
    Landing,
    append,
    contract_hash,
    current_landings,
    landing_of,
    now,
    read_ledger,
    reconcile,
    removed,
)
from harmonize.paths import Warehouse
from harmonize.readers import LandingError
from harmonize.readers.facts import FACTS_KEY, FileFacts, facts_of
from harmonize.readers.header import PROVENANCE, Layout, column_layout, header_rows
from harmonize.readers.labels import disagreements
from harmonize.readers.opening import open_reader
from harmonize.sources import Form, Study

__all__ = [
    "FormReport",
    "Landing",
    "LandingError",
    "LandingReport",
    "current_landings",
    "ensure_raw",
    "land",
    "read_ledger",
]

ROW_GROUP = 122_880
TABLES_AHEAD = 16
"""How many blocks may be read before they are written: what is held in memory is bounded by it."""
LANDINGS_SCHEMA = pa.schema(
    [
        ("study", pa.string()),
        ("form", pa.string()),
        ("file", pa.string()),
        ("sha256", pa.string()),
        ("rows", pa.int64()),
        ("bytes", pa.int64()),
        ("landed_at", pa.string()),
        ("synthetic", pa.bool_()),
    ]
)

Progress = Callable[[str, int, int], None]
"""Called with the form, the bytes read so far and the bytes of the file."""


@dataclass(frozen=True)
class FormReport:
    """What happened to one form.

    `status` is `landed` or `unchanged` (the same bytes under the same contract were there already).
    `header_reason` says why the file is taken to have `header_rows` header rows. `missing_columns` are declared,
    not delivered and all NULL; `extra_columns` are delivered and not declared. `warnings` say where the file's own
    labels and missing codes disagree with the sources YAML, and what else was found in it that no value shows.
    """

    form: str
    file: str
    status: str
    rows: int
    header_rows: int
    header_reason: str
    missing_columns: tuple[str, ...]
    extra_columns: tuple[str, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class LandingReport:
    """What one delivery came to.

    `absent` are forms that were not delivered; an earlier landing of them stays. `ignored` are (file, why).
    `removed` are forms whose earlier landing was taken away by `replace`.
    """

    study: str
    synthetic: bool
    forms: tuple[FormReport, ...]
    absent: tuple[str, ...]
    ignored: tuple[tuple[str, str], ...]
    removed: tuple[str, ...]


@dataclass(frozen=True)
class _Staged:
    """A converted form that waits to be moved into place."""

    part: Path
    target: Path
    landing: Landing


def land(
    study: Study,
    path: Path,
    warehouse: Warehouse,
    *,
    synthetic: bool = False,
    replace: bool = False,
    on_progress: Progress | None = None,
) -> LandingReport:
    """Land a folder as delivered, or one file of it. Files in subfolders are looked at only where a form names them.

    `synthetic` marks data that nobody was measured for; a study holds either such data or real data. `replace`
    takes away the study's earlier landings, which is also the way from one kind to the other.
    Raises LandingError, and then neither the Parquet files nor the ledger have changed.
    """
    with _only_landing(warehouse) as work:
        with _commit_lock(warehouse):
            held = reconcile(study.name, warehouse)
        files, ignored = match_files(study, path, work)
        _refuse_mixture(study, held, synthetic, replace)
        staged: list[_Staged] = []
        reports: list[FormReport] = []
        for form in study.forms:
            if form.name not in files:
                continue
            file = files[form.name]
            before = held.get(form.name)
            if before is not None and _is_unchanged(before, form, file, synthetic):
                reports.append(_unchanged(form, before, warehouse.raw / study.name / f"{form.name}.parquet"))
                continue
            target = warehouse.raw / study.name / f"{form.name}.parquet"
            part = work / f"{form.name}.parquet"
            landing, report = _convert(study, form, file, part, synthetic, on_progress)
            staged.append(_Staged(part, target, landing))
            reports.append(report)
        kept = {report.form for report in reports if report.status == "unchanged"}
        obsolete = [landing for name, landing in held.items() if replace and name not in kept]
        _commit(study, staged, obsolete, warehouse)
    delivered = {staged_form.landing.form for staged_form in staged}
    return LandingReport(
        study=study.name,
        synthetic=synthetic,
        forms=tuple(reports),
        absent=tuple(form.name for form in study.forms if form.name not in files),
        ignored=tuple(ignored),
        removed=tuple(landing.form for landing in obsolete if landing.form not in delivered),
    )


def ensure_raw(studies: Iterable[Study], warehouse: Warehouse) -> None:
    """Give every declared form a Parquet file, empty where nothing was landed, and write `landings.parquet`.

    Raises LandingError where a landed form lacks a column that the sources YAML declares by now.
    """
    stale: list[tuple[Form, str]] = []
    with _commit_lock(warehouse):
        work = warehouse.raw / ".ensure"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            for study in studies:
                reconcile(study.name, warehouse)
                for form in study.forms:
                    stale += _ensure_form(form, warehouse, work)
            _write_landings(warehouse, work)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    if stale:
        form = stale[0][0]
        raise LandingError(
            "; ".join(f"{form.study}.{form.name} {why}" for form, why in stale),
            file=f"{form.study}/{form.name}.parquet",
            remedy="Land the form again: trd land " + " / ".join(dict.fromkeys(form.study for form, _ in stale)),
        )


def _refuse_mixture(study: Study, held: dict[str, Landing], synthetic: bool, replace: bool) -> None:
    other = sorted(form for form, landing in held.items() if landing.synthetic != synthetic)
    if other and not replace:
        old, new = ("real", "synthetic") if synthetic else ("synthetic", "real")
        raise LandingError(
            f"{study.name} holds {old} data ({', '.join(other)}); {new} data must not be mixed with them",
            remedy=f"Land with replace to remove the {old} forms first, or use another warehouse",
        )


def _is_unchanged(before: Landing, form: Form, file: Path, synthetic: bool) -> bool:
    if (before.synthetic, before.contract, before.bytes) != (synthetic, contract_hash(form), file.stat().st_size):
        return False
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == before.sha256


def _unchanged(form: Form, before: Landing, parquet: Path) -> FormReport:
    layout = column_layout(form, before.columns, before.file)
    return FormReport(
        form=form.name,
        file=before.file,
        status="unchanged",
        rows=before.rows,
        header_rows=before.header_rows,
        header_reason="as landed before",
        missing_columns=layout.missing,
        extra_columns=layout.extra,
        notes=layout.notes,
        warnings=_warnings(form, facts_of(parquet)),
    )


def _convert(
    study: Study, form: Form, file: Path, part: Path, synthetic: bool, on_progress: Progress | None
) -> tuple[Landing, FormReport]:
    """Write one file as Parquet to `part`, on disk when it returns."""
    on_bytes = None if on_progress is None else partial(_report_bytes, on_progress, form.name, file.stat().st_size)
    with open_reader(file, form, part.parent, on_bytes) as reader:
        layout = column_layout(
            form, reader.names, reader.file, None if reader.head is None else reader.first_row(0) or 1
        )
        headers, reason = 0, "the file itself names its columns"
        if reader.head is not None:
            allowed = form.format.get("header_rows", [1])
            headers, reason = header_rows(form, study.subject_key, reader.head, allowed, reader.file)
        writer = _PartWriter(part, layout, src_file(file.name, reader.sheet), reader.first_row(headers))
        try:
            writer.write_all(reader.tables(headers))
            landing = Landing(
                study=study.name,
                form=form.name,
                file=file.name,
                sha256=reader.sha256,
                rows=writer.rows,
                bytes=reader.size,
                header_rows=headers,
                delimiter=reader.delimiter,
                columns=reader.names,
                landed_at=now(),
                synthetic=synthetic,
                contract=contract_hash(form),
                sheet=reader.sheet or "",
            )
            facts = reader.facts
            writer.finish(landing, facts)
        finally:
            writer.close()
    report = FormReport(
        form=form.name,
        file=reader.file,
        status="landed",
        rows=landing.rows,
        header_rows=headers,
        header_reason=reason,
        missing_columns=layout.missing,
        extra_columns=layout.extra,
        notes=layout.notes,
        warnings=(*(() if landing.rows else ("the file holds no rows",)), *_warnings(form, facts)),
    )
    return landing, report


def src_file(file: str, sheet: str | None) -> str:
    """What stands in `src_file`: the file's name, with #sheet for a workbook."""
    return f"{file}#{sheet}" if sheet else file


def _warnings(form: Form, facts: FileFacts | None) -> tuple[str, ...]:
    if facts is None or facts.kind == "delimited":
        return ()
    return (*facts.remarks, *disagreements(form, facts))


def _report_bytes(on_progress: Progress, form: str, total: int, done: int) -> None:
    on_progress(form, done, total)


class _PartWriter:
    """Writes tables of fields as one Parquet file with the landed columns; `rows` counts them."""

    def __init__(self, part: Path, layout: Layout, file: str, first_row: int) -> None:
        self.rows = 0
        self._part = part
        self._layout = layout
        self._file = file
        self._first_row = first_row
        self._schema = _raw_schema(layout.names)
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._writer = pq.ParquetWriter(part, self._schema, compression="zstd")

    def write_all(self, tables: Iterator[pa.Table]) -> None:
        """Write all tables; the next ones are read meanwhile."""
        with ThreadPoolExecutor(1) as pool:
            running: deque[Future[None]] = deque()
            for table in tables:
                if len(running) == TABLES_AHEAD:
                    running.popleft().result()
                running.append(pool.submit(self._add, table))
            for future in running:
                future.result()

    def finish(self, landing: Landing, facts: FileFacts) -> None:
        """Write the rest and the landing itself, and bring the file to disk."""
        self._flush(1)
        self._writer.add_key_value_metadata({METADATA_KEY: landing.to_json(), FACTS_KEY: facts.to_json()})
        self.close()
        _sync(self._part)

    def close(self) -> None:
        """Close the file, finished or not."""
        self._writer.close()

    def _add(self, table: pa.Table) -> None:
        first = self.rows + self._first_row
        count = table.num_rows
        numbers = PROVENANCE[1] in table.column_names
        columns: list[pa.Array | pa.ChunkedArray] = [
            pa.repeat(self._file, count),
            table.column(PROVENANCE[1]) if numbers else pa.array(np.arange(first, first + count, dtype=np.int64)),
        ]
        for field in self._layout.source:
            columns.append(pa.nulls(count, pa.string()) if field is None else table.column(field))
        self._waiting.append(pa.table(columns, schema=self._schema))
        self._waiting_rows += count
        self.rows += count
        self._flush(ROW_GROUP)

    def _flush(self, least: int) -> None:
        """Write whole row groups; with `least` 1 also the rest."""
        if self._waiting_rows < least:
            return
        table = pa.concat_tables(self._waiting)
        count = table.num_rows if least == 1 else table.num_rows // ROW_GROUP * ROW_GROUP
        self._writer.write_table(table.slice(0, count), row_group_size=ROW_GROUP)
        rest = table.slice(count)
        self._waiting = [rest] if rest.num_rows else []
        self._waiting_rows = rest.num_rows


def _raw_schema(names: Sequence[str]) -> pa.Schema:
    types = {PROVENANCE[0]: pa.string(), PROVENANCE[1]: pa.int64()}
    return pa.schema([*types.items(), *((name, pa.string()) for name in names)])


def _commit(study: Study, staged: Sequence[_Staged], obsolete: Sequence[Landing], warehouse: Warehouse) -> None:
    """Move converted forms into place. Dying anywhere leaves each form old or new, and `reconcile` tells the ledger.

    Obsolete forms go before the first new one comes, so that two kinds of data never lie side by side.
    """
    if not staged and not obsolete:
        return
    folder = warehouse.raw / study.name
    with _commit_lock(warehouse):
        folder.mkdir(parents=True, exist_ok=True)
        append(warehouse, [removed(landing) for landing in obsolete])
        for landing in obsolete:
            (folder / f"{landing.form}.parquet").unlink(missing_ok=True)
        if obsolete:
            _sync(folder)
        for form in staged:
            os.replace(form.part, form.target)
        _sync(folder)
        append(warehouse, [form.landing for form in staged])


def _ensure_form(form: Form, warehouse: Warehouse, work: Path) -> list[tuple[Form, str]]:
    """Write the empty file of a form where it is needed; what is wrong with a landed one."""
    target = warehouse.raw / form.study / f"{form.name}.parquet"
    expected = _raw_schema(form.column_names)
    if target.exists():
        try:
            metadata = pq.read_metadata(target)
            names = metadata.schema.to_arrow_schema().names
        except (OSError, pa.ArrowException):
            return [(form, "cannot be read")]
        if metadata.num_rows or landing_of(target) is not None:
            lacking = [name for name in expected.names if name not in names]
            return [(form, f"was landed without {', '.join(lacking)}")] if lacking else []
        if names == expected.names:
            return []
    _publish(expected.empty_table(), target, work)
    return []


def _write_landings(warehouse: Warehouse, work: Path) -> None:
    """`landings.parquet` from the ledger; left alone where it says so already."""
    target = warehouse.raw / "landings.parquet"
    landings = [asdict(landing) for _, landing in sorted(current_landings(warehouse).items())]
    table = pa.Table.from_pylist(
        [{name: row[name] for name in LANDINGS_SCHEMA.names} for row in landings], schema=LANDINGS_SCHEMA
    )
    try:
        # read_table would load all file systems first, which takes a second.
        if pq.ParquetFile(target).read().equals(table):
            return
    except (OSError, pa.ArrowException):
        pass
    _publish(table, target, work)


def _publish(table: pa.Table, target: Path, work: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = work / target.name
    pq.write_table(table, part, compression="zstd")
    _sync(part)
    os.replace(part, target)


@contextmanager
def _only_landing(warehouse: Warehouse) -> Iterator[Path]:
    """An empty work folder, for one landing at a time; clears what a landing that died has left."""
    warehouse.raw.mkdir(parents=True, exist_ok=True)
    with (warehouse.raw / ".landing.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LandingError(
                "another landing into this warehouse is running",
                file=str(warehouse.raw),
                remedy="Wait until it has ended and land again",
            ) from None
        work = warehouse.raw / ".landing"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _commit_lock(warehouse: Warehouse) -> Iterator[None]:
    """Held while Parquet files in place or the ledger change: for moments only, so wait for it."""
    warehouse.raw.mkdir(parents=True, exist_ok=True)
    with (warehouse.raw / ".commit.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sync(path: Path) -> None:
    """Bring a file or a folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
