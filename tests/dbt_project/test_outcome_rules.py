"""The outcome definitions of the seed, all of them, on figures that were published or counted by hand."""

from __future__ import annotations

import csv

import duckdb
import pytest

from harmonize.paths import SEEDS
from tests.dbt_project import modelkit

STEP_SCORES = (
    "study_id varchar, subject_id varchar, step_id varchar, instrument_id varchar, arm_assigned varchar,"
    " baseline_score double, exit_score double, pct_change double"
)
WEEK_SCORES = (
    "study_id varchar, subject_id varchar, step_id varchar, instrument_id varchar, week_label varchar, score double"
)
VISIT_VERDICTS = (
    "subject_id varchar, step_id varchar, instrument_id varchar, definition_id varchar, study_id varchar,"
    " outcome varchar, arm_assigned varchar, baseline_score double, exit_score double, pct_change double, unit double,"
    " is_met boolean, reason varchar"
)

TABLE_3 = {"CBT": (15, 13, 11, 30), "escitalopram": (15, 10, 23, 38), "duloxetine": (10, 12, 16, 41)}
"""Completers of PReDICT by arm: fall below 30 %, 30-49 %, response without remission, remission (PMC6690210, Table 3;
rows 79 to 90 of the benchmarks)."""
WEEKS = {0: (15.0, 15.0), 1: (12.0, 12.0), 2: (9.0, 9.0), 3: (7.0, 7.0)}
"""HRSD17 at weeks 10 and 12 of a person of each class who began with 20: falls of 25, 40, 55 and 65 %."""


def definitions() -> list[dict[str, str]]:
    with (SEEDS / "reference" / "outcome_definitions.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def predict() -> duckdb.DuckDBPyConnection:
    """The 234 completers of Table 3, with scores of our own that fall into their classes, judged by the seed."""
    connection = duckdb.connect()
    persons = [
        (f"{arm} {kind} {i}", arm, *WEEKS[kind])
        for arm, counts in TABLE_3.items()
        for kind, count in enumerate(counts)
        for i in range(count)
    ]
    scores = [("predict", p, "1", "HRSD17", arm, 20.0, w12, None) for p, arm, _, w12 in persons]
    weeks = [("predict", p, "1", "HRSD17", w, s) for p, _, w10, w12 in persons for w, s in (("10", w10), ("12", w12))]
    modelkit.load(connection, "step_scores", STEP_SCORES, scores)
    modelkit.load(connection, "week_scores", WEEK_SCORES, weeks)
    modelkit.load(connection, "visit_verdicts", VISIT_VERDICTS, [])
    modelkit.load_seed(connection, "outcome_definitions")
    modelkit.load_seed(connection, "reliable_change")
    modelkit.run_model(connection, "outcomes")
    return connection


def met(connection: duckdb.DuckDBPyConnection, *wanted: str) -> tuple[int, ...]:
    counted = connection.execute(
        "select definition_id, count(*) from outcomes where verdict = 'met' group by all"
    ).fetchall()
    return tuple(dict(counted).get(d, 0) for d in wanted)


def test_four_classes_of_predict_give_the_published_table(predict: duckdb.DuckDBPyConnection) -> None:
    classes = ("predict_nonresponse", "predict_partial", "predict_response_no_remission", "predict_remission")
    assert met(predict, *classes) == (40, 35, 50, 109)
    by_arm = predict.execute(
        "select arm_assigned, definition_id, count(*) from outcomes where verdict = 'met' group by all"
    ).fetchall()
    found = {(arm, definition): n for arm, definition, n in by_arm}
    for arm, counts in TABLE_3.items():
        assert tuple(found[arm, d] for d in classes) == counts


def test_the_border_of_25_moves_the_forty(predict: duckdb.DuckDBPyConnection) -> None:
    """Those with a fall of 25 % are failures under the border of 30 and partial responders under that of 25."""
    assert met(predict, "nonresponse_lt30", "partial_30_49", "response_50") == (40, 35, 159)
    assert met(predict, "nonresponse_lt25", "partial_25_49", "response_50") == (0, 75, 159)


def test_every_definition_is_computed_or_says_why_not() -> None:
    for row in definitions():
        ways = [row["at_step_exit"] == "true", row["at_weeks"], row["at_last_visits"], row["at_any_visit"] == "true"]
        assert bool(any(ways)) != bool(row["not_computed"]), row["outcome_id"]
        assert sum(map(bool, ways)) <= 1, row["outcome_id"]
        if any(ways):
            assert row["metric"] in ("total", "pct_reduction", "reliable_change"), row["outcome_id"]
            assert row["operator"] in ("<=", "<", ">=", ">", "between"), row["outcome_id"]
            assert row["threshold_low"], row["outcome_id"]


def test_scales_and_definitions_that_are_named_exist() -> None:
    with (SEEDS / "generated" / "ref_scales.csv").open(newline="", encoding="utf-8") as stream:
        scales = {row["scale_id"] for row in csv.DictReader(stream)}
    known = {row["outcome_id"] for row in definitions()}
    for row in definitions():
        if not row["not_computed"] and row["scale_scope"] != "any severity scale":
            assert set(row["scale_scope"].split(";")) <= scales, row["outcome_id"]
        assert {row["unless"], row["among"]} - {""} <= known, row["outcome_id"]


def test_reliable_change_of_phq9_is_five_points() -> None:
    """1.96 x 5.7 x sqrt(2 x 0.11) = 5.24: 6 points are reliable, 5 are not."""
    connection = duckdb.connect()
    scores = [("s", n, "1", "PHQ9", None, 20.0, e, None) for n, e in (("five", 15.0), ("six", 14.0), ("worse", 26.0))]
    modelkit.load(connection, "step_scores", STEP_SCORES, scores)
    modelkit.load(connection, "week_scores", WEEK_SCORES, [])
    modelkit.load(connection, "visit_verdicts", VISIT_VERDICTS, [])
    modelkit.load_seed(connection, "outcome_definitions")
    modelkit.load_seed(connection, "reliable_change")
    modelkit.run_model(connection, "outcomes")
    found = connection.execute(
        "select subject_id, definition_id from outcomes where outcome like 'reliable%' and verdict = 'met' order by all"
    ).fetchall()
    assert found == [("six", "reliable_improvement"), ("worse", "reliable_deterioration")]
