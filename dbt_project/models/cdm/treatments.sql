{{ config(materialized='settled') }}

select
    candidates.subject_id,
    candidates.start_day,
    candidates.end_day,
    candidates.treatment_id,
    candidates.occasion,
    candidates.record_kind,
    candidates.step_id,
    candidates.dose,
    candidates.dose_unit,
    candidates.dose_missing,
    candidates.raw_name,
    candidates.adherence,
    candidates.plasma_level,
    candidates.study_id,
    candidates.src_form,
    candidates.src_row,
    coalesce(verdicts.n_src, 1) as n_src
from {{ ref('chk_treatments') }} as candidates
left join {{ ref('dup_treatments') }} as verdicts on {{ same_row('candidates', 'verdicts') }}
where coalesce(verdicts.verdict, 'keep') = 'keep'
