{{ config(materialized='settled') }}

select
    candidates.subject_id,
    candidates.variable_id,
    candidates.occasion,
    candidates.value_num,
    candidates.value_code,
    candidates.as_of_day,
    candidates.value_missing,
    candidates.study_id,
    candidates.src_form,
    candidates.src_row,
    coalesce(verdicts.n_src, 1) as n_src
from {{ ref('chk_history') }} as candidates
left join {{ ref('dup_history') }} as verdicts on {{ same_row('candidates', 'verdicts') }}
where coalesce(verdicts.verdict, 'keep') = 'keep'
