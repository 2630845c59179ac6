{{ config(materialized='table') }}

-- What forms say of a step: its arm, preferences, exit. That a step took place is seen from the visits.

with

candidates as (
    select * from {{ ref('int_steps') }}
),

arms as (
    select subject_id, step_id, min(arm_assigned) <> max(arm_assigned) as differ
    from candidates
    group by subject_id, step_id
),

placed as (
    select
        candidates.*,
        steps.step_no,
        case when candidates.step_id is not null then steps.step_no is not null end as step_known,
        steps.day_min,
        steps.day_max,
        {{ parent_fate('candidates', 'persons') }} as parent,
        coalesce(arms.differ, false) and candidates.arm_assigned is not null as key_conflict
    from candidates
    left join arms on candidates.subject_id = arms.subject_id and candidates.step_id = arms.step_id
    left join {{ ref('study_steps') }} as steps
        on candidates.study_id = steps.study_id and candidates.step_id = steps.step_id
    left join {{ ref('chk_subjects') }} as persons
        on candidates.subject_id = persons.subject_id
)

select
    study_id,
    subject_id,
    step_id,
    arm_assigned,
    arm_missing,
    preference_switch,
    preference_augment,
    preference_ct,
    exit_reason,
    day,
    src_form,
    src_row,
    block,
    block_no,
    slot_no,
    boundary_allowed,
    issue_mask,
    {{ gate_mask_steps() }} as failed_rules
from placed
