-- One row per finding: how many were looked at, how many were found.

with

found as (
    select study_id, 'dq_total_disagrees' as finding, count(*) as n_found
    from {{ ref('dq_total_disagrees') }}
    group by study_id
    union all
    select study_id, 'dq_steps_overlap', count(*)
    from {{ ref('dq_steps_overlap') }}
    group by study_id
    union all
    select study_id, 'dq_stard_zero_dose', count(*)
    from {{ ref('dq_stard_zero_dose') }}
    group by study_id
    union all
    select study_id, 'dq_stard_keys_disagree', count(*)
    from {{ ref('dq_stard_keys_disagree') }}
    group by study_id
),

looked_at as (
    select study_id, 'dq_total_disagrees' as finding, count(total_agrees) as n_checked
    from {{ ref('scales') }}
    group by study_id
    union all
    select study_id, 'dq_steps_overlap', count(*)
    from {{ ref('steps') }}
    group by study_id
    union all
    select study_id, 'dq_stard_zero_dose', count(*)
    from {{ ref('treatments') }}
    where study_id = 'stard'
    group by study_id
    union all
    select study_id, 'dq_stard_keys_disagree', count(*)
    from {{ ref('subjects') }}
    where study_id = 'stard'
    group by study_id
)

select
    looked_at.study_id,
    looked_at.finding,
    looked_at.n_checked,
    coalesce(found.n_found, 0) as n_found,
    case
        when looked_at.n_checked = 0 then 'not_applicable'
        when coalesce(found.n_found, 0) = 0 then 'clean'
        else 'found'
    end as verdict
from looked_at
left join found on looked_at.study_id = found.study_id and looked_at.finding = found.finding
