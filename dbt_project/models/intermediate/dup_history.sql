{{ config(materialized='table') }}

-- What is to happen with rows of history that share a key.

{{ duplicates(ref('chk_history'), ['subject_id', 'variable_id', 'occasion'], ['value_num', 'value_code', 'as_of_day', 'value_missing'], by_step=false) }}
