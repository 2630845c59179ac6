-- The treatments the first step begins with, one row each: those of the arm; where the arm names none, what was
-- started first in the step with what was kept beside it; where nothing was started, what the person came with.

{# A drug that is tapered off beside a new one is no part of the new treatment; a week is a project choice. #}
{% set kept_days = 7 %}
with

steps as (
    select * from {{ ref('first_steps') }}
),

kinds as (
    select treatment_id from {{ ref('treatment_kinds') }}
    where treats_depression
),

-- an arm names its treatments in one text, separated by semicolons
of_arms as (
    select arms.study_id, arms.step_id, arms.arm_assigned, kinds.treatment_id
    from {{ ref('study_arms') }} as arms
    inner join kinds
        on contains(concat(';', arms.treatments, ';'), concat(';', kinds.treatment_id, ';'))
),

assigned as (
    select steps.subject_id, of_arms.treatment_id
    from steps
    inner join of_arms
        on steps.study_id = of_arms.study_id
            and steps.step_id = of_arms.step_id
            and steps.arm_assigned = of_arms.arm_assigned
),

by_arm as (
    select distinct subject_id from assigned
),

-- records that touch the step, as the time from the first to the last day of each treatment; a record of one day
-- (visit, session) counts only from the first day of the step on
taken as (
    select
        records.subject_id,
        records.treatment_id,
        min(records.start_day) as first_day,
        max(
            case when records.record_kind = 'interval' then coalesce(records.end_day, steps.end_day)
                else records.start_day
            end
        ) as last_day,
        max(case when records.record_kind = 'interval' then 1 else 0 end) = 1 as has_interval
    from {{ ref('treatments') }} as records
    inner join kinds on records.treatment_id = kinds.treatment_id
    inner join steps on records.subject_id = steps.subject_id
    where records.record_kind not in ('history_trial', 'reported')
        and records.start_day <= steps.end_day
        and (
            records.start_day >= steps.start_day
            or (records.record_kind = 'interval' and coalesce(records.end_day, steps.end_day) >= steps.start_day)
        )
    group by records.subject_id, records.treatment_id
),

begins as (
    select
        taken.subject_id,
        min(case when taken.first_day >= steps.start_day then taken.first_day end) as first_start,
        max(case when taken.first_day < steps.start_day then 1 else 0 end) = 1 as came_treated,
        max(case when taken.has_interval then 1 else 0 end) = 1 as has_intervals
    from taken
    inner join steps on taken.subject_id = steps.subject_id
    group by taken.subject_id
),

observed as (
    select taken.subject_id, taken.treatment_id, begins.first_start
    from taken
    inner join begins on taken.subject_id = begins.subject_id
    left join by_arm on taken.subject_id = by_arm.subject_id
    where by_arm.subject_id is null
        and (
            begins.first_start is null
            or taken.first_day = begins.first_start
            or (taken.first_day < begins.first_start and taken.last_day >= begins.first_start + {{ kept_days }})
        )
),

chosen as (
    select subject_id, treatment_id, 'arm' as treatment_basis from assigned
    union all
    select
        subject_id,
        treatment_id,
        case when first_start is not null then 'started' else 'continued' end as treatment_basis
    from observed
)

select
    steps.subject_id,
    chosen.treatment_id,
    steps.study_id,
    steps.step_id,
    coalesce(chosen.treatment_basis, 'none') as treatment_basis,
    -- the first day on it within the step; an arm without records starts with its step
    case chosen.treatment_basis
        when 'started' then begins.first_start
        when 'arm' then greatest(case when taken.has_interval then taken.first_day end, steps.start_day)
        else steps.start_day
    end as start_day,
    -- the last day on it, where the records say one; a visit says the dose, not the end
    case when taken.has_interval then least(taken.last_day, steps.end_day) else steps.end_day end as end_day,
    taken.has_interval as end_recorded,
    case when begins.came_treated then true when begins.has_intervals then false end as came_treated
from steps
left join chosen on steps.subject_id = chosen.subject_id
left join begins on steps.subject_id = begins.subject_id
left join taken
    on chosen.subject_id = taken.subject_id and chosen.treatment_id = taken.treatment_id
