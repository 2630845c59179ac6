"""Every definition of resistance at its borders: just inside, just outside, and where nothing can be said.

The cases stand in borders/trd_cases.csv, written by hand from the words of each definition in
reference.trd_definitions (its note, source and parameters as people read them), not computed from the row. One line is
a person, which border the case is about, and what the definition must say of that person; `also` is the reason, the
stage, or the lower score that must come with it. The course of a line is read by borders/courses.py and runs through
all models from the records to marts.trd_status.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import duckdb
import pytest

from harmonize.paths import SEEDS
from tests.dbt_project.borders.trd_chain import judged

CASES = Path(__file__).parent / "borders" / "trd_cases.csv"
BORDERS = (
    "min_failed_trials", "min_distinct_drugs", "min_distinct_classes", "lookback_days", "min_weeks_per_trial",
    "dose_rule", "failure_threshold_pct", "intolerance_counts_as_failure", "augmentation_counts_as_trial",
    "psychotherapy_counts_as_trial", "ect_tms_counts_as_trial", "max_gap_between_trials_days",
    "new_episode_after_gap_days", "adherence_rule", "excluded_facts", "asked_of", "points_from", "or_class",
    "max_failed_trials",
)  # fmt: skip
"""Columns of the seed that draw a border: where a row has a value there, a case must be about it."""
NAMED = {"excluded_facts": "exclusions", "points_from": "points"}
BOTH_SIDES = {
    "min_failed_trials", "min_distinct_drugs", "lookback_days", "min_weeks_per_trial", "failure_threshold_pct",
    "max_gap_between_trials_days", "max_failed_trials", "or_class",
}  # fmt: skip
"""Borders with a number or a class: cases on both sides must differ in what is said."""
NO_LIMIT = {
    ("cepeda2018", "min_weeks_per_trial"): "0 weeks: a prescription is enough, nothing is too short",
}
"""Borders without an outside."""


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def cases() -> list[dict[str, str]]:
    return rows(CASES)


@pytest.fixture(scope="module")
def definitions() -> list[dict[str, str]]:
    return rows(SEEDS / "reference" / "trd_definitions.csv")


@pytest.fixture(scope="module")
def connection(cases: list[dict[str, str]]) -> duckdb.DuckDBPyConnection:
    return judged({str(line): case["course"] for line, case in enumerate(cases, 2)})


def test_every_case_is_as_the_definition_says(
    connection: duckdb.DuckDBPyConnection, cases: list[dict[str, str]]
) -> None:
    found = {
        row[:3]: row[3:]
        for row in connection.execute(
            "select subject_id, definition_id, scope, verdict, reason, stage, score_low from trd_status"
        ).fetchall()
    }
    wrong = []
    for line, case in enumerate(cases, 2):
        scope = case["scope"] or "all_trials"
        verdict, reason, stage, score = found[str(line), case["definition_id"], scope]
        said = {reason, stage, None if score is None else f"{score:g}"}
        if verdict != case["verdict"] or (case["also"] and case["also"] not in said):
            wrong.append(f"line {line}: {case} but {verdict} {said}")
    assert not wrong, "\n".join(wrong)


def test_every_definition_has_all_three_verdicts(
    cases: list[dict[str, str]], definitions: list[dict[str, str]]
) -> None:
    """A new row of the seed fails here until somebody writes down what it means at its borders."""
    seen = defaultdict(set)
    for case in cases:
        seen[case["definition_id"]].add(case["verdict"])
    for row in definitions:
        name = row["definition_id"]
        all_of = {"not_determinable"} if row["output_type"] == "score" and not row["trd_cutoff"] else {
            "met", "not_met", "not_determinable",
        }  # fmt: skip
        assert seen[name] >= all_of, f"{name}: no case {sorted(all_of - seen[name])} in {CASES.name}"
    assert set(seen) == {row["definition_id"] for row in definitions}


def test_every_border_of_every_definition_has_a_case(
    cases: list[dict[str, str]], definitions: list[dict[str, str]]
) -> None:
    about: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for case in cases:
        for border in case["borders"].split():
            about[case["definition_id"], border].add((case["verdict"], case["also"]))
    missing = []
    for row in definitions:
        for column in BORDERS:
            if not row[column]:
                continue
            key = row["definition_id"], NAMED.get(column, column)
            # a border in words is that of the metric
            said = about[key] | (about[key[0], "failure_metric"] if column == "failure_threshold_pct" else set())
            if not said:
                missing.append(f"{key}: no case")
            elif column in BOTH_SIDES and len(said) < 2 and key not in NO_LIMIT:
                missing.append(f"{key}: cases on one side only")
    assert not missing, "\n".join(missing)


def test_trials_of_an_earlier_episode_stand_in_where_the_current_one_has_none() -> None:
    """NeuroStar 2008: "previous-episode trials may be used if none in the current episode". With a gap of a day for an
    episode the reported fluoxetine is one of an earlier episode."""
    courses = {
        "stands in": "naive; reported fluoxetine 20 42d; sertraline 50 28d 20>18",
        "none but more may be": "prior=0; reported fluoxetine 20 42d; sertraline 50 28d 20>18",
        "not adequate": "naive; reported fluoxetine 10 42d; sertraline 50 28d 20>18",
    }
    connection = judged(
        courses, "update trd_definitions set new_episode_after_gap_days = 1 where definition_id = 'neurostar_2008'"
    )
    found = connection.execute(
        "select subject_id, scope, verdict, reason, n_failed from trd_status"
        " where definition_id = 'neurostar_2008' order by all"
    ).fetchall()
    assert found == [
        ("none but more may be", "all_trials", "met", None, 1),
        ("none but more may be", "before_index", "not_determinable", "earlier_episodes_not_collected", 1),
        ("not adequate", "all_trials", "met", None, 1),
        ("not adequate", "before_index", "not_met", None, 0),
        ("stands in", "all_trials", "met", None, 1),
        ("stands in", "before_index", "met", None, 1),
    ]
