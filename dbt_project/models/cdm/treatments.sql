select
    checked.subject_id,
    checked.start_day,
    checked.end_day,
    checked.treatment_id,
    checked.occasion,
    checked.record_kind,
    checked.step_id,
    checked.dose,
    checked.dose_unit,
    checked.dose_missing,
    checked.raw_name,
    checked.adherence,
    checked.plasma_level,
    checked.study_id,
    checked.src_form,
    checked.src_row,
    coalesce(twins.n_src, 1) as n_src
from {{ ref('chk_treatments') }} as checked
left join {{ ref('dup_treatments') }} as twins on {{ same_row('checked', 'twins') }}
where checked.failed_rules = 0 and coalesce(twins.verdict, 'keep') = 'keep'
