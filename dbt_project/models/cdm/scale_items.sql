{{ config(
    materialized='view',
    pre_hook="{{ search_published(['cdm', 'reference']) }}",
    post_hook="{{ search_default() }}",
) }}

-- Items as rows: the lists of cdm.scales unnested, with the names of reference.scale_items.

with

answers as (
    select
        subject_id,
        day,
        instrument_id,
        rater,
        contact,
        occasion,
        study_id,
        {{ unnest_items() }}
    from {{ ref('scales') }}
    where items is not null
)

select
    answers.subject_id,
    answers.day,
    answers.instrument_id,
    answers.rater,
    answers.contact,
    answers.occasion,
    answers.item_no,
    items.item_id,
    items.item_name,
    answers.value,
    answers.study_id
from answers
left join {{ ref('ref_scale_items') }} as items
    on answers.instrument_id = items.scale_id and answers.item_no = items.item_no
