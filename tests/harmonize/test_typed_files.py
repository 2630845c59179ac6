"""Statistics packages, workbooks and Parquet: what lands, what is kept beside it, what is refused.

All data are synthetic.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest

import harmonize.readers.sheet_xml as sheet_xml
import harmonize.readers.statfile as statfile
import harmonize.readers.workbook as workbook
from harmonize.landing import LandingError, read_ledger
from harmonize.sources import Column
from tests.harmonize.landkit import ID, House, form
from tests.harmonize.sas_writer import write_sas7bdat

FRAME = pd.DataFrame(
    {
        "id": ["P1", "P2", "P3"],
        "score": [1.0, 12.5, np.nan],
        "day": [dt.date(2001, 3, 12), None, dt.date(1960, 1, 1)],
        "flag": ["A", "N", ""],
    }
)
EXPECTED = {"id": ["P1", "P2", "P3"], "score": ["1", "12.5", None], "flag": ["A", "N", None]}
"""FRAME as text: A and N stay values, the empty string is no value, 1.0 is 1."""
DAYS = ["2001-03-12", None, "1960-01-01"]


def _xlsx(frame: pd.DataFrame, path: Path) -> None:
    with pd.ExcelWriter(path, engine="xlsxwriter", date_format="dd.mm.yyyy") as writer:
        frame.to_excel(writer, index=False)


WRITERS: dict[str, Callable[[pd.DataFrame, Path], Any]] = {
    "sav": lambda frame, path: pyreadstat.write_sav(frame, str(path)),
    "zsav": lambda frame, path: pyreadstat.write_sav(frame, str(path), compress=True),
    "sas7bdat": write_sas7bdat,
    "dta": lambda frame, path: pyreadstat.write_dta(frame, str(path)),
    "xpt": lambda frame, path: pyreadstat.write_xport(frame, str(path)),
    "parquet": lambda frame, path: frame.to_parquet(path, index=False),
    "xlsx": _xlsx,
}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """Without the process that every file is tried in first: it takes half a second, and has a test of its own."""
    monkeypatch.setattr(statfile, "survives", lambda *_: True)
    return House(tmp_path)


@pytest.fixture(params=WRITERS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def write(house: House, kind: str, frame: pd.DataFrame = FRAME) -> Path:
    path = house.inbox / f"f.{kind}"
    WRITERS[kind](frame, path)
    return path


# Every kind


def test_values_land_as_text_with_file_and_row(house: House, kind: str) -> None:
    write(house, kind)
    report = house.land(form(f"f.{kind}"))
    for column, texts in EXPECTED.items():
        assert house.values(column) == texts
    assert house.values("day") == DAYS
    described = house.facts().column("DAY")
    assert described is not None
    assert described.date == "date"
    first = 2 if kind == "xlsx" else 1
    assert house.values("src_row") == [first, first + 1, first + 2]
    assert house.values("src_file")[0] == ("f.xlsx#Sheet1" if kind == "xlsx" else f"f.{kind}")
    assert set(report.forms[0].extra_columns) == {"score", "day", "flag"}


def test_packed_lands_the_same(house: House, kind: str) -> None:
    plain = write(house, kind)
    house.land(form(f"f.{kind}"))
    before = [{k: v for k, v in row.items() if k != "src_file"} for row in house.rows()]
    packed = plain.with_name(plain.name + ".gz")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    house.land(form(f"f.{kind}"))
    assert [{k: v for k, v in row.items() if k != "src_file"} for row in house.rows()] == before
    assert read_ledger(house.warehouse)[-1].bytes == packed.stat().st_size
    assert not list(house.warehouse.raw.rglob("unpacked*"))


def test_same_file_again_is_a_no_op(house: House, kind: str) -> None:
    write(house, kind)
    first = house.land(form(f"f.{kind}")).forms[0]
    before = house.landed()
    second = house.land(form(f"f.{kind}")).forms[0]
    assert (first.status, second.status) == ("landed", "unchanged")
    assert house.landed() == before
    assert second.warnings == first.warnings


@pytest.mark.parametrize("damage", ["half", "tail", "empty", "text", "cut gzip"])
def test_damaged_files_are_refused_and_leave_what_was_there(house: House, kind: str, damage: str) -> None:
    path = write(house, kind)
    house.land(form(f"f.{kind}"))
    before, whole = house.landed(), path.read_bytes()
    if damage == "cut gzip":
        path.unlink()
        path = path.with_name(path.name + ".gz")
    path.write_bytes(
        {
            "half": whole[: len(whole) // 2],
            "tail": whole[:-7],
            "empty": b"",
            "text": b"id,score\nP1,1\n" * 20,
            "cut gzip": gzip.compress(whole)[:-20],
        }[damage]
    )
    with pytest.raises(LandingError) as error:
        house.land(form(f"f.{kind}"))
    assert error.value.file == path.name
    assert error.value.remedy
    assert house.landed() == before


def test_another_kind_of_file_is_named(house: House, kind: str) -> None:
    """A name that promises one kind and content of another."""
    other = "sav" if kind not in ("sav", "zsav") else "xlsx"
    written = write(house, other)
    written.rename(house.inbox / f"f.{kind}")
    with pytest.raises(LandingError, match=rf"kind: {other}"):
        house.land(form(f"f.{kind}"))


def test_names_that_differ_by_case_are_refused(house: House, kind: str) -> None:
    frame = FRAME.rename(columns={"score": "ID"})
    frame["ID"] = ["x", "y", "z"]
    if kind == "dta":
        frame.columns = pd.Index(["id", "ID", "day", "flag"])
    if kind in ("sas7bdat", "xpt"):  # SAS names have no case, so no such file can be made
        with pytest.raises(Exception, match=r"same name|begin_writing_sas7bdat"):
            write(house, kind, frame)
        return
    write(house, kind, frame)
    with pytest.raises(LandingError, match="both called id"):
        house.land(form(f"f.{kind}"))


def test_missing_required_column_names_the_nearest(house: House, kind: str) -> None:
    write(house, kind, FRAME.rename(columns={"id": "idd"}))
    with pytest.raises(LandingError, match="nearest name in the file is 'idd'"):
        house.land(form(f"f.{kind}"))


def test_a_file_without_rows_lands_empty_with_a_warning(house: House, kind: str) -> None:
    write(house, kind, FRAME.astype({"day": object}).iloc[:0][["id", "flag"]].astype(str))
    report = house.land(form(f"f.{kind}"))
    assert report.forms[0].rows == 0
    assert "the file holds no rows" in report.forms[0].warnings
    assert house.rows() == []


def test_rows_are_numbered_over_pieces(house: House, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statfile, "CELLS_AT_ONCE", 10)
    monkeypatch.setattr(workbook, "ROWS_AT_ONCE", 1_000)
    monkeypatch.setattr("harmonize.readers.columnar.ROWS_AT_ONCE", 1_000)
    write(house, kind, pd.DataFrame({"id": [f"P{i}" for i in range(2_500)], "x": np.arange(2_500.0)}))
    house.land(form(f"f.{kind}"))
    assert house.values("x") == [str(i) for i in range(2_500)]
    first = 2 if kind == "xlsx" else 1
    assert house.values("src_row") == list(range(first, first + 2_500))


def test_numbers_take_the_declared_decimal_mark(house: House, kind: str) -> None:
    """So that a column of a sheet has one notation, whether its cells are numbers or text."""
    write(house, kind)
    house.land(form(f"f.{kind}", (*ID, Column("score", "", decimal=","))))
    assert house.values("score") == ["1", "12,5", None]


# SPSS


def test_spss_labels_and_missing_codes_are_facts_and_codes_are_values(house: House) -> None:
    frame = pd.DataFrame({"id": ["a", "b", "c", "d"], "x": [1.0, -99, -85, np.nan], "s": ["A", "N", "", "Z"]})
    pyreadstat.write_sav(
        frame,
        house.inbox / "f.sav",
        column_labels={"x": "Stimmung"},
        variable_value_labels={"x": {1: "gut", -99: "weiß nicht", 5: "schlecht"}, "s": {"A": "abwesend"}},
        missing_ranges={"x": [-99, {"lo": -89, "hi": -80}], "s": ["N"]},
        variable_format={"x": "F8.2"},
    )
    columns = (*ID, Column("x", "", codes={"1": "good"}, missing={"": "blank"}))
    report = house.land(form("f.sav", columns))
    assert house.values("x") == ["1", "-99", "-85", None]
    assert house.values("s") == ["A", "N", None, "Z"]
    told = house.facts().column("x")
    assert told is not None
    assert (told.label, told.format) == ("Stimmung", "F8.2")
    assert told.value_labels == {"1": "gut", "-99": "weiß nicht", "5": "schlecht"}
    assert {str(range_) for range_ in told.missing} == {"-99", "-89 to -80"}
    assert told.missing_seen == {"-85": 1, "-99": 1}
    strings = house.facts().column("s")
    assert strings is not None
    assert (strings.value_labels, strings.missing_seen) == ({"A": "abwesend"}, {"N": 1})
    warnings = report.forms[0].warnings
    assert [sentence.split(",")[0] for sentence in warnings] == [
        "variable x: code -85 is declared missing in the file (1 cells) and stands not under `missing` in the sources "
        "YAML",
        "variable x: code -99",
        "variable x: the file declares -89 to -80 as missing",
        "variable x: code 5",
    ]
    assert "labelled 'weiß nicht'" in warnings[1]
    assert "labelled 'schlecht'" in warnings[3]


def test_no_warning_where_the_contract_agrees(house: House) -> None:
    frame = pd.DataFrame({"id": ["a", "b"], "x": [1.0, -99]})
    pyreadstat.write_sav(
        frame,
        house.inbox / "f.sav",
        variable_value_labels={"x": {1: "gut", -99: "weiß nicht"}},
        missing_ranges={"x": [-99]},
    )
    columns = (*ID, Column("x", "", codes={"1": "good"}, missing={"-99": "unknown"}))
    assert house.land(form("f.sav", columns)).forms[0].warnings == ()


def test_spss_moments_times_and_codes_in_date_columns(house: House) -> None:
    """-99 declared missing in a date column is a code, not a day of the year 1582."""
    seconds = (dt.datetime(2001, 3, 12) - dt.datetime(1582, 10, 14)).total_seconds()
    frame = pd.DataFrame(
        {"id": ["a", "b", "c"], "d": [seconds, -99, seconds + 60], "m": [seconds, 0.5 + seconds, 1e15]}
    )
    frame["t"] = [30_600.0, 90_000.0, np.nan]
    pyreadstat.write_sav(
        frame,
        house.inbox / "f.sav",
        variable_format={"d": "DATE11", "m": "DATETIME20", "t": "TIME8"},
        missing_ranges={"d": [-99]},
    )
    house.land(form("f.sav"))
    assert house.values("d") == ["2001-03-12", "-99", "2001-03-12T00:01:00"]
    assert house.values("m") == ["2001-03-12T00:00:00", "2001-03-12T00:00:00.500000", "1000000000000000"]
    assert house.values("t") == ["08:30:00", "25:00:00", None]


def test_a_file_that_crashes_the_library_is_refused(tmp_path: Path) -> None:
    """A labelled text that is not in the file's encoding; found by trying random bytes. Landing must not die."""
    house = House(tmp_path)
    frame = pd.DataFrame({"id": ["P1"], "s": ["A"]})
    pyreadstat.write_sav(frame, house.inbox / "f.sav", variable_value_labels={"s": {"A": "abwesend"}})
    house.land(form("f.sav"))
    before = house.landed()
    content = (house.inbox / "f.sav").read_bytes()
    assert content.count(b"A       \x08abwe") == 1
    (house.inbox / "f.sav").write_bytes(content.replace(b"A       \x08abwe", b"A\x84      \x08abwe"))
    with pytest.raises(LandingError, match="the library crashes on it"):
        house.land(form("f.sav"))
    assert house.landed() == before


