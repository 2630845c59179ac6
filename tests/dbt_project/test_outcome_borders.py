"""Every outcome definition at its borders: just inside, just outside, and where nothing can be said.

The cases stand in borders/outcome_cases.csv, written by hand from the words of each definition (threshold, timing and
missing rule as people read them). Scores of a line are `day:score` from the first day of the step, `w2:score` at the
visit of week 2, `exit:score` a QIDS-SR16 at the exit of the step before a follow-up. An empty verdict: not asked.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

import duckdb
import pytest

from harmonize.paths import SEEDS
from tests.dbt_project import modelkit

CASES = Path(__file__).parent / "borders" / "outcome_cases.csv"
TABLES = {
    "scales": "subject_id varchar, study_id varchar, step_id varchar, instrument_id varchar, day bigint, score_used"
    " double, rater varchar, contact varchar, occasion bigint",
    "visits": "subject_id varchar, step_id varchar, day bigint, contact varchar, status varchar, week_label varchar",
    "steps": "subject_id varchar, study_id varchar, step_id varchar, step_no bigint, start_day bigint, end_day bigint,"
    " arm_assigned varchar, strategy varchar",
    "study_steps": "study_id varchar, step_id varchar, baseline_from bigint, baseline_to bigint, is_treatment boolean",
}
STEPS = [("x", "1"), ("predict", "1"), ("mars", "TAU"), ("stard", "1")]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def cases() -> list[dict[str, str]]:
    return rows(CASES)


@pytest.fixture(scope="module")
def definitions() -> list[dict[str, str]]:
    return rows(SEEDS / "reference" / "outcome_definitions.csv")


@pytest.fixture(scope="module")
def connection(cases: list[dict[str, str]]) -> duckdb.DuckDBPyConnection:
    tables: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    tables["study_steps"] = [(*step, 0, 0, True) for step in STEPS] + [("stard", "FU", 0, 0, False)]
    for line, case in enumerate(cases, 2):
        _lay_out(str(line), case, tables)
    connection = duckdb.connect(config={"threads": 1})
    for name, columns in TABLES.items():
        modelkit.load(connection, name, columns, tables[name])
    for seed in ("outcome_definitions", "reliable_change", "ref_scales"):
        modelkit.load_seed(connection, seed)
    for model in ("severity_scales", "step_scores", "week_scores", "visit_verdicts", "outcomes"):
        modelkit.run_model(connection, model, kind="table")
    return connection


def _lay_out(person: str, case: dict[str, str], tables: dict[str, list[tuple[Any, ...]]]) -> None:
    """One person: a step of ten weeks; a follow-up comes after a level that begins 100 days before it."""
    study, step = case["study"], case["step"]
    follows = step == "FU"
    if follows:
        tables["steps"].append((person, study, "1", 1, -100, -1, None, "initial"))
    tables["steps"].append((person, study, step, 2 if follows else 1, 0, 400 if follows else 90, None, "initial"))
    for word in case["scores"].split():
        at, score = word.split(":")
        if at == "exit":
            tables["scales"].append((person, study, "1", "QIDS_SR16", -2, float(score), "self", "clinic", 1))
            continue
        day = 7 * int(at[1:]) if at.startswith("w") else int(at)
        tables["scales"].append((person, study, step, case["instrument"], day, float(score), "self", "clinic", 1))
        week = at[1:] if at.startswith("w") else None
        tables["visits"].append((person, step, day, "clinic", "attended", week))


def test_every_case_is_as_the_definition_says(
    connection: duckdb.DuckDBPyConnection, cases: list[dict[str, str]]
) -> None:
    found = {
        row[:4]: row[4:]
        for row in connection.execute(
            "select subject_id, definition_id, step_id, instrument_id, verdict, reason from outcomes"
        ).fetchall()
    }
    wrong = []
    for line, case in enumerate(cases, 2):
        said = found.get((str(line), case["definition_id"], case["step"], case["instrument"]), ("", None))
        if said != (case["verdict"], case["also"] or None):
            wrong.append(f"line {line}: {case} but {said}")
    assert not wrong, "\n".join(wrong)


def test_every_definition_has_all_three_verdicts_or_says_why_it_has_none(
    cases: list[dict[str, str]], definitions: list[dict[str, str]], connection: duckdb.DuckDBPyConnection
) -> None:
    """A new row of the seed fails here until somebody writes down what it means at its borders."""
    seen = defaultdict(set)
    for case in cases:
        seen[case["definition_id"]].add(case["verdict"])
    computed = {row["outcome_id"] for row in definitions if not row["not_computed"]}
    assert set(seen) == computed
    for name in computed:
        missing = {"met", "not_met", "not_determinable"} - seen[name]
        assert not missing, f"{name}: no case {sorted(missing)} in {CASES.name}"
    judged = {name for (name,) in connection.execute("select distinct definition_id from outcomes").fetchall()}
    assert judged == computed


def test_where_another_model_computes_a_definition_it_does(definitions: list[dict[str, str]]) -> None:
    """`not_computed` may point elsewhere: to a row of another seed, or to another definition; both must be there."""
    seeds = SEEDS / "reference"
    methods = {row["method_id"] for row in rows(seeds / "remission_methods.csv")}
    features = {row["definition_id"] for row in rows(seeds / "feature_definitions.csv")}
    outcomes = {row["outcome_id"] for row in definitions}
    pointed = {}
    for row in definitions:
        if "method " in row["not_computed"]:
            pointed[row["outcome_id"]] = row["not_computed"].rsplit(" ", 1)[-1] in methods
        elif "marts.features" in row["not_computed"]:
            pointed[row["outcome_id"]] = row["not_computed"].rsplit(" ", 1)[-1] in features
        elif "scale form" in row["not_computed"].lower():
            pointed[row["outcome_id"]] = row["not_computed"].rsplit(" ", 1)[-1] in outcomes
    assert len(pointed) == 6
    assert all(pointed.values()), pointed
