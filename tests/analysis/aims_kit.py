"""A hand-made published file with the tables that Aims B and C read: few invented persons, every case of the rules."""

from __future__ import annotations

from pathlib import Path

import duckdb

SQL = """
create schema marts; create schema cdm; create schema quality; create schema reference;
create table marts.first_line (subject_id varchar, study_id varchar, step_id varchar, next_step_id varchar,
    instrument_id varchar, baseline_score double, baseline_hrsd17 double, start_day bigint, end_day bigint,
    is_evaluable boolean);
insert into marts.first_line values
    ('a', 'alpha', '1', '2', 'QIDS_SR16', 16, 22, 0, 84, true),
    ('b', 'alpha', '1', null, 'QIDS_SR16', 14, 20, 7, 30, true),
    ('c', 'mars', 'TAU', null, 'HRSD17', 24, 24, 2, 20, true),
    ('d', 'other', '1', null, 'MADRS', 30, null, 0, 50, true);
create table cdm.steps (subject_id varchar, step_id varchar, start_day bigint, end_day bigint);
insert into cdm.steps values ('a', '1', 0, 84), ('a', '2', 84, 160), ('b', '1', 0, 30), ('c', 'TAU', 0, 100),
    ('d', '1', 0, 50);
create table cdm.subjects (subject_id varchar, sex varchar, age double);
insert into cdm.subjects values ('a', 'female', 40), ('b', 'male', null), ('c', null, 61), ('d', 'male', 20);
create table cdm.history (subject_id varchar, variable_id varchar, occasion bigint, value_num double);
insert into cdm.history values ('a', 'episode_duration_days', 1, 730), ('a', 'episode_duration_days', 2, 100),
    ('b', 'episode_duration_days', 1, 729), ('a', 'n_prior_episodes', 1, 3), ('c', 'n_prior_episodes', 1, 2);
create table marts.features (subject_id varchar, step_id varchar, feature varchar, is_default boolean, verdict varchar);
insert into marts.features values ('a', '1', 'anxious', true, 'met'), ('a', '2', 'anxious', true, 'not_met'),
    ('b', '1', 'anxious', true, 'not_determinable'), ('b', '1', 'anxious', false, 'met'),
    ('c', null, 'anxious', true, 'not_met');
create table marts.step_scores (subject_id varchar, step_id varchar, instrument_id varchar, exit_day bigint);
insert into marts.step_scores values ('a', '1', 'HRSD17', 83), ('a', '2', 'HRSD17', 158), ('b', '1', 'HRSD17', 17),
    ('c', 'TAU', 'HRSD17', 95), ('a', '1', 'QIDS_SR16', 84);
create table marts.outcomes (subject_id varchar, step_id varchar, instrument_id varchar, definition_id varchar,
    verdict varchar);
insert into marts.outcomes values ('a', '1', 'HRSD17', 'response_50', 'not_met'),
    ('a', '1', 'QIDS_SR16', 'response_50', 'met'), ('a', '2', 'HRSD17', 'remission_hrsd17_7', 'not_met'),
    ('a', '2', 'HRSD17', 'response_50', 'met'), ('b', '1', 'HRSD17', 'response_50', 'met'),
    ('c', 'TAU', 'HRSD17', 'response_50', 'not_determinable');
create table marts.trajectory_input (subject_id varchar, study_id varchar, instrument_id varchar, day bigint,
    rater varchar, contact varchar, occasion bigint, score double, role varchar, is_in_window boolean);
insert into marts.trajectory_input values
    ('a', 'alpha', 'QIDS_SR16', 0, 'self', 'x', 1, 16, 'baseline', false),
    ('a', 'alpha', 'HRSD17', 0, 'assessor', 'x', 1, 22, 'baseline', false),
    ('a', 'alpha', 'QIDS_SR16', 14, 'self', 'x', 2, 11, 'follow_up', true),
    ('a', 'alpha', 'QIDS_SR16', 14, 'self', 'x', 1, 12, 'follow_up', true),
    ('a', 'alpha', 'QIDS_SR16', 99, 'self', 'x', 1, 5, 'follow_up', false),
    ('a', 'alpha', 'HRSD17', 83, 'assessor', 'x', 1, 15, 'follow_up', true),
    ('b', 'alpha', 'QIDS_SR16', 21, 'self', 'x', 1, 9, 'follow_up', true),
    ('c', 'mars', 'HRSD17', 2, 'clinician', 'x', 1, 24, 'baseline', false),
    ('c', 'mars', 'HRSD17', 16, 'clinician', 'x', 1, 20, 'follow_up', true);
create table marts.trd_status (subject_id varchar, definition_id varchar, scope varchar, n_failed bigint,
    n_failed_possible bigint, score_low double);
insert into marts.trd_status values ('c', 'project_default', 'before_index', 1, 2, null),
    ('c', 'project_default', 'all_trials', 9, 9, null), ('c', 'athf_sf', 'before_index', 0, 1, null),
    ('c', 'msm', 'before_index', null, null, 6), ('c', 'msm', 'all_trials', null, null, 8);
create table marts.trials_of_treatment (subject_id varchar, trial_no bigint, is_index boolean, start_day bigint,
    failed_25 boolean, baseline_score double);
insert into marts.trials_of_treatment values ('c', 1, false, -60, true, null), ('c', 2, true, 2, true, 24),
    ('c', 3, false, 29, false, 22), ('c', 4, false, 30, true, 21), ('c', 5, false, 60, false, 18);
"""


def write(folder: Path) -> Path:
    """The file; persons d are of no scale that Aims B and C know."""
    path = folder / "trd.duckdb"
    with duckdb.connect(str(path)) as made:
        made.execute(SQL)
    return path
