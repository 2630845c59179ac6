"""What was landed, when and from which bytes.

Each landed Parquet file carries its own ledger line in its metadata. The ledger is the history; the Parquet files
are the truth about the present, and `reconcile` brings the ledger in line after a landing that died between the two.
"""

from __future__ import annotations

import builtins
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harmonize.paths import Warehouse
from harmonize.readers import LandingError
from harmonize.sources import Form

METADATA_KEY = "trd_landing"
_FORMAT = 1
"""Raise it when landing writes the same file differently, so that files are landed again."""


@dataclass(frozen=True)
class Landing:
    """One line of the ledger: `event` is `landed`, or `removed` when the landed form was taken away.

    `sha256` and `bytes` are of the file as delivered, `contract` of the form's columns and format in the sources
    YAML, `columns` are the names as delivered, `landed_at` is UTC in ISO format. `sheet` is empty but for a workbook.
    """

    study: str
    form: str
    file: str
    sha256: str
    rows: int
    bytes: int
    header_rows: int
    delimiter: str
    columns: tuple[str, ...]
    landed_at: str
    synthetic: bool
    contract: str
    event: str = "landed"
    sheet: str = ""

    def to_json(self) -> str:
        """One line, without the newline."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str | builtins.bytes) -> Landing:
        """The inverse of `to_json`; ValueError when the line is not a landing. Unknown keys are left out."""
        document = json.loads(line)
        if not isinstance(document, dict):
            raise ValueError("not an object")
        known = {field.name for field in fields(cls)}
        try:
            landing = cls(**{key: value for key, value in document.items() if key in known})
        except TypeError as error:
            raise ValueError(str(error)) from None
        return replace(landing, columns=tuple(landing.columns))


def now() -> str:
    """This second, UTC, ISO."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def contract_hash(form: Form) -> str:
    """SHA-256 of what decides the landed file: the columns' names, aliases and duty, and the format."""
    contract = {
        "landing": _FORMAT,
        "columns": [
            [column.name, column.required, list(column.aliases), *([column.decimal] if column.decimal != "." else [])]
            for column in form.columns
        ],
        "format": dict(form.format),
    }
    return hashlib.sha256(json.dumps(contract, sort_keys=True, default=str).encode()).hexdigest()


def read_ledger(warehouse: Warehouse) -> list[Landing]:
    """Every landing in order. A torn last line, left by a process that died, is passed over."""
    if not warehouse.ledger.exists():
        return []
    lines = warehouse.ledger.read_bytes().split(b"\n")
    last = max((number for number, line in enumerate(lines) if line.strip()), default=-1)
    landings = []
    for number, line in enumerate(lines[: last + 1]):
        if not line.strip():
            continue
        try:
            landings.append(Landing.from_json(line))
        except ValueError as error:
            if number == last:
                break
            raise LandingError(
                f"the line is not a landing ({error})",
                file=warehouse.ledger.name,
                row=number + 1,
                remedy="Restore the ledger from a copy, or remove the line",
            ) from None
    return landings


def current_landings(warehouse: Warehouse) -> dict[tuple[str, str], Landing]:
    """The last landing of each (study, form) that is still there."""
    last = {(landing.study, landing.form): landing for landing in read_ledger(warehouse)}
    return {key: landing for key, landing in last.items() if landing.event == "landed"}


def append(warehouse: Warehouse, landings: Iterable[Landing]) -> None:
    """Write lines at the end of the ledger, in one write, on disk when it returns. Cuts off a torn last line."""
    text = "".join(landing.to_json() + "\n" for landing in landings).encode()
    if not text:
        return
    warehouse.ledger.parent.mkdir(parents=True, exist_ok=True)
    with warehouse.ledger.open("a+b") as file:
        file.seek(0)
        head, newline, tail = file.read().rpartition(b"\n")
        if tail:
            try:
                Landing.from_json(tail)
                text = b"\n" + text
            except ValueError:
                file.truncate(len(head) + len(newline))
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def landing_of(parquet: Path) -> Landing | None:
    """The landing that made a Parquet file; None for a placeholder, a foreign file and one that cannot be read."""
    try:
        metadata = pq.read_metadata(parquet).metadata or {}
        return Landing.from_json(metadata[METADATA_KEY.encode()])
    except (OSError, pa.ArrowException, KeyError, ValueError):
        return None


def landed_forms(study: str, warehouse: Warehouse) -> dict[str, Landing]:
    """The landings of a study as its Parquet files tell them, by form."""
    held = {path.stem: landing_of(path) for path in sorted((warehouse.raw / study).glob("*.parquet"))}
    return {form: landing for form, landing in held.items() if landing is not None}


def reconcile(study: str, warehouse: Warehouse) -> dict[str, Landing]:
    """Make the ledger say what the Parquet files of a study say, and return that. Call it under the commit lock."""
    held = landed_forms(study, warehouse)
    told = {form: landing for (of, form), landing in current_landings(warehouse).items() if of == study}
    lines = [landing for form, landing in held.items() if told.get(form) != landing]
    lines += [removed(landing) for form, landing in told.items() if form not in held]
    append(warehouse, lines)
    return held


def removed(landing: Landing) -> Landing:
    """The line that says that a landed form was taken away."""
    return replace(landing, event="removed", landed_at=now())
