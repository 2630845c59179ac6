{{ config(materialized='table') }}

-- What is to happen with rows of scales that share a key.

{{ duplicates(ref('chk_scales'), ['subject_id', 'day', 'instrument_id', 'rater', 'contact', 'occasion'], ['score', 'score_missing', 'items'], by_step=true) }}
