"""The models behind marts.trd_status on persons written as text: SQL in DuckDB over the project's own seeds."""

from __future__ import annotations

import duckdb

from tests.dbt_project import modelkit
from tests.dbt_project.borders.courses import TABLES, rows_of

SEEDS = (
    "adequacy_rules", "dose_rules", "fact_sources", "outcome_definitions", "protocol_doses", "ref_treatments",
    "trd_definitions", "trd_points", "trial_rules",
)  # fmt: skip
MODELS = (
    "trial_kinds", "exposure_spans", "exposure_eras", "trial_steps", "step_trials", "trial_list", "trial_parts",
    "trial_scores", "trials_of_treatment", "trial_adequacy", "person_facts", "trd_rules", "trd_persons", "trd_trials",
    "trd_tallies", "trd_scores", "trd_ratings", "trd_exclusions", "trd_status",
)  # fmt: skip
STEPS = "study_id varchar, step_id varchar, baseline_from bigint, baseline_to bigint, is_treatment boolean"
ARMS = "study_id varchar, step_id varchar, arm_assigned varchar, treatments varchar"


def judged(courses: dict[str, str], *changes: str) -> duckdb.DuckDBPyConnection:
    """All models of resistance over these persons; `courses` maps a person to a line of text (see `courses`), `changes`
    are statements that change a seed beforehand."""
    connection = duckdb.connect(config={"threads": 1})
    for seed in SEEDS:
        modelkit.load_seed(connection, seed)
    for change in changes:
        connection.execute(change)
    units = dict(connection.execute("select drug_id, replace(dose_unit, '/', '_') from ref_treatments").fetchall())
    rows = [rows_of(person, course, units) for person, course in courses.items()]
    for name, columns in TABLES.items():
        modelkit.load(connection, name, columns, [row for person in rows for row in person[name]])
    steps = [(study, str(n), 0, 0, True) for study in ("x", "stard") for n in range(1, 10)]
    modelkit.load(connection, "study_steps", STEPS, steps)
    modelkit.load(connection, "study_arms", ARMS, [])
    for model in MODELS:
        modelkit.run_model(connection, model, kind="table")
    return connection
