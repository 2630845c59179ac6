"""Which kind of file this is: as declared, else by its name; and what its first bytes say against that."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harmonize.readers import LandingError
from harmonize.readers.delivered import SEND_AGAIN

ENDINGS = {
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".sav": "sav",
    ".zsav": "sav",
    ".sas7bdat": "sas7bdat",
    ".xpt": "xpt",
    ".dta": "dta",
    ".parquet": "parquet",
}
"""Names that end otherwise are delimited text."""

_COMPOUND = b"\xd0\xcf\x11\xe0"
SIGNATURES: tuple[tuple[bytes, str, str | None], ...] = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "xlsx"),
    (_COMPOUND, "an old Excel or Word file, or a workbook with a password", None),
    (b"\x1f\x8b", "a gzip file without .gz at the end of its name", None),
    (b"%PDF", "a PDF", None),
    (b"PAR1", "a Parquet file", "parquet"),
    (b"$FL2", "an SPSS file", "sav"),
    (b"$FL3", "an SPSS file", "sav"),
    (b"HEADER RECORD*******", "a SAS transport file", "xpt"),
    (b"<stata_dta>", "a Stata file", "dta"),
    (bytes(12) + b"\xc2\xea\x81\x60", "a SAS data set", "sas7bdat"),
)
"""First bytes, what they mean, and the kind that reads them."""
WORDS = {
    "xlsx": "an Excel workbook",
    "sav": "an SPSS file",
    "sas7bdat": "a SAS data set",
    "xpt": "a SAS transport file",
    "dta": "a Stata file",
    "parquet": "a Parquet file",
}
_MARKUP = (b"<!doctype", b"<html", b"<?xml")


SHEET_ERRORS = (
    "#NULL!",
    "#DIV/0!",
    "#VALUE!",
    "#REF!",
    "#NAME?",
    "#NUM!",
    "#N/A",
    "#GETTING_DATA",
    "#SPILL!",
    "#CALC!",
)
"""What a cell of a workbook shows when its formula failed: no text of anybody."""


def kind_of(name: str, layout: Mapping[str, Any]) -> str:
    """The kind that the format declares, else the one that the file's name tells."""
    if "kind" in layout:
        return str(layout["kind"])
    stem = name.lower().removesuffix(".gz")
    return next((kind for ending, kind in ENDINGS.items() if stem.endswith(ending)), "delimited")


def found_kind(start: bytes) -> tuple[str, str | None] | None:
    """What the first bytes of a file say it is, and the kind that reads it; None where they say nothing."""
    for magic, what, kind in SIGNATURES:
        if start.startswith(magic):
            return what, kind
    if start[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_MARKUP) and not start.startswith(b"<stata"):
        return "a web page or XML", None
    return None


def other_kind_remedy(what: str, kind: str | None) -> str:
    """What to do with a file that is of another kind than declared."""
    if kind is not None:
        return f"Declare format: {{kind: {kind}}} for it in the sources YAML, or export it in the declared format"
    return {
        "a gzip file without .gz at the end of its name": "Rename it so that it ends in .gz",
        "a web page or XML": "Log in and download the file itself",
    }.get(what, "Open it, take the password off where there is one, and save it in the declared format")


def _is_encrypted(path: Path) -> bool:
    """Whether a compound file has the part that Excel puts a protected workbook in."""
    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find("EncryptedPackage".encode("utf-16-le")) >= 0


def check_start(path: Path, kind: str, file: str) -> None:
    """Refuse a file of a typed kind that is empty or begins like a file of another kind."""
    with path.open("rb") as opened:
        start = opened.read(512)
    if not start:
        raise LandingError("the file is empty", file=file, remedy=SEND_AGAIN)
    if kind == "xlsx" and start.startswith(_COMPOUND) and _is_encrypted(path):
        raise LandingError("the workbook is protected by a password", file=file, remedy="Save it without one")
    found = found_kind(start)
    if found is None and kind == "dta" and start[0] in range(104, 116):
        return  # Stata before version 13 begins with its version and no name.
    if found is None or found[1] != kind:
        what, other = found or ("delimited text or something else", None)
        remedy = other_kind_remedy(what, other) if found else "Correct `kind` or `files` in the sources YAML"
        raise LandingError(f"this is not {WORDS[kind]} but {what}", file=file, remedy=remedy)
