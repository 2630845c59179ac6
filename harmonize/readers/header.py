"""What the first rows of a file say: which row is the first of the data, and which field is which column."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from harmonize.readers import LandingError
from harmonize.sources import Column, Form

PROVENANCE = ("src_file", "src_row")
"""Columns that landing adds in front: the delivered file's name and the row a person sees when it is opened."""

_NUMBER_OR_DATE = re.compile(r"[-+]?[\d][\d.,:/\-eE+ ]*|[-+]?\.\d+")


@dataclass(frozen=True)
class Layout:
    """Where each landed column comes from: `source` has a field number, or None where the file lacks the column."""

    names: tuple[str, ...]
    source: tuple[int | None, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    notes: tuple[str, ...]


def column_layout(form: Form, delivered: Sequence[str], file: str, row: int | None = 1) -> Layout:
    """Match delivered names to the form's columns: declared columns in declared order, then the others.

    Names are compared trimmed and without regard to case. An alias counts only where the declared name is absent.
    `row` is where the names stand, None where they stand in no row. Raises LandingError for a required column that is
    missing and for a name that occurs twice.
    """
    if form.format.get("repeated_names") == "number":
        delivered = numbered_names(delivered)
    fields = _fields(delivered, file, row)
    names, source, missing, notes, taken = [], [], [], [], set()
    for column in form.columns:
        if column.name in PROVENANCE:
            raise LandingError(
                f"{form.study}.{form.name} declares the column {column.name}, which landing writes itself",
                column=column.name,
                remedy="Give it another name in the sources YAML",
            )
        found = next((name for name in (column.name, *column.aliases) if name in fields), None)
        if found is None and column.required:
            raise _missing_column(form, column, list(fields), file, row)
        names.append(column.name)
        source.append(None if found is None else fields[found])
        if found is None:
            missing.append(column.name)
        else:
            taken.add(found)
            if found != column.name:
                notes.append(f"column {found} is landed as {column.name}")
            notes.extend(
                f"column {alias} is kept as an extra column, because {found} is in the file as well"
                for alias in column.aliases
                if alias in fields and alias != found
            )
    extra = [name for name in fields if name not in taken]
    for name in extra:
        if name in PROVENANCE:
            raise LandingError(
                f"the file has a column {name}, which landing writes itself",
                file=file,
                row=row,
                column=name,
                remedy="Rename the column in the file",
            )
    return Layout(
        names=(*names, *extra),
        source=(*source, *(fields[name] for name in extra)),
        missing=tuple(missing),
        extra=tuple(extra),
        notes=tuple(notes),
    )


def numbered_names(delivered: Sequence[str]) -> list[str]:
    """The names with a number behind those that occur again: score, score_2, score_3."""
    names: list[str] = []
    taken = {name.strip().lower() for name in delivered}
    seen: set[str] = set()
    for given in delivered:
        plain, n, name = given.strip().lower(), 2, given
        while plain and name.strip().lower() in (seen if n == 2 else seen | taken):
            name, n = f"{given.strip()}_{n}", n + 1
        seen.add(name.strip().lower())
        names.append(name)
    return names


def _fields(delivered: Sequence[str], file: str, row: int | None) -> dict[str, int]:
    fields: dict[str, int] = {}
    for position, raw in enumerate(delivered):
        name = raw.strip().lower() or f"unnamed_{position + 1}"
        if name in fields:
            raise LandingError(
                f"the columns at positions {fields[name] + 1} and {position + 1} are both called {name}",
                file=file,
                row=row,
                column=name,
                remedy="Rename or remove one of them in the file, or declare format: {repeated_names: number}",
            )
        fields[name] = position
    return fields


def _missing_column(form: Form, column: Column, names: list[str], file: str, row: int | None) -> LandingError:
    near = difflib.get_close_matches(column.name, names, n=1)
    nearest = f"the nearest name in the file is {near[0]!r}" if near else "no name in the file is near it"
    alias = near[0] if near else "<name in the file>"
    return LandingError(
        f"the required column {column.name} of form {form.name} is missing; {nearest}",
        file=file,
        row=row,
        column=column.name,
        value=near[0] if near else None,
        remedy=(
            f"Rename the column in the file, or add `aliases: [{alias}]` to {column.name} in _{form.study}__sources.yml"
        ),
    )


def header_rows(
    form: Form, subject_key: Collection[str], head: Sequence[Sequence[str]], allowed: Sequence[int], file: str
) -> tuple[int, str]:
    """How many header rows the file has, and the reason. `head` holds its first records, at most three.

    Where the contract leaves it open, row 2 is either a row of descriptions (prose, often the column's own name) or
    data (a subject key, numbers, dates, declared codes). Without a sign of descriptions it counts as data, because a
    description taken for data is refused later and seen, while a data row taken for a description is lost.
    """
    if not set(allowed) <= {1, 2} or not allowed:
        raise LandingError(
            f"header_rows {list(allowed)} of form {form.name} is not understood",
            file=file,
            remedy="Declare [1], [2] or [1, 2] in the sources YAML",
        )
    if len(head) < 2:
        if 1 in allowed:
            return 1, "the file holds nothing but column names"
        raise LandingError(
            "the second header row is missing", file=file, row=2, remedy="Declare header_rows: [1] or ask for the file"
        )
    if len(set(allowed)) == 1:
        return allowed[0], "declared"
    return _judge(form, subject_key, head)


def _judge(form: Form, subject_key: Collection[str], head: Sequence[Sequence[str]]) -> tuple[int, str]:
    names = [name.strip().lower() for name in head[0]]
    second = [cell.strip() for cell in head[1]]
    columns = {name: column for column in form.columns for name in (column.name, *column.aliases)}
    filled = [(name, cell) for name, cell in zip(names, second, strict=True) if cell]
    keys = [(name, cell) for name, cell in filled if name in subject_key]
    data = sum(_is_data(columns.get(name), cell) for name, cell in filled)
    prose = sum(_is_description(name, cell) for name, cell in filled)

    if any(_is_description(name, cell) for name, cell in keys) and data * 4 <= len(filled):
        return 2, "row 2 describes the subject key"
    if any(" " not in cell and any(c.isdigit() for c in cell) and cell.lower() != name for name, cell in keys):
        return 1, "row 2 holds a subject key"
    if prose > data and data * 10 <= len(filled):
        return 2, f"row 2 is prose in {prose} of {len(filled)} filled columns"
    if not data and len(head) > 2:
        turned = sum(
            bool(above) and _NUMBER_OR_DATE.fullmatch(below.strip()) is not None
            for above, below in zip(second, head[2], strict=True)
        )
        if turned >= 2:
            return 2, f"row 2 is text in {turned} columns where row 3 has numbers"
    return 1, f"row 2 is data: values in {data}, prose in {prose} of {len(filled)} filled columns"


def _is_data(column: Column | None, cell: str) -> bool:
    """A number, a date, or a code that the contract declares."""
    declared = column is not None and (cell in column.codes or cell in column.missing)
    return declared or _NUMBER_OR_DATE.fullmatch(cell) is not None


def _is_description(name: str, cell: str) -> bool:
    """At least three words, or the column's own name."""
    words = [word for word in cell.split() if any(c.isalpha() for c in word)]
    return len(words) >= 3 or cell.lower() == name
