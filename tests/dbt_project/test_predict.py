"""The study rules of PReDICT, end to end: synthetic persons and a few made by hand, recounted from the CSV files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harmonize.landing import land
from harmonize.paths import Warehouse
from harmonize.sources import study
from harmonize.synthetic import predict
from tests.dbt_project import kit

SEED = 3
DEFINITIONS = ("predict_nonresponse", "predict_partial", "predict_response_no_remission", "predict_remission")

BY_HAND: dict[str, list[dict[str, object]]] = {
    # 7 or less at week 12, and nobody saw week 10
    "MISSED10": [{"VISIT": 0, "HAMDTOT": 20}, {"VISIT": 8, "HAMDTOT": 4}, {"VISIT": 12, "HAMDTOT": 4}],
    # exactly 30 % and exactly 50 %
    "BORDER30": [{"VISIT": 0, "HAMDTOT": 20}, {"VISIT": 10, "HAMDTOT": 5}, {"VISIT": 12, "HAMDTOT": 14}],
    "BORDER50": [{"VISIT": 0, "HAMDTOT": 20}, {"VISIT": 10, "HAMDTOT": 5}, {"VISIT": 12, "HAMDTOT": 10}],
    # a delivery that enters the boundary visit under both phases
    "TWICE": [
        {"VISIT": 0, "HAMDTOT": 20},
        {"VISIT": 12, "HAMDTOT": 15, "TRT2": 1},
        {"VISIT": 12, "HAMDTOT": 15, "PHASE": 2, "TRT2": 1},
        {"VISIT": 24, "HAMDTOT": 6, "PHASE": 2, "TRT2": 1, "DOSE_MG": 20},
    ],
    # a drug in the CBT arm, which has none before the combination
    "DRUG": [{"VISIT": 0, "HAMDTOT": 20}, {"VISIT": 4, "HAMDTOT": 12, "DOSE_MG": 10, "EXITRSN": 3}],
    # no day of February
    "BADDATE": [{"VISIT": 0, "HAMDTOT": 20}, {"VISIT": 4, "HAMDTOT": 12, "VISITDATE": "31FEB2008"}],
}


def append_by_hand(folder: Path) -> None:
    """Rows of the persons above, all in the CBT arm from 04FEB2008 on."""
    start = pd.Timestamp("2008-02-04")
    for name, rows in {
        "predict_persons.csv": [{"PID": pid, "SEX": 1, "AGE": 40, "DNA": 0} for pid in BY_HAND],
        "predict_visits.csv": [
            {
                "PID": pid,
                "TRT": 1,
                "PHASE": 1,
                "COMPLETER": int(any(r["VISIT"] == 12 for r in visits)),
                "BASEDATE": start.strftime("%d%b%Y").upper(),
                "VISITDATE": (start + pd.Timedelta(weeks=int(str(row["VISIT"])))).strftime("%d%b%Y").upper(),
                **row,
            }
            for pid, visits in BY_HAND.items()
            for row in visits
        ],
    }.items():
        with (folder / name).open(newline="") as stream:
            header = next(csv.reader(stream))
        with (folder / name).open("a", newline="") as stream:
            csv.DictWriter(stream, header, restval=".").writerows(rows)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = Warehouse(Path(tmp_path_factory.mktemp("predict")))
    folder = warehouse.root / "delivered"
    predict.write(folder, predict.N, SEED)
    append_by_hand(folder)
    land(study("predict"), folder, warehouse, synthetic=True)
    return kit.build(warehouse, project=kit.project_with("predict"))


@pytest.fixture(scope="module")
def delivered(house: Warehouse) -> pd.DataFrame:
    """The long file, read without the code under test; missing numbers are NaN."""
    data = pd.read_csv(house.root / "delivered" / "predict_visits.csv", dtype=str, keep_default_na=False)
    data = data.replace({".": None, ".A": None, ".N": None, "": None})
    for name in ("TRT", "PHASE", "VISIT", "HAMDTOT", "DOSE_MG", "SESSIONS", "TRT2"):
        data[name] = pd.to_numeric(data[name])
    dates = {c: pd.to_datetime(data[c], format="%d%b%Y", errors="coerce") for c in ("BASEDATE", "VISITDATE")}
    data["day"] = (dates["VISITDATE"] - dates["BASEDATE"]).dt.days
    data["subject_id"] = [kit.pseudonym(p, "predict") for p in data["PID"]]
    return data[data["day"].notna()]


def classes(delivered: pd.DataFrame) -> dict[str, str]:
    """The class of every completer, by Table 3 of the study."""
    acute = delivered[delivered["PHASE"] == 1]
    wide = acute.pivot_table(index="subject_id", columns="VISIT", values="HAMDTOT", aggfunc="last")
    wide = wide[wide[12].notna()]
    fall = 100 * (wide[0] - wide[12]) / wide[0]
    found = np.select([fall < 30, fall < 50], DEFINITIONS[:2], DEFINITIONS[2])
    found = np.where((wide[10] <= 7) & (wide[12] <= 7), DEFINITIONS[3], found)
    return dict(zip(wide.index, found, strict=True))


def test_completer_classes_equal_a_recount_from_the_file(house: Warehouse, delivered: pd.DataFrame) -> None:
    """Each completer has exactly the class that pandas finds, and who has no week 12 has none that is determinable."""
    said = kit.query(
        house,
        "select subject_id, definition_id, verdict, reason from marts.outcomes"
        f" where study_id = 'predict' and definition_id in {DEFINITIONS}",
    )
    expected = classes(delivered)
    met = [(str(p), str(d)) for p, d, verdict, _ in said if verdict == "met"]
    assert dict(met) == expected
    assert len(met) == len(expected), "the classes exclude each other"
    persons = set(delivered["subject_id"])
    open_ = {(p, d, r) for p, d, verdict, r in said if verdict == "not_determinable"}
    without = {(p, d) for p in persons - set(expected) for d in DEFINITIONS}
    assert {(p, d) for p, d, _ in open_} == without
    assert {r for _, _, r in open_} == {"no_score_at_week", "no_exit_score"}
    assert 180 < len(expected) < 290


def test_remission_by_arm_equals_a_recount(house: Warehouse, delivered: pd.DataFrame) -> None:
    arm = delivered.groupby("subject_id")["TRT"].first().map({1: "CBT", 2: "ESC", 3: "DUL"})
    expected: dict[str, int] = {}
    for person, found in classes(delivered).items():
        expected[arm[person]] = expected.get(arm[person], 0) + (found == "predict_remission")
    said = kit.query(
        house,
        "select arm_assigned, count(*) filter (where verdict = 'met') from marts.outcomes"
        " where definition_id = 'predict_remission' group by all",
    )
    assert dict(said) == expected
    assert min(expected.values()) > 10


@pytest.mark.parametrize(
    ("person", "definition"),
    [
        ("MISSED10", "predict_response_no_remission"),
        ("BORDER30", "predict_partial"),
        ("BORDER50", "predict_response_no_remission"),
    ],
)
def test_borders(house: Warehouse, person: str, definition: str) -> None:
    said = kit.query(
        house,
        f"select definition_id from marts.outcomes where subject_id = '{kit.pseudonym(person, 'predict')}'"
        f" and definition_id in {DEFINITIONS} and verdict = 'met'",
    )
    assert said == [(definition,)]


def test_definitions_of_one_study_are_asked_of_no_other(house: Warehouse) -> None:
    """Not of the combination either: its rule is the common one, 7 or less at exit."""
    asked = kit.query(
        house, f"select distinct study_id, step_id from marts.outcomes where definition_id in {DEFINITIONS}"
    )
    assert asked == [("predict", "1")]
    common = kit.query(
        house,
        "select count(*) filter (where verdict = 'met') > 10 from marts.outcomes"
        " where study_id = 'predict' and step_id = '2' and definition_id = 'remission_hrsd17_7'",
    )
    assert common == [(True,)]


def test_the_combination_is_a_step_that_augments_and_was_not_randomised(
    house: Warehouse, delivered: pd.DataFrame
) -> None:
    rows = delivered[delivered["TRT2"].notna()]
    names = {1: "CBT+ESC", 2: "ESC+CBT", 3: "DUL+CBT"}
    expected = {(p, names[int(t)]) for p, t in zip(rows["subject_id"], rows["TRT2"], strict=True)}
    said = kit.query(
        house,
        "select subject_id, arm_assigned, strategy, randomised from cdm.steps"
        " where study_id = 'predict' and step_id = '2'",
    )
    assert {(p, a) for p, a, _, _ in said} == expected
    assert {(s, r) for _, _, s, r in said} == {("augment", False)}
    assert 70 < len(expected) < 150
    first = kit.query(
        house, "select distinct strategy, randomised from cdm.steps where study_id = 'predict' and step_id = '1'"
    )
    assert first == [("initial", True)]


def test_week_12_ends_phase_1_and_opens_phase_2(house: Warehouse, delivered: pd.DataFrame) -> None:
    """One visit, one number used twice: exit of step 1 and baseline of step 2."""
    entered = delivered[delivered["TRT2"].notna() & (delivered["VISIT"] == 12)].drop_duplicates("subject_id")
    expected = set(zip(entered["subject_id"], entered["day"].astype(int), entered["HAMDTOT"], strict=True))
    opening = kit.query(
        house,
        "select subject_id, day from cdm.visits"
        " where study_id = 'predict' and step_id = '1' and week_label = '12' and opens_step = '2'",
    )
    assert set(opening) == {(p, d) for p, d, _ in expected}
    scores = kit.query(
        house,
        "select one.subject_id, one.exit_day, one.exit_score, two.baseline_day, two.baseline_score"
        " from marts.step_scores as one inner join marts.step_scores as two"
        " on one.subject_id = two.subject_id and one.instrument_id = two.instrument_id"
        " where one.study_id = 'predict' and one.instrument_id = 'HRSD17' and one.step_id = '1' and two.step_id = '2'",
    )
    assert {(p, d, s) for p, d, s, _, _ in scores} == expected
    assert {(p, d, s) for p, _, _, d, s in scores} == expected


def test_a_boundary_visit_entered_twice_is_one(house: Warehouse) -> None:
    person = kit.pseudonym("TWICE", "predict")
    assert kit.query(house, f"select count(*) from cdm.scales where subject_id = '{person}' and day = 84") == [(1,)]
    said = kit.query(
        house, f"select step_id, opens_step, n_src from cdm.visits where subject_id = '{person}' and day = 84"
    )
    assert [s[:2] for s in said] == [("1", "2")]


def test_cbt_is_dosed_in_sessions(house: Warehouse, delivered: pd.DataFrame) -> None:
    """What a person attended in all, by step; 16 are planned in twelve weeks."""
    rows = delivered[delivered["SESSIONS"] > 0]
    expected = rows.groupby(["subject_id", rows["PHASE"].astype(str)])["SESSIONS"].sum()
    said = kit.query(
        house,
        "select subject_id, step_id, sum(dose), min(dose_unit), max(dose_unit) from cdm.treatments"
        " where study_id = 'predict' and treatment_id = 'cbt' and record_kind = 'session' group by all",
    )
    assert {(p, s): n for p, s, n, _, _ in said} == expected.to_dict()
    assert {u for row in said for u in row[3:]} == {"sessions"}
    assert max(n for _, _, n, _, _ in said) == 16
    kinds = kit.query(house, "select distinct record_kind from cdm.treatments where treatment_id = 'cbt'")
    assert kinds == [("session",)]


def test_drug_doses_are_those_of_the_arm(house: Warehouse, delivered: pd.DataFrame) -> None:
    rows = delivered[(delivered["DOSE_MG"] > 0) & ~((delivered["TRT"] == 1) & (delivered["PID"] == "DRUG"))]
    drug = rows["TRT"].map({1: "escitalopram", 2: "escitalopram", 3: "duloxetine"})
    expected = set(zip(rows["subject_id"], rows["day"].astype(int), drug, rows["DOSE_MG"], strict=True))
    said = kit.query(
        house,
        "select subject_id, start_day, treatment_id, dose from cdm.treatments"
        " where study_id = 'predict' and record_kind = 'visit_dose' and dose_unit = 'mg_day'",
    )
    assert set(said) == expected
    assert len(said) == len(expected)
    assert {d for *_, d in said} == {10, 20, 30, 60}
    added = kit.query(
        house,
        "select distinct treatment_id, treatments.step_id from cdm.treatments inner join cdm.steps using (subject_id)"
        " where treatments.study_id = 'predict' and arm_assigned = 'CBT' and record_kind = 'visit_dose'",
    )
    assert added == [("escitalopram", "2")]


def test_a_drug_that_the_arm_does_not_have_is_dropped_by_a_named_rule(house: Warehouse) -> None:
    said = kit.query(
        house,
        "select n_rows from quality.form_rows where study_id = 'predict' and block = 'doses_added'"
        " and fate = 'drug_before_combination'",
    )
    assert said == [(1,)]
    person = kit.pseudonym("DRUG", "predict")
    assert kit.query(house, f"select count(*) from cdm.treatments where subject_id = '{person}'") == [(0,)]
    left = kit.query(house, f"select exit_reason from cdm.steps where subject_id = '{person}'")
    assert left == [("withdrew",)]


def test_never_treated_is_known_to_be_zero_and_not_missing(house: Warehouse) -> None:
    naive = kit.query(house, "select treatment_naive, count(*) from cdm.subjects where study_id = 'predict' group by 1")
    assert naive == [(True, predict.N + len(BY_HAND))]
    trials = kit.query(
        house,
        "select value_num, value_missing, count(*) from cdm.history"
        " where study_id = 'predict' and variable_id = 'prior_failed_trials' group by all",
    )
    assert trials == [(0.0, None, predict.N + len(BY_HAND))]


def test_why_a_cell_is_missing_survives(house: Warehouse) -> None:
    """`.A` is not applicable, here the genetic score of a person without DNA; `.N` was not done and makes no rating."""
    said = kit.query(
        house,
        "select one.value_code, two.value_missing, count(*) > 0 from cdm.history as one inner join cdm.history as two"
        " using (subject_id) where one.variable_id = 'dna_sample' and two.variable_id = 'genetic_score'"
        f" and subject_id not in {tuple(kit.pseudonym(p, 'predict') for p in BY_HAND)} group by all order by 1",
    )
    assert said == [("no", "not_applicable", True), ("yes", None, True)]


def test_only_what_is_wrong_is_refused(house: Warehouse, delivered: pd.DataFrame) -> None:
    """The visit without a date goes with its rating; nothing else of the delivery does, and no row is lost."""
    refused = kit.query(house, "select distinct subject_id, entity, rule from quality.quarantine")
    assert {p for p, _, _ in refused} == {kit.pseudonym("BADDATE", "predict")}
    assert {r for _, _, r in refused} == {"day:not_null"}
    cells = kit.query(house, "select distinct column_name, raw_value from quality.cell_issues")
    assert cells == [("visitdate", "31FEB2008")]
    days = kit.query(
        house,
        "select count(*) from cdm.visits where study_id = 'predict' and status = 'attended' and src_row is not null",
    )
    assert days == [(len(delivered) - 1,)], "the boundary visit entered twice is one"


def test_reconciliation_holds_inside_the_file(house: Warehouse) -> None:
    verdicts = kit.query(
        house,
        "select check_id, verdict from quality.reconciliation"
        " where study_id = 'predict' and verdict <> 'not_applicable'",
    )
    assert [c for c, v in verdicts if v != "agrees"] == ["drug_in_cbt_phase_1"], "the person made by hand is found"
    assert len(verdicts) == 4


def test_missed_visits_stand_by_the_studys_own_label(house: Warehouse, delivered: pd.DataFrame) -> None:
    """Completers: planned weeks less those with a row."""
    acute = delivered[(delivered["PHASE"] == 1) & (delivered["COMPLETER"] == "1")]
    planned = {"1", "2", "3", "4", "5", "6", "8", "10", "12"}
    expected = {
        (p, w)
        for p, weeks in acute.groupby("subject_id")["VISIT"]
        for w in planned - set(weeks.astype(int).astype(str))
    }
    said = kit.query(
        house,
        "select subject_id, week_label from cdm.visits inner join cdm.steps using (subject_id, step_id)"
        " where visits.study_id = 'predict' and step_id = '1' and status = 'missed' and exit_reason = 'completed'",
    )
    assert set(said) == expected
    assert len(expected) > 20


def test_the_truth_is_read_back_from_the_warehouse(house: Warehouse) -> None:
    """An oracle that knows the drawn courses: who was drawn to fail falls below 25 % at week 12, on average and mostly.

    `treatment_failure` loses 3 % of entry severity (`parameters.toml`), `rapid` 83 %; HRSD17 adds error to both ends.
    """
    truth = predict.truth(predict.N, SEED)
    truth["subject_id"] = [kit.pseudonym(p, "predict") for p in truth["pid"]]
    said = pd.DataFrame(
        kit.query(
            house,
            "select subject_id, baseline_score, exit_score, arm_assigned, exit_reason"
            " from marts.step_scores inner join cdm.steps using (subject_id, step_id, arm_assigned)"
            " where step_scores.study_id = 'predict' and instrument_id = 'HRSD17' and step_id = '1'",
        ),
        columns=["subject_id", "baseline", "exit", "arm", "reason"],
    )
    both = truth.merge(said, on="subject_id", validate="one_to_one")
    assert len(both) == predict.N
    assert (both["arm"] == both["arm_1"]).all()
    assert ((both["reason"] == "completed") == both["completer"]).all()
    done = both[both["completer"]]
    fall = (1 - done["exit"] / done["baseline"]).groupby(done["course_1"]).agg(["mean", "count"])
    assert list(fall.index) == [0, 1, 2, 3]
    assert fall["mean"].is_monotonic_increasing
    assert fall.loc[0, "mean"] < 0.25 < fall.loc[1, "mean"] < 0.55 < fall.loc[3, "mean"]
    assert np.corrcoef(done["exit"], done["exit_severity_1"])[0, 1] > 0.85