# SAS and Stata


def test_sas_special_missing_is_a_value(house: House) -> None:
    """Nothing at hand writes .B; in a transport file it is the letter where the code of a missing number stands."""
    write(house, "xpt", FRAME[["id", "score"]])
    content = (house.inbox / "f.xpt").read_bytes()
    at = content.rindex(b"." + bytes(7))
    (house.inbox / "f.xpt").write_bytes(content[:at] + b"B" + content[at + 1 :])
    report = house.land(form("f.xpt", (*ID, Column("score", ""))))
    assert house.values("score") == ["1", "12.5", ".B"]
    assert "variable score: code .B is declared missing in the file (1 cells)" in report.forms[0].warnings[0]


def test_special_missing_codes_and_formats_of_a_sas_data_set(house: House) -> None:
    """.A and ._ are codes, . is none; MONYY is no day, so the number stays."""
    frame = pd.DataFrame({"id": ["P1", "P2", "P3", "P4"], "x": [7.0, ".A", "._", None], "m": [15046.0] * 4})
    frame["d"] = [15046.0, ".N", None, -1.0]
    formats = {"d": "E8601DA10.", "m": "MONYY7."}
    write_sas7bdat(frame, house.inbox / "f.sas7bdat", formats)
    report = house.land(form("f.sas7bdat", (*ID, Column("x", "", missing={".A": "refused"}))))
    assert house.values("x") == ["7", ".A", "._", None]
    assert house.values("d") == ["2001-03-12", ".N", None, "1959-12-31"]
    assert house.values("m") == ["15046"] * 4
    assert [w.partition(" is ")[0] for w in report.forms[0].warnings] == ["variable x: code ._"]


