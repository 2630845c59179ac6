{{ config(materialized='candidates') }}

with

candidates as (
    select * from {{ ref('int_conditions') }}
),

placed as (
    select
        candidates.*,
        case when candidates.condition_id is not null then conditions.condition_id is not null end as condition_known,
        {{ parent_fate('candidates', 'persons') }} as parent,
        false as key_conflict
    from candidates
    left join {{ ref('ref_conditions') }} as conditions on candidates.condition_id = conditions.condition_id
    left join {{ ref('chk_subjects') }} as persons
        on candidates.subject_id = persons.subject_id
)

select
    study_id,
    subject_id,
    condition_id,
    relative,
    start_day,
    status,
    timing,
    code_system,
    code,
    src_form,
    src_row,
    block,
    block_no,
    slot_no,
    boundary_allowed,
    issue_mask,
    {{ gate_mask_conditions() }} as failed_rules
from placed
