"""What people entered: corrections and their withdrawals, in order, one JSON object per line, never changed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields

from harmonize.paths import Warehouse


class CorrectionError(ValueError):
    """A correction cannot be entered or read; `remedy` says what to do, the rest where."""

    def __init__(
        self,
        problem: str,
        *,
        file: str | None = None,
        row: int | None = None,
        column: str | None = None,
        value: str | None = None,
        remedy: str = "",
    ) -> None:
        self.problem, self.file, self.row, self.column, self.value = problem, file, row, column, value
        self.remedy = remedy
        super().__init__(problem)


@dataclass(frozen=True)
class Correction:
    """One entry. `event` is `corrected`, or `withdrawn` for the entry that takes the correction of that number back.

    `before` and `after` are the texts of the cell, None for an empty one. `file`, `sha256` and `landed` (the columns
    of the form as delivered) are of the delivery it was entered on, so that the row is found again in another one.
    """

    correction_id: int
    study: str
    form: str
    row: int
    column: str
    before: str | None
    after: str | None
    reason: str
    approver: str
    entered_at: str
    file: str
    sha256: str
    event: str = "corrected"
    landed: Mapping[str, str | None] = field(default_factory=dict)

    def to_json(self) -> str:
        """One line, without the newline."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str | bytes) -> Correction:
        """The inverse of `to_json`; ValueError where the line is no entry."""
        document = json.loads(line)
        if not isinstance(document, dict):
            raise ValueError("not an object")
        known = {f.name for f in fields(cls)}
        try:
            return cls(**{key: value for key, value in document.items() if key in known})
        except TypeError as error:
            raise ValueError(str(error)) from None


def read_corrections(warehouse: Warehouse) -> list[Correction]:
    """Every entry in order. A torn last line, left by a process that died, is passed over. Raises CorrectionError."""
    if not warehouse.corrections.exists():
        return []
    lines = warehouse.corrections.read_bytes().split(b"\n")
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append(Correction.from_json(line))
        except ValueError as error:
            if number == len(lines):
                break
            raise CorrectionError(
                f"the line is no correction ({error})",
                file=str(warehouse.corrections),
                row=number,
                remedy="Restore the file from a copy",
            ) from None
    return found


def withdrawals(entries: Sequence[Correction]) -> dict[int, Correction]:
    """The withdrawal of each correction that was taken back, by the correction's number."""
    return {entry.correction_id: entry for entry in entries if entry.event == "withdrawn"}


def append(warehouse: Warehouse, entries: Iterable[Correction]) -> None:
    """Write entries at the end in one write, on disk when it returns. Cuts off a torn last line."""
    text = "".join(entry.to_json() + "\n" for entry in entries).encode()
    path = warehouse.corrections
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("a+b") as stream:
        stream.seek(0)
        head, newline, tail = stream.read().rpartition(b"\n")
        if tail:
            stream.truncate(len(head) + len(newline))
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
