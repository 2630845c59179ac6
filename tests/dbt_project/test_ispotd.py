"""iSPOT-D from the SPSS file to the published tables: every expectation is counted anew from the file with pandas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from harmonize.landing import land
from harmonize.paths import Warehouse
from harmonize.readers.facts import facts_of
from harmonize.sources import study
from harmonize.synthetic.ispotd_file import FILE, LABELS, table, write_sav
from harmonize.synthetic.worlds import world
from tests.dbt_project import kit

PATIENTS = 240
WEEKS = {"BL": 0, "W2": 14, "W4": 28, "W6": 42, "W8": 56}
DRUGS = {"ESC": "escitalopram", "SER": "sertraline", "VEN": "venlafaxine"}
REASONS = {1: "no_benefit", 2: "intolerance", 3: "lost", 4: "withdrew"}
FAULTS = {"twice": "S90000001", "arm": "S90000002", "score": "S90000003", "genotype": "S90000004", "group": "S90000005"}
"""Persons who are added to the file, each a copy of a patient with one fault."""


def with_faults(rows: pd.DataFrame) -> pd.DataFrame:
    """The file with five more patients, one of them delivered twice."""
    complete = rows[(rows["CompletedW8"] == 1) & (rows["rs10245483"] != "") & rows["HDRS17_W8"].ge(0)].iloc[:1]
    made = {name: complete.assign(SubjectID=key) for name, key in FAULTS.items()}
    made["arm"]["Arm"] = "XXX"
    made["score"]["HDRS17_W8"] = 60.0
    made["genotype"]["rs10245483"] = "A/A"
    made["group"]["Diagnosis"] = 7.0
    return pd.concat([rows, *made.values(), made["twice"]], ignore_index=True)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    folder = Path(tmp_path_factory.mktemp("ispotd"))
    (folder / "delivered").mkdir()
    write_sav(folder / "delivered" / FILE, with_faults(table(PATIENTS, 4, world("W0"))))
    warehouse = Warehouse(folder / "house")
    land(study("ispotd"), folder / "delivered", warehouse, synthetic=True)
    return kit.build(warehouse, project=kit.project_with("ispotd"))


@pytest.fixture(scope="module")
def persons(house: Warehouse) -> pd.DataFrame:
    """The sound persons of the file, −99 as missing, under their pseudonyms."""
    raw, _ = pyreadstat.read_sav(house.root.parent / "delivered" / FILE, user_missing=True)
    raw = raw[~raw["SubjectID"].isin(FAULTS.values())].replace(-99, np.nan)
    return raw.assign(subject_id=[kit.pseudonym(key, "ispotd") for key in raw["SubjectID"]]).set_index("subject_id")


@pytest.fixture(scope="module")
def patients(persons: pd.DataFrame) -> pd.DataFrame:
    return persons[persons["Diagnosis"] == 1]


def sound(house: Warehouse, sql: str) -> set[tuple[object, ...]]:
    """Rows of a query whose first column is the person, without the persons with faults."""
    bad = {kit.pseudonym(key, "ispotd") for key in FAULTS.values()}
    return {row for row in kit.query(house, sql) if row[0] not in bad}


def series(persons: pd.DataFrame, stem: str, weeks: dict[str, int]) -> dict[tuple[str, int], float]:
    """Values of a wide series by person and day."""
    return {
        (person, day): value
        for week, day in weeks.items()
        for person, value in persons[stem.replace("*", week)].dropna().items()
    }


def test_only_the_planted_faults_are_refused(house: Warehouse) -> None:
    """HRSD17 of 60; nobody of an unknown group has a step, so nothing of him that belongs to one."""
    pseudonym = {name: kit.pseudonym(key, "ispotd") for name, key in FAULTS.items()}
    refused = {r[0] for r in kit.query(house, "select subject_id from quality.quarantine where study_id = 'ispotd'")}
    assert refused == {pseudonym["score"], pseudonym["arm"], pseudonym["group"]}
    issues = kit.query(
        house,
        "select src_row, column_name, raw_value, rule from quality.cell_issues where study_id = 'ispotd' order by 1",
    )
    first = PATIENTS + PATIENTS // 3 + 1
    assert issues == [
        (first + 1, "arm", "XXX", "invalid_code"),
        (first + 3, "rs10245483", "A/A", "invalid_code"),
        (first + 4, "diagnosis", "7", "invalid_code"),
    ]


def test_a_person_delivered_twice_is_one(house: Warehouse) -> None:
    key = kit.pseudonym(FAULTS["twice"], "ispotd")
    for entity in ("subjects", "scales", "genotypes"):
        found = kit.query(house, f"select distinct n_src from cdm.{entity} where subject_id = '{key}'")
        assert found == [(2,)], entity


def test_response_and_remission_equal_a_recount_from_the_file(house: Warehouse, patients: pd.DataFrame) -> None:
    """Person by person and on both scales; the last QIDS-SR16 after baseline counts, the HRSD17 of week 8 only."""
    qids = patients[["QIDSSR_W2", "QIDSSR_W4", "QIDSSR_W6", "QIDSSR_W8"]].ffill(axis=1).iloc[:, -1]
    ends = {
        "HRSD17": (patients["HDRS17_BL"], patients["HDRS17_W8"], 7, "remission_hrsd17_7"),
        "QIDS_SR16": (patients["QIDSSR_BL"], qids, 5, "remission_qids_5"),
    }
    expected = set()
    for instrument, (first, last, cut, remission) in ends.items():
        for person in patients.index:
            met = {"response_50": 2 * last[person] <= first[person], remission: last[person] <= cut}
            known = {
                "response_50": pd.notna(first[person]) and pd.notna(last[person]),
                remission: pd.notna(last[person]),
            }
            for definition, is_met in met.items():
                verdict = ("met" if is_met else "not_met") if known[definition] else "not_determinable"
                expected.add((person, instrument, definition, verdict))
    found = sound(
        house,
        """
        select subject_id, instrument_id, definition_id, verdict from marts.outcomes
        where study_id = 'ispotd' and definition_id in ('response_50', 'remission_hrsd17_7', 'remission_qids_5')
        """,
    )
    assert found == expected
    assert {v for *_, v in expected} == {"met", "not_met", "not_determinable"}


def test_scores_stand_where_the_study_rated(house: Warehouse, persons: pd.DataFrame) -> None:
    """HRSD17 at weeks 0 and 8 in the clinic, QIDS-SR16 at 0, 2, 4, 6, 8 by web or telephone; no row without a score."""
    hrsd17 = {(p, d, "clinic", "clinician", s) for (p, d), s in series(
        persons, "HDRS17_*", {"BL": 0, "W8": 56}).items()}  # fmt: skip
    found = sound(
        house,
        "select subject_id, day, contact, rater, score from cdm.scales"
        " where study_id = 'ispotd' and instrument_id = 'HRSD17'",
    )
    assert found == hrsd17
    mode = series(persons, "QIDSmode_*", WEEKS)
    ways = {1.0: "web", 2.0: "rater_phone"}
    qids = {(p, d, ways[mode[p, d]], "self", s) for (p, d), s in series(persons, "QIDSSR_*", WEEKS).items()}
    found = sound(
        house,
        "select subject_id, day, contact, rater, score from cdm.scales"
        " where study_id = 'ispotd' and instrument_id = 'QIDS_SR16'",
    )
    assert found == qids
    assert {contact for _, _, contact, _, _ in qids} == {"web", "rater_phone"}


def test_visits_are_attended_missed_after_exit_or_not_scheduled(house: Warehouse, patients: pd.DataFrame) -> None:
    """The clinic is not scheduled at weeks 2, 4, 6; a call answers for the web; an exit with a reason ends the plan."""
    known_exit = (patients["CompletedW8"] == 1) | patients["ReasonLeft"].isin([1, 2, 4])
    end = (7 * patients["WeeksTreated"]).map(lambda d: int(np.floor(d + 0.5)))
    expected = set()
    for person in patients.index:
        seen = {d for w, d in WEEKS.items() if pd.notna(patients.loc[person, f"QIDSSR_{w}"])}
        rated = {d for w, d in {"BL": 0, "W8": 56}.items() if pd.notna(patients.loc[person, f"HDRS17_{w}"])}
        last = max(end[person], *seen, *rated)
        for day in WEEKS.values():
            absent = "after_exit" if day > last and known_exit[person] else "missed"
            expected.add((person, day, "remote", "attended" if day in seen else absent))
            in_person = "attended" if day in rated else absent if day in (0, 56) else "not_scheduled"
            expected.add((person, day, "clinic", in_person))
    found = sound(
        house,
        """
        select subject_id, day, case when contact = 'clinic' then contact else 'remote' end, status
        from cdm.visits where study_id = 'ispotd' and step_id = '1'
        """,
    )
    assert found == expected
    assert {status for *_, status in expected} == {"attended", "missed", "after_exit", "not_scheduled"}


def test_the_one_step_has_arm_exit_and_weeks_treated(house: Warehouse, patients: pd.DataFrame) -> None:
    expected = set()
    for person, row in patients.iterrows():
        reason = "completed" if row["CompletedW8"] == 1 else REASONS.get(row["ReasonLeft"], "unknown")
        last = max(d for w, d in WEEKS.items() if w == "BL" or pd.notna(row[f"QIDSSR_{w}"]))
        expected.add((person, "1", row["Arm"], True, reason, max(last, int(np.floor(7 * row["WeeksTreated"] + 0.5)))))
    found = sound(
        house,
        """
        select subject_id, step_id, arm_assigned, randomised, exit_reason, end_day from cdm.steps
        where study_id = 'ispotd' and step_id <> '0'
        """,
    )
    assert found == expected
    assert {r[4] for r in expected} >= {"completed", "intolerance", "lost", "withdrew"}


def test_doses_and_time_on_the_drug(house: Warehouse, patients: pd.DataFrame) -> None:
    doses = {
        (p, d, DRUGS[patients.loc[p, "Arm"]], dose)
        for (p, d), dose in series(patients, "Dose*_mg", {w: d for w, d in WEEKS.items() if d}).items()
    }
    found = sound(
        house,
        "select subject_id, start_day, treatment_id, dose from cdm.treatments"
        " where study_id = 'ispotd' and record_kind = 'visit_dose' and dose_unit = 'mg_day'",
    )
    assert found == doses
    expected = {
        (p, 0, int(np.floor(7 * row["WeeksTreated"] + 0.5)), DRUGS[row["Arm"]]) for p, row in patients.iterrows()
    }
    found = sound(
        house,
        "select subject_id, start_day, end_day, treatment_id from cdm.treatments"
        " where study_id = 'ispotd' and record_kind = 'interval'",
    )
    assert found == expected


def test_controls_are_persons_without_treatment(house: Warehouse, persons: pd.DataFrame) -> None:
    controls = set(persons.index[persons["Diagnosis"] == 0])
    assert len(controls) == PATIENTS // 3
    found = sound(house, "select subject_id from cdm.subjects where study_id = 'ispotd' and diagnosis = 'control'")
    assert {r[0] for r in found} == controls
    for sql in (
        "select distinct subject_id from cdm.treatments",
        "select distinct subject_id from cdm.steps where step_id <> '0'",
        "select distinct subject_id from marts.outcomes",
        "select distinct subject_id from cdm.history where variable_id = 'prior_failed_trials'",
    ):
        assert not {r[0] for r in kit.query(house, sql)} & controls, sql


def test_no_failed_trial_is_known_and_not_missing(house: Warehouse, patients: pd.DataFrame) -> None:
    """Never treated or washed out: zero failed trials before, as a value; antidepressant-free as a flag."""
    found = sound(
        house,
        "select subject_id, value_num, value_missing from cdm.history"
        " where study_id = 'ispotd' and variable_id = 'prior_failed_trials'",
    )
    assert found == {(p, 0.0, None) for p in patients.index}
    found = sound(
        house,
        "select subject_id, treatment_naive, analysis_flags from cdm.subjects"
        " where study_id = 'ispotd' and diagnosis = 'mdd'",
    )
    assert found == {(p, row["TreatedBefore"] == 0, "antidepressant_free") for p, row in patients.iterrows()}


def test_genotypes_count_the_effect_allele(house: Warehouse, patients: pd.DataFrame) -> None:
    """rs10245483: T is counted; who was not typed has no row, and a failed call has no dosage."""
    expected = {
        (
            p,
            None if g == "0/0" else g.count("T"),
            "unknown" if g == "0/0" else None,
            "failed" if g == "0/0" else "called",
        )
        for p, g in patients["rs10245483"].items()
        if g
    }
    found = sound(
        house,
        "select subject_id, dosage, dosage_missing, call from cdm.genotypes"
        " where study_id = 'ispotd' and variant_id = 'rs10245483' and effect_allele = 'T' and other_allele = 'G'",
    )
    assert found == expected
    assert kit.query(house, "select count(distinct variant_id) from cdm.genotypes where study_id = 'ispotd'") == [(10,)]


def test_labels_and_missing_codes_of_the_file_are_kept_as_facts(house: Warehouse) -> None:
    facts = facts_of(house.raw / "ispotd" / "clinical.parquet")
    assert facts is not None
    assert facts.label is not None
    assert facts.label.startswith("SYNTHETIC")
    for name, labels in LABELS.items():
        column = facts.column(name)
        assert column is not None
        assert sorted(column.value_labels.values()) == sorted(labels.values())
    declared, undeclared = facts.column("AgeOnset"), facts.column("YrsEducation")
    assert declared is not None
    assert undeclared is not None
    assert [str(m) for m in declared.missing] == ["-99"]
    assert not undeclared.missing


def test_what_holds_in_every_delivery_holds(house: Warehouse) -> None:
    verdicts = dict(kit.query(house, "select check_id, verdict from quality.reconciliation where study_id = 'ispotd'"))
    assert verdicts.pop("patients") == "not_applicable"
    assert verdicts["treated_without_washout"] == verdicts["completers_with_reason"] == "agrees"
    assert set(verdicts.values()) <= {"agrees", "not_applicable"}
