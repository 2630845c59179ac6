-- One row per finding: how many were looked at, how many were found. Findings of one study alone look at all accepted
-- rows of one table.

with

of_studies as (
    select * from {{ ref('int_findings') }}
),

accepted as (
    {% for entity in ['subjects', 'steps', 'visits', 'scales', 'treatments', 'history', 'conditions', 'genotypes'] %}
    select study_id, '{{ entity }}' as entity, count(*) as n_rows
    from {{ ref(entity) }}
    group by study_id
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

found as (
    select study_id, 'dq_total_disagrees' as finding, count(*) as n_found
    from {{ ref('dq_total_disagrees') }}
    group by study_id
    union all
    select study_id, 'dq_steps_overlap', count(*)
    from {{ ref('dq_steps_overlap') }}
    group by study_id
    union all
    select study_id, finding, n_found from of_studies
),

looked_at as (
    select study_id, 'dq_total_disagrees' as finding, 'scales' as entity, count(total_agrees) as n_checked
    from {{ ref('scales') }}
    group by study_id
    union all
    select study_id, 'dq_steps_overlap', entity, n_rows
    from accepted
    where entity = 'steps'
    union all
    select of_studies.study_id, of_studies.finding, of_studies.entity, accepted.n_rows
    from of_studies
    inner join accepted
        on of_studies.study_id = accepted.study_id and of_studies.entity = accepted.entity
)

select
    looked_at.study_id,
    looked_at.finding,
    looked_at.entity,
    looked_at.n_checked,
    coalesce(found.n_found, 0) as n_found,
    case
        when looked_at.n_checked = 0 then 'not_applicable'
        when coalesce(found.n_found, 0) = 0 then 'clean'
        else 'found'
    end as verdict
from looked_at
left join found on looked_at.study_id = found.study_id and looked_at.finding = found.finding
