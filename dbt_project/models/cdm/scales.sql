select
    checked.subject_id,
    checked.step_id,
    checked.day,
    checked.instrument_id,
    checked.rater,
    checked.contact,
    checked.occasion,
    checked.score,
    checked.score_missing,
    checked.items,
    checked.n_items,
    checked.item_total,
    checked.score = checked.item_total as total_agrees,
    checked.score_used,
    checked.score_basis,
    checked.study_id,
    checked.src_form,
    checked.src_row,
    coalesce(twins.n_src, 1) as n_src
from {{ ref('chk_scales') }} as checked
left join {{ ref('dup_scales') }} as twins on {{ same_row('checked', 'twins') }}
where checked.failed_rules = 0 and coalesce(twins.verdict, 'keep') = 'keep'
