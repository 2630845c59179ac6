{{ config(materialized='table') }}

-- What is to happen with the treatments that were held back.

{{ verdicts(ref('held_treatments'), ['subject_id', 'start_day', 'treatment_id', 'occasion', 'record_kind'], ['end_day', 'dose', 'dose_unit', 'dose_missing', 'adherence', 'plasma_level'], by_step=true) }}
