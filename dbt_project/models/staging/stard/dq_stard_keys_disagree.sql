{{ config(database='trd', schema='quality', materialized='table', persist_docs={'relation': true, 'columns': true}) }}

-- Persons for whom subjectkey and src_subject_id do not name the same person in every form.

{% set forms = ['el01', 'dm01', 'phx01', 'crs01', 'hrsd01', 'qids01', 'idsc01', 'ccv01', 'ivra01', 'le01'] %}
with

keys as (
    {% for form in forms %}
    select distinct subject_id, src_subject_id
    from {{ ref('stg_stard__' ~ form) }}
    where subject_id is not null and src_subject_id is not null
    {{ 'union' if not loop.last }}
    {% endfor %}
),

numbers as (
    select
        subject_id,
        count(*) over (partition by subject_id) as n_numbers,
        count(*) over (partition by src_subject_id) as n_persons
    from keys
)

select distinct
    'stard' as study_id,
    subject_id,
    n_numbers as n_study_numbers,
    n_persons as n_persons_with_this_number
from numbers
where n_numbers > 1 or n_persons > 1
