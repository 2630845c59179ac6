{{ config(materialized='candidates') }}

with

candidates as (
    select * from {{ ref('int_history') }}
),

placed as (
    select
        candidates.*,
        coalesce(candidates.value_code, case when candidates.value_num is not null then 'a number' end) as value,
        case when candidates.variable_id is not null then variables.variable_id is not null end as variable_known,
        variables.value_min,
        variables.value_max,
        {{ parent_fate('candidates', 'persons') }} as parent,
        false as key_conflict
    from candidates
    left join {{ ref('variables') }} as variables on candidates.variable_id = variables.variable_id
    left join {{ ref('chk_subjects') }} as persons
        on candidates.subject_id = persons.subject_id
)

select
    study_id,
    subject_id,
    variable_id,
    occasion,
    value_num,
    value_code,
    as_of_day,
    value_missing,
    src_form,
    src_row,
    block,
    block_no,
    slot_no,
    boundary_allowed,
    issue_mask,
    {{ gate_mask_history() }} as failed_rules
from placed
