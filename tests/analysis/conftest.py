"""A small published file with invented numbers, made by hand; no patient stands behind any of them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

TABLES = """
create schema quality; create schema marts; create schema cdm; create schema reference;
create table quality.landings (study varchar, form varchar, file varchar, sha256 varchar, n_rows bigint, n_bytes bigint,
    is_synthetic boolean);
create table quality.form_rows (study_id varchar, src_form varchar, block varchar, entity varchar, fate varchar,
    n_rows bigint);
create table quality.entity_rows (study_id varchar, entity varchar, n_candidates bigint, n_accepted bigint,
    n_merged bigint, n_quarantined bigint, n_generated bigint);
create table quality.quarantine (study_id varchar, entity varchar, src_form varchar, src_row bigint, block varchar,
    slot_no bigint, rule varchar, subject_id varchar, row_key varchar);
create table quality.cell_issues (study_id varchar, src_form varchar, src_row bigint, column_name varchar,
    raw_value varchar, rule varchar);
create table quality.dq_result (study_id varchar, finding varchar, entity varchar, n_checked bigint, n_found bigint,
    verdict varchar);
create table quality.reconciliation (study_id varchar, check_id varchar, description varchar, observed bigint,
    expected integer, verdict varchar, why_not varchar, source varchar, verified varchar);
create table marts.attrition (study_id varchar, step_id varchar, step_no bigint, stage_no bigint, stage varchar,
    n_persons bigint);
create table marts.step_scores (subject_id varchar, step_id varchar, instrument_id varchar, study_id varchar,
    baseline_score double, exit_score double);
create table marts.outcomes (subject_id varchar, step_id varchar, instrument_id varchar, definition_id varchar,
    study_id varchar, verdict varchar);
create table marts.first_line (subject_id varchar, study_id varchar, treatment_class varchar, adequate varchar,
    is_in_trajectories boolean, is_evaluable boolean, left_early boolean, intolerant boolean);
create table marts.coverage (study_id varchar, entity varchar, column_name varchar, status varchar, comment varchar,
    n_blocks bigint, n_rows bigint, n_values bigint, share double);
create table marts.variable_coverage (study_id varchar, entity varchar, variable_id varchar, label varchar,
    block varchar, comment varchar, n_subjects bigint, status varchar, n_with_value bigint, share double);
create table cdm.visits (study_id varchar, subject_id varchar, status varchar);
create table cdm.conditions (subject_id varchar, condition_id varchar, relative varchar, start_day bigint,
    status varchar, timing varchar, code_system varchar, code varchar, study_id varchar, src_form varchar,
    src_row bigint, n_src bigint);
create table reference.studies (study_id varchar, title varchar, setting varchar, design varchar);
create table reference.study_steps (study_id varchar, step_id varchar, step_no integer, label varchar,
    is_treatment boolean);
create table reference.scales (scale_id varchar, scale_name varchar);
create table reference.gate_rules (entity varchar, rule varchar, description varchar);
create table reference.outcome_definitions (outcome_id varchar, outcome varchar, scale_scope varchar, metric varchar,
    operator varchar, threshold_low double, threshold_high double, context varchar, mutually_exclusive_group varchar,
    source varchar, verified varchar);
"""

REFERENCE = """
insert into reference.studies values ('alpha', 'Alpha trial', 'outpatients', 'open trial'),
    ('beta', 'Beta <trial>', 'inpatients', 'open trial');
insert into reference.study_steps values ('alpha', '1', 1, 'First step', true), ('beta', '1', 1, 'Only step', true);
insert into reference.scales values ('HRSD17', 'Hamilton');
insert into reference.gate_rules values ('visits', 'day:in_range', 'day must lie in -60 to 3650');
insert into reference.outcome_definitions values
    ('response_50', 'response', 'any severity scale', 'pct_reduction', '>=', 50, null, '', 'g', 'S_A', 'verified'),
    ('partial', 'partial response', 'any severity scale', 'pct_reduction', 'between', 25, 50, '', 'g', 'S_B', 'mixed'),
    ('nonresponse', 'non-response', 'any severity scale', 'pct_reduction', '<', 25, null, '', 'g', 'S_B', 'verified'),
    ('remission_7', 'remission', 'HRSD17', 'total', '<=', 7, null, '', null, 'S_MEMORY', 'memory');
alter table reference.outcome_definitions add column in_report boolean default true;
"""

ALPHA = """
insert into quality.landings values
    ('alpha', 'visits', '/data/secret folder/visits.csv', repeat('ab', 32), 100, 999, true);
