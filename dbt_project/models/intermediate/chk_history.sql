{{ config(materialized='table') }}

with

candidates as (
    select * from {{ ref('int_history') }}
),

placed as (
    select
        candidates.*,
        coalesce(cast(candidates.value_num as {{ type_text() }}), candidates.value_code) as value,
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
    *,
    {{ gate_mask_history() }} as failed_rules
from placed
