{{ config(materialized='table') }}

-- Candidates of history that cannot go on unseen: they break a rule, hold an unusable cell or share their key.

{{ held_back(ref('chk_history'), ['subject_id', 'variable_id', 'occasion']) }}
