-- Steps that begin more than 14 days before the step before them was left: a level may be misspelt.
-- The blinded rater may call some days after the clinic exit, hence the tolerance.

with

ordered as (
    select
        study_id,
        subject_id,
        step_id,
        start_day,
        lag(step_id) over (partition by subject_id order by step_no) as previous_step_id,
        lag(end_day) over (partition by subject_id order by step_no) as previous_end_day
    from {{ ref('steps') }}
)

select
    study_id,
    subject_id,
    previous_step_id,
    previous_end_day,
    step_id,
    start_day
from ordered
where start_day < previous_end_day - 14
