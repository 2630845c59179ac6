{{ config(materialized='table') }}

-- What is to happen with rows of conditions that share a key.

{{ duplicates(ref('chk_conditions'), ['subject_id', 'condition_id', 'relative', 'src_form', 'start_day'], ['status', 'timing', 'code_system', 'code'], by_step=false) }}
