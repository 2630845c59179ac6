-- Study × covariate, condition and scale: what the study says of it, and how many accepted persons have a value.
-- Only what the study itself knows, so that another study changes nothing here; where it is silent, there is no row.

with

people as (
    select study_id, count(*) as n_subjects
    from {{ ref('subjects') }}
    group by study_id
),

persons as (
    select study_id, 'history' as entity, variable_id, count(distinct subject_id) as n_with_value
    from {{ ref('history') }}
    where value_missing is null
    group by study_id, variable_id
    union all
    select study_id, 'conditions' as entity, condition_id as variable_id, count(distinct subject_id) as n_with_value
    from {{ ref('conditions') }}
    where status in ('present', 'absent')
    group by study_id, condition_id
    union all
    select study_id, 'scales' as entity, instrument_id as variable_id, count(distinct subject_id) as n_with_value
    from {{ ref('scales') }}
    where score_used is not null
    group by study_id, instrument_id
),

known as (
    select study_id, entity, variable_id from {{ ref('variable_status') }}
    union
    select study_id, entity, variable_id from persons
)

select
    known.study_id,
    known.entity,
    known.variable_id,
    said.label,
    said.block,
    said.comment,
    people.n_subjects,
    coalesce(said.status, 'not_stated') as status,
    coalesce(persons.n_with_value, 0) as n_with_value,
    coalesce(persons.n_with_value, 0) * 1.0 / people.n_subjects as share
from known
inner join people on known.study_id = people.study_id
left join {{ ref('variable_status') }} as said
    on known.study_id = said.study_id
        and known.entity = said.entity
        and known.variable_id = said.variable_id
left join persons
    on known.study_id = persons.study_id
        and known.entity = persons.entity
        and known.variable_id = persons.variable_id
