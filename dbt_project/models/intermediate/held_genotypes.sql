{{ config(materialized='table') }}

-- Candidates of genotypes that cannot go on unseen: they break a rule, hold an unusable cell or share their key.

{{ held_back(ref('chk_genotypes'), ['subject_id', 'variant_id', 'assay']) }}
