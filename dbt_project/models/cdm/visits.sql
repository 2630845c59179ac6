-- Visits that took place, and planned ones that did not: a missed visit is a row, never a zero.

with

steps as (
    select * from {{ ref('steps') }}
),

attended as (
    select
        visits.*,
        visits.day - steps.start_day as step_day
    from {{ ref('chk_visits') }} as visits
    inner join steps on visits.subject_id = steps.subject_id and visits.step_id = steps.step_id
    where visits.failed_rules = 0
),

schedule as (
    select * from {{ ref('visit_schedule') }}
    where not is_optional
),

-- planned visits that some record answers, by the study's own label or by the window of days
answered as (
    select distinct attended.subject_id, attended.step_id, schedule.week_label
    from attended
    inner join schedule
        on attended.study_id = schedule.study_id
        and attended.step_id = schedule.step_id
        and attended.contact = schedule.contact
    where
        attended.step_day between schedule.day_from and schedule.day_to
        or (schedule.day_from is null and attended.week_label = schedule.week_label)
),

left_behind as (
    select
        steps.study_id,
        steps.subject_id,
        steps.step_id,
        schedule.week_label,
        schedule.contact,
        schedule.planned_step_day as step_day,
        steps.start_day + schedule.planned_step_day as day,
        case
            when steps.exit_reason not in ('unknown', 'lost')
                and schedule.planned_step_day > steps.end_day - steps.start_day then 'after_exit'
            when coalesce(following.step_no, 0) > steps.step_no
                and steps.start_day + schedule.planned_step_day > steps.end_day then 'after_exit'
            else 'missed'
        end as status
    from steps
    inner join schedule on steps.study_id = schedule.study_id and steps.step_id = schedule.step_id
    left join (select subject_id, max(step_no) as step_no from steps group by subject_id) as following
        on steps.subject_id = following.subject_id
    where not exists (
        select 1
        from answered
        where answered.subject_id = steps.subject_id
            and answered.step_id = steps.step_id
            and answered.week_label = schedule.week_label
    )
),

-- another visit may have been held on the very day: the missed one then stands on the next free day
clashing as (
    select left_behind.*, later.shift
    from left_behind
    cross join (select 0 as shift union all select 1 union all select 2 union all select 3
        union all select 4 union all select 5 union all select 6) as later
    where exists (
        select 1
        from attended
        where attended.subject_id = left_behind.subject_id
            and attended.step_id = left_behind.step_id
            and attended.contact = left_behind.contact
            and attended.day = left_behind.day
    )
),

free_days as (
    select clashing.subject_id, clashing.step_id, clashing.week_label, min(clashing.shift) as shift
    from clashing
    left join attended
        on attended.subject_id = clashing.subject_id
        and attended.step_id = clashing.step_id
        and attended.contact = clashing.contact
        and attended.day = clashing.day + clashing.shift
    where attended.day is null
    group by clashing.subject_id, clashing.step_id, clashing.week_label
)

select
    subject_id,
    step_id,
    day,
    step_day,
    week_label,
    contact,
    status,
    opens_step,
    study_id,
    src_form,
    src_row,
    n_src
from attended

union all

select
    left_behind.subject_id,
    left_behind.step_id,
    left_behind.day + coalesce(free_days.shift, 0) as day,
    left_behind.step_day + coalesce(free_days.shift, 0) as step_day,
    left_behind.week_label,
    left_behind.contact,
    left_behind.status,
    cast(null as {{ type_text() }}) as opens_step,
    left_behind.study_id,
    'generated:schedule' as src_form,
    cast(null as bigint) as src_row,
    0 as n_src
from left_behind
left join free_days
    on left_behind.subject_id = free_days.subject_id
    and left_behind.step_id = free_days.step_id
    and left_behind.week_label = free_days.week_label
