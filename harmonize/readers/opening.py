"""The reader of a file, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol

import pyarrow as pa

from harmonize.readers import LandingError
from harmonize.readers.facts import FileFacts
from harmonize.readers.kinds import kind_of
from harmonize.sources import KINDS, Form


class Reader(Protocol):
    """One table of one delivered file, as text.

    `names` are the columns as delivered. `head` holds the first rows of text and sheets, the names first; None where
    the file itself tells names from rows. `sha256`, `size` and `facts` are whole once `tables` is exhausted.
    A table has text columns 0, 1, ..., an empty value null, and `src_row` where rows were passed over.
    """

    file: str
    """The file's name, and the sheet, for messages and for `src_file`."""
    delimiter: str

    @property
    def names(self) -> tuple[str, ...]:
        """Column names as delivered."""

    @property
    def head(self) -> tuple[tuple[str, ...], ...] | None:
        """Up to three first rows."""

    @property
    def sheet(self) -> str | None:
        """The sheet that is read."""

    @property
    def sha256(self) -> str:
        """Of the bytes as delivered."""

    @property
    def size(self) -> int:
        """Number of bytes as delivered."""

    @property
    def facts(self) -> FileFacts:
        """What the file says besides values."""

    def first_row(self, header_rows: int) -> int:
        """The number of the first row of data, as a person sees it who opens the file."""

    def tables(self, header_rows: int) -> Iterator[pa.Table]:
        """The rows in file order, in pieces."""

    def __enter__(self) -> Reader: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_reader(path: Path, form: Form, work: Path, on_bytes: Callable[[int], None] | None = None) -> Reader:
    """Open a file as a form's format says; packed files of typed kinds are unpacked in the folder `work`.

    Raises LandingError for a file that cannot be what it is declared to be. Libraries are loaded where needed.
    """
    kind = kind_of(path.name, form.format)
    if kind == "delimited":
        from harmonize.readers.delimited import DelimitedReader

        known = {name for column in form.columns for name in (column.name, *column.aliases)}
        return DelimitedReader(path, form.format, known, on_bytes)
    if kind == "xlsx":
        from harmonize.readers.workbook import WorkbookReader

        return WorkbookReader(path, form, work, on_bytes)
    if kind == "parquet":
        from harmonize.readers.columnar import ParquetReader

        return ParquetReader(path, form, work, on_bytes)
    if kind in KINDS:
        from harmonize.readers.statfile import StatReader

        return StatReader(path, kind, form, work, on_bytes)
    raise LandingError(
        f"there is no reader for format {kind!r}",
        file=path.name,
        remedy=f"Declare format: {{kind: ...}} in the sources YAML, one of {', '.join(KINDS)}",
    )
