"""What Aim C starts from: persons with what is known at entry and what came of them, their scores, and paired scores.

Nothing is fitted here and nobody is left out for what happened later. Days count from the start of the treatment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import pandera.pandas as pa

from analysis.covariates import ENTRY_SQL
from analysis.warehouse import Warehouse

COURSE_SCALE = "HRSD17"
"""The scale everything is brought to; a study followed on QIDS-SR16 through a link fitted in the fold."""
LINKED_FROM = "QIDS_SR16"
RESPONSE, REMISSION = "response_50", "remission_hrsd17_7"
"""Outcome definitions behind the targets, both on the HRSD17."""

NONRESPONSE, NEXT_FAILURE = "nonresponse", "next_failure"
TARGETS = {
    NONRESPONSE: "non-response on HRSD17 at exit",
    NEXT_FAILURE: "next-step failure",
}
"""Columns of the targets, by the plan's words."""

ENTRY = ("age", "female", "chronic", "episodes", "anxious")
"""Columns known at entry beside the severity."""

_TABLES = (
    "marts.first_line",
    "marts.trajectory_input",
    "marts.outcomes",
    "marts.step_scores",
    "marts.features",
    "cdm.steps",
    "cdm.subjects",
    "cdm.history",
)


class EarlyError(ValueError):
    """The data cannot carry the question; the message says what is missing and what to do."""


_number: dict[str, Any] = {"nullable": True, "coerce": True}
PERSONS = pa.DataFrameSchema(
    {
        "subject_id": pa.Column(str, unique=True, coerce=True),
        "study_id": pa.Column(str, coerce=True),
        "instrument_id": pa.Column(str, pa.Check.isin([COURSE_SCALE, LINKED_FROM]), coerce=True),
        "baseline": pa.Column(float, **_number),
        "hrsd17_baseline": pa.Column(float, **_number),
        "age": pa.Column(float, **_number),
        "female": pa.Column(float, **_number),
        "chronic": pa.Column(float, **_number),
        "episodes": pa.Column(float, **_number),
        "anxious": pa.Column(float, **_number),
        "end_day": pa.Column(float, coerce=True),
        "exit_day": pa.Column(float, **_number),
        NONRESPONSE: pa.Column(float, **_number),
        NEXT_FAILURE: pa.Column(float, **_number),
    },
    strict=True,
)
SCORES = pa.DataFrameSchema(
    {
        "subject_id": pa.Column(str, coerce=True),
        "day": pa.Column(float, pa.Check.gt(0), coerce=True),
        "score": pa.Column(float, coerce=True),
    },
    unique=["subject_id", "day"],
    strict=True,
)


@dataclass(frozen=True)
class Material:
    """persons: one row each (`PERSONS`; end_day and exit_day from the start of treatment, targets 1 for the bad end, 0,
    or missing). scores: follow-ups within the weeks that count, as measured on the person's instrument. pairs: x
    (QIDS-SR16) and y (HRSD17) of the same person and day.
    """

    persons: pd.DataFrame
    scores: pd.DataFrame
    pairs: pd.DataFrame

    @property
    def studies(self) -> tuple[str, ...]:
        """Studies with a person in it."""
        return tuple(sorted(self.persons["study_id"].unique()))

    def of(self, subjects: pd.Index) -> Material:
        """Some of the persons with all that belongs to them."""
        return replace(
            self,
            persons=self.persons[self.persons["subject_id"].isin(subjects)].reset_index(drop=True),
            scores=self.scores[self.scores["subject_id"].isin(subjects)].reset_index(drop=True),
            pairs=self.pairs[self.pairs["subject_id"].isin(subjects)].reset_index(drop=True),
        )


