"""One sheet of an Excel workbook (.xlsx, .xlsm): cells as text, with the row numbers that Excel shows.

A number is its shortest text, with the form's decimal mark, so that a column of numbers and of text like 12,5 has one
notation; a date that the cell's format makes one is ISO text; a formula is its stored result. An error like #DIV/0!
is landed as that text and named with its address, because it is no value of anybody.
"""

from __future__ import annotations

import datetime as dt
import difflib
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum

from harmonize.readers import LandingError
from harmonize.readers.delivered import SEND_AGAIN, unpack
from harmonize.readers.facts import ColumnFacts, FileFacts
from harmonize.readers.kinds import check_start
from harmonize.readers.sheet_xml import address, column_letters, error_cells
from harmonize.readers.values import clock_text, number_text, number_texts, text_column
from harmonize.sources import Form

ROWS_AT_ONCE = 20_000
NAMED = 10
"""How many addresses a remark lists."""
_KINDS = {
    float: "number",
    int: "number",
    bool: "boolean",
    str: "text",
    dt.date: "date",
    dt.datetime: "datetime",
    dt.time: "time",
    dt.timedelta: "duration",
}


class WorkbookReader:
    """One sheet: `names` and `head` at once, then its rows as `tables`, which number their rows in `src_row`.

    The form's format may give `sheet` (a name, or a position from 1) and `header_row`. Every fault raises LandingError.
    """

    delimiter = ""

    def __init__(self, path: Path, form: Form, work: Path, on_bytes: Callable[[int], None] | None = None) -> None:
        self.file = path.name
        self._unpacked = unpack(path, work, on_bytes)
        self.sha256, self.size = self._unpacked.sha256, self._unpacked.size
        check_start(self._unpacked.path, "xlsx", self.file)
        try:
            self._workbook = CalamineWorkbook.from_path(self._unpacked.path)
        except (CalamineError, OSError, ValueError) as error:
            raise self._damaged(error) from None
        self.sheet: str = self._chosen(form)
        self.file = f"{path.name}, sheet {self.sheet}"
        try:
            self._sheet: CalamineSheet = self._workbook.get_sheet_by_name(self.sheet)
            self._errors, without_result = error_cells(self._unpacked.path, self.sheet)
        except (CalamineError, OSError, ValueError, KeyError, ElementTree.ParseError, zipfile.BadZipFile) as error:
            raise self._damaged(error) from None
        if without_result:
            where = _listed(without_result)
            raise LandingError(
                f"{len(without_result):,} formulas or errors have no stored result or no address: {where}",
                file=self.file,
                remedy="Open the workbook in Excel, save it and land it again",
            )
        start = self._sheet.start
        if start is None:
            raise LandingError("the sheet is empty", file=self.file, remedy=SEND_AGAIN)
        self._left = start[1]
        self._header_row = self._declared_header_row(form, start[0] + 1)
        self._format = form.format
        self.head = tuple(
            tuple(text or "" for text in map(self._cell, row)) for _, row in islice(self._rows(self._header_row), 3)
        )
        """Up to three rows, the column names first; an empty cell is ''."""
        if (group := form.format.get("group_row")) is not None:
            self.head = (self._joined(group), *self.head[1:])
        if not self.head or not any(name.strip() for name in self.head[0]):
            raise LandingError(
                "the row holds no column names",
                file=self.file,
                row=self._header_row,
                remedy="Declare the row that does, for instance format: {header_row: 3}, in the sources YAML",
            )
        self.names: tuple[str, ...] = self.head[0]
        self._decimals = [form.decimal_of(name) for name in self.names]
        self._cells: list[Counter[str]] = [Counter() for _ in self.names]
        self._blank: list[int] = []
        self._named_errors: list[str] = []

    def __enter__(self) -> WorkbookReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._workbook.close()
        if self._unpacked.path.name.startswith("unpacked_"):
            self._unpacked.path.unlink(missing_ok=True)

    @property
    def facts(self) -> FileFacts:
        """What was found beside the values; whole once `tables` is exhausted."""
        return FileFacts(
            kind="xlsx",
            columns=tuple(
                ColumnFacts(name=name, cells=dict(sorted(cells.items())), date=_date_kind(cells))
                for name, cells in zip(self.names, self._cells, strict=True)
            ),
            sheet=self.sheet,
            remarks=tuple(self._remarks()),
        )

    def first_row(self, header_rows: int) -> int:
        """The number of the first row that can be data."""
        return self._header_row + header_rows

    def tables(self, header_rows: int) -> Iterator[pa.Table]:
        """The data rows in order: text columns 0, 1, ..., and `src_row`; wholly empty rows are passed over."""
        names = [*(str(i) for i in range(len(self.names))), "src_row"]
        rows = self._rows(self._header_row + header_rows)
        while taken := list(islice(rows, ROWS_AT_ONCE)):
            filled = [(number, row) for number, row in taken if any(cell != "" for cell in row)]
            if len(filled) < len(taken):
                self._blank += [number for number, row in taken if not any(cell != "" for cell in row)]
            if not filled:
                continue
            columns = zip(*(row for _, row in filled), strict=True)
            texts = [self._texts(i, column) for i, column in enumerate(columns)]
            yield pa.table([*texts, pa.array([number for number, _ in filled], pa.int64())], names)

    def _rows(self, first: int) -> Iterator[tuple[int, list[Any]]]:
        """(row number, cells) from row `first` on, with errors put where the library leaves cells empty."""
        by_row: dict[int, list[tuple[int, str]]] = {}
        for (number, column), value in self._errors.items():
            by_row.setdefault(number, []).append((column - self._left, value))
        for number, row in enumerate(self._sheet.iter_rows(), start=1):
            if number < first:
                continue
            for column, value in by_row.get(number, ()):
                row[column] = _Error(value)
            yield number, row

    def _joined(self, group_row: int) -> tuple[str, ...]:
        """Names of columns with the name of their group before them, which stands in the first cell of its range."""
        names = self.head[0]
        if not isinstance(group_row, int) or not 1 <= group_row < self._header_row:
            raise LandingError(
                f"group_row {group_row!r} does not lie above header_row {self._header_row}",
                file=self.file,
                remedy="Declare the row that names the groups of columns",
            )
        _, cells = next(self._rows(group_row))
        ends = {
            (top, left): right
            for (top, left), (_, right) in self._sheet.merged_cell_ranges or ()
            if top + 1 == group_row
        }
        joined, group, until = [], "", -1
        for i, name in enumerate(names):
            if text := (self._cell(cells[i]) or "").strip():
                group, until = text, ends.get((group_row - 1, self._left + i), -1 if ends else self._left + len(names))
                until = until if until >= 0 else self._left + i
            inside = group and self._left + i <= until
            joined.append(f"{group}_{name.strip()}".strip("_") if inside else name)
        return tuple(joined)

    def _cell(self, value: Any, decimal: str = ".") -> str | None:
        """One cell as text; None for an empty one."""
        if isinstance(value, str):
            return str(value) or None
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        if isinstance(value, (int, float)):
            return number_text(value, decimal)
        if isinstance(value, dt.timedelta):
            return clock_text(value.total_seconds())
        return str(value.isoformat())

    def _texts(self, i: int, column: Sequence[Any]) -> pa.Array:
        counted = Counter(map(type, column))
        blanks = column.count("") if str in counted else 0
        cells = self._cells[i]
        cells.update({_KINDS.get(kind, "error"): count for kind, count in counted.items()})
        cells["text"] -= blanks
        cells += Counter()  # drops what is zero
        decimal = self._decimals[i]
        if counted.keys() == {str}:
            return text_column(column)
        if counted.keys() <= {str, float}:
            numbers = number_texts(np.array([v if type(v) is float else np.nan for v in column]), decimal)
            if counted[str] == blanks:
                return numbers
            return pc.coalesce(text_column([v if type(v) is str else None for v in column]), numbers)
        return pa.array([self._cell(value, decimal) for value in column], pa.string())

    def _remarks(self) -> Iterator[str]:
        if self._blank:
            yield f"{len(self._blank):,} empty rows were passed over: {_listed([str(n) for n in self._blank])}"
        if self._errors:
            found = [f"{address(row, column)} {value}" for (row, column), value in sorted(self._errors.items())]
            yield f"{len(found):,} cells hold an error, landed as text that no number or code fits: {_listed(found)}"
        merged = [
            f"{address(top + 1, left)}:{address(bottom + 1, right)}"
            for (top, left), (bottom, right) in self._sheet.merged_cell_ranges or ()
            if bottom + 1 > self._header_row
        ]
        if merged:
            yield f"{len(merged):,} merged ranges hold their value in the first cell only: {_listed(merged)}"
        unnamed = [column_letters(self._left + i) for i, name in enumerate(self.names) if not name.strip()]
        if unnamed:
            yield f"columns without a name hold cells: {_listed(unnamed)}"

    def _chosen(self, form: Form) -> str:
        """The name of the sheet to be read."""
        sheets = [s.name for s in self._workbook.sheets_metadata if s.typ == SheetTypeEnum.WorkSheet]
        declared = form.format.get("sheet")
        if isinstance(declared, int):
            if 1 <= declared <= len(sheets):
                return sheets[declared - 1]
            problem = f"form {form.name} is read from sheet {declared}, and there are {len(sheets)}"
        elif declared is not None:
            if declared in sheets:
                return str(declared)
            near = difflib.get_close_matches(str(declared), sheets, n=1, cutoff=0.4)
            nearest = f"; the nearest is {near[0]!r}" if near else ""
            problem = f"there is no sheet {declared!r} for form {form.name}{nearest}"
        else:
            if len(sheets) == 1:
                return sheets[0]
            problem = f"the workbook has {len(sheets)} sheets, and form {form.name} does not say which one it is"
        raise LandingError(
            f"{problem}. It has {', '.join(sheets) or 'no sheet'}",
            file=self.file,
            remedy=f"Declare format: {{sheet: ...}} for {form.name} in _{form.study}__sources.yml, by name or position",
        )

    def _declared_header_row(self, form: Form, first: int) -> int:
        declared = form.format.get("header_row", 1)
        if not isinstance(declared, int) or declared < 1:
            raise LandingError(
                f"header_row {declared!r} is no row", file=self.file, remedy="Declare a whole number from 1"
            )
        if declared < first:
            raise LandingError(
                "the row is empty, so it holds no column names",
                file=self.file,
                row=declared,
                remedy=f"Declare format: {{header_row: {first}}} in the sources YAML if row {first} holds the names",
            )
        return declared

    def _damaged(self, error: Exception) -> LandingError:
        return LandingError(f"the workbook is cut off or damaged ({error})", file=self.file, remedy=SEND_AGAIN)


def sheet_names(path: Path) -> tuple[str, ...]:
    """The sheets of an unpacked workbook that hold cells, in order. Raises LandingError for one that cannot be read."""
    check_start(path, "xlsx", path.name)
    try:
        with CalamineWorkbook.from_path(path) as book:
            return tuple(s.name for s in book.sheets_metadata if s.typ == SheetTypeEnum.WorkSheet)
    except (CalamineError, OSError, ValueError) as error:
        raise LandingError(f"the workbook is damaged ({error})", file=path.name, remedy=SEND_AGAIN) from None


class _Error(str):
    """The text of an error cell, which is of another type than text."""

    __slots__ = ()


def _date_kind(cells: Counter[str]) -> str | None:
    return next((kind for kind in ("datetime", "date", "time") if cells[kind]), None)


def _listed(found: Sequence[str]) -> str:
    more = f" and {len(found) - NAMED:,} more" if len(found) > NAMED else ""
    return ", ".join(found[:NAMED]) + more
