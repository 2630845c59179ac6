{{ config(materialized='settled') }}

select
    candidates.subject_id,
    candidates.condition_id,
    candidates.relative,
    candidates.start_day,
    candidates.status,
    candidates.timing,
    candidates.code_system,
    candidates.code,
    candidates.study_id,
    candidates.src_form,
    candidates.src_row,
    coalesce(verdicts.n_src, 1) as n_src
from {{ ref('chk_conditions') }} as candidates
left join {{ ref('dup_conditions') }} as verdicts on {{ same_row('candidates', 'verdicts') }}
where coalesce(verdicts.verdict, 'keep') = 'keep'
