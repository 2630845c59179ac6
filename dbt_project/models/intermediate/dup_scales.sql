{{ config(materialized='table') }}

-- What is to happen with the scales that were held back.

{{ verdicts(ref('held_scales'), ['subject_id', 'day', 'instrument_id', 'rater', 'contact', 'occasion'], ['score', 'score_missing', 'items'], by_step=true) }}