def test_several_data_sets_in_a_transport_file_are_refused(house: House) -> None:
    path = write(house, "xpt")
    path.write_bytes(path.read_bytes() + path.read_bytes()[240:])
    with pytest.raises(LandingError, match="holds 2 data sets"):
        house.land(form("f.xpt"))


def test_stata_missing_letters_labels_and_short_floats(house: House) -> None:
    frame = pd.DataFrame({"id": ["a", "b", "c"], "x": pd.Series([1.0, "c", np.nan], dtype=object)})
    frame["short"] = np.array([12.3, 0.1, 1], dtype="f4")
    pyreadstat.write_dta(
        frame,
        house.inbox / "f.dta",
        variable_value_labels={"x": {1: "one"}},
        missing_user_values={"x": ["c"]},
    )
    report = house.land(form("f.dta", (*ID, Column("x", "", missing={".c": "refused"}))))
    assert house.values("x") == ["1", ".c", None]
    assert report.forms[0].warnings == ()
    told = house.facts().column("x")
    assert told is not None
    assert (told.value_labels, told.missing_seen) == ({"1": "one"}, {".c": 1})
    if (house.facts().column("short") or told).storage == "float":
        assert house.values("short") == ["12.3", "0.1", "1"]


def test_stata_dates_and_periods(house: House) -> None:
    """%tm is a month, no day: the number stays."""
    frame = pd.DataFrame({"id": ["a"], "d": [15046.0], "m": [494.0]})
    pyreadstat.write_dta(frame, house.inbox / "f.dta", variable_format={"d": "%td", "m": "%tm"})
    house.land(form("f.dta"))
    assert (house.values("d"), house.values("m")) == (["2001-03-12"], ["494"])


