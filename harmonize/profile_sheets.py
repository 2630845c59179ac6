"""Which sheets of a workbook hold tables, and in which row the names of their columns stand."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from harmonize.readers import LandingError
from harmonize.readers.delivered import SEND_AGAIN, unpack
from harmonize.readers.workbook import sheet_names

LOOKED_AT = 30
"""Rows among which the names of the columns are looked for."""


@dataclass(frozen=True)
class SheetLayout:
    """One sheet with a table, and what the contract must say to read it."""

    name: str
    format: dict[str, Any]


@dataclass
class Sheets:
    """The sheets that hold tables; `notes` name the others."""

    tables: list[SheetLayout] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_sheets(path: Path) -> Sheets:
    """Look at every sheet of a workbook. Raises LandingError for one that is damaged or holds no table."""
    found = Sheets()
    with tempfile.TemporaryDirectory(prefix="trd_new_study_") as work:
        unpacked = unpack(path, Path(work)).path
        names = sheet_names(unpacked)
        try:
            with CalamineWorkbook.from_path(unpacked) as book:
                for name in names:
                    _look(book.get_sheet_by_name(name), name, found)
        except (CalamineError, OSError, ValueError) as error:
            raise LandingError(f"the workbook is damaged ({error})", file=path.name, remedy=SEND_AGAIN) from None
    if not found.tables:
        raise LandingError(
            f"no sheet holds a table with names of columns ({', '.join(names)})",
            file=path.name,
            remedy="Write the names of the columns in one row above the data",
        )
    return found


def _look(sheet: CalamineSheet, name: str, found: Sheets) -> None:
    start = sheet.start
    if start is None:
        found.notes.append(f"sheet {name}: empty, not landed")
        return
    rows = [list(row) for row in islice(sheet.iter_rows(), LOOKED_AT + 20)]
    header = _header(rows)
    if header is None:
        found.notes.append(f"sheet {name}: no table with names of columns, not landed")
        return
    layout: dict[str, Any] = {"sheet": name}
    if header > 0:
        layout["header_row"] = header + 1
        above = [" ".join(str(c) for c in row if c != "") for row in rows[:header]]
        group = _groups(rows, header)
        if group is not None:
            layout["group_row"] = group + 1
            found.notes.append(f"sheet {name}: row {group + 1} names groups of columns, joined with the names below it")
        listed = "; ".join(t[:60] for i, t in enumerate(above) if t and i != group)
        found.notes.append(
            f"sheet {name}: names of columns in row {header + 1}" + (f", above it {listed}" if listed else "")
        )
    found.tables.append(SheetLayout(name, layout))


def _header(rows: Sequence[Sequence[Any]]) -> int | None:
    """The first row that is text in nearly all the columns that the rows below fill, with rows below it."""
    for i, row in enumerate(rows[:LOOKED_AT]):
        below = [r for r in rows[i + 1 : i + 21] if any(c != "" for c in r)]
        if not below:
            return None
        used = [j for j in range(len(row)) if sum(r[j] != "" for r in below) >= 0.5 * len(below)]
        named = [j for j in used if row[j] != ""]
        width = len([c for c in row if c != ""])
        words = sum(isinstance(c, (str, dt.date)) for c in row if c != "")
        if (
            len(used) >= 2
            and width >= 2
            and len(named) >= 0.8 * len(used)
            and words >= 0.8 * width
            and _differs(row, below)
        ):
            return i
    return None


def _differs(row: Sequence[Any], below: Sequence[Sequence[Any]]) -> bool:
    """Rows of data below are of another kind than names: numbers, or texts that repeat where names do not."""
    filled = [j for j, c in enumerate(row) if c != ""]
    if len({str(row[j]).strip().lower() for j in filled}) < 0.5 * len(filled):
        return False
    numbers = any(not isinstance(r[j], str) for r in below for j in filled)
    return numbers or len(below) >= 2


def _groups(rows: Sequence[Sequence[Any]], header: int) -> int | None:
    """The row above where some of several columns have a name: of groups."""
    above = rows[header - 1]
    filled = [j for j, c in enumerate(above) if c != ""]
    names = [str(c).strip().lower() for c in rows[header] if c != ""]
    repeated = len(set(names)) < len(names)
    inside = all(rows[header][j] != "" for j in filled)
    first = next((j for j, c in enumerate(rows[header]) if c != ""), 0)
    return header - 1 if filled and inside and (repeated or (len(filled) > 1 and filled[0] > first)) else None
