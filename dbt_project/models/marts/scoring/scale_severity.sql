{{ config(
    materialized='view',
    pre_hook="{{ search_published() }}",
    post_hook="{{ search_default() }}",
) }}

-- The band of every scored administration in every set of bands that its instrument has. A band reaches up to the next
-- one, so that a prorated total between two bands has one.

with

bands as (
    select
        *,
        lead(score_min) over (partition by instrument_id, band_set order by band_order) as next_min
    from {{ ref('severity_bands') }}
    where metric = 'total'
)

select
    scales.subject_id,
    scales.day,
    scales.instrument_id,
    scales.rater,
    scales.contact,
    scales.occasion,
    bands.band_set,
    bands.is_default,
    scales.score_used,
    bands.band,
    cast(bands.band_order as bigint) as band_order,
    bands.verified,
    scales.step_id,
    scales.study_id
from {{ ref('scales') }} as scales
inner join bands
    on scales.instrument_id = bands.instrument_id
        and scales.score_used >= bands.score_min
        and (bands.next_min is null or scales.score_used < bands.next_min)