def test_an_old_stata_file_in_another_encoding(house: House) -> None:
    """Before version 14 the file does not say; read as the contract says."""
    pyreadstat.write_dta(pd.DataFrame({"id": ["Müller"]}), house.inbox / "f.dta", version=10)
    content = (house.inbox / "f.dta").read_bytes().replace("Müller".encode(), "Müller".encode("cp1252") + b"\0")
    (house.inbox / "f.dta").write_bytes(content)
    house.land(form("f.dta", encoding="cp1252"))
    assert house.values("id") == ["Müller"]
    with pytest.raises(LandingError, match="is not valid in its encoding"):
        house.land(form("f.dta", encoding="utf-8"))


# Workbooks


def test_cells_of_mixed_types_keep_their_text(house: House) -> None:
    cells = ["12,5", 12.5, 3, "007", True, dt.date(2001, 3, 12), " a ", "A", 0.1 + 0.2, dt.datetime(2001, 3, 12, 8, 30)]
    house.sheets("f.xlsx", Werte=[["id", "x"], *[[f"P{i}", cell] for i, cell in enumerate(cells)]])
    house.land(form("f.xlsx"))
    texts = ["12,5", "12.5", "3", "007", "TRUE", "2001-03-12", " a ", "A", "0.3", "2001-03-12"]
    assert house.values("x")[:9] == texts[:9]
    told = house.facts().column("x")
    assert told is not None
    assert told.cells == {"boolean": 1, "date": 1, "datetime": 1, "number": 3, "text": 4}


