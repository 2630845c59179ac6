{{ config(materialized='table') }}

-- What is to happen with the conditions that were held back.

{{ verdicts(ref('held_conditions'), ['subject_id', 'condition_id', 'relative', 'src_form', 'start_day'], ['status', 'timing', 'code_system', 'code'], by_step=false) }}
