{{ config(materialized='table') }}

-- What is to happen with the history that were held back.

{{ verdicts(ref('held_history'), ['subject_id', 'variable_id', 'occasion'], ['value_num', 'value_code', 'as_of_day', 'value_missing'], by_step=false) }}
