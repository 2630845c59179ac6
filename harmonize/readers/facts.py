"""What a file says of its columns besides their values: labels, declared missing codes, formats. Never interpreted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

FACTS_KEY = "trd_facts"
"""Under this key the facts stand in the metadata of the landed Parquet file, so that the two cannot disagree."""


@dataclass(frozen=True)
class MissingRange:
    """Codes that the file itself declares as missing, from `low` to `high`, as raw text; equal for a single code."""

    low: str
    high: str

    def __str__(self) -> str:
        return self.low if self.low == self.high else f"{self.low} to {self.high}"


@dataclass(frozen=True)
class ColumnFacts:
    """One column as the file describes it.

    `name` is as delivered; `storage` and `format` are the file's words (double, F8.2, DATE9, %td); `date` says that
    its values are calendar `date`s or `datetime`s (or a `time`) in the file and were written as ISO text.
    `value_labels` maps a raw value to its label. `missing` is what the file declares as missing, `missing_seen` how
    often each such value occurs. `cells` counts the kinds of cells (number, text, date, boolean, error) in a sheet.
    """

    name: str
    label: str | None = None
    storage: str | None = None
    format: str | None = None
    date: str | None = None
    measure: str | None = None
    value_labels: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[MissingRange, ...] = ()
    missing_seen: Mapping[str, int] = field(default_factory=dict)
    cells: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class FileFacts:
    """What a file says of itself: its kind, the encoding it names, label, notes, the sheet that was read, its columns.

    `remarks` are what a data manager should know of the file and no value shows: empty rows passed over, error cells.
    """

    kind: str
    columns: tuple[ColumnFacts, ...] = ()
    encoding: str | None = None
    label: str | None = None
    notes: tuple[str, ...] = ()
    sheet: str | None = None
    remarks: tuple[str, ...] = ()

    def column(self, name: str) -> ColumnFacts | None:
        """The column delivered under `name`, whatever its case; None where the file says nothing of it."""
        wanted = name.strip().lower()
        return next((column for column in self.columns if column.name.strip().lower() == wanted), None)

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> FileFacts:
        """The inverse of `to_json`."""
        document: dict[str, Any] = json.loads(text)
        columns = tuple(
            ColumnFacts(**{**column, "missing": tuple(MissingRange(**range_) for range_ in column["missing"])})
            for column in document.pop("columns")
        )
        listed: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in document.items()}
        return cls(columns=columns, **listed)


def facts_of(parquet: Path) -> FileFacts | None:
    """The facts that a landed file carries; None for a placeholder and for one landed before there were facts."""
    try:
        metadata = pq.read_metadata(parquet).metadata or {}
        return FileFacts.from_json(metadata[FACTS_KEY.encode()])
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError):
        return None
