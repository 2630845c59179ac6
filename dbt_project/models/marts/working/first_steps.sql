-- The first treatment step of every person, and the step that follows it. A readmission begins a new treatment and
-- follows nothing: its strategy is initial or none.

with

treatment_steps as (
    select steps.*, kinds.baseline_from, kinds.baseline_to
    from {{ ref('steps') }} as steps
    inner join {{ ref('study_steps') }} as kinds
        on steps.study_id = kinds.study_id and steps.step_id = kinds.step_id
    where kinds.is_treatment
),

ordered as (
    select
        *,
        row_number() over in_order as place,
        lead(step_id) over in_order as following_step_id,
        lead(strategy) over in_order as following_strategy
    from treatment_steps
    window in_order as (partition by subject_id order by step_no, step_id)
),

-- from which day of the step on a person was there at its last planned visit; a planned day without a window has a week
schedules as (
    select study_id, step_id, max(coalesce(day_from, planned_step_day - 7)) as last_planned_from
    from {{ ref('visit_schedule') }}
    where not is_optional
    group by study_id, step_id
)

select
    ordered.subject_id,
    ordered.study_id,
    ordered.step_id,
    ordered.start_day,
    ordered.end_day,
    ordered.baseline_from,
    ordered.baseline_to,
    ordered.arm_assigned,
    ordered.randomised,
    ordered.exit_reason,
    case
        when coalesce(ordered.following_strategy, '') not in ('initial', 'none') then ordered.following_step_id
    end as next_step_id,
    ordered.end_day - ordered.start_day >= schedules.last_planned_from as reached_last_visit
from ordered
left join schedules
    on ordered.study_id = schedules.study_id and ordered.step_id = schedules.step_id
where ordered.place = 1
