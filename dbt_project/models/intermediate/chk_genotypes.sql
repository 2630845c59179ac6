{{ config(materialized='table') }}

with

candidates as (
    select * from {{ ref('int_genotypes') }}
),

placed as (
    select
        candidates.*,
        {{ parent_fate('candidates', 'persons') }} as parent,
        false as key_conflict
    from candidates
    left join {{ ref('chk_subjects') }} as persons
        on candidates.subject_id = persons.subject_id
)

select
    *,
    {{ gate_mask_genotypes() }} as failed_rules
from placed
