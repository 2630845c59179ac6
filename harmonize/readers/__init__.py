"""Readers turn a delivered file into tables of text, in file order, or refuse it with a `LandingError`."""

from __future__ import annotations


class LandingError(ValueError):
    """A delivery that cannot be landed as it is.

    `file`, `row` (as a spreadsheet counts, the first record is row 1), `column` and `value` say where, as far as
    known; `remedy` says what to do. The text of a patient's cell is never part of the message.
    """

    def __init__(
        self,
        problem: str,
        *,
        remedy: str,
        file: str | None = None,
        row: int | None = None,
        column: str | None = None,
        value: str | None = None,
    ) -> None:
        self.problem = problem
        self.remedy = remedy
        self.file = file
        self.row = row
        self.column = column
        self.value = value
        where = ", ".join(
            part
            for part in (
                file,
                f"row {row:,}" if row is not None else None,
                f"column {column}" if column is not None else None,
            )
            if part
        )
        super().__init__(f"{where + ': ' if where else ''}{problem}. {remedy}")