def test_sheets_feed_forms_and_rows_above_the_header_are_no_data(house: House) -> None:
    house.sheets(
        "f.xlsx",
        Deckblatt=[["Export", dt.date(2001, 3, 12)]],
        Personen=[["id", "sex"], ["P1", "F"]],
        Wochen=[["MARS", None], [None, None], ["ID ", "Woche"], ["P1", 1], [None, None], ["P1", 2]],
    )
    persons = form("f.xlsx", name="persons", sheet="Personen")
    weeks = form("f.xlsx", name="weeks", sheet=3, header_row=3)
    report = house.land(persons, weeks)
    assert [f.rows for f in report.forms] == [1, 2]
    assert house.values("src_file", "weeks") == ["f.xlsx#Wochen"] * 2
    assert house.values("src_row", "weeks") == [4, 6]
    assert report.forms[1].warnings == ("1 empty rows were passed over: 5",)
    assert [line.sheet for line in read_ledger(house.warehouse)] == ["Personen", "Wochen"]


def test_forms_that_share_a_workbook_need_different_sheets(house: House) -> None:
    house.sheets("f.xlsx", a=[["id"], ["P1"]], b=[["id"], ["P1"]])
    with pytest.raises(LandingError, match="fits several forms"):
        house.land(form("f.xlsx", name="one", sheet="a"), form("f.xlsx", name="two"))


@pytest.mark.parametrize(
    ("layout", "problem"),
    [
        ({"sheet": "Woche"}, "there is no sheet 'Woche' for form f; the nearest is 'Wochen'. It has Wochen, Personen"),
        ({"sheet": 3}, "form f is read from sheet 3, and there are 2"),
        ({}, "the workbook has 2 sheets, and form f does not say which one it is"),
        ({"sheet": 1, "header_row": 9}, "f.xlsx, sheet Wochen, row 9: the row holds no column names"),
        ({"sheet": 1}, "f.xlsx, sheet Wochen, row 1: the row is empty"),
        ({"sheet": 2}, "f.xlsx, sheet Personen: the sheet is empty"),
    ],
)
def test_wrong_sheets_and_header_rows_are_refused(house: House, layout: dict[str, Any], problem: str) -> None:
    house.sheets("f.xlsx", Wochen=[[None], ["id"], ["P1"]], Personen=[])
    with pytest.raises(LandingError) as error:
        house.land(form("f.xlsx", **layout))
    assert problem in str(error.value)


