"""Entering corrections and replaying them, on a small landed form, without a build."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harmonize.cli import app
from harmonize.corrections.enter import Request, enter, withdraw
from harmonize.corrections.ledger import CorrectionError, read_corrections
from harmonize.corrections.replay import replay
from harmonize.corrections.table import ensure_corrections
from harmonize.landing import land
from harmonize.paths import Warehouse
from harmonize.sources import study
from tests.harmonize.landkit import House

HEADER = "PATIENT,HAMATOTL,PGIIMP,RELDAYS,VISIT,THERAPY,GENDER,POOLINV,BASVAL,HAMDTL17,CHANGE"
ROWS = [
    "9001,12,3,7,4,DRUG,F,101,20,15,-5",
    "9001,10,2,14,5,DRUG,F,101,20,,-9",
    "9002,14,4,8,4,PLACEBO,M,101,24,x4,-2",
]
DIA = study("dia")
Deliver = Callable[[list[str]], Warehouse]


@pytest.fixture
def deliver(tmp_path: Path) -> Deliver:
    """Land rows of the DIA trial; the header is row 1."""

    def landed(rows: list[str]) -> Warehouse:
        warehouse = Warehouse(tmp_path / "warehouse")
        file = tmp_path / "antidepressant_data.csv"
        file.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
        land(DIA, file, warehouse, synthetic=True)
        return warehouse

    return landed


def asked(row: int, before: str, after: str, column: str = "hamdtl17", reason: str = "paper form") -> Request:
    return Request("antidepressant", row, column, before, after, reason, "A. Monitor")


def now(warehouse: Warehouse) -> list[tuple[int, int | None, str]]:
    return [(each.correction.correction_id, each.row, each.fate) for each in replay([DIA], warehouse)]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (asked(2, "16", "17"), "does not hold '16'"),
        (asked(3, "14", "17"), "does not hold '14'"),
        (asked(2, "15", "15"), "the same"),
        (asked(9, "15", "17"), "no such row"),
        (asked(1, "15", "17"), "no such row"),
        (asked(2, "15", "17", column="hamd"), "no such column"),
        (asked(2, "15", "17", reason=" "), "the reason is empty"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_entered(deliver: Deliver, request_: Request, said: str) -> None:
    warehouse = deliver(ROWS)
    with pytest.raises(CorrectionError, match=said):
        enter(DIA, [asked(4, "x4", "14"), request_], warehouse)
    assert read_corrections(warehouse) == []


def test_an_empty_cell_is_filled_and_a_cell_emptied(deliver: Deliver) -> None:
    warehouse = deliver(ROWS)
    filled, emptied = enter(DIA, [asked(3, "", "11"), asked(4, "x4", "")], warehouse)
    assert (filled.before, filled.after, emptied.after) == (None, "11", None)
    assert now(warehouse) == [(1, 3, "applied"), (2, 4, "applied")]
    with pytest.raises(CorrectionError, match=r"does not hold \(empty\)"):
        enter(DIA, [asked(3, "", "12")], warehouse)
    with pytest.raises(CorrectionError, match="does not hold 'x4'"):
        enter(DIA, [asked(4, "x4", "12")], warehouse)
    assert len(enter(DIA, [asked(4, "", "14"), asked(4, "14", "15"), asked(3, "11", "")], warehouse)) == 3


def test_a_second_correction_begins_with_what_the_first_left(deliver: Deliver) -> None:
    warehouse = deliver(ROWS)
    enter(DIA, [asked(4, "x4", "24")], warehouse)
    with pytest.raises(CorrectionError, match="does not hold 'x4'") as refused:
        enter(DIA, [asked(4, "x4", "14")], warehouse)
    assert refused.value.value == "'24'"
    enter(DIA, [asked(4, "24", "14")], warehouse)
    assert now(warehouse) == [(1, 4, "replaced"), (2, 4, "applied")]


@pytest.mark.parametrize(
    ("delivered", "fates"),
    [
        ("x4", ["replaced", "applied"]),
        ("24", ["delivered", "applied"]),
        ("14", ["delivered", "delivered"]),
        ("99", ["conflict", "conflict"]),
    ],
)
def test_a_chain_is_taken_up_where_a_new_delivery_stands(deliver: Deliver, delivered: str, fates: list[str]) -> None:
    warehouse = deliver(ROWS)
    enter(DIA, [asked(4, "x4", "24"), asked(4, "24", "14")], warehouse)
    deliver([ROWS[2].replace("x4", delivered), *ROWS[:2]])
    assert now(warehouse) == [(1, 2, fates[0]), (2, 2, fates[1])]


def test_two_cells_of_a_row_do_not_keep_it_from_being_found(deliver: Deliver) -> None:
    warehouse = deliver(ROWS)
    enter(DIA, [asked(4, "x4", "14"), asked(4, "4", "3", column="pgiimp")], warehouse)
    deliver([ROWS[0], ROWS[2].replace("x4", "14"), ROWS[1]])
    assert now(warehouse) == [(1, 3, "delivered"), (2, 3, "applied")]


def test_rows_that_are_alike_are_told_apart_by_their_number_alone(deliver: Deliver) -> None:
    """The same row twice: where it stands at its old number it is that one, otherwise nobody can say which."""
    warehouse = deliver([*ROWS, ROWS[2]])
    enter(DIA, [asked(5, "x4", "14")], warehouse)
    deliver([*ROWS, ROWS[2], ROWS[0]])
    assert now(warehouse) == [(1, 5, "applied")]
    deliver([ROWS[2], ROWS[2], *ROWS[:2]])
    assert now(warehouse) == [(1, None, "row_unclear")]


def test_a_row_of_another_person_is_never_taken(deliver: Deliver) -> None:
    warehouse = deliver(ROWS)
    enter(DIA, [asked(4, "x4", "14")], warehouse)
    deliver([*ROWS[:2], ROWS[2].replace("9002", "9003")])
    assert now(warehouse) == [(1, None, "row_gone")]


def test_a_correction_is_taken_back_the_last_first(deliver: Deliver) -> None:
    warehouse = deliver(ROWS)
    enter(DIA, [asked(4, "x4", "24"), asked(4, "24", "14")], warehouse)
    with pytest.raises(CorrectionError, match="correction 2 of the same cell came after it"):
        withdraw(1, warehouse, reason="no", approver="A. Monitor")
    withdraw(2, warehouse, reason="paper form was right", approver="A. Monitor")
    assert now(warehouse) == [(1, 4, "applied"), (2, None, "withdrawn")]
    with pytest.raises(CorrectionError, match="taken back already"):
        withdraw(2, warehouse, reason="no", approver="A. Monitor")
    (third,) = enter(DIA, [asked(4, "24", "14")], warehouse)
    assert third.correction_id == 3


def test_a_torn_last_line_is_passed_over_and_cut_off(deliver: Deliver) -> None:
    warehouse = deliver(ROWS)
    enter(DIA, [asked(4, "x4", "14")], warehouse)
    with warehouse.corrections.open("ab") as stream:
        stream.write(b'{"correction_id": 2, "stu')
    assert len(read_corrections(warehouse)) == 1
    enter(DIA, [asked(3, "", "11")], warehouse)
    assert [entry.correction_id for entry in read_corrections(warehouse)] == [1, 2]


def test_a_damaged_line_is_named(deliver: Deliver) -> None:
    warehouse = deliver(ROWS)
    enter(DIA, [asked(4, "x4", "14")], warehouse)
    warehouse.corrections.write_bytes(b"nonsense\n" + warehouse.corrections.read_bytes())
    with pytest.raises(CorrectionError) as refused:
        ensure_corrections([DIA], warehouse)
    assert refused.value.row == 1


def test_without_corrections_the_build_gets_an_empty_table(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    house = House(tmp_path)
    ensure_corrections([DIA], house.warehouse)
    assert pq.read_metadata(house.warehouse.replayed).num_rows == 0


def test_the_command_enters_lists_and_refuses(deliver: Deliver, tmp_path: Path) -> None:
    warehouse = deliver(ROWS)

    def trd(*arguments: str) -> tuple[int, dict[str, object]]:
        ran = CliRunner().invoke(app, ["--warehouse", str(warehouse.root), *arguments, "--json"])
        return ran.exit_code, json.loads(ran.stdout)

    cell = ["correct", "dia", "antidepressant", "--row", "4", "--column", "hamdtl17"]
    why = ["--reason", "paper form", "--approver", "A. Monitor"]
    code, told = trd(*cell, "--before", "15", "--after", "14", *why)
    assert code == 1
    assert told["error"]["value"] == "'x4'"  # type: ignore[index]
    assert told["error"]["file"] == "antidepressant_data.csv"  # type: ignore[index]
    assert trd(*cell, "--before", "x4", "--after", "14", *why)[0] == 0
    listed = tmp_path / "list.csv"
    listed.write_text("form,row,column,before,after,reason,approver\nantidepressant,3,hamdtl17,,11,late,B\n")
    assert trd("correct", "dia", "--from-file", str(listed))[0] == 0
    code, told = trd("corrections")
    assert [(c["row"], c["after"], c["fate"]) for c in told["corrections"]] == [  # type: ignore[attr-defined]
        (4, "14", "applied"),
        (3, "11", "applied"),
    ]
    assert trd("corrections", "--open") == (0, {"corrections": []})
    listed.write_text("form,row,column,before,after,reason,approver\nantidepressant,x,hamdtl17,,11,late,B\n")
    code, told = trd("correct", "dia", "--from-file", str(listed))
    assert (code, told["error"]["row"], told["error"]["column"]) == (1, 2, "row")  # type: ignore[index]
