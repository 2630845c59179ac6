"""Landing: strict reading, exact rows, all or nothing. All data here are synthetic, but for one public file."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import harmonize.readers.delimited as delimited
from harmonize.landing import LandingError, current_landings, ensure_raw, land, read_ledger
from harmonize.paths import REPO, Warehouse, public_data
from harmonize.readers.header import header_rows
from harmonize.sources import Column, Form, Study, studies

COLUMNS = (
    Column("subjectkey", "key", required=True),
    Column("sex", "sex", aliases=("gender",), codes={"M": "male", "F": "female"}),
    Column("level", "level", required=True),
    Column("score", "total"),
)


def form(
    name: str = "hrsd01",
    files: Sequence[str] = ("hrsd01.txt", "hrsd01.csv"),
    columns: Sequence[Column] = COLUMNS,
    **layout: Any,
) -> Form:
    return Form("toy", name, "", tuple(files), {"header_rows": [1, 2], **layout}, tuple(columns))


def study(*forms: Form) -> Study:
    return Study(
        name="toy",
        title="Toy",
        description="",
        subject_key=("promoted_subjectkey", "subjectkey"),
        forms=forms or (form(), form("qids01", ("qids01.txt",))),
        ignore_files=("package_info.txt", "*_definitions.csv", "README*"),
        path=Path("_toy__sources.yml"),
    )


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "warehouse")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


PLAIN = "subjectkey\tsex\tlevel\tscore\nNDAR1\tF\tLevel 1\t20\nNDAR2\tM\tLevel 2\t\n"
DESCRIBED = (
    '"subjectkey"\t"gender"\t"LEVEL"\t"score"\n'
    '"The NDAR Global Unique Identifier (GUID) for research subject"\t"Sex of the subject"\t"level"\t'
    '"Total, 17 items"\n'
    '"NDAR1"\t"F"\t"Level 1"\t"20"\n'
)


def raw(warehouse: Warehouse, name: str = "hrsd01") -> list[dict[str, Any]]:
    return pq.read_table(warehouse.raw / "toy" / f"{name}.parquet").to_pylist()


def land_text(text: str | bytes, inbox: Path, warehouse: Warehouse, toy: Study | None = None, **options: Any) -> Any:
    data = text.encode() if isinstance(text, str) else text
    (inbox / "hrsd01.txt").write_bytes(data)
    return land(toy or study(), inbox / "hrsd01.txt", warehouse, **options)


def everything(warehouse: Warehouse) -> Mapping[str, tuple[bytes, int]]:
    """Content and mtime of all files but locks."""
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(warehouse.raw.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }


# What is landed


def test_values_stay_text_and_rows_are_numbered_as_a_spreadsheet_does(inbox: Path, warehouse: Warehouse) -> None:
    report = land_text(PLAIN.replace("\tF\t", "\t F \t"), inbox, warehouse)
    assert next(tuple(row) for row in raw(warehouse)) == ("src_file", "src_row", "subjectkey", "sex", "level", "score")
    assert [tuple(row.values()) for row in raw(warehouse)] == [
        ("hrsd01.txt", 2, "NDAR1", " F ", "Level 1", "20"),
        ("hrsd01.txt", 3, "NDAR2", "M", "Level 2", None),
    ]
    assert report.forms[0].status == "landed"
    assert report.forms[0].rows == 2


def test_parquet_types_order_compression_and_what_duckdb_sees(inbox: Path, warehouse: Warehouse) -> None:
    land_text("LEVEL\textra Z\tsubjectkey\n1\tz\tA1\n", inbox, warehouse)
    path = warehouse.raw / "toy" / "hrsd01.parquet"
    described = duckdb.sql(f"describe select * from read_parquet('{path}')").fetchall()
    assert [row[:2] for row in described] == [
        ("src_file", "VARCHAR"),
        ("src_row", "BIGINT"),
        ("subjectkey", "VARCHAR"),
        ("sex", "VARCHAR"),
        ("level", "VARCHAR"),
        ("score", "VARCHAR"),
        ("extra z", "VARCHAR"),
    ]
    assert pq.read_metadata(path).row_group(0).column(0).compression == "ZSTD"


def test_quoted_and_unquoted_empty_fields_are_null(inbox: Path, warehouse: Warehouse) -> None:
    land_text('subjectkey\tlevel\tscore\nA1\t""\t\n', inbox, warehouse)
    assert (raw(warehouse)[0]["level"], raw(warehouse)[0]["score"]) == (None, None)


def test_missing_optional_column_is_null_and_reported(inbox: Path, warehouse: Warehouse) -> None:
    report = land_text("subjectkey\tlevel\nA1\t1\n", inbox, warehouse)
    assert report.forms[0].missing_columns == ("sex", "score")
    assert raw(warehouse)[0]["score"] is None


def test_extra_columns_are_kept_with_lower_case_names(inbox: Path, warehouse: Warehouse) -> None:
    report = land_text("SubjectKey\t level \tCallType\t\nA1\t1\tBase\tx\n", inbox, warehouse)
    assert report.forms[0].extra_columns == ("calltype", "unnamed_4")
    assert raw(warehouse)[0]["calltype"] == "Base"
    assert read_ledger(warehouse)[0].columns == ("SubjectKey", " level ", "CallType", "")


def test_alias_is_landed_under_the_declared_name(inbox: Path, warehouse: Warehouse) -> None:
    report = land_text("subjectkey\tGender\tlevel\nA1\tF\t1\n", inbox, warehouse)
    assert raw(warehouse)[0]["sex"] == "F"
    assert "gender" not in raw(warehouse)[0]
    assert "gender is landed as sex" in report.forms[0].notes[0]


def test_alias_beside_the_declared_name_is_an_extra_column(inbox: Path, warehouse: Warehouse) -> None:
    report = land_text("subjectkey\tgender\tsex\tlevel\nA1\tF\tM\t1\n", inbox, warehouse)
    assert (raw(warehouse)[0]["sex"], raw(warehouse)[0]["gender"]) == ("M", "F")
    assert "gender is kept as an extra column" in report.forms[0].notes[0]


@pytest.mark.parametrize("delimiter", ["\t", ",", ";", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_delimiter_is_found_and_line_ends_and_bom_are_understood(
    delimiter: str, newline: str, bom: bytes, inbox: Path, warehouse: Warehouse
) -> None:
    text = newline.join(
        (
            delimiter.join(('"subjectkey"', '"level"', '"note, one; two | three\tfour"')),
            delimiter.join(('"A1"', "1", f'"x{delimiter}y"')),
            "",
        )
    )
    land_text(bom + text.encode(), inbox, warehouse)
    row = raw(warehouse)[0]
    assert (row["subjectkey"], row["level"], row["note, one; two | three\tfour"]) == ("A1", "1", f"x{delimiter}y")
    assert read_ledger(warehouse)[0].delimiter == delimiter


def test_declared_delimiter_and_encoding(inbox: Path, warehouse: Warehouse) -> None:
    toy = study(form(delimiter="pipe", encoding="latin-1"))
    land_text("subjectkey|level\nA1|caf\xe9\n".encode("latin-1"), inbox, warehouse, toy)
    assert raw(warehouse)[0]["level"] == "caf\xe9"


def test_declared_utf_16(inbox: Path, warehouse: Warehouse) -> None:
    land_text("subjectkey\tlevel\nA1\té\n".encode("utf-16"), inbox, warehouse, study(form(encoding="utf-16")))
    assert raw(warehouse)[0]["level"] == "é"


def test_gzip_with_several_members(inbox: Path, warehouse: Warehouse) -> None:
    half = len(PLAIN) // 2
    packed = gzip.compress(PLAIN[:half].encode()) + gzip.compress(PLAIN[half:].encode()) + b"\0\0"
    (inbox / "HRSD01.TXT.GZ").write_bytes(packed)
    report = land(study(), inbox, warehouse)
    assert [row["src_row"] for row in raw(warehouse)] == [2, 3]
    assert report.forms[0].file == "HRSD01.TXT.GZ"
    assert read_ledger(warehouse)[0].bytes == len(packed)


def test_no_final_newline_and_blank_lines_at_the_end_are_fine(inbox: Path, warehouse: Warehouse) -> None:
    for text in (PLAIN + "NDAR3\tF\t1\t2", PLAIN + "NDAR3\tF\t1\t2\n\n\r\n", PLAIN + "NDAR3\tF\t1\t2\r"):
        land_text(text, inbox, warehouse)
        assert [row["score"] for row in raw(warehouse)] == ["20", None, "2"]


def test_one_column_keeps_its_blank_lines(inbox: Path, warehouse: Warehouse) -> None:
    toy = study(form(columns=(Column("id", "", required=True),), header_rows=[1]))
    land_text("id\na\n\n b\n\n", inbox, warehouse, toy)
    assert [row["id"] for row in raw(warehouse)] == ["a", None, " b", None]


def test_rows_are_in_file_order_with_row_groups(
    inbox: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 1 << 18)
    count = 260_000
    levels = ("li\nnes", "two", "three")
    body = "".join(f'{i}\t"{levels[i % 3]}"\n' for i in range(count))
    land_text("subjectkey\tlevel\n" + body, inbox, warehouse)
    path = warehouse.raw / "toy" / "hrsd01.parquet"
    table = pq.read_table(path)
    assert table["src_row"].to_pylist() == list(range(2, count + 2))
    assert table["subjectkey"].to_pylist() == [str(i) for i in range(count)]
    metadata = pq.read_metadata(path)
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [122_880, 122_880, 14_240]


def test_rows_past_a_block_border_are_counted_in_errors(
    inbox: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 64)
    good = "".join(f'A{i}\t"x\ny"\n' for i in range(500))
    with pytest.raises(LandingError) as error:
        land_text("subjectkey\tlevel\n" + good + "A500\n" + good, inbox, warehouse)
    assert error.value.row == 502


CELLS = st.text(
    st.one_of(
        st.sampled_from(list("\"\t,;|\n\r '\\a0\ufeff\u2028é")),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    ),
    max_size=12,
)


def _quoted(cell: str) -> str:
    doubled = cell.replace('"', '""')
    return f'"{doubled}"'


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=8),
    delimiter=st.sampled_from("\t,;|"),
    newline=st.sampled_from(["\n", "\r\n"]),
    block=st.sampled_from([7, 64, 1 << 20]),
    all_quoted=st.booleans(),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    delimiter: str,
    newline: str,
    block: int,
    all_quoted: bool,
) -> None:
    folder = tmp_path_factory.mktemp("round")
    special = {*'"\r\n', delimiter}
    text = "".join(
        delimiter.join(_quoted(cell) if all_quoted or set(cell) & special else cell for cell in row) + newline
        for row in [["subjectkey", "level", "text"], *rows]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "BLOCK_BYTES", block)
        land_text(text, folder, Warehouse(folder / "w"), study(form(header_rows=[1])))
    back = raw(Warehouse(folder / "w"))
    assert [[row["subjectkey"], row["level"], row["text"]] for row in back] == [
        [cell or None for cell in row] for row in rows
    ]
    assert [row["src_row"] for row in back] == list(range(2, len(rows) + 2))


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet='ab"\t\n\r', max_size=30), block=st.sampled_from([1, 3, 1 << 20]))
def test_strict_reading_agrees_with_a_state_machine(
    tmp_path_factory: pytest.TempPathFactory, text: str, block: int
) -> None:
    """Accepted or refused, and read the same, as by a reader that looks at one character after the other."""
    path = tmp_path_factory.mktemp("strict") / "f.txt"
    content = "h\tk\n" + text
    path.write_bytes(content.encode())
    expected = _state_machine(content, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "BLOCK_BYTES", block)
        try:
            with delimited.DelimitedReader(path, {"delimiter": "\t"}, ()) as reader:
                tables = list(reader.tables(1))
        except LandingError:
            found = None
        else:
            rows = pa.concat_tables(tables).to_pydict() if tables else {}
            found = [["" if cell is None else cell for cell in row] for row in zip(*rows.values(), strict=True)]
    assert found == (None if expected is None else expected[1:])


def _state_machine(text: str, width: int) -> list[list[str]] | None:
    """RFC 4180 with tabs, one character at a time; None where the text breaks it. Blank lines may end it."""
    if not text.endswith("\n"):
        text += "\n"
    records: list[list[str]] = []
    fields, field, state, at = [], "", "start", 0
    while at < len(text):
        char = text[at]
        if state == "quoted":
            if char != '"':
                field += char
            elif text[at + 1 : at + 2] == '"':
                field += char
                at += 1
            else:
                state = "closed"
        elif char == '"' and state == "start":
            state = "quoted"
        elif char == "\t":
            fields, field, state = [*fields, field], "", "start"
        elif char == "\n" or text[at : at + 2] == "\r\n":
            at += char == "\r"
            blank = not fields and state == "start"
            records.append([] if blank else [*fields, field])
            fields, field, state = [], "", "start"
        elif char in '"\r' or state == "closed":
            return None
        else:
            field, state = field + char, "plain"
        at += 1
    if state == "quoted":
        return None
    while records and not records[-1]:
        records.pop()
    return records if all(len(record) == width for record in records) else None


# Header rows


def test_the_archives_description_row_is_not_data(inbox: Path, warehouse: Warehouse) -> None:
    report = land_text(DESCRIBED, inbox, warehouse)
    assert [(row["src_row"], row["sex"]) for row in raw(warehouse)] == [(3, "F")]
    assert report.forms[0].header_rows == 2
    assert "subject key" in report.forms[0].header_reason


NAMES = ("subjectkey", "sex", "level", "score")
PROSE = ("The GUID of the subject", "Sex of the subject at birth", "Level of the study", "Total")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ([NAMES], 1),
        ([NAMES, PROSE], 2),
        ([NAMES, PROSE, ("NDAR1", "F", "Level 1", "20")], 2),
        ([NAMES, ("NDAR1", "F", "Level 1", "20")], 1),
        ([NAMES, ("NDAR_INVKF3", "M", "Level 1", ""), ("NDAR_INV77X", "M", "Level 1", "20")], 1),
        ([NAMES, ("subjectkey", "sex", "level", "score"), ("NDAR1", "F", "1", "2")], 2),
        ([NAMES, ("GUID", "Sex", "Level", "Score"), ("NDAR1", "F", "1", "2")], 2),
        ([NAMES, ("", "", "Level of the visit", "")], 2),
        ([NAMES, ("", "F", "Level 1", "12"), ("", "F", "Level 2", "13")], 1),
        ([NAMES, ("ABC", "F", "Level 1", "12"), ("ABD", "F", "Level 2", "13")], 1),
        ([NAMES, ("A1", "felt sad all day", "could not sleep at all", "no hope for me"), ("A2", "", "", "7")], 1),
        ([NAMES, ("site A no 12", "F", "1", "20"), ("site A no 13", "M", "2", "21")], 1),
        ([NAMES, ("", "", "", ""), ("A2", "M", "2", "21")], 1),
        ([("subjectkey",), ("GUID",)], 1),
    ],
)
def test_header_rows(head: list[tuple[str, ...]], expected: int) -> None:
    count, reason = header_rows(form(), ("subjectkey",), head, [1, 2], "f")
    assert count == expected
    assert reason


def test_declared_header_rows_are_taken_at_their_word(inbox: Path, warehouse: Warehouse) -> None:
    land_text(DESCRIBED, inbox, warehouse, study(form(header_rows=[1])))
    assert [row["src_row"] for row in raw(warehouse)] == [2, 3]
    land_text(DESCRIBED, inbox, warehouse, study(form(header_rows=[2])))
    assert [row["src_row"] for row in raw(warehouse)] == [3]
    with pytest.raises(LandingError, match="second header row"):
        land_text("subjectkey\tlevel\n", inbox, warehouse, study(form(header_rows=[2])))
    with pytest.raises(LandingError, match="not understood"):
        land_text(DESCRIBED, inbox, warehouse, study(form(header_rows=[3])))


@pytest.mark.parametrize("text", ["subjectkey\tlevel\n", "subjectkey\tlevel", "\n".join(DESCRIBED.split("\n")[:2])])
def test_files_of_header_rows_only_are_landed_empty(text: str, inbox: Path, warehouse: Warehouse) -> None:
    report = land_text(text, inbox, warehouse)
    assert report.forms[0].rows == 0
    assert raw(warehouse) == []


# What is refused


REFUSED = {
    "too few fields": (b"subjectkey\tlevel\nA1\t1\nA2\nA3\t1\n", 3, "too few"),
    "too many fields": (b"subjectkey\tlevel\nA1\t1\nA2\t1\t\nA3\t1\n", 3, "too many"),
    "cut off in the last row": (b"subjectkey\tlevel\tscore\nA1\t1\t2\nA2\t1", 3, "too few"),
    "unclosed quote at the end": (b'subjectkey\tlevel\nA1\t1\nA2\t"open\nA3\t1\n', 3, "ends inside"),
    "unclosed quote before others": (b'subjectkey\tlevel\nA1\t"open\nA2\t"b"\n', 2, "quot"),
    "unclosed quote in the header": (b'subjectkey\t"level\nA1\t1\n', 1, "ends inside"),
    "quote in the middle": (b'subjectkey\tlevel\nA1\t5" tall\nA2\t6" tall\n', 2, "inside a field"),
    "text after a quoted field": (b'subjectkey\tlevel\nA1\t1\nA2\t"a"b\n', 3, "inside a field"),
    "lone quote in an unquoted field": (b'subjectkey\tlevel\nA1\t1\nA2\ta"\n', 3, "quot"),
    "blank line between rows": (b"subjectkey\tlevel\nA1\t1\n\nA3\t1\n", 3, "blank"),
    "blank first line": (b"\nsubjectkey\tlevel\nA1\t1\n", 1, "no column names"),
    "bytes that are not UTF-8": (b"subjectkey\tlevel\nA1\t1\nA2\tcaf\xe9\n", 3, "0xe9 at offset 28"),
    "UTF-8 cut inside a character": (b"subjectkey\tlevel\nA1\t1\nA2\tcaf\xc3", 3, "0xc3"),
    "NUL": (b"subjectkey\tlevel\nA1\t1\nA2\t\0\n", 3, "NUL"),
    "UTF-16 with mark": ("subjectkey\tlevel\nA1\t1\n".encode("utf-16"), 1, "UTF-16"),
    "UTF-16 without mark": ("subjectkey\tlevel\nA1\t1\n".encode("utf-16-le"), 1, "NUL"),
    "old Mac line ends": (b"subjectkey\tlevel\rA1\t1\rA2\t1\r", 1, "carriage return"),
    "empty": (b"", 1, "empty"),
    "only a BOM": (b"\xef\xbb\xbf", 1, "empty"),
    "only blank lines": (b"\n\r\n", 1, "blank"),
    "zip or xlsx": (b"PK\x03\x04" + bytes(40), 1, "zip"),
    "web page": (b"\n<!DOCTYPE html>\n<html></html>", 1, "web page"),
    "gzip by another name": (gzip.compress(b"subjectkey\tlevel\n"), 1, "gzip"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("block", [3, 1 << 20])
def test_damaged_files_are_refused_with_the_row(
    case: str, block: int, inbox: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, row, text = REFUSED[case]
    land_text(PLAIN, inbox, warehouse)
    before = everything(warehouse)
    # Magic bytes are looked for in the first piece, so it may not be too small.
    monkeypatch.setattr(delimited, "BLOCK_BYTES", block if row > 1 else 1 << 20)
    with pytest.raises(LandingError, match=text) as error:
        land_text(data, inbox, warehouse)
    assert (error.value.file, error.value.row) == ("hrsd01.txt", row)
    assert error.value.remedy
    assert everything(warehouse) == before


def test_truncated_gzip_is_refused_with_the_row(inbox: Path, warehouse: Warehouse) -> None:
    rows = "".join(f"A{i}\t{i * 7919 % 10007}\n" for i in range(20_000))
    packed = gzip.compress(("subjectkey\tlevel\n" + rows).encode())
    half = packed[: len(packed) // 2]
    for damaged, text in ((half, "cut off"), (packed[:-4] + b"abcd", "sound gzip"), (b"", "cut off after 0")):
        (inbox / "hrsd01.txt.gz").write_bytes(damaged)
        with pytest.raises(LandingError, match=text) as error:
            land(study(), inbox, warehouse)
        assert error.value.row is not None
        if text == "cut off":
            assert 5_000 < error.value.row < 15_000
    (inbox / "hrsd01.txt.gz").write_bytes(b"subjectkey\tlevel\n")
    with pytest.raises(LandingError, match="sound gzip"):
        land(study(), inbox, warehouse)
    assert not (warehouse.raw / "toy").exists()


def test_an_open_quote_does_not_fill_the_memory(
    inbox: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 1 << 10)
    monkeypatch.setattr(delimited, "RECORD_LIMIT_BYTES", 1 << 13)
    with pytest.raises(LandingError, match="record is longer") as error:
        land_text('subjectkey\tlevel\nA1\t1\nA2\t"open\n' + "A3\t1\n" * 50_000, inbox, warehouse)
    assert error.value.row == 3


def test_missing_required_column_names_the_nearest_and_the_remedy(inbox: Path, warehouse: Warehouse) -> None:
    with pytest.raises(LandingError) as error:
        land_text("subject_key\tlevel\nA1\t1\n", inbox, warehouse)
    assert (error.value.file, error.value.column, error.value.value) == ("hrsd01.txt", "subjectkey", "subject_key")
    assert "aliases: [subject_key]" in error.value.remedy
    assert "Rename the column in the file" in error.value.remedy


def test_double_names_are_refused_with_both_positions(inbox: Path, warehouse: Warehouse) -> None:
    with pytest.raises(LandingError, match="positions 2 and 4"):
        land_text("subjectkey\tLevel\tscore\t level\nA1\t1\t1\t1\n", inbox, warehouse)


def test_names_that_landing_writes_itself_are_refused(inbox: Path, warehouse: Warehouse) -> None:
    with pytest.raises(LandingError, match="src_row"):
        land_text("subjectkey\tlevel\tSRC_ROW\nA1\t1\t1\n", inbox, warehouse)
    with pytest.raises(LandingError, match="src_file"):
        land_text(PLAIN, inbox, warehouse, study(form(columns=(*COLUMNS, Column("src_file", "")))))


def test_unknown_kind_encoding_and_delimiter_are_refused(inbox: Path, warehouse: Warehouse) -> None:
    for layout in ({"kind": "spss"}, {"encoding": "utf-99"}, {"delimiter": "ab"}):
        with pytest.raises(LandingError, match=next(iter(layout.values()))):
            land_text(PLAIN, inbox, warehouse, study(form(**layout)))


# Folders


def test_folder_names_what_is_absent_and_what_is_ignored(inbox: Path, warehouse: Warehouse) -> None:
    (inbox / "Hrsd01.TXT").write_text(PLAIN)
    names = ("Package_Info.txt", "qids01_definitions.csv", "README.md.gz", "notes.docx", "qids01.xlsx", ".DS_Store")
    for name in names:
        (inbox / name).write_text("x")
    (inbox / "older").mkdir()
    report = land(study(), inbox, warehouse)
    assert report.absent == ("qids01",)
    why = dict(report.ignored)
    assert set(why) == {*names, "older"}
    assert "ignored" in why["Package_Info.txt"]
    assert "looks like form qids01" in why["qids01.xlsx"]
    assert "no form" in why["notes.docx"]


def test_two_files_for_one_form_are_refused(inbox: Path, warehouse: Warehouse) -> None:
    (inbox / "hrsd01.txt").write_text(PLAIN)
    (inbox / "hrsd01.csv").write_text(PLAIN)
    with pytest.raises(LandingError, match=r"hrsd01\.csv and hrsd01\.txt"):
        land(study(), inbox, warehouse)


def test_one_file_for_two_forms_is_refused(inbox: Path, warehouse: Warehouse) -> None:
    (inbox / "hrsd01.txt").write_text(PLAIN)
    with pytest.raises(LandingError, match="several forms"):
        land(study(form(), form("other", ("hrsd*.txt",))), inbox, warehouse)


def test_no_file_at_all_is_refused_with_what_was_looked_for(inbox: Path, warehouse: Warehouse) -> None:
    (inbox / "notes.txt").write_text("x")
    with pytest.raises(LandingError, match=r"hrsd01\.txt, hrsd01\.csv, qids01\.txt.*\.gz.*notes\.txt"):
        land(study(), inbox, warehouse)
    with pytest.raises(LandingError, match="no such file"):
        land(study(), inbox / "nowhere", warehouse)


def test_absent_form_keeps_its_earlier_landing(inbox: Path, warehouse: Warehouse) -> None:
    (inbox / "hrsd01.txt").write_text(PLAIN)
    (inbox / "qids01.txt").write_text(PLAIN)
    land(study(), inbox, warehouse)
    (inbox / "qids01.txt").unlink()
    assert land(study(), inbox, warehouse).absent == ("qids01",)
    assert len(raw(warehouse, "qids01")) == 2
    assert ("toy", "qids01") in current_landings(warehouse)


def test_one_bad_file_leaves_the_whole_delivery_out(inbox: Path, warehouse: Warehouse) -> None:
    (inbox / "hrsd01.txt").write_text(PLAIN)
    (inbox / "qids01.txt").write_text(PLAIN + "A1\n")
    with pytest.raises(LandingError):
        land(study(), inbox, warehouse)
    assert not (warehouse.raw / "toy").exists()
    assert read_ledger(warehouse) == []
    assert not (warehouse.raw / ".landing").exists()


def test_progress_tells_bytes(inbox: Path, warehouse: Warehouse) -> None:
    seen: list[tuple[str, int, int]] = []
    land_text(PLAIN, inbox, warehouse, on_progress=lambda *call: seen.append(call))
    assert seen[-1] == ("hrsd01", len(PLAIN), len(PLAIN))


# Ledger


def test_ledger_line(inbox: Path, warehouse: Warehouse) -> None:
    land_text(DESCRIBED, inbox, warehouse)
    line = json.loads(warehouse.ledger.read_text())
    assert line["sha256"] == hashlib.sha256(DESCRIBED.encode()).hexdigest()
    assert line["landed_at"].endswith("+00:00")
    del line["sha256"], line["landed_at"], line["contract"]
    assert line == {
        "study": "toy", "form": "hrsd01", "file": "hrsd01.txt", "rows": 1, "bytes": len(DESCRIBED), "header_rows": 2,
        "delimiter": "\t", "columns": ["subjectkey", "gender", "LEVEL", "score"], "synthetic": False, "event": "landed",
        "sheet": "",
    }  # fmt: skip


def test_same_file_again_is_a_no_op(inbox: Path, warehouse: Warehouse) -> None:
    land_text(DESCRIBED, inbox, warehouse)
    before = everything(warehouse)
    report = land_text(DESCRIBED, inbox, warehouse)
    assert [(form.status, form.rows, form.header_rows) for form in report.forms] == [("unchanged", 1, 2)]
    assert everything(warehouse) == before


def test_changed_bytes_and_changed_contract_are_landed_again(inbox: Path, warehouse: Warehouse) -> None:
    land_text(PLAIN, inbox, warehouse)
    changed = PLAIN.replace("20", "21")
    assert land_text(changed, inbox, warehouse).forms[0].status == "landed"
    assert raw(warehouse)[0]["score"] == "21"
    wider = study(form(columns=(*COLUMNS, Column("week", ""))))
    assert land_text(changed, inbox, warehouse, wider).forms[0].status == "landed"
    assert "week" in raw(warehouse)[0]
    assert len(read_ledger(warehouse)) == 3
    assert current_landings(warehouse)["toy", "hrsd01"] == read_ledger(warehouse)[-1]


def test_torn_last_line_is_tolerated_and_repaired(inbox: Path, warehouse: Warehouse) -> None:
    land_text(PLAIN, inbox, warehouse)
    whole = warehouse.ledger.read_bytes()
    (inbox / "qids01.txt").write_text(PLAIN)
    warehouse.ledger.write_bytes(whole + whole[: len(whole) // 2])
    assert len(read_ledger(warehouse)) == 1
    land(study(), inbox, warehouse)
    assert [landing.form for landing in read_ledger(warehouse)] == ["hrsd01", "qids01"]
    warehouse.ledger.write_bytes(whole[:-1])
    land(study(), inbox, warehouse)
    assert [landing.form for landing in read_ledger(warehouse)] == ["hrsd01", "qids01"]
    warehouse.ledger.write_bytes(b"rubbish\n" + whole)
    with pytest.raises(LandingError, match="not a landing"):
        read_ledger(warehouse)


def test_a_parquet_file_that_the_ledger_does_not_know_is_entered(inbox: Path, warehouse: Warehouse) -> None:
    land_text(PLAIN, inbox, warehouse)
    old = warehouse.ledger.read_bytes()
    land_text(PLAIN + "A3\tM\t1\t2\n", inbox, warehouse)
    warehouse.ledger.write_bytes(old)
    report = land_text(PLAIN, inbox, warehouse)
    assert report.forms[0].status == "landed"
    assert [landing.rows for landing in read_ledger(warehouse)] == [2, 3, 2]


def test_a_parquet_file_taken_away_is_landed_again(inbox: Path, warehouse: Warehouse) -> None:
    land_text(PLAIN, inbox, warehouse)
    (warehouse.raw / "toy" / "hrsd01.parquet").unlink()
    assert land_text(PLAIN, inbox, warehouse).forms[0].status == "landed"
    assert len(raw(warehouse)) == 2


# Synthetic and real


@pytest.mark.parametrize("first", [True, False])
def test_synthetic_and_real_data_are_not_mixed(first: bool, inbox: Path, warehouse: Warehouse) -> None:
    (inbox / "hrsd01.txt").write_text(PLAIN)
    (inbox / "qids01.txt").write_text(PLAIN)
    land(study(), inbox, warehouse, synthetic=first)
    before = everything(warehouse)
    with pytest.raises(LandingError, match="must not be mixed"):
        land_text(PLAIN, inbox, warehouse, synthetic=not first)
    assert everything(warehouse) == before
    with pytest.raises(LandingError, match="too few"):
        land_text("subjectkey\tlevel\nA1\n", inbox, warehouse, synthetic=not first, replace=True)
    assert everything(warehouse) == before
    report = land_text(PLAIN, inbox, warehouse, synthetic=not first, replace=True)
    assert report.removed == ("qids01",)
    assert {key: landing.synthetic for key, landing in current_landings(warehouse).items()} == {
        ("toy", "hrsd01"): not first
    }
    ensure_raw([study()], warehouse)
    assert raw(warehouse, "qids01") == []


# Dying

DYING = """
import os, pickle, signal
from pathlib import Path
import harmonize.readers.delimited as delimited
import harmonize.landing as landing
from harmonize.paths import Warehouse

