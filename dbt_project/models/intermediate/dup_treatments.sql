{{ config(materialized='table') }}

-- What is to happen with rows of treatments that share a key.

{{ duplicates(ref('chk_treatments'), ['subject_id', 'start_day', 'treatment_id', 'occasion', 'record_kind'], ['end_day', 'dose', 'dose_unit', 'dose_missing', 'adherence', 'plasma_level'], by_step=true) }}
