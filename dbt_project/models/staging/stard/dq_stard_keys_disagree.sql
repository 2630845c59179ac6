{{ config(database='trd', schema='quality', materialized='table', persist_docs={'relation': true, 'columns': true}) }}

-- Persons for whom subjectkey and src_subject_id do not name the same person in every form.

{% set forms = ['el01', 'dm01', 'phx01', 'crs01', 'hrsd01', 'qids01', 'idsc01', 'ccv01', 'ivra01', 'le01'] %}
with

-- archive keys first, pseudonyms for the few that disagree: a pseudonym for every row would cost more than the rest
keys as (
    {% for form in forms %}
    select distinct coalesce(promoted_subjectkey, subjectkey) as person, src_subject_id
    from {{ ref('stg_stard__' ~ form) }}
    where coalesce(promoted_subjectkey, subjectkey) is not null and src_subject_id is not null
    {{ 'union' if not loop.last }}
    {% endfor %}
),

numbers as (
    select person, count(*) as n_numbers
    from keys
    group by person
),

persons as (
    select src_subject_id, count(*) as n_persons
    from keys
    group by src_subject_id
)

select
    'stard' as study_id,
    {{ pseudonym('stard', ['keys.person']) }} as subject_id,
    max(numbers.n_numbers) as n_study_numbers,
    max(persons.n_persons) as n_persons_with_this_number
from keys
inner join numbers on keys.person = numbers.person
inner join persons on keys.src_subject_id = persons.src_subject_id
where numbers.n_numbers > 1 or persons.n_persons > 1
group by keys.person
