"""Verdicts of the data quality checks on counts made by hand; a threshold is a line of a file and no build."""

from __future__ import annotations

import csv
import hashlib
import re
from pathlib import Path

import duckdb
import pytest

from harmonize.dictionary.checks import CATALOGUE, THRESHOLDS, CheckError, Result, read_thresholds, results
from harmonize.paths import SEEDS, STAGING

TABLES = """
create schema quality; create schema reference; create schema marts;
create table quality.dq_result as from (values
    ('stard', 'dq_total_disagrees', 20, 1000), ('dia', 'dq_total_disagrees', 0, 0),
    ('mars', 'dq_total_disagrees', 21, 1000), ('stard', 'dq_stard_zero_dose', 3, 10),
    ('x', 'dq_x_strange', 1, 100)) as t(study_id, finding, n_found, n_checked);
create table quality.dq_total_disagrees as select 'stard' as study_id, 'f' as src_form, 1 as src_row;
create table quality.dq_x_strange as select 'x' as study_id;
comment on table quality.dq_x_strange is 'Strange rows. Grain: study_id.';
create table quality.entity_rows as from (values
    ('stard', 'scales', 200, 190, 8, 2), ('mars', 'scales', 100, 90, 5, 4)) as
    t(study_id, entity, n_candidates, n_accepted, n_merged, n_quarantined);
create table reference.gate_rules as from (values ('scales', 'score:in_range', 'score must lie in 0 to 52'),
    ('scales', 'rater:in_set', 'rater must be one of self')) as t(entity, rule, description);
create table quality.quarantine as from (values
    ('stard', 'scales', 'f', 1, 'b', 0, 'score:in_range'), ('stard', 'scales', 'f', 2, 'b', 0, 'score:in_range'),
    ('stard', 'scales', 'f', 2, 'b', 0, 'rater:in_set')) as
    t(study_id, entity, src_form, src_row, block, slot_no, rule);
create table quality.form_rows as from (values ('stard', 'f', 'b', 'raw', 300), ('stard', 'f', 'b', 'used', 200),
    ('stard', 'f', 'b', 'not_enrolled', 100), ('stard', 'f', 'c', 'raw', 300), ('stard', 'f', 'c', 'used', 299)) as
    t(study_id, src_form, block, fate, n_rows);
create table quality.cell_issues as from (values ('stard', 'f', 7, 'a'), ('stard', 'f', 7, 'b'),
    ('stard', 'f', 8, 'a')) as t(study_id, src_form, src_row, column_name);
create table quality.reconciliation as from (values ('stard', 'persons', 'agrees'), ('stard', 'rows', 'differs'),
    ('stard', 'sites', 'not_applicable'), ('dia', 'rows', 'not_applicable')) as t(study_id, check_id, verdict);
create table marts.coverage as from (values ('stard', 'scales', 'day', 'complete', 190, 190),
    ('stard', 'scales', 'rater', 'complete', 190, 0), ('stard', 'scales', 'items', 'partial', 190, 0),
    ('stard', 'genotypes', 'dosage', 'complete', 0, 0)) as t(study_id, entity, column_name, status, n_rows, n_values);
"""


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute(TABLES)
    return made


@pytest.fixture(scope="module")
def found(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], Result]:
    return {(r.check.name, r.study_id): r for r in results(connection)}


@pytest.mark.parametrize(
    ("check", "study", "counts", "verdict"),
    [
        ("dq_total_disagrees", "stard", (20, 1000), "passed"),
        ("dq_total_disagrees", "mars", (21, 1000), "failed"),
        ("dq_total_disagrees", "dia", (0, 0), "not applicable"),
        ("dq_stard_zero_dose", "stard", (3, 10), "failed"),
        ("dq_x_strange", "x", (1, 100), "passed"),
        ("refused_rows:scales", "stard", (2, 200), "passed"),
        ("refused_rows:scales", "mars", (4, 100), "failed"),
        ("gate:scales.score:in_range", "stard", (2, 200), "passed"),
        ("gate:scales.rater:in_set", "stard", (1, 200), "passed"),
        ("gate:scales.rater:in_set", "mars", (0, 100), "passed"),
        ("unusable_cells:f", "stard", (2, 300), "passed"),
        ("form_rows_add_up", "stard", (1, 2), "failed"),
        ("entity_rows_add_up", "stard", (0, 1), "passed"),
        ("entity_rows_add_up", "mars", (1, 1), "failed"),
        ("figures_reproduced", "stard", (1, 2), "failed"),
        ("figures_reproduced", "dia", (0, 0), "not applicable"),
        ("declared_but_empty", "stard", (1, 2), "failed"),
    ],
)
def test_numerator_denominator_and_verdict(
    found: dict[tuple[str, str], Result], check: str, study: str, counts: tuple[int, int], verdict: str
) -> None:
    """2 % of totals may disagree: exactly 20 of 1000 pass. Two issues in one row are one row."""
    result = found[check, study]
    assert ((result.n_found, result.n_checked), result.verdict) == (counts, verdict)


