{{ config(materialized='settled') }}

select
    candidates.subject_id,
    candidates.step_id,
    candidates.day,
    candidates.instrument_id,
    candidates.rater,
    candidates.contact,
    candidates.occasion,
    candidates.score,
    candidates.score_missing,
    candidates.items,
    candidates.n_items,
    candidates.item_total,
    candidates.total_agrees,
    candidates.score_used,
    candidates.score_basis,
    candidates.study_id,
    candidates.src_form,
    candidates.src_row,
    coalesce(verdicts.n_src, 1) as n_src
from {{ ref('chk_scales') }} as candidates
left join {{ ref('dup_scales') }} as verdicts on {{ same_row('candidates', 'verdicts') }}
where coalesce(verdicts.verdict, 'keep') = 'keep'
