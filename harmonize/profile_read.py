"""Reading a file of unknown layout as text: the small door between `trd new-study` and the readers."""

from __future__ import annotations

import codecs
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from harmonize.readers import LandingError
from harmonize.readers.delimited import DelimitedReader
from harmonize.readers.header import header_rows
from harmonize.sources import Column, Form

TEXT_SUFFIXES = (".csv", ".txt", ".tsv", ".tab", ".dat", ".asc")


@dataclass
class ReadText:
    """A file's columns as text, blank '', with what the file itself says of them, by position.

    `format` is what the sources YAML must say; `missing` maps a code to why it is one.
    """

    names: tuple[str, ...]
    texts: list[list[str]]
    format: dict[str, Any]
    labels: Mapping[int, str] = field(default_factory=dict)
    value_labels: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    missing: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_text(path: Path) -> ReadText:
    """Read one file. Raises LandingError with file and row where it is damaged or there is no reader for it."""
    if not path.is_file():
        raise LandingError("there is no such file", file=str(path), remedy="Correct the path")
    kind = Path(path.name.lower().removesuffix(".gz")).suffix
    if kind in TEXT_SUFFIXES or not kind:
        return _delimited(path)
    raise LandingError(
        f"there is no reader for {kind} files",
        file=path.name,
        remedy=f"Export the file as delimited text ({', '.join(TEXT_SUFFIXES)})",
    )


def _delimited(path: Path) -> ReadText:
    encoding, note = _encoding(path)
    layout: dict[str, Any] = {"kind": "delimited", "encoding": encoding}
    with DelimitedReader(path, layout, set()) as reader:
        rows, reason = _header_rows(reader.names, reader.head, path.name)
        tables = list(reader.tables(rows))
        descriptions = {}
        if rows == 2:
            descriptions = {i: cell.strip() for i, cell in enumerate(reader.head[1]) if cell.strip()}
        names = reader.names
    table = pa.concat_tables(tables) if tables else None
    width = len(names)
    texts = [
        [(v or "").strip() for v in table.column(i).to_pylist()] if table is not None else [] for i in range(width)
    ]
    layout["header_rows"] = [rows]
    notes = [*note, *([f"row 2 holds descriptions: {reason}"] if rows == 2 else [])]
    return ReadText(names, texts, layout, labels=descriptions, notes=tuple(notes))


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
        why = f"byte {byte} at offset {error.start:,} is not UTF-8: read as cp1252 (change `encoding` if letters are wrong)"
        return "cp1252", [why]


def _header_rows(names: tuple[str, ...], head: tuple[tuple[str, ...], ...], file: str) -> tuple[int, str]:
    """1 or 2 header rows, with the reason, as landing judges a form that leaves it open."""
    columns = tuple(Column(n, "") for n in dict.fromkeys(n.strip().lower() for n in names) if n)
    form = Form("draft", "draft", "", (file,), {}, columns)
    return header_rows(form, [n.strip().lower() for n in names[:1]], head, [1, 2], file)
