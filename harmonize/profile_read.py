"""Reading a file of unknown layout as text: the small door between `trd new-study` and the readers."""

from __future__ import annotations

import codecs
import gzip
import tempfile
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from harmonize.profile_sheets import find_sheets
from harmonize.readers import LandingError
from harmonize.readers.facts import FileFacts
from harmonize.readers.header import header_rows, numbered_names
from harmonize.readers.kinds import kind_of
from harmonize.readers.opening import open_reader
from harmonize.sources import Column, Form


@dataclass
class ReadText:
    """A file's columns as text, blank '', with what the file itself says of them, by position.

    `format` is what the sources YAML must say; `missing` maps a code to why it is one.
    """

    names: tuple[str, ...]
    texts: list[list[str]]
    format: dict[str, Any]
    labels: dict[int, str] = field(default_factory=dict)
    value_labels: dict[int, dict[str, str]] = field(default_factory=dict)
    missing: dict[int, dict[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    numbered: dict[int, str] = field(default_factory=dict)
    """Columns whose name occurs before, by position, with that name."""
    part: str = ""
    """The sheet, where the file holds several tables."""


def read_texts(path: Path) -> list[ReadText]:
    """Read one file of any kind that lands: one table, of a workbook every sheet that holds one.

    Raises LandingError with file and row where it is damaged.
    """
    if not path.is_file():
        raise LandingError("there is no such file", file=str(path), remedy="Correct the path")
    kind = kind_of(path.name, {})
    if kind != "xlsx":
        return [_read(path, {"kind": kind})]
    sheets = find_sheets(path)
    read = [_read(path, {"kind": kind, **s.format}, s.name if len(sheets.tables) > 1 else "") for s in sheets.tables]
    if read:
        read[0].notes = (*sheets.notes, *read[0].notes)
    return read


def _read(path: Path, layout: dict[str, Any], part: str = "", descriptions: bool = True) -> ReadText:
    notes: list[str] = []
    if layout["kind"] == "delimited":
        layout["encoding"], notes = _encoding(path)
        _check_first_lines(path, layout["encoding"])
    form = Form("draft", "draft", "", (path.name,), layout, ())
    with tempfile.TemporaryDirectory(prefix="trd_new_study_") as work, open_reader(path, form, Path(work)) as reader:
        rows = 0
        labels: dict[int, str] = {}
        if reader.head is not None:
            rows, reason = _header_rows(reader.names, reader.head, path.name) if descriptions else (1, "")
            layout["header_rows"] = [rows]
            if rows == 2:
                labels = {i: cell.strip() for i, cell in enumerate(reader.head[1]) if cell.strip()}
                notes.append(f"row 2 holds descriptions: {reason}")
        tables = [t.select([str(i) for i in range(len(reader.names))]) for t in reader.tables(rows)]
        delivered, sheet, facts = reader.names, reader.sheet, reader.facts
    if rows == 2 and reader.head is not None:
        _refuse_groups(delivered, reader.head[1], path.name)
    if rows == 2 and not any(t.num_rows for t in tables):
        return _read(path, dict(layout), part, descriptions=False)  # its only row is no description
    names = numbered_names(delivered)
    if twice := [n for n, d in zip(names, delivered, strict=True) if n != d]:
        layout["repeated_names"] = "number"
        notes.append(f"names that occur more than once are numbered: {', '.join(twice)}")
    if sheet:
        layout["sheet"] = sheet
    notes += facts.remarks
    table = pa.concat_tables(tables) if tables else None
    texts = [
        [(v or "").strip(" ") for v in table.column(i).to_pylist()] if table is not None else []
        for i in range(len(names))
    ]
    numbered = {i: d for i, (n, d) in enumerate(zip(names, delivered, strict=True)) if n != d}
    read = ReadText(tuple(names), texts, layout, labels=labels, notes=tuple(notes), numbered=numbered, part=part)
    _add_facts(read, facts, delivered)
    return read


def _add_facts(read: ReadText, facts: FileFacts, delivered: tuple[str, ...]) -> None:
    """Labels, meanings of codes and declared missing codes that the file itself holds."""
    for position, name in enumerate(delivered):
        said = facts.column(name)
        if said is None:
            continue
        if said.label:
            read.labels[position] = said.label
        if said.value_labels:
            read.value_labels[position] = dict(said.value_labels)
        if said.missing_seen:
            read.missing[position] = {
                code: f"{code} occurs {n} times, declared as missing by the file"
                for code, n in said.missing_seen.items()
            }


def _encoding(path: Path) -> tuple[str, list[str]]:
    """utf-8 where the bytes allow it; else UTF-16 by its mark, else Windows' western letters, with a note."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opener(path, "rb") as stream:
            content = stream.read()
    except (OSError, EOFError):
        return "utf-8", []  # the reader finds the fault and says where
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", ["the file is UTF-16"]
    try:
        content.decode("utf-8")
        return "utf-8", []
    except UnicodeDecodeError as error:
        byte = f"0x{content[error.start]:02x}"
        why = f"byte {byte} at offset {error.start:,} is not UTF-8: read as cp1252; otherwise change encoding"
        return "cp1252", [why]


def _check_first_lines(path: Path, encoding: str) -> None:
    """Refuse a file whose names of columns do not stand in its first line, with what to do. Raises LandingError."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opener(path, "rt", encoding=encoding, errors="replace") as stream:
            lines = [line.strip("\ufeff\r\n") for line in islice(stream, 12)]
    except (OSError, EOFError, UnicodeError):
        return  # the reader finds the fault and says where
    counts = {mark: [line.count(mark) for line in lines if line] for mark in (";", ",", "\t", "|")}
    file = path.name
    if lines and lines[0].lower().startswith("sep="):
        raise LandingError(
            "the first line says how fields are divided, as Excel writes it",
            file=file,
            row=1,
            remedy="Remove that line",
        )
    if all(of and of[0] == 0 for of in counts.values()):
        found = next((n for n, line in enumerate(lines, 1) if sum(line.count(m) for m in counts) > 0), None)
        if found is not None and len(lines) > found:
            raise LandingError(
                f"the first line is one field, and row {found} has several: the names of the columns stand lower down",
                file=file,
                row=1,
                remedy="Remove the lines above the names of the columns",
            )
        if len(lines) > 1 and all(len(line.split()) > 1 for line in lines if line):
            raise LandingError(
                "fields are divided by spaces", file=file, row=1, remedy="Save it with commas, semicolons or tabs"
            )
    for of in counts.values():
        if len(of) > 2 and of[0] > 0 and all(n == of[0] + 1 for n in of[1:]):
            raise LandingError(
                "every row has one field more than there are names: row names without a name, as R writes them",
                file=file,
                row=1,
                remedy="Write it with row.names = FALSE, or put a name before the others",
            )


def _refuse_groups(names: tuple[str, ...], second: tuple[str, ...], file: str) -> None:
    """Two rows that are names together: groups above, with blanks or repeats, times below. Raises LandingError."""
    given = [n.strip() for n in names]
    below = [c.strip() for c in second] + [""] * len(names)
    unnamed = [i for i, n in enumerate(given) if not n and below[i]]
    joined = [f"{n}_{b}".strip("_").lower() for n, b in zip(given, below, strict=False)]
    repeats = len({n.lower() for n in given if n}) < len([n for n in given if n])
    if (unnamed or repeats) and len(set(joined)) == len(joined) and len([b for b in below if b]) > len(names) / 2:
        shown = ", ".join(f"{n}_{b}".strip("_") for n, b in list(zip(given, below, strict=False))[:4])
        raise LandingError(
            "the names of the columns stand in two rows, groups above and names below",
            file=file,
            row=2,
            remedy=f"Write them in one row: {shown} …; of a workbook both rows are read",
        )


def _header_rows(names: tuple[str, ...], head: tuple[tuple[str, ...], ...], file: str) -> tuple[int, str]:
    """1 or 2 header rows, with the reason, as landing judges a form that leaves it open."""
    columns = tuple(Column(n, "") for n in dict.fromkeys(n.strip().lower() for n in names) if n)
    form = Form("draft", "draft", "", (file,), {}, columns)
    return header_rows(form, [n.strip().lower() for n in names[:1]], head, [1, 2], file)