def test_names_of_a_sheet_are_refused_with_their_row(house: House) -> None:
    house.sheets("f.xlsx", s=[[None], ["id", "x", "X"], ["P1", 1, 2]])
    with pytest.raises(LandingError, match=r"^f.xlsx, sheet s, row 2, column x: .* both called x"):
        house.land(form("f.xlsx", header_row=2))


@pytest.mark.parametrize("piece", [4 << 20, 300])
def test_error_cells_are_text_with_an_address(house: House, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_xml, "_PIECE", piece)
    rows = [["id", "x", "y"], ["P1", ("=1/0", "#DIV/0!"), 2], ["P2", 3, ("=NA()", "#N/A")], ["P3", "#N/A", 4]]
    house.sheets("f.xlsx", s=rows)
    report = house.land(form("f.xlsx"))
    assert (house.values("x"), house.values("y")) == (["#DIV/0!", "3", "#N/A"], ["2", "#N/A", "4"])
    assert report.forms[0].warnings == (
        "2 cells hold an error, landed as text that no number or code fits: B2 #DIV/0!, C3 #N/A",
    )


def test_formulas_give_their_stored_result_or_are_refused(house: House) -> None:
    house.sheets("f.xlsx", s=[["id", "x"], ["P1", ("=1+1", 2)], ["P2", ('=A1&"b"', "idb")]])
    house.land(form("f.xlsx"))
    assert house.values("x") == ["2", "idb"]
    import zipfile

    source = zipfile.ZipFile(house.inbox / "f.xlsx")
    parts = {name: source.read(name) for name in source.namelist()}
    source.close()
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = parts[sheet].replace(b"<f>1+1</f><v>2</v>", b"<f>1+1</f>")
    with zipfile.ZipFile(house.inbox / "f.xlsx", "w") as target:
        for name, content in parts.items():
            target.writestr(name, content)
    with pytest.raises(LandingError, match="no stored result or no address: B2"):
        house.land(form("f.xlsx"))


def test_merged_and_unnamed_cells_are_told(house: House) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(house.inbox / "f.xlsx") as book:
        sheet = book.add_worksheet("s")
        sheet.write_row(0, 1, ["id", "x", None, "y"])
        sheet.write_row(1, 1, ["P1", 1, "note", 2])
        sheet.merge_range(2, 1, 3, 1, "P2")
        sheet.write(2, 2, 5)
        sheet.write(3, 2, 6)
        sheet.write_blank(40, 2, None, book.add_format({"bold": True}))
    report = house.land(form("f.xlsx"))
    assert [(row["src_row"], row["id"], row["x"], row["unnamed_3"]) for row in house.rows()] == [
        (2, "P1", "1", "note"),
        (3, "P2", "5", None),
        (4, None, "6", None),
    ]
    assert report.forms[0].warnings == (
        "1 merged ranges hold their value in the first cell only: B3:B4",
        "columns without a name hold cells: D",
    )


@pytest.mark.parametrize("group_row", [0, 2, 3, "1"])
def test_a_row_of_groups_must_lie_above_the_names(house: House, group_row: object) -> None:
    """The names stand in row 2, so only row 1 can name groups of them; there it does, to the next group."""
    house.sheets("f.xlsx", s=[[None, "MADRS", None, "BDI"], ["id", "w0", "w4", "w0"], ["P1", 1, 2, 3]])
    columns = [*ID, *(Column(n, "") for n in ("madrs_w0", "madrs_w4", "bdi_w0"))]
    with pytest.raises(LandingError) as caught:
        house.land(form("f.xlsx", columns, header_row=2, group_row=group_row))
    assert str(caught.value) == (
        f"f.xlsx, sheet s: group_row {group_row!r} does not lie above header_row 2."
        " Declare the row that names the groups of columns"
    )
    house.land(form("f.xlsx", columns, header_row=2, group_row=1))
    assert [house.values(c) for c in ("madrs_w0", "madrs_w4", "bdi_w0")] == [["1"], ["2"], ["3"]]


