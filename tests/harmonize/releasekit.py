"""A small published file, made by hand, to freeze and compare; no patient stands behind it."""

from __future__ import annotations

from pathlib import Path

import duckdb

from harmonize.paths import Warehouse

TABLES = """
create schema quality; create schema marts; create schema cdm; create schema reference;
create table quality.landings (study varchar, form varchar, file varchar, sha256 varchar, n_rows bigint, n_bytes bigint,
    is_synthetic boolean);
create table quality.corrections (study_id varchar, src_form varchar, src_row bigint, column_name varchar,
    value_before varchar, value_after varchar, fate varchar);
create table reference.studies (study_id varchar, title varchar);
create table reference.scales (scale_id varchar, scale_name varchar);
create table cdm.subjects (subject_id varchar, sex varchar, age double, age_topcoded boolean, site_no bigint,
    setting varchar, study_id varchar, src_form varchar, src_row bigint, n_src bigint);
create table cdm.scales (subject_id varchar, day bigint, instrument_id varchar, rater varchar, contact varchar,
    occasion bigint, score double, score_missing varchar, items float[], study_id varchar);
create table marts.first_line (subject_id varchar, study_id varchar, baseline double, centre bigint);
create view cdm.scale_items as select subject_id, unnest(items) as value from cdm.scales;
create view marts.scale_severity as select subject_id, day, instrument_id, score > 13 as is_high, study_id
    from cdm.scales;
comment on table cdm.subjects is 'One row per person. Grain: subject_id.';
comment on column marts.first_line.centre is 'Site by another name, never exported.';
comment on column cdm.subjects.sex is 'Sex as the study recorded it.';
comment on column cdm.subjects.age is 'Age at baseline, years; 90 stands for 90 and above.';
"""
ROWS = """
insert into quality.landings values ('alpha', 'f', 'f.txt', repeat('ab', 32), 3, 30, true),
    ('beta', 'g', 'g.txt', repeat('cd', 32), 1, 10, true);
insert into reference.studies values ('alpha', 'Alpha, "the" trial'), ('beta', 'Beta');
insert into reference.scales values ('HRSD17', 'Hamilton');
insert into cdm.subjects values
    ('alpha-2', 'female', 34, false, 7, 'primary', 'alpha', 'f', 3, 1),
    ('alpha-1', 'male', 90, true, 7, null, 'alpha', 'f', 2, 1),
    ('beta-1', null, null, null, null, 'inpatient', 'beta', 'g', 2, 1);
insert into cdm.scales values
    ('alpha-1', 0, 'HRSD17', 'assessor', 'rater_phone', 1, 21.5, null, [1, null, 2], 'alpha'),
    ('alpha-1', 14, 'HRSD17', 'assessor', 'rater_phone', 1, 12, null, null, 'alpha'),
    ('alpha-2', 0, 'HRSD17', 'assessor', 'rater_phone', 1, null, 'blank', [0], 'alpha'),
    ('beta-1', 0, 'HRSD17', 'self', 'web', 1, 17, null, null, 'beta');
insert into marts.first_line values ('alpha-1', 'alpha', 21.5, 7), ('alpha-2', 'alpha', null, 7),
    ('beta-1', 'beta', 17, 8);
"""


def publish(root: Path, *changes: str) -> Warehouse:
    """A published file with the rows above, then `changes` made to it; an older one is replaced, as a build does."""
    warehouse = Warehouse(root)
    root.mkdir(parents=True, exist_ok=True)
    part = root / "part.duckdb"
    part.unlink(missing_ok=True)
    with duckdb.connect(str(part)) as connection:
        connection.execute(TABLES)
        connection.execute(ROWS)
        for change in changes:
            connection.execute(change)
    part.replace(warehouse.database)
    return warehouse
