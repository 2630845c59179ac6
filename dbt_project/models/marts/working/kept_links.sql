{{ config(materialized='view') }}

-- Links that were estimated here and are kept for builds: a model, as a unit test can stand in for no file.

select
    link_id,
    from_instrument_id,
    to_instrument_id,
    from_score,
    point,
    low,
    high,
    see,
    se,
    release,
    is_synthetic
from {{ source('linking', 'estimated_links') }}
