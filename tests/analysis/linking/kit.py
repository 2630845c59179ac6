"""Pairs of synthetic scores with a known link, and a small published file around them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from analysis.linking.pairs import Pairs, Scale
from harmonize.synthetic.draws import Draws
from harmonize.synthetic.instruments import administer, totals

HRSD17 = Scale("HRSD17", 0, 52, 7)
QIDS = Scale("QIDS_SR16", 0, 27, 5)


@cache
def population(n: int, visits: int = 2, seed: int = 1, shift: float = 0.0) -> pd.DataFrame:
    """Persons with severity around 20 at the first visit and spread out below at later ones; QIDS (x), HRSD17 (y).

    `shift` points are added to what the rater of the HRSD17 sees of the persons of study b, as in world W5.
    """
    draws = Draws(seed)
    who = np.arange(n)
    severity = 20 + 5 * draws.normal("severity", who)
    parts = []
    for visit in range(visits):
        key = who * 64 + visit
        theta = severity - (0 if visit == 0 else 7 + 6 * draws.normal(f"fall {visit}", who))
        b = who % 2 == 1
        part = {"person": who, "study_id": np.where(b, "b", "a"), "sex": np.where(who % 3 > 0, "female", "male")}
        y = np.where(
            b,
            totals("HRSD17", administer("HRSD17", theta, key, draws, shift=shift)),
            totals("HRSD17", administer("HRSD17", theta, key, draws)),
        )
        part |= {"x": totals("QIDS_SR16", administer("QIDS_SR16", theta, key, draws)), "y": y}
        parts.append(pd.DataFrame(part).assign(time="baseline" if visit == 0 else "later", day=14 * visit))
    return pd.concat(parts, ignore_index=True)


def pairs(frame: pd.DataFrame) -> Pairs:
    """The frame as pairs of QIDS-SR16 and HRSD17."""
    return Pairs(QIDS, HRSD17, frame, 0)


TABLES = """
create schema quality; create schema marts; create schema cdm; create schema reference;
create table quality.landings (study varchar, form varchar, sha256 varchar, is_synthetic boolean);
insert into quality.landings values ('a', 'f', 'ab', true), ('b', 'f', 'cd', true), ('other', 'f', 'ef', false);
create table reference.scales (scale_id varchar, total_min double, total_max double, remission_operator varchar,
    remission_threshold varchar);
insert into reference.scales values ('HRSD17', 0, 52, '<=', '7'), ('QIDS_SR16', 0, 27, '<=', '5'),
    ('PHQ9', 0, 27, '<', '5');
create table reference.study_steps (study_id varchar, step_id varchar, baseline_to bigint);
insert into reference.study_steps values ('a', '1', 7), ('b', '1', 7);
create table marts.links (link_id varchar, kind varchar, from_instrument_id varchar, to_instrument_id varchar,
    priority bigint);
insert into marts.links values ('t', 'table', 'QIDS_SR16', 'HRSD17', 10), ('u', 'table', 'QIDS_SR16', 'HRSD17', null);
create table marts.link_points (link_id varchar, kind varchar, from_instrument_id varchar, to_instrument_id varchar,
    from_score bigint, point double, low double, high double);
insert into marts.link_points select l, 'table', 'QIDS_SR16', 'HRSD17', i, 1.35 * i, 1.35 * i - 1, 1.35 * i + 1
    from range(28) as r(i), (values ('t'), ('u')) as v(l);
"""


def warehouse(folder: Path, frame: pd.DataFrame) -> Path:
    """A published file with the persons of `frame`: x as QIDS-SR16, y as HRSD17 on the same day."""
    path = folder / "trd.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(TABLES)
        connection.register("given", frame)
        connection.execute("create table persons as select distinct person, study_id, sex from given")
        connection.execute("create table cdm.subjects as select 'p' || person as subject_id, sex from persons")
        connection.execute(
            "create table marts.first_line as select 'p' || person as subject_id, study_id, '1' as step_id,"
            " 0 as start_day from persons"
        )
        connection.execute(
            "create table cdm.scales as select 'p' || person as subject_id, study_id, 'QIDS_SR16' as instrument_id,"
            " day, 'self' as rater, 'web' as contact, 1 as occasion, x::double as score_used from given"
            " union all select 'p' || person, study_id, 'HRSD17', day, 'clinician', 'clinic', 1, y::double from given"
        )
    return path
