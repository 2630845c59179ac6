select
    checked.subject_id,
    checked.condition_id,
    checked.relative,
    checked.start_day,
    checked.status,
    checked.timing,
    checked.code_system,
    checked.code,
    checked.study_id,
    checked.src_form,
    checked.src_row,
    coalesce(twins.n_src, 1) as n_src
from {{ ref('chk_conditions') }} as checked
left join {{ ref('dup_conditions') }} as twins on {{ same_row('checked', 'twins') }}
where checked.failed_rules = 0 and coalesce(twins.verdict, 'keep') = 'keep'
