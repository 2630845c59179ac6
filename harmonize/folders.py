"""Deliveries that keep one form in several folders: `Level1/Visits/QS.csv`, `Level2/Visits/QS.csv`, ...

The copies are joined to one file of text before landing, with the folder and the row in it as columns. Nothing in a
field is changed: bytes are carried over as they are, whatever the encoding.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from harmonize.readers import LandingError
from harmonize.sources import Form, Study

FOLDER, ROW = "folder", "folder_row"
"""Columns that joining adds: the folder as the sources file spells it, and the row as a spreadsheet counts it there."""
_DELIMITERS = ",;\t|"
_BYTES = "latin-1"
"""Every byte is a character and comes back as itself."""


def kept_in_folders(form: Form) -> tuple[str, ...]:
    """The folders that hold copies of the form; empty for a form that is one file."""
    return tuple(form.format.get("folders", ()))


def join_folders(study: Study, path: Path, work: Path) -> tuple[dict[str, Path], set[str], list[tuple[str, str]]]:
    """Join the forms of a delivery that are kept in folders, into `work`.

    Gives the joined file by form, the names of the folders that were read, and (file, why) of files in them that are
    of no form. A folder may be missing, as may a form in one. Raises LandingError for a file that is there twice in a
    folder, and for copies whose columns differ.
    """
    joined: dict[str, Path] = {}
    of_form: set[Path] = set()
    opened: set[str] = set()
    if path.is_dir():
        for form in study.forms:
            parts = list(_copies(form, path))
            if parts:
                joined[form.name] = _join(form, parts, work)
                of_form.update(file for _, file in parts)
                opened.update(file.relative_to(path).parts[0] for _, file in parts)
    over = [
        (str(file.relative_to(path)), f"no form of {study.name} has this name in this folder")
        for name in sorted(opened)
        for file in sorted((path / name).rglob("*"))
        if file.is_file() and file not in of_form
    ]
    return joined, opened, over


def _copies(form: Form, path: Path) -> Iterator[tuple[str, Path]]:
    """(folder as declared, file), in declared order."""
    there = {entry.name.lower(): entry for entry in path.iterdir() if entry.is_dir()}
    for folder in kept_in_folders(form):
        top = there.get(folder.lower())
        files = sorted(top.rglob("*")) if top else []
        found = [f for f in files if f.is_file() and any(fnmatchcase(f.name.lower(), p.lower()) for p in form.files)]
        if len(found) > 1:
            names = ", ".join(str(f.relative_to(path)) for f in found)
            raise LandingError(
                f"form {form.name} is in the folder twice: {names}",
                file=str(found[1].relative_to(path)),
                remedy="Keep the one to be landed and move the other out of the folder",
            )
        if found:
            yield folder, found[0]


def _join(form: Form, parts: list[tuple[str, Path]], work: Path) -> Path:
    """One file of all copies, called like the first; its bytes follow from theirs alone."""
    target = work / "joined" / form.name / parts[0][1].name
    target.parent.mkdir(parents=True)
    first: list[str] | None = None
    with target.open("w", newline="", encoding=_BYTES) as out:
        writer = csv.writer(out, lineterminator="\n")
        for folder, file in parts:
            with file.open(newline="", encoding=_BYTES) as stream:
                reader = csv.reader(stream, delimiter=_delimiter(file))
                shown = f"{folder}/{file.name}"
                try:
                    header = next(reader, [])
                    names = [name.strip().lower() for name in header]
                    if first is None:
                        first = names
                        writer.writerow([FOLDER, ROW, *header])
                    elif names != first:
                        raise LandingError(
                            "the columns are not those of the form's copy in the first folder",
                            file=shown,
                            row=1,
                            column=", ".join(sorted(set(names) ^ set(first))) or None,
                            remedy="Give all copies the same columns in the same order",
                        )
                    for number, fields in enumerate(reader, start=2):
                        if len(fields) not in (0, len(header)):
                            raise LandingError(
                                f"{len(fields)} fields where the names are {len(header)}",
                                file=shown,
                                row=number,
                                remedy="Quote fields that hold the delimiter, or correct the row",
                            )
                        if fields:
                            writer.writerow([folder, number, *fields])
                except csv.Error as error:
                    raise LandingError(
                        f"this is no delimited text ({error})",
                        file=shown,
                        row=reader.line_num,
                        remedy="Export it again",
                    ) from None
        out.flush()
        os.fsync(out.fileno())
    return target


def _delimiter(file: Path) -> str:
    """The delimiter that the line of names has most of; a comma where it has none."""
    with file.open(encoding=_BYTES, newline="") as stream:
        line = stream.readline()
    return max(_DELIMITERS, key=lambda mark: (line.count(mark), mark == ","))
