"""The one error of genetics: what is wrong, where, and what to do."""

from __future__ import annotations


class GeneticsError(ValueError):
    """Genotypes, a key file or weights cannot be used as they are. `row` counts lines of the file from 1."""

    def __init__(
        self,
        problem: str,
        *,
        remedy: str,
        file: str | None = None,
        row: int | None = None,
        column: str | None = None,
        value: object = None,
    ) -> None:
        self.problem = problem
        self.remedy = remedy
        self.file = file
        self.row = row
        self.column = column
        self.value = value
        where = [f"{name} {said}" for name, said in (("file", file), ("row", row), ("column", column)) if said]
        where += [f"value {value!r}"] if value is not None else []
        super().__init__(f"{problem} ({', '.join(where)}). {remedy}" if where else f"{problem}. {remedy}")


class DerivationOverlap(GeneticsError):
    """A score would be tested on persons it was derived from, and nobody said that this is meant."""