def test_a_check_says_what_to_do_and_lists_its_offenders(
    connection: duckdb.DuckDBPyConnection, found: dict[tuple[str, str], Result]
) -> None:
    for result in found.values():
        check = result.check
        assert all((check.title, check.numerator, check.denominator, check.data_manager, check.analyst)), check.name
        assert "{" not in result.offenders_sql
    listed = {
        name: len(connection.execute(found[name].offenders_sql).fetchall())
        for name in found
        if not name[0].startswith("dq_stard")
    }
    assert listed["gate:scales.score:in_range", "stard"] == 2
    assert listed["form_rows_add_up", "stard"] == 1
    assert listed["unusable_cells:f", "stard"] == 3
    assert listed["declared_but_empty", "stard"] == 1
    assert found["dq_x_strange", "x"].check.numerator == "Strange rows"
    assert found["gate:scales.score:in_range", "stard"].check.title == "score must lie in 0 to 52"


def test_another_threshold_changes_the_verdict_and_no_data(tmp_path: Path) -> None:
    """The nearest line counts: part before check, study before all. The published file stays as it is."""
    database = tmp_path / "trd.duckdb"
    with duckdb.connect(str(database)) as made:
        made.execute(TABLES)
    before = hashlib.sha256(database.read_bytes()).hexdigest()
    limits = tmp_path / "check_thresholds.csv"
    lines = THRESHOLDS.read_text(encoding="utf-8")
    limits.write_text(
        lines
        + "dq_total_disagrees,mars,2.1,agreed with the site\nrefused_rows:scales,,0.9,stricter\n"
        + "dq_stard_zero_dose,,30,known\n",
        encoding="utf-8",
    )
    with duckdb.connect(str(database), read_only=True) as made:
        then = {(r.check.name, r.study_id): r for r in results(made, thresholds=limits)}
    assert then["dq_total_disagrees", "mars"].verdict == "passed"
    assert then["dq_total_disagrees", "mars"].why == "agreed with the site"
    assert then["dq_total_disagrees", "stard"].max_pct == 2
    assert then["refused_rows:scales", "stard"].verdict == "failed"
    assert then["dq_stard_zero_dose", "stard"].verdict == "passed"
    assert hashlib.sha256(database.read_bytes()).hexdigest() == before


def test_a_threshold_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "check_thresholds.csv"
    path.write_text("check_id,study_id,max_pct,reason\ngate,,1,x\ngate,mars,two,x\n", encoding="utf-8")
    with pytest.raises(CheckError, match=re.escape("check_thresholds.csv, row 3, max_pct 'two'")):
        read_thresholds(path)
    path.write_text("check_id,study_id,max_pct,reason\ngate,,1,x\ngate,,2,x\n", encoding="utf-8")
    with pytest.raises(CheckError, match="a second threshold"):
        read_thresholds(path)


def test_every_check_has_a_threshold_and_every_finding_says_what_to_do() -> None:
    with CATALOGUE.open(newline="", encoding="utf-8") as stream:
        known = {row["check_id"] for row in csv.DictReader(stream)}
    limits = {check for check, _ in read_thresholds()}
    assert known <= limits
    general = {p.stem for p in (SEEDS.parent / "models" / "quality").glob("dq_*.sql")} - {"dq_result"}
    assert general <= known
    for path in STAGING.glob("*/dq_*.yml"):
        if not path.stem.endswith("__unit_tests"):
            text = path.read_text(encoding="utf-8")
            assert all(f"{word}:" in text for word in ("check", "numerator", "data_manager", "analyst")), path.name
