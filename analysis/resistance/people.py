"""Who is asked in Aim B: failed trials before admission, staging scores, and what became of the next trial.

The index trial and what followed it stand in none of the columns that are tested (scope `before_index`); scores over
all trials stand beside, to be shown as the whole of which the index trial is a part.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pandera.pandas as pa

from analysis.covariates import ENTRY_SQL
from analysis.warehouse import Warehouse

DEFINITION = "project_default"
"""Adequate: label minimum for 4 weeks; failed: fall below 25 %, or reported without success; same episode."""
OTHERS = ("athf_sf", "fda_us_practice")
"""Other definitions of an adequate failed trial, shown beside."""
SCORES = {"msm": "MSM", "thase_rush": "Thase–Rush", "athf_long": "ATHF", "mgh_s": "MGH-S"}
"""Staging scores by definition; the ATHF is the sum of ratings of its long form."""
CATEGORIES = ("0", "1", "2", "≥ 3")
COVARIATES = ("baseline", "age", "female", "chronic", "episodes", "anxious")
MIN_WEEKS = 4
"""A next trial counts that began after so many weeks of the first: earlier the first was no trial."""

_TABLES = "marts.first_line marts.trd_status marts.trials_of_treatment marts.features cdm.subjects cdm.history".split()


class ResistanceError(ValueError):
    """The data cannot carry the question; the message says what is missing and what to do."""


def schema() -> pa.DataFrameSchema:
    """One row per person; counts are whole, what is not known is missing."""
    number = {
        name: pa.Column(float, nullable=True, coerce=True)
        for name in (
            "n_failed",
            "n_possible",
            *(f"n_{d}" for d in OTHERS),
            *(f"{s}_{scope}" for s in SCORES for scope in ("before", "all")),
            *COVARIATES,
            "next_week",
            "next_failed",
            "next_entry",
        )
    }
    keys = {"subject_id": pa.Column(str, unique=True, coerce=True), "study_id": pa.Column(str, coerce=True)}
    return pa.DataFrameSchema({**keys, "is_evaluable": pa.Column(bool, coerce=True), **number}, strict=True)


def read_people(warehouse: Warehouse, studies: Sequence[str]) -> pd.DataFrame:
    """Persons of the first treatment of `studies`, as `schema` says.

    Raises ResistanceError where a table or every person is absent.
    """
    absent = [t for t in _TABLES if t not in warehouse.columns]
    if absent:
        raise ResistanceError(f"{warehouse.database.name} has no {', '.join(absent)}: run trd build")
    given = {f"s{i}": s for i, s in enumerate(studies)}
    sql = _SQL.format(
        studies=", ".join(f":{name}" for name in given), counts=_counts(), scores=_scores(), entry=ENTRY_SQL
    )
    found = warehouse.frame(sql, **given, min_days=7 * MIN_WEEKS)
    if found.empty:
        raise ResistanceError(
            f"marts.first_line has no person of {', '.join(studies)}: land the study and build, or name another"
        )
    return schema().validate(found)


def _counts() -> str:
    wanted = {DEFINITION: "n_failed", **{d: f"n_{d}" for d in OTHERS}}
    lines = [f"max(case when {_is(d)} then n_failed end) as {name}" for d, name in wanted.items()]
    return ",\n        ".join([*lines, f"max(case when {_is(DEFINITION)} then n_failed_possible end) as n_possible"])


def _is(definition: str, scope: str = "before_index") -> str:
    return f"definition_id = '{definition}' and scope = '{scope}'"


def _scores() -> str:
    scopes = {"before": "before_index", "all": "all_trials"}
    lines = [
        f"max(case when {_is(s, scope)} then score_low end) as {s}_{name}"
        for s in SCORES
        for name, scope in scopes.items()
    ]
    return ",\n        ".join(lines)


_SQL = """
with persons as (
    select * from marts.first_line where study_id in ({studies})
),
status as (
    select
        subject_id,
        {counts},
        {scores}
    from marts.trd_status
    group by subject_id
),
indexes as (
    select subject_id, trial_no from marts.trials_of_treatment where is_index
),
following as (
    select trials.subject_id, trials.start_day, trials.failed_25, trials.baseline_score
    from marts.trials_of_treatment as trials
    inner join indexes on trials.subject_id = indexes.subject_id and trials.trial_no > indexes.trial_no
    inner join persons on trials.subject_id = persons.subject_id
    where trials.start_day >= persons.start_day + :min_days
    qualify row_number() over (partition by trials.subject_id order by trials.trial_no) = 1
),
{entry}select
    persons.subject_id,
    persons.study_id,
    persons.is_evaluable,
    status.* exclude (subject_id),
    persons.baseline_score as baseline,
    subjects.age,
    case subjects.sex when 'female' then 1 when 'male' then 0 end as female,
    case when history.episode_days is not null then cast(history.episode_days >= 730 as integer) end as chronic,
    history.episodes,
    anxious.anxious,
    (following.start_day - persons.start_day) / 7.0 as next_week,
    cast(following.failed_25 as integer) as next_failed,
    following.baseline_score as next_entry
from persons
inner join cdm.subjects as subjects on persons.subject_id = subjects.subject_id
left join status on persons.subject_id = status.subject_id
left join history on persons.subject_id = history.subject_id
left join anxious on persons.subject_id = anxious.subject_id
left join following on persons.subject_id = following.subject_id
order by persons.subject_id
"""
