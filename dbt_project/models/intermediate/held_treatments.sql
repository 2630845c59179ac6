{{ config(materialized='table') }}

-- Candidates of treatments that cannot go on unseen: they break a rule, hold an unusable cell or share their key.

{{ held_back(ref('chk_treatments'), ['subject_id', 'start_day', 'treatment_id', 'occasion', 'record_kind']) }}
