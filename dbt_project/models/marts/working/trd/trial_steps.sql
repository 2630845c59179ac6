-- Treatment steps with what a trial needs of them: place, strategy, why they ended, whether the arm names treatments.

with

steps as (
    select
        steps.subject_id,
        steps.study_id,
        steps.step_id,
        steps.step_no,
        steps.start_day,
        greatest(steps.end_day, steps.start_day) as end_day,
        steps.arm_assigned,
        steps.strategy,
        steps.exit_reason,
        row_number() over (partition by steps.subject_id order by steps.step_no, steps.step_id) as place,
        lag(steps.step_id) over (partition by steps.subject_id order by steps.step_no, steps.step_id)
            as previous_step_id
    from {{ ref('steps') }} as steps
    inner join {{ ref('study_steps') }} as study_steps
        on steps.study_id = study_steps.study_id and steps.step_id = study_steps.step_id
    where study_steps.is_treatment
),

of_arms as (
    select distinct arms.study_id, arms.step_id, arms.arm_assigned
    from {{ ref('study_arms') }} as arms
    inner join {{ ref('trial_kinds') }} as kinds on {{ listed_in('arms.treatments', 'kinds.treatment_id') }}
    where kinds.treats_depression
)

select
    steps.*,
    of_arms.study_id is not null as arm_names_treatments,
    -- a readmission begins a new treatment and follows nothing
    steps.place > 1 and coalesce(steps.strategy, '') in ('initial', 'none') as begins_anew
from steps
left join of_arms
    on steps.study_id = of_arms.study_id
        and steps.step_id = of_arms.step_id
        and steps.arm_assigned = of_arms.arm_assigned