def read_material(warehouse: Warehouse, studies: Sequence[str]) -> Material:
    """Persons of the first treatment of `studies`. Raises EarlyError where a table or every person is absent."""
    absent = [t for t in _TABLES if t not in warehouse.columns]
    if absent:
        raise EarlyError(f"{warehouse.database.name} has no {', '.join(absent)}: run trd build")
    given = {f"s{i}": s for i, s in enumerate(studies)}
    listed = ", ".join(f":{name}" for name in given)
    persons = warehouse.frame(
        _PERSONS.format(studies=listed, entry=ENTRY_SQL),
        **given,
        response=RESPONSE,
        remission=REMISSION,
        scale=COURSE_SCALE,
    )
    if persons.empty:
        raise EarlyError(
            f"no person of {', '.join(studies)} is followed on {COURSE_SCALE} or {LINKED_FROM} in marts.first_line:"
            " land one of these studies and build, or name others with --study"
        )
    scores = warehouse.frame(_SCORES.format(studies=listed), **given)
    pairs = warehouse.frame(_PAIRS.format(studies=listed), **given, x=LINKED_FROM, y=COURSE_SCALE)
    return Material(PERSONS.validate(persons), SCORES.validate(scores), pairs.astype({"x": float, "y": float}))


# The end of the step, not of the first drug: in a ward a change of drug does not end the treatment that is followed.
_PERSONS = """
with persons as (
    select f.subject_id, f.study_id, f.step_id, f.next_step_id, f.instrument_id, f.baseline_score, f.baseline_hrsd17,
        f.start_day, greatest(f.end_day, steps.end_day) as end_day
    from marts.first_line as f
    inner join cdm.steps as steps on f.subject_id = steps.subject_id and f.step_id = steps.step_id
    where f.study_id in ({studies}) and f.instrument_id in ('HRSD17', 'QIDS_SR16')
),
{entry}select
    persons.subject_id,
    persons.study_id,
    persons.instrument_id,
    persons.baseline_score as baseline,
    persons.baseline_hrsd17 as hrsd17_baseline,
    subjects.age,
    case subjects.sex when 'female' then 1 when 'male' then 0 end as female,
    case when history.episode_days is not null then cast(history.episode_days >= 730 as integer) end as chronic,
    history.episodes,
    anxious.anxious,
    persons.end_day - persons.start_day as end_day,
    exits.exit_day - persons.start_day as exit_day,
    case response.verdict when 'not_met' then 1 when 'met' then 0 end as nonresponse,
    case remission.verdict when 'not_met' then 1 when 'met' then 0 end as next_failure
from persons
inner join cdm.subjects as subjects on persons.subject_id = subjects.subject_id
left join history on persons.subject_id = history.subject_id
left join anxious on persons.subject_id = anxious.subject_id
left join marts.step_scores as exits
    on persons.subject_id = exits.subject_id and persons.step_id = exits.step_id and exits.instrument_id = :scale
left join marts.outcomes as response
    on persons.subject_id = response.subject_id and persons.step_id = response.step_id
    and response.instrument_id = :scale and response.definition_id = :response
left join marts.outcomes as remission
    on persons.subject_id = remission.subject_id and persons.next_step_id = remission.step_id
    and remission.instrument_id = :scale and remission.definition_id = :remission
order by persons.study_id, persons.subject_id
"""

_SCORES = """
select points.subject_id, points.day - f.start_day as day, points.score
from marts.trajectory_input as points
inner join marts.first_line as f
    on points.subject_id = f.subject_id and points.instrument_id = f.instrument_id
where f.study_id in ({studies}) and points.role = 'follow_up' and points.is_in_window
qualify row_number() over (
    partition by points.subject_id, points.day order by points.occasion, points.rater, points.contact
) = 1
order by points.subject_id, day
"""

_PAIRS = """
with firsts as (
    select subject_id, instrument_id, day, score from marts.trajectory_input
    where study_id in ({studies}) and instrument_id in (:x, :y)
    qualify row_number() over (
        partition by subject_id, instrument_id, day order by occasion, rater, contact
    ) = 1
)
select xs.subject_id, xs.score as x, ys.score as y
from firsts as xs
inner join firsts as ys on xs.subject_id = ys.subject_id and xs.day = ys.day
where xs.instrument_id = :x and ys.instrument_id = :y
order by xs.subject_id, xs.day
"""
