"""Changes that were declared before two releases were compared, and whether what was found agrees with them.

A CSV with the columns `table, change, column, rows, reason`. `table` and `column` may hold `*`. `rows` is the exact
number, or empty for any number including none. A change that no line allows is unexpected; a line with a number and
without `*` that is not seen is missing.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from harmonize.releases.compare import KINDS, Change, TableDiff
from harmonize.releases.manifest import ReleaseError

COLUMNS = ("table", "change", "column", "rows", "reason")


@dataclass(frozen=True)
class Expected:
    """One declared change; `rows` None allows any number."""

    table: str
    kind: str
    column: str
    rows: int | None
    reason: str
    line: int

    def fits(self, change: Change) -> bool:
        """Whether the change is of the declared kind and place, whatever its number."""
        return (
            (self.kind == change.kind or self.kind == "*")
            and fnmatchcase(change.table, self.table)
            and (change.column is None or fnmatchcase(change.column, self.column or "*"))
        )


@dataclass(frozen=True)
class Verdict:
    """What was not declared, and what was declared with a number and is not there."""

    unexpected: tuple[Change, ...]
    missing: tuple[Expected, ...]

    @property
    def agrees(self) -> bool:
        """Whether everything is as declared."""
        return not self.unexpected and not self.missing


def read_expected(path: Path) -> list[Expected]:
    """The declared changes. Raises ReleaseError with the file and the line."""
    found = []
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ReleaseError(
                f"the columns are {', '.join(reader.fieldnames or ()) or 'none'}",
                file=str(path),
                remedy=f"They must be {','.join(COLUMNS)}",
            )
        for row in reader:
            line = reader.line_num
            if None in row or None in row.values():
                raise ReleaseError(f"line {line} has another number of fields", file=str(path), remedy="Quote commas")
            given = {name: value.strip() for name, value in row.items()}
            if given["change"] not in (*KINDS, "*"):
                raise ReleaseError(
                    f"line {line}: unknown change {given['change']!r}",
                    file=str(path),
                    remedy=f"Use one of {', '.join(KINDS)} or *",
                )
            if given["rows"] and not given["rows"].isdigit():
                raise ReleaseError(
                    f"line {line}: rows is {given['rows']!r}", file=str(path), remedy="A number, or empty for any"
                )
            if not given["reason"]:
                raise ReleaseError(f"line {line} has no reason", file=str(path), remedy="Say why it is expected")
            rows = int(given["rows"]) if given["rows"] else None
            found.append(Expected(given["table"], given["change"], given["column"], rows, given["reason"], line))
    return found


def judge(diffs: Iterable[TableDiff], expected: Sequence[Expected]) -> Verdict:
    """Hold what was found against what was declared."""
    changes = [change for diff in diffs for change in diff.changes]
    unexpected = [c for c in changes if not any(e.fits(c) and e.rows in (None, c.n) for e in expected)]
    missing = [
        e
        for e in expected
        if e.rows and "*" not in e.table + e.column + e.kind and not any(e.fits(c) and c.n == e.rows for c in changes)
    ]
    return Verdict(tuple(unexpected), tuple(missing))
