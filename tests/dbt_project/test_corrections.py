"""What the data manager does, through two builds: corrections that come to their right end and can be traced from cell
to mart, and what one changed raw cell changes in a release. Persons and numbers are in deskkit.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harmonize.cli import app
from harmonize.paths import SEEDS, Warehouse
from harmonize.releases.compare import Side, changed_rows, compare
from harmonize.releases.freeze import freeze
from harmonize.releases.manifest import read_manifest
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


def test_a_correction_whose_row_is_gone_is_shown_with_the_person_and_with_no_other_row(house: Warehouse) -> None:
    """GONE's row 8 is CHANGED's now: its trace shows CHANGED's own correction and none of GONE's."""
    told = trace(house, "CHANGED", "hrsd01", 8, "hdtot_r")
    assert [(c["correction_id"], c["fate"], c["after"]) for c in told["corrections"]] == [(5, "conflict", "16")]
    assert told["staged"]["value"] == "15"
    ran = CliRunner().invoke(app, ["--warehouse", str(house.root), "trace", kit.pseudonym("GONE"), "--json"])
    document = json.loads(ran.stdout)
    assert [row["form"] for row in document["rows"]] == ["el01"]
    assert [(c["correction_id"], c["fate"], c["row"]) for c in document["corrections_without_row"]] == [
        (6, "row_gone", None)
    ]


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


# --- one changed cell, from the raw file to a difference between releases

Builds = tuple[Side, Side, set[str]]


@pytest.fixture(scope="module")
def two_releases(house: Warehouse) -> Builds:
    """Releases before and after STAY's QIDS of day 14 is 8 instead of 9 in the raw file, and nothing else; and the
    published tables of any schema whose content is another."""
    freeze(house, "before", csv=False)
    tables = kit.content_hashes(house)
    kit.land_archive(house, {"qids01": deskkit.forms(total_at_day_14=8)["qids01"]})
    kit.build(house, project=kit.project_with("stard"))
    freeze(house, "after", csv=False)
    before, after = (Side(read_manifest(house.releases / n), house.releases / n) for n in ("before", "after"))
    now = kit.content_hashes(house)
    return before, after, {name for name in tables.keys() | now.keys() if tables.get(name) != now.get(name)}


def hrsd17_of_qids(score: str) -> tuple[str, str, str]:
    """Point, low and high of the published table, read here and not through the warehouse."""
    with (SEEDS / "reference" / "crosswalk.csv").open(newline="", encoding="utf-8") as stream:
        (row,) = [
            row
            for row in csv.DictReader(stream)
            if (row["crosswalk_id"], row["from_scale"], row["to_scale"]) == ("ids_qids_table", "QIDS_SR16", "HRSD17")
            and row["from_score_min"] == row["from_score_max"] == score
        ]
    return row["to_score_point"], row["to_score_min"], row["to_score_max"]


def test_one_changed_cell_shows_as_what_depends_on_it_and_nowhere_else(two_releases: Builds) -> None:
    """The rating of week 2 is neither baseline nor exit, and 9 and 8 are of one severity band (6 to 10): so no outcome,
    no step score and no band changes. It is 40 and 46.7 % below the baseline of 15. QIDS 9 and 8 are HRSD17 12 and 11
    in the published table (reference.crosswalk, read here from its file)."""
    before, after, _ = two_releases
    assert hrsd17_of_qids("9") == ("12.0", "12", "12")
    assert hrsd17_of_qids("8") == ("11.0", "11", "11")
    drop = {"9": "-40.0", "8": str(-7 / 15 * 100)}
    as_measured = [("score", "9.0", "8.0"), ("equivalent", "9.0", "8.0"), ("pct_change", drop["9"], drop["8"])]
    as_hrsd = [
        ("score", "9.0", "8.0"),
        ("pct_change", drop["9"], drop["8"]),
        *((name, "12.0", "11.0") for name in ("equivalent", "low", "high")),
    ]
    rating = f"{kit.pseudonym('STAY')} 14 QIDS_SR16 self clinic 1"
    linking = f"{kit.pseudonym('STAY')} QIDS_SR16 14 self clinic 1"
    expected = {
        "cdm.scales": {(rating, name, "9.0", "8.0") for name in ("score", "score_used")},
        "marts.scale_severity": {(f"{rating} ids_qids", "score_used", "9.0", "8.0")},
        "marts.week_scores": {(f"{kit.pseudonym('STAY')} 1 QIDS_SR16 2", "score", "9.0", "8.0")},
        "marts.trajectory_input": {
            (linking, "score", "9.0", "8.0"),
            (linking, "qids_sr16_equiv", "9.0", "8.0"),
            (linking, "hrsd17_equiv", "12.0", "11.0"),
        },
        "marts.severity_linked": {(f"{linking} QIDS_SR16", *cell) for cell in as_measured}
        | {(f"{linking} HRSD17", *cell) for cell in as_hrsd},
        "marts.severity_linked_by_path": {
            (f"{linking} QIDS_SR16 as_measured as_measured", *cell) for cell in as_measured
        }
        | {(f"{linking} HRSD17 ids_qids_table table", *cell) for cell in as_hrsd},
    }
    found = {}
    for diff in compare(before, after):
        rows = changed_rows(before, after, diff.table)[1]
        assert {row[0] for row in rows} == {"changed"}
        found[diff.table] = {(key, column, old, new) for _, key, column, old, new in rows}
    assert found == expected


def test_outside_the_release_only_the_landing_is_another(two_releases: Builds) -> None:
    """Views are in the release alone; of the tables of any schema those of the release and the landing differ."""
    before, after, differing = two_releases
    of_release = {diff.table for diff in compare(before, after)}
    views = {"marts.scale_severity", "marts.severity_linked", "marts.severity_linked_by_path"}
    assert differing == (of_release - views) | {"quality.landings"}
