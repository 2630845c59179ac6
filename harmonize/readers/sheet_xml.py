"""What the workbook library does not tell: which cells hold an error, and which formulas have no stored result.

Both would come back as empty cells, so the XML of the sheet is searched for them, in pieces.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_PIECE = 4 << 20
_CELL_END = re.compile(rb"</(?:\w+:)?c>|<(?:\w+:)?c\s[^>]*/>")
_ERROR = re.compile(
    rb"""<(?:\w+:)?c\s(?=[^>]*?\bt=["']e["'])(?:[^>]*?\br=["']([A-Z]+)(\d+)["'])?[^>]*>"""
    rb"""(?:(?!</(?:\w+:)?c>).)*?<(?:\w+:)?v>([^<]*)""",
    re.DOTALL,
)
_NO_RESULT = re.compile(
    rb"""<(?:\w+:)?c\s(?:[^>]*?\br=["']([A-Z]+\d+)["'])?[^>]*>\s*<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)\s*"""
    rb"""</(?:\w+:)?c>"""
)


def column_letters(column: int) -> str:
    """The letters of a column counted from 0: 0 is A, 26 is AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def address(row: int, column: int) -> str:
    """A1 reference of a cell; row counted from 1, column from 0."""
    return f"{column_letters(column)}{row}"


def error_cells(path: Path, sheet: str) -> tuple[dict[tuple[int, int], str], list[str]]:
    """Error values by (row from 1, column from 0), and addresses of formulas without a stored result ('?' if unknown).

    Raises KeyError, ParseError or BadZipFile where the workbook's parts are not as they should be.
    """
    errors: dict[tuple[int, int], str] = {}
    unknown: list[str] = []
    with zipfile.ZipFile(path) as archive, archive.open(_part(archive, sheet)) as part:
        rest = b""
        while True:
            piece = part.read(_PIECE)
            text = rest + piece
            cut = len(text)
            if piece:
                ends = [found.end() for found in _CELL_END.finditer(text, max(0, len(text) - 65_536))]
                cut = ends[-1] if ends else 0
            block, rest = text[:cut], text[cut:]
            if b't="e"' in block or b"t='e'" in block:
                for found in _ERROR.finditer(block):
                    letters, row, value = found.groups()
                    if letters is None:
                        unknown.append("?")
                    else:
                        errors[int(row), _column(letters)] = value.decode()
            if b"f>" in block or b"<f" in block:
                unknown += [(found.group(1) or b"?").decode() for found in _NO_RESULT.finditer(block)]
            if not piece:
                return errors, unknown


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def _part(archive: zipfile.ZipFile, sheet: str) -> str:
    """The archive member that holds a sheet."""
    workbook = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    wanted = next((s.get(_RELATION) for s in workbook.iter(f"{_MAIN}sheet") if s.get("name") == sheet), None)
    relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    target = next((str(r.get("Target")) for r in relations if r.get("Id") == wanted), None)
    if target is None:
        raise KeyError(sheet)
    return target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join("xl", target))
