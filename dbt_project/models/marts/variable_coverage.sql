-- Study × covariate, condition and scale: what the study says of it, and how many accepted persons have a value.
-- A variable that only one study knows has one row; one that any other study has too, or gives a reason for, has a
-- row for every study.

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

labels as (
    select entity, variable_id, min(label) as label
    from {{ ref('variable_status') }}
    group by entity, variable_id
),

known as (
    select study_id, entity, variable_id from {{ ref('variable_status') }}
    union
    select study_id, entity, variable_id from persons
),

shared_ones as (
    select entity, variable_id
    from known
    group by entity, variable_id
    having count(distinct study_id) > 1
),

wanted as (
    select people.study_id, shared_ones.entity, shared_ones.variable_id
    from people
    cross join shared_ones
    union
    select known.study_id, known.entity, known.variable_id
    from known
    inner join people on known.study_id = people.study_id
)

select
    wanted.study_id,
    wanted.entity,
    wanted.variable_id,
    labels.label,
    said.block,
    said.comment,
    people.n_subjects,
    coalesce(said.status, 'not_stated') as status,
    coalesce(persons.n_with_value, 0) as n_with_value,
    coalesce(persons.n_with_value, 0) * 1.0 / people.n_subjects as share
from wanted
inner join people on wanted.study_id = people.study_id
left join {{ ref('variable_status') }} as said
    on wanted.study_id = said.study_id
        and wanted.entity = said.entity
        and wanted.variable_id = said.variable_id
left join persons
    on wanted.study_id = persons.study_id
        and wanted.entity = persons.entity
        and wanted.variable_id = persons.variable_id
left join labels
    on wanted.entity = labels.entity
        and wanted.variable_id = labels.variable_id
