"""Corrections through a build: each comes to its right end, and its way can be followed from cell to mart.

One build for all; the second half looks at what one changed cell changes in a release (test_one_cell of releases).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harmonize.cli import app
from harmonize.paths import Warehouse
from tests.dbt_project import deskkit, kit


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = deskkit.deliver_correct_deliver(Path(tmp_path_factory.mktemp("corrections")))
    return kit.build(warehouse, project=kit.project_with("stard"))


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRD_PSEUDONYM_KEY", kit.PSEUDONYM_KEY)


def score(house: Warehouse, person: str) -> list[tuple[Any, ...]]:
    query = f"select score from cdm.scales where subject_id = '{kit.pseudonym(person)}' and instrument_id = 'HRSD17'"
    return kit.query(house, query)


def fates(house: Warehouse) -> list[tuple[Any, ...]]:
    return kit.query(
        house, "select correction_id, value_after, fate, found_by, src_row from quality.corrections order by 1"
    )


def trace(house: Warehouse, person: str, form: str, row: int, column: str) -> dict[str, Any]:
    options = ["--form", form, "--row", str(row), "--column", column, "--json"]
    ran = CliRunner().invoke(app, ["--warehouse", str(house.root), "trace", kit.pseudonym(person), *options])
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)  # type: ignore[no-any-return]


def test_every_correction_comes_to_its_end(house: Warehouse) -> None:
    """Rows of hrsd01 moved down by one; what became of the cells there is written in deskkit.again."""
    assert fates(house) == [
        (1, "27", "replaced", "row", 4),
        (2, "17", "applied", "row", 4),
        (3, "18", "applied", "row", 6),
        (4, "19", "delivered", "row", 7),
        (5, "16", "conflict", "row", 8),
        (6, "17", "row_gone", None, None),
        (7, "17", "applied", "mapped", 9),
        (8, "4", "applied", "number", 12),
        (9, "480", "applied", "number", 13),
    ]


def test_refused_rows_that_become_valid_are_admitted_and_no_other(house: Warehouse) -> None:
    """A score of 71 is beyond the scale's 52: TWIN and the new row in TWICE's old place stay refused."""
    admitted = {p: score(house, p) for p in deskkit.PERSONS}
    assert admitted == {
        "TWICE": [(17.0,)],
        "TWIN": [],
        "MOVED": [(18.0,)],
        "FIXED": [(19.0,)],
        "CHANGED": [(15.0,)],
        "GONE": [],
        "OTHER_PACKAGE": [(17.0,)],
        "NEW": [],
        "STAY": [(20.0,)],
    }
    refused = kit.query(house, "select subject_id, rule from quality.quarantine where src_form = 'hrsd01' order by all")
    assert sorted(refused) == sorted((kit.pseudonym(p), "score:in_range") for p in ("TWIN", "NEW"))
    assert kit.query(house, "select count(*) from quality.cell_issues where src_form = 'hrsd01'") == [(0,)]


def test_a_dropped_row_comes_back_and_another_stays_dropped(house: Warehouse) -> None:
    persons = {row[0] for row in kit.query(house, "select subject_id from cdm.subjects")}
    assert kit.pseudonym("DROPPED") in persons
    assert kit.pseudonym("SCREENED") not in persons
    dropped = "select sum(n_rows) from quality.form_rows where src_form = 'el01' and block = 'persons' and fate = "
    assert kit.query(house, dropped + "'not_enrolled'") == [(1,)]


def test_the_trace_of_a_cell_corrected_twice_goes_from_file_to_mart(house: Warehouse) -> None:
    told = trace(house, "TWICE", "hrsd01", 4, "hdtot_r")
    assert (told["delivered"]["text"], told["delivered"]["file"]) == ("71", "hrsd01.txt")
    steps = [(c["before"], c["after"], c["fate"], c["approver"], c["entered_row"]) for c in told["corrections"]]
    assert steps == [("71", "27", "replaced", "A. Monitor", 3), ("27", "17", "applied", "A. Monitor", 3)]
    assert told["staged"]["value"] == "17"
    assert [(m["table"], m["column"], m["candidates"], m["fate"]) for m in told["mapped"]] == [
        ("cdm.scales", "score", [17.0], "accepted")
    ]
    (kept,) = told["accepted"]
    assert kept["columns"] == ["score"]
    assert (kept["row"]["score"], kept["row"]["src_row"]) == (17.0, 4)
    marts = {m["table"]: m["row"] for m in told["marts"]}
    assert marts["marts.scale_severity"]["subject_id"] == kit.pseudonym("TWICE")
    assert marts["marts.severity_linked"]["instrument_id"] == "HRSD17"


def test_the_trace_of_a_refused_cell_names_the_rule(house: Warehouse) -> None:
    told = trace(house, "TWIN", "hrsd01", 5, "hdtot_r")
    assert [(m["fate"], m["rules"]) for m in told["mapped"]] == [("refused", ["score:in_range"])]
    assert told["corrections"] == told["accepted"] == told["marts"] == []


def test_the_trace_of_a_dropped_row_says_by_which_rule(house: Warehouse) -> None:
    back = trace(house, "DROPPED", "el01", 12, "sex")
    assert [(m["column"], m["fate"]) for m in back["mapped"]] == [("sex", "accepted")]
    still = trace(house, "SCREENED", "el01", 13, "interview_age")
    assert still["staged"]["drop_rule"] == "not_enrolled"
    assert [c["fate"] for c in still["corrections"]] == ["applied"]
    assert [(m["fate"], m["rules"]) for m in still["mapped"]] == [("dropped", ["not_enrolled"])]
    assert still["accepted"] == []


def test_a_persons_rows_are_listed_with_what_became_of_them(house: Warehouse) -> None:
    ran = CliRunner().invoke(app, ["--warehouse", str(house.root), "trace", kit.pseudonym("TWICE"), "--json"])
    assert ran.exit_code == 0, ran.output
    rows = {(r["form"], r["row"]): r for r in json.loads(ran.stdout)["rows"]}
    assert sorted(rows) == [("el01", 3), ("hrsd01", 4)]
    blocks = {b["block"]: b["fate"] for b in rows["hrsd01", 4]["blocks"]}
    assert blocks == {"visits_hrsd": "accepted", "hrsd17": "accepted"}
    assert [c["correction_id"] for c in rows["hrsd01", 4]["corrections"]] == [1, 2]


def test_what_waits_for_a_decision_is_listed_with_exit_code_1(house: Warehouse) -> None:
    ran = CliRunner().invoke(app, ["--warehouse", str(house.root), "corrections", "--open", "--json"])
    assert ran.exit_code == 1
    assert [(c["correction_id"], c["fate"]) for c in json.loads(ran.stdout)["corrections"]] == [
        (5, "conflict"),
        (6, "row_gone"),
    ]
