-- Visits that took place, and planned ones that did not: a missed visit is a row, never a zero. So is a week that the
-- study plans by one way of contact only: for its other ways it is not_scheduled, never missing.

{% set at_a_distance = "('web', 'ivr', 'rater_phone')" %}
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

planned as (
    select * from {{ ref('visit_schedule') }}
    where not is_optional
),

ways as (
    select distinct study_id, step_id, contact from planned
),

-- a week that is planned for one way of contact says of the study's other ways that nothing was to come
unplanned as (
    select
        weeks.study_id,
        weeks.step_id,
        weeks.week_label,
        ways.contact,
        min(weeks.planned_step_day) as planned_step_day,
        min(weeks.day_from) as day_from,
        max(weeks.day_to) as day_to
    from planned as weeks
    inner join ways on weeks.study_id = ways.study_id and weeks.step_id = ways.step_id
    left join planned as known
        on weeks.study_id = known.study_id
            and weeks.step_id = known.step_id
            and weeks.week_label = known.week_label
            and ways.contact = known.contact
    where known.study_id is null
    group by weeks.study_id, weeks.step_id, weeks.week_label, ways.contact
),

schedule as (
    select study_id, step_id, week_label, contact, planned_step_day, day_from, day_to, true as is_planned
    from planned
    union all
    select study_id, step_id, week_label, contact, planned_step_day, day_from, day_to, false as is_planned
    from unplanned
),

-- a visit answers its own contact's plan; an optional contact at a distance stands in for the one planned in that week
-- (a telephone call for the web form), never for a visit in person
answers as (
    select study_id, step_id, week_label, contact, contact as answered_by, day_from, day_to
    from schedule
    union all
    select
        planned.study_id,
        planned.step_id,
        planned.week_label,
        planned.contact,
        instead.contact as answered_by,
        instead.day_from,
        instead.day_to
    from planned
    inner join {{ ref('visit_schedule') }} as instead
        on planned.study_id = instead.study_id
            and planned.step_id = instead.step_id
            and planned.week_label = instead.week_label
    where instead.is_optional and instead.contact in {{ at_a_distance }} and planned.contact in {{ at_a_distance }}
),

-- planned visits that some record answers, by the study's own label or by the window of days
answered as (
    select distinct attended.subject_id, attended.step_id, answers.week_label, answers.contact
    from attended
    inner join answers
        on attended.study_id = answers.study_id
            and attended.step_id = answers.step_id
            and attended.contact = answers.answered_by
    where
        attended.step_day between answers.day_from and answers.day_to
        or (answers.day_from is null and attended.week_label = answers.week_label)
),

last_steps as (
    select subject_id, max(step_no) as step_no
    from steps
    group by subject_id
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
            when not schedule.is_planned then 'not_scheduled'
            when schedule.planned_step_day <= steps.end_day - steps.start_day then 'missed'
            when steps.exit_reason not in ('unknown', 'lost') or last_steps.step_no > steps.step_no then 'after_exit'
            else 'missed'
        end as status
    from steps
    inner join schedule on steps.study_id = schedule.study_id and steps.step_id = schedule.step_id
    inner join last_steps on steps.subject_id = last_steps.subject_id
    left join answered
        on steps.subject_id = answered.subject_id
            and steps.step_id = answered.step_id
            and schedule.week_label = answered.week_label
            and schedule.contact = answered.contact
    where answered.subject_id is null
),

-- another visit may have been held on the very day: the missed one then stands on the next free day of the week
shifts as (
    select 0 as shift
    union all
    select 1 as shift
    union all
    select 2 as shift
    union all
    select 3 as shift
    union all
    select 4 as shift
    union all
    select 5 as shift
    union all
    select 6 as shift
),

taken as (
    select distinct subject_id, step_id, contact, day
    from attended
),

clashing as (
    select left_behind.*
    from left_behind
    inner join taken
        on left_behind.subject_id = taken.subject_id
            and left_behind.step_id = taken.step_id
            and left_behind.contact = taken.contact
            and left_behind.day = taken.day
),

free_days as (
    select clashing.subject_id, clashing.step_id, clashing.week_label, clashing.contact, min(shifts.shift) as shift
    from clashing
    cross join shifts
    left join taken
        on clashing.subject_id = taken.subject_id
            and clashing.step_id = taken.step_id
            and clashing.contact = taken.contact
            and clashing.day + shifts.shift = taken.day
    where taken.day is null
    group by clashing.subject_id, clashing.step_id, clashing.week_label, clashing.contact
),

-- a person seen on every day of that week has missed no visit of it
placed as (
    select
        left_behind.*,
        case when clashing.subject_id is null then 0 else free_days.shift end as shift
    from left_behind
    left join clashing
        on left_behind.subject_id = clashing.subject_id
            and left_behind.step_id = clashing.step_id
            and left_behind.week_label = clashing.week_label
            and left_behind.contact = clashing.contact
    left join free_days
        on left_behind.subject_id = free_days.subject_id
            and left_behind.step_id = free_days.step_id
            and left_behind.week_label = free_days.week_label
            and left_behind.contact = free_days.contact
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
    subject_id,
    step_id,
    day + shift as day,
    step_day + shift as step_day,
    week_label,
    contact,
    status,
    cast(null as {{ type_text() }}) as opens_step,
    study_id,
    'generated:schedule' as src_form,
    cast(null as bigint) as src_row,
    0 as n_src
from placed
where shift is not null
