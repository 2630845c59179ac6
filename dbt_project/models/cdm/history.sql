select
    checked.subject_id,
    checked.variable_id,
    checked.occasion,
    checked.value_num,
    checked.value_code,
    checked.as_of_day,
    checked.value_missing,
    checked.study_id,
    checked.src_form,
    checked.src_row,
    coalesce(twins.n_src, 1) as n_src
from {{ ref('chk_history') }} as checked
left join {{ ref('dup_history') }} as twins on {{ same_row('checked', 'twins') }}
where checked.failed_rules = 0 and coalesce(twins.verdict, 'keep') = 'keep'
