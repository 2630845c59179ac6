{{ config(materialized='candidates') }}

with

candidates as (
    select * from {{ ref('int_treatments') }}
),

placed as (
    select
        candidates.*,
        case when candidates.treatment_id is not null then treatments.drug_id is not null end as treatment_known,
        steps.step_no,
        case when candidates.step_id is not null then steps.step_no is not null end as step_known,
        steps.day_min,
        steps.day_max,
        {{ parent_fate('candidates', 'persons') }} as parent,
        false as key_conflict
    from candidates
    left join {{ ref('ref_treatments') }} as treatments on candidates.treatment_id = treatments.drug_id
    left join {{ ref('study_steps') }} as steps
        on candidates.study_id = steps.study_id and candidates.step_id = steps.step_id
    left join {{ ref('chk_subjects') }} as persons
        on candidates.subject_id = persons.subject_id
)

select
    study_id,
    subject_id,
    start_day,
    end_day,
    treatment_id,
    occasion,
    record_kind,
    step_id,
    step_no,
    dose,
    dose_unit,
    dose_missing,
    raw_name,
    adherence,
    plasma_level,
    src_form,
    src_row,
    block,
    block_no,
    slot_no,
    boundary_allowed,
    issue_mask,
    {{ gate_mask_treatments() }} as failed_rules
from placed
