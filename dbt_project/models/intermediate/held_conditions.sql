{{ config(materialized='table') }}

-- Candidates of conditions that cannot go on unseen: they break a rule, hold an unusable cell or share their key.

{{ held_back(ref('chk_conditions'), ['subject_id', 'condition_id', 'relative', 'src_form', 'start_day']) }}
