{{ config(materialized='table') }}

-- Candidates of scales that cannot go on unseen: they break a rule, hold an unusable cell or share their key.

{{ held_back(ref('chk_scales'), ['subject_id', 'day', 'instrument_id', 'rater', 'contact', 'occasion']) }}
