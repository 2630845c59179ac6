"""The two real public trials, end to end. Skipped where the public data folder is absent."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from harmonize.landing import land
from harmonize.paths import Warehouse
from harmonize.sources import study
from tests.dbt_project import kit

FOLDERS = {"dia": "dia_antidepressant", "riesby": "riesby"}


@pytest.fixture(scope="module")
def house(public_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = Warehouse(Path(tmp_path_factory.mktemp("public")))
    for name, place in FOLDERS.items():
        land(study(name), public_data / place, warehouse)
    return kit.build(warehouse, project=kit.project_with(*FOLDERS))


def test_the_dia_trial_has_172_subjects_in_two_arms(house: Warehouse) -> None:
    """84 drug, 88 placebo (data set README)."""
    arms = kit.query(
        house, "select arm_assigned, count(*) from cdm.steps where study_id = 'dia' group by all order by 1"
    )
    assert arms == [("masked_drug", 84), ("placebo", 88)]
    assert kit.query(house, "select count(*) from cdm.subjects where study_id = 'dia'") == [(172,)]


def test_absent_visits_of_the_dia_trial_stand_as_missed(house: Warehouse, public_data: Path) -> None:
    """172 patients × 4 planned visits less the rows of the file, patient by patient; no zero is made of them."""
    raw = pd.read_csv(public_data / "dia_antidepressant" / "antidepressant_data.csv", dtype=str)
    week = raw["VISIT"].map({"4": "1", "5": "2", "6": "4", "7": "6"})
    attended = set(zip(raw["PATIENT"].map(lambda p: kit.pseudonym(p, "dia")), week, strict=True))
    persons = {kit.pseudonym(p, "dia") for p in raw["PATIENT"]}
    expected = {(p, w) for p in persons for w in ("1", "2", "4", "6")} - attended
    found = kit.query(
        house, "select subject_id, week_label from cdm.visits where study_id = 'dia' and status <> 'attended'"
    )
    assert set(found) == expected
    assert len(found) == len(expected) == 172 * 4 - 608
    assert kit.query(house, "select distinct status from cdm.visits where study_id = 'dia' order by 1") == [
        ("attended",),
        ("missed",),
    ]
    ratings = kit.query(
        house, "select count(*) from cdm.scales where study_id = 'dia' and instrument_id = 'HRSD17' and day > 0"
    )
    assert ratings == [(608,)]


def test_scores_of_the_dia_trial_equal_the_file(house: Warehouse, public_data: Path) -> None:
    raw = pd.read_csv(public_data / "dia_antidepressant" / "antidepressant_data.csv")
    expected = {(kit.pseudonym(str(r.PATIENT), "dia"), r.RELDAYS): (r.HAMDTL17, r.BASVAL) for r in raw.itertuples()}
    found = kit.query(
        house,
        """
        select later.subject_id, later.day, later.score, first.score
        from cdm.scales as later
        inner join cdm.scales as first
            on later.subject_id = first.subject_id and first.instrument_id = 'HRSD17' and first.day = 0
        where later.study_id = 'dia' and later.instrument_id = 'HRSD17' and later.day > 0
        """,
    )
    assert {(p, d): (s, b) for p, d, s, b in found} == expected


@pytest.mark.parametrize("name", FOLDERS)
def test_every_reconciliation_check_agrees(house: Warehouse, name: str) -> None:
    """HAMDTL17 = BASVAL + CHANGE on every row; Reisby's raw and change encodings reconcile, 250 rows of 250."""
    verdicts = kit.query(
        house, f"select check_id, verdict from quality.reconciliation where study_id = '{name}' order by 1"
    )
    assert len(verdicts) >= 3
    assert {v for _, v in verdicts} == {"agrees"}


def test_the_reisby_study_has_66_subjects_and_21_missed_weeks(house: Warehouse) -> None:
    assert kit.query(house, "select count(*) from cdm.subjects where study_id = 'riesby'") == [(66,)]
    found = kit.query(house, "select status, count(*) from cdm.visits where study_id = 'riesby' group by 1 order by 1")
    assert found == [("attended", 375), ("missed", 21)]


def test_nothing_of_the_public_trials_is_refused(house: Warehouse) -> None:
    assert kit.query(house, "select * from quality.quarantine") == []
    assert kit.query(house, "select * from quality.cell_issues") == []


def test_a_change_that_does_not_add_up_is_seen(public_data: Path, tmp_path: Path) -> None:
    """The checks can fail: one changed cell makes one row disagree."""
    delivered = tmp_path / "delivered"
    delivered.mkdir()
    text = (public_data / "dia_antidepressant" / "antidepressant_data.csv").read_text(encoding="utf-8").splitlines()
    text[1] = text[1].rsplit(",", 1)[0] + ",-1"
    (delivered / "antidepressant_data.csv").write_text("\n".join(text) + "\n", encoding="utf-8")
    warehouse = Warehouse(tmp_path / "house")
    land(study("dia"), delivered, warehouse)
    kit.dbt(warehouse, "build", "-s", "+reconciliation", project=kit.project_with(*FOLDERS))
    with duckdb.connect(str(warehouse.next / "trd.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "select observed, verdict from quality.reconciliation"
            " where study_id = 'dia' and check_id = 'change_disagrees'"
        ).fetchall()
    assert found == [(1, "differs")]
