"""A toy study of typed files and one way to land it. Tests import it as `tests.harmonize.landkit`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import xlsxwriter

from harmonize.landing import LandingReport, land
from harmonize.paths import Warehouse
from harmonize.readers.facts import FileFacts, facts_of
from harmonize.sources import Column, Form, Study

ID = (Column("id", "key", required=True),)


def form(file: str, columns: Sequence[Column] = ID, name: str = "f", **layout: Any) -> Form:
    return Form("toy", name, "", (file,), layout, tuple(columns))


def study(*forms: Form) -> Study:
    return Study("toy", "Toy", "", ("id",), forms, (), Path("_toy__sources.yml"))


class House:
    """An inbox and a warehouse in a folder."""

    def __init__(self, folder: Path) -> None:
        self.inbox = folder / "inbox"
        self.inbox.mkdir()
        self.warehouse = Warehouse(folder / "warehouse")

    def land(self, *forms: Form, **options: Any) -> LandingReport:
        return land(study(*forms), self.inbox, self.warehouse, **options)

    def rows(self, name: str = "f") -> list[dict[str, Any]]:
        return pq.read_table(self.warehouse.raw / "toy" / f"{name}.parquet").to_pylist()

    def values(self, column: str, name: str = "f") -> list[str | None]:
        return [row[column] for row in self.rows(name)]

    def facts(self, name: str = "f") -> FileFacts:
        found = facts_of(self.warehouse.raw / "toy" / f"{name}.parquet")
        assert found is not None
        return found

    def landed(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in self.warehouse.raw.rglob("*.parquet")}

    def sheets(self, file: str, **sheets: list[list[Any]]) -> None:
        """A workbook with these sheets, cells from A1 on; None is an empty cell, '=...' a formula with its result."""
        with xlsxwriter.Workbook(self.inbox / file, {"default_date_format": "dd.mm.yyyy"}) as book:
            for name, rows in sheets.items():
                sheet = book.add_worksheet(name)
                for r, row in enumerate(rows):
                    for c, value in enumerate(row):
                        if isinstance(value, tuple):
                            sheet.write_formula(r, c, value[0], None, value[1])
                        elif isinstance(value, str):
                            sheet.write_string(r, c, value)
                        elif value is not None:
                            sheet.write(r, c, value)
