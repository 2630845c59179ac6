{{ config(
    materialized='view',
    pre_hook="{{ search_published() }}",
    post_hook="{{ search_default() }}",
) }}

-- Every scored administration once per scale on which severity is compared, by the path that goes first.

select
    subject_id,
    instrument_id,
    day,
    rater,
    contact,
    occasion,
    to_instrument_id,
    link_id,
    link_method,
    study_id,
    step_id,
    score,
    baseline_score,
    pct_change,
    equivalent,
    low,
    high,
    range_basis,
    see,
    se,
    not_linked,
    verified,
    source,
    link_is_synthetic
from {{ ref('severity_linked_by_path') }}
where is_default