def test_a_workbook_with_a_password_is_named_as_such(house: House) -> None:
    """Excel puts a protected workbook into a compound file, in a part called EncryptedPackage."""
    compound = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2000) + "EncryptedPackage".encode("utf-16-le") + bytes(500)
    (house.inbox / "f.xlsx").write_bytes(compound)
    with pytest.raises(LandingError, match="protected by a password"):
        house.land(form("f.xlsx"))


def test_descriptions_below_the_names_of_a_sheet(house: House) -> None:
    house.sheets("f.xlsx", s=[["id", "x"], ["Number of the patient", "Sum of all items"], ["P1", 4]])
    report = house.land(form("f.xlsx", header_rows=[1, 2]))
    assert report.forms[0].header_rows == 2
    assert house.values("src_row") == [3]


# Parquet


def test_parquet_types(house: House) -> None:
    from decimal import Decimal

    table = pa.table(
        {
            "id": pa.array(["a", None]).dictionary_encode(),
            "i": pa.array([9_007_199_254_740_993, None], pa.int64()),
            "f4": pa.array([12.3, float("nan")], pa.float32()),
            "dec": pa.array([Decimal("12.50"), Decimal("3.00")], pa.decimal128(10, 2)),
            "b": pa.array([True, None]),
            "ts": pa.array([dt.datetime(2001, 3, 12, 8, 30, 0, 250_000), None], pa.timestamp("ns")),
            "utc": pa.array([dt.datetime(2001, 3, 12, tzinfo=dt.UTC), None], pa.timestamp("ms", "UTC")),
            "t": pa.array([dt.time(8, 30), None], pa.time32("s")),
            "none": pa.nulls(2),
        }
    )
    pq.write_table(table, house.inbox / "f.parquet", row_group_size=1)
    house.land(form("f.parquet"))
    first, second = house.rows()
    del first["src_file"], second["src_file"]
    assert first == {
        "src_row": 1, "id": "a", "i": "9007199254740993", "f4": "12.3", "dec": "12.5", "b": "TRUE",
        "ts": "2001-03-12T08:30:00.250000", "utc": "2001-03-12T00:00:00Z", "t": "08:30:00", "none": None,
    }  # fmt: skip
    assert [second[name] for name in ("f4", "dec", "i", "b", "ts", "utc", "t")] == ["NaN", "3", *[None] * 5]


def test_nested_and_no_columns_are_refused(house: House) -> None:
    pq.write_table(pa.table({"id": ["a"], "items": [[1, 2]]}), house.inbox / "f.parquet")
    with pytest.raises(LandingError, match=r"column items: the column is of type list"):
        house.land(form("f.parquet"))
    pq.write_table(pa.table({}), house.inbox / "f.parquet")
    with pytest.raises(LandingError, match="the file has no columns"):
        house.land(form("f.parquet"))


# Text


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16", "utf-8-sig", "utf-8"])
def test_declared_encodings(house: House, encoding: str) -> None:
    (house.inbox / "f.csv").write_bytes("id;x\nMüller;12,5\n".encode(encoding))
    house.land(form("f.csv", encoding=encoding, decimal=","))
    assert (house.values("id"), house.values("x")) == (["Müller"], ["12,5"])


def test_a_wrong_encoding_is_refused_with_row_and_column(house: House) -> None:
    (house.inbox / "f.csv").write_bytes('id;name;x\nP1;"a;b";1\nP2;Müller;2\n'.encode("cp1252"))
    with pytest.raises(LandingError) as error:
        house.land(form("f.csv"))
    assert (error.value.file, error.value.row, error.value.column, error.value.value) == ("f.csv", 3, "name", "0xfc")
    assert "encoding: latin-1" in error.value.remedy


# The contract


def test_facts_survive_json(house: House) -> None:
    write(house, "sav")
    house.land(form("f.sav"))
    facts = house.facts()
    assert type(facts).from_json(facts.to_json()) == facts
    assert json.loads(facts.to_json())["kind"] == "sav"
