{{ config(materialized='view') }}

-- What quality control of each set counted: a model, as a unit test can stand in for no file.

select
    study_id,
    set_id,
    kind,
    stage_no,
    stage,
    n
from {{ source('genetics', 'set_stages') }}