def die_at(function, count):
    calls = 0
    def dying(*args, **options):
        nonlocal calls
        calls += 1
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **options)
    return dying

delimited.BLOCK_BYTES = 1024
where, count = {where!r}, {count!r}
if where == "read":
    progress = die_at(lambda *a: None, count)
else:
    progress = None
    owner, name = {{"replace": (os, "replace"), "append": (landing, "append"), "sync": (landing, "_sync")}}[where]
    setattr(owner, name, die_at(getattr(owner, name), count))
warehouse = Warehouse(Path({warehouse!r}))
landing.land(pickle.loads({study!r}), Path({inbox!r}), warehouse, replace={replace!r}, on_progress=progress)
"""


@pytest.mark.parametrize(
    ("where", "count", "replace"),
    [
        ("read", 3, False),
        ("replace", 1, False),
        ("replace", 2, False),
        ("append", 2, False),
        ("sync", 3, False),
        ("append", 2, True),
        ("replace", 2, True),
    ],
)
def test_killed_landing_leaves_each_form_old_or_new_and_can_be_repeated(
    where: str, count: int, replace: bool, inbox: Path, warehouse: Warehouse
) -> None:
    bodies = {}
    for generation, rows in (("old", 3), ("new", 400)):
        bodies[generation] = "subjectkey\tlevel\n" + "".join(f"A{i}\t{generation}\n" for i in range(rows))
    for name in ("hrsd01", "qids01"):
        (inbox / f"{name}.txt").write_text(bodies["old"])
    land(study(), inbox, warehouse)
    for name in ("hrsd01", "qids01"):
        (inbox / f"{name}.txt").write_text(bodies["new"])
    script = DYING.format(
        study=pickle.dumps(study()), where=where, count=count, replace=replace,
        inbox=str(inbox), warehouse=str(warehouse.root),
    )  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    for name in ("hrsd01", "qids01"):
        if replace and not (warehouse.raw / "toy" / f"{name}.parquet").exists():
            continue
        rows = raw(warehouse, name)
        assert (len(rows), {row["level"] for row in rows}) in ((3, {"old"}), (400, {"new"}))
    ensure_raw([study()], warehouse)
    told = pq.read_table(warehouse.raw / "landings.parquet").to_pylist()
    for line in told:
        assert len(raw(warehouse, line["form"])) == line["rows"]
    land(study(), inbox, warehouse, replace=replace)
    assert [len(raw(warehouse, name)) for name in ("hrsd01", "qids01")] == [400, 400]
    assert {landing.rows for landing in current_landings(warehouse).values()} == {400}
    assert not (warehouse.raw / ".landing").exists()


def test_only_one_landing_at_a_time(inbox: Path, warehouse: Warehouse) -> None:
    (inbox / "hrsd01.txt").write_text(PLAIN)

    def land_again(*_: object) -> None:
        with pytest.raises(LandingError, match="another landing"):
            land(study(), inbox, warehouse)

    land(study(), inbox, warehouse, on_progress=land_again)
    assert len(raw(warehouse)) == 2


# Empty forms


def test_ensure_raw_in_a_fresh_clone(warehouse: Warehouse) -> None:
    ensure_raw([study()], warehouse)
    schema = pq.read_schema(warehouse.raw / "toy" / "qids01.parquet")
    assert [(field.name, field.type) for field in schema] == [
        ("src_file", pa.string()),
        ("src_row", pa.int64()),
        *((column.name, pa.string()) for column in COLUMNS),
    ]
    landings = pq.read_table(warehouse.raw / "landings.parquet")
    assert landings.num_rows == 0
    assert str(landings.schema.field("rows").type) == "int64"
    assert str(landings.schema.field("synthetic").type) == "bool"
    before = everything(warehouse)
    ensure_raw([study()], warehouse)
    assert everything(warehouse) == before
    assert read_ledger(warehouse) == []


def test_ensure_raw_keeps_landed_forms_and_lists_them(inbox: Path, warehouse: Warehouse) -> None:
    land_text(PLAIN, inbox, warehouse, synthetic=True)
    before = everything(warehouse)
    ensure_raw([study()], warehouse)
    assert before.items() <= everything(warehouse).items()
    (line,) = pq.read_table(warehouse.raw / "landings.parquet").to_pylist()
    assert list(line) == ["study", "form", "file", "sha256", "rows", "bytes", "landed_at", "synthetic"]
    assert (line["form"], line["rows"], line["synthetic"]) == ("hrsd01", 2, True)


def test_ensure_raw_rewrites_placeholders_and_refuses_landed_forms_when_columns_were_added(
    inbox: Path, warehouse: Warehouse
) -> None:
    land_text(PLAIN, inbox, warehouse)
    ensure_raw([study()], warehouse)
    wider = (*COLUMNS, Column("week", ""))
    changed = study(form(columns=wider), form("qids01", ("qids01.txt",), wider))
    with pytest.raises(LandingError, match=r"hrsd01 was landed without week.*Land the form again"):
        ensure_raw([changed], warehouse)
    assert "week" in pq.read_schema(warehouse.raw / "toy" / "qids01.parquet").names
    land_text(PLAIN, inbox, warehouse, changed)
    ensure_raw([changed], warehouse)


def test_a_form_landed_without_rows_is_no_placeholder(inbox: Path, warehouse: Warehouse) -> None:
    land_text("subjectkey\tlevel\textra\n", inbox, warehouse)
    ensure_raw([study()], warehouse)
    assert "extra" in pq.read_schema(warehouse.raw / "toy" / "hrsd01.parquet").names


def test_ensure_raw_names_a_file_that_cannot_be_read(inbox: Path, warehouse: Warehouse) -> None:
    land_text(PLAIN, inbox, warehouse)
    (warehouse.raw / "toy" / "hrsd01.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(LandingError, match="hrsd01 cannot be read"):
        ensure_raw([study()], warehouse)
    land_text(PLAIN, inbox, warehouse)
    ensure_raw([study()], warehouse)


def test_every_declared_study_gets_its_empty_forms(warehouse: Warehouse) -> None:
    declared = studies()
    ensure_raw(declared, warehouse)
    for each in declared:
        for declared_form in each.forms:
            path = warehouse.raw / each.name / f"{declared_form.name}.parquet"
            assert tuple(pq.read_schema(path).names[2:]) == declared_form.column_names


# A real file


def test_real_archive_file(warehouse: Warehouse) -> None:
    folder = public_data()
    path = folder / "nda_samples" / "image03.txt" if folder else None
    if path is None or not path.exists():
        pytest.skip("the public archive sample image03.txt is not on this machine")
    names = ("subjectkey", "src_subject_id", "interview_age", "sex")
    columns = tuple(Column(name, "", required=True, aliases=("gender",) if name == "sex" else ()) for name in names)
    toy = study(form("image03", ("image03.txt",), columns))
    report = land(toy, path, warehouse)
    with path.open(encoding="utf-8", newline="") as file:
        expected = list(csv.DictReader(file, delimiter="\t", strict=True))[1:]
    assert report.forms[0].header_rows == 2
    back = raw(warehouse, "image03")
    assert [row["src_row"] for row in back] == list(range(3, len(expected) + 3))
    for found, given_row in zip(back, expected, strict=True):
        assert {name.lower(): found[name.lower()] for name in given_row} == {
            name.lower(): value or None for name, value in given_row.items()
        }
