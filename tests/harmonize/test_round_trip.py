"""A table written as any kind of file lands as the same text. The expected text is computed here, from decimals."""

from __future__ import annotations

import csv
import datetime as dt
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pyreadstat
import xlsxwriter
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import harmonize.readers.statfile as statfile
import harmonize.readers.workbook as workbook
from harmonize.sources import Column
from tests.harmonize.landkit import ID, House, form
from tests.harmonize.sas_writer import write_sas7bdat

Row = tuple[str, Decimal | None, dt.date | None]

TEXTS = st.text(st.sampled_from(list("AaNñüß€漢09.,;\"'#=/ -")), max_size=9).map(str.rstrip)
"""No blanks at the end: SPSS and SAS fill text up with them. "A" and "N" are values like any other."""
NUMBERS = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places), st.integers(-(10**12), 10**12), st.integers(0, 6)
)
"""At most 13 digits, which every format can hold."""
DAYS = st.dates(dt.date(1900, 3, 1), dt.date(2100, 1, 1))
ROWS = st.lists(st.tuples(TEXTS, st.none() | NUMBERS, st.none() | DAYS), min_size=1, max_size=7)


def expected(rows: list[Row]) -> dict[str, list[str | None]]:
    return {
        "text": [text or None for text, _, _ in rows],
        "number": [None if n is None else _plain(n) for _, n, _ in rows],
        "day": [None if d is None else d.isoformat() for _, _, d in rows],
    }


def _plain(number: Decimal) -> str:
    """1.50 is 1.5, 2.0 is 2, 0.00 is 0."""
    text = f"{number:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) if number else "0"


def frame(rows: list[Row]) -> pd.DataFrame:
    """Days are days since 1960 here; the writers that know dates get dates by format."""
    days = [np.nan if d is None else float((d - dt.date(1960, 1, 1)).days) for _, _, d in rows]
    return pd.DataFrame(
        {
            "id": [f"P{i}" for i in range(len(rows))],
            "text": [text for text, _, _ in rows],
            "number": [np.nan if n is None else float(n) for _, n, _ in rows],
            "day": days,
        }
    )


def write_csv(rows: list[Row], path: Path) -> None:
    found = expected(rows)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
        writer.writerow(["id", *found])
        for i, row in enumerate(zip(*found.values(), strict=True)):
            writer.writerow([f"P{i}", *("" if cell is None else cell for cell in row)])


def write_sav(rows: list[Row], path: Path) -> None:
    from_1582 = frame(rows)
    from_1582["day"] = (from_1582["day"] + (dt.date(1960, 1, 1) - dt.date(1582, 10, 14)).days) * 86_400
    pyreadstat.write_sav(from_1582, str(path), variable_format={"day": "EDATE10"})


def write_dta(rows: list[Row], path: Path) -> None:
    pyreadstat.write_dta(frame(rows), str(path), variable_format={"day": "%td"})


def write_xpt(rows: list[Row], path: Path) -> None:
    pyreadstat.write_xport(frame(rows), str(path), variable_format={"day": "DATE9"})


def write_sas(rows: list[Row], path: Path) -> None:
    write_sas7bdat(frame(rows), path, {"day": "DDMMYYP10"})


def write_parquet(rows: list[Row], path: Path) -> None:
    table: dict[str, Any] = {**frame(rows), "day": [d for _, _, d in rows]}
    pd.DataFrame(table).to_parquet(path, index=False)


def write_xlsx(rows: list[Row], path: Path) -> None:
    with xlsxwriter.Workbook(path, {"default_date_format": "dd.mm.yyyy"}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["id", "text", "number", "day"])
        for r, (text, number, day) in enumerate(rows, start=1):
            sheet.write_string(r, 0, f"P{r - 1}")
            sheet.write_string(r, 1, text)
            if number is not None:
                sheet.write_number(r, 2, float(number))
            if day is not None:
                sheet.write_datetime(r, 3, day)


WRITERS = {
    "csv": write_csv,
    "sav": write_sav,
    "dta": write_dta,
    "xpt": write_xpt,
    "sas7bdat": write_sas,
    "parquet": write_parquet,
    "xlsx": write_xlsx,
}
COLUMNS = (*ID, Column("text", ""), Column("number", ""), Column("day", ""))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS)
@example(rows=[("A", Decimal("10000000000.1"), None), ("B", Decimal("-1234567890123.25"), None)])
@example(
    rows=[("A", Decimal("-0.0"), dt.date(2000, 2, 29)), ("N", None, None), ("", Decimal("1.0"), dt.date(1960, 1, 1))]
)
def test_every_kind_of_file_lands_as_the_same_text(rows: list[Row]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(statfile, "survives", return_value=True),
        mock.patch.object(statfile, "CELLS_AT_ONCE", 12),
        mock.patch.object(workbook, "ROWS_AT_ONCE", 3),
    ):
        house = House(Path(folder))
        for kind, write in WRITERS.items():
            write(rows, house.inbox / f"f.{kind}")
        house.land(*(form(f"f.{kind}", COLUMNS, name=kind) for kind in WRITERS))
        for kind in WRITERS:
            assert {name: house.values(name, kind) for name in ("text", "number", "day")} == expected(rows), kind


def _digits(text: str) -> int:
    """Significant digits of a number's text."""
    return len(text.partition("e")[0].lstrip("-").replace(".", "").strip("0"))


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60).map(float))
def test_a_number_is_the_shortest_text_that_gives_it_back(value: float) -> None:
    from harmonize.readers.values import number_text, number_texts

    (text,) = number_texts(np.array([value])).to_pylist()
    assert float(text) == value
    assert _digits(text) <= _digits(repr(value))
    assert text == number_text(value)
    assert not text.endswith(".0")