insert into quality.form_rows values ('alpha', 'visits', 'calls', 'visits', 'raw', 100),
    ('alpha', 'visits', 'calls', 'visits', 'used', 97), ('alpha', 'visits', 'calls', 'visits', 'blank', 3);
insert into quality.entity_rows values ('alpha', 'visits', 97, 60, 20, 17, 7), ('alpha', 'subjects', 50, 50, 0, 0, 0);
insert into quality.quarantine select 'alpha', 'visits', 'visits', i, 'calls', 0, 'day:in_range', 'SUBJECT77', 'KEY77'
    from range(17) as r(i);
insert into quality.cell_issues select 'alpha', 'visits', i, 'SCORE', 'RAWTEXT77', 'unparseable' from range(2) as r(i);
insert into quality.dq_result values ('alpha', 'dq_steps_overlap', 'steps', 50, 0, 'clean');
insert into quality.reconciliation values ('alpha', 'persons', 'Patients', 50, 50, 'agrees', null, 'README', 'read'),
    ('alpha', 'other', 'Others', 0, 77, 'not_applicable', 'synthetic delivery', 'README', 'read');
insert into marts.attrition values ('alpha', 'all', -1, 1, 'persons_found', 50),
    ('alpha', 'all', -1, 2, 'persons_refused', 0), ('alpha', 'all', -1, 3, 'persons_accepted', 50),
    ('alpha', '1', 1, 10, 'entered', 50), ('alpha', '1', 1, 11, 'with_baseline_score', 50),
    ('alpha', '1', 1, 12, 'with_later_visit', 47), ('alpha', '1', 1, 13, 'with_exit_score', 40),
    ('alpha', '1', 1, 14, 'moved_on', 0), ('alpha', '1', 1, 20, 'exit_withdrew', 10);
insert into marts.step_scores
    select 'p' || i, '1', 'HRSD17', 'alpha', 20, case when i < 40 then 10 end from range(50) as r(i);
insert into marts.outcomes select 'p' || i, '1', 'HRSD17', d, 'alpha',
    case when i >= 40 then 'not_determinable'
        when (d = 'response_50' and i < 25) or (d = 'partial' and i in (25, 26, 27))
        or (d = 'nonresponse' and i >= 28) or (d = 'remission_7' and i < 13) then 'met' else 'not_met' end
    from range(50) as r(i), (values ('response_50'), ('partial'), ('nonresponse'), ('remission_7')) as x(d);
insert into marts.first_line select 'p' || i, 'alpha', case when i < 30 then 'SSRI' when i < 48 then 'SNRI' end,
    case when i < 20 then 'yes' else 'unknown' end, i < 45, i < 38, i >= 45, i in (38, 39) from range(50) as r(i);
insert into marts.coverage values ('alpha', 'visits', 'status', 'complete', null, 1, 67, 67, 1),
    ('alpha', 'visits', 'subject_id', 'partial', 'by hand', 1, 67, 64, 64 / 67);
insert into marts.variable_coverage values
    ('alpha', 'history', 'income', 'Income', 'money', null, 50, 'complete', 40, 0.8),
    ('beta', 'history', 'income', 'Income', null, 'was not asked', 30, 'not_collected', 0, 0),
    ('alpha', 'conditions', 'gad', 'gad', 'dx', null, 50, 'partial', 48, 0.96),
    ('beta', 'conditions', 'gad', 'gad', null, null, 30, 'not_stated', 0, 0),
    ('alpha', 'history', 'dwelling', 'Dwelling', 'home', null, 50, 'complete', 50, 1);
insert into cdm.visits select 'alpha', 'p' || i, case when i < 55 then 'attended' else 'missed' end
    from range(67) as r(i);
insert into cdm.conditions values
    ('p1', 'mdd', 'self', null, 'present', 'current', null, null, 'alpha', 'visits', 1, 1),
    ('p2', 'mdd', 'self', 3, 'absent', 'current', null, null, 'alpha', 'visits', 2, 1);
"""

BETA = """
insert into quality.landings values ('beta', 'all', 'beta.csv', repeat('cd', 32), 30, 999, false);
insert into marts.attrition values ('beta', 'all', -1, 1, 'persons_found', 30),
    ('beta', 'all', -1, 2, 'persons_refused', 0), ('beta', 'all', -1, 3, 'persons_accepted', 30);
"""


def make(folder: Path, *parts: str) -> Path:
    """A file with the tables of a published warehouse and the given rows."""
    path = folder / "trd.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(TABLES)
        for part in parts:
            connection.execute(part)
    return path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A synthetic study with small counts, and a real one that was only counted."""
    return make(tmp_path, REFERENCE, ALPHA, BETA)


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A built warehouse in which nothing was landed."""
    return make(tmp_path, REFERENCE)
