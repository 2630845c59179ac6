-- The first treatment episode of every person: what it begins with, its class, from which day to which.

with

treatments as (
    select given.*, kinds.treatment_class
    from {{ ref('first_treatments') }} as given
    left join {{ ref('treatment_kinds') }} as kinds on given.treatment_id = kinds.treatment_id
),

episodes as (
    select
        subject_id,
        {{ sorted_text('treatment_id') }} as treatments,
        count(treatment_id) as n_treatments,
        min(treatment_class) as treatment_class,
        min(treatment_basis) as treatment_basis,
        min(start_day) as start_day,
        max(end_day) as end_day,
        bool_and(coalesce(end_recorded, false)) as end_recorded,
        bool_or(came_treated) as came_treated
    from treatments
    group by subject_id
)

select
    steps.subject_id,
    steps.study_id,
    steps.step_id,
    steps.start_day as step_start_day,
    steps.baseline_from,
    steps.baseline_to,
    steps.arm_assigned,
    steps.randomised,
    steps.exit_reason,
    steps.next_step_id,
    steps.reached_last_visit,
    episodes.treatments,
    case when episodes.n_treatments > 1 then 'combination' else episodes.treatment_class end as treatment_class,
    episodes.treatment_basis,
    episodes.came_treated,
    episodes.start_day,
    greatest(episodes.end_day, episodes.start_day) as end_day,
    case when episodes.end_recorded then 'records' else 'step' end as end_basis
from {{ ref('first_steps') }} as steps
inner join episodes on steps.subject_id = episodes.subject_id
