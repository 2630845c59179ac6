{{ config(
    materialized='view',
    pre_hook="{{ search_published() }}",
    post_hook="{{ search_default() }}",
) }}

-- The subscales of every administration with items, by the rows of reference.subscales. A view, as an instrument has up
-- to seven and few questions ask for more than one.

select
    scales.subject_id,
    scales.day,
    scales.instrument_id,
    scales.rater,
    scales.contact,
    scales.occasion,
    subscales.subscale_id,
    {{ subscale_score() }} as score,
    {{ subscale_answered() }} as n_answered,
    cast(subscales.n_items as bigint) as n_items,
    subscales.verified,
    scales.step_id,
    scales.study_id
from {{ ref('scales') }} as scales
inner join {{ ref('subscales') }} as subscales using (instrument_id)
where scales.items is not null
