select
    subject_id,
    sex,
    age,
    age_topcoded,
    race,
    ethnicity,
    site_no,
    setting,
    diagnosis,
    treatment_naive,
    analysis_flags,
    study_id,
    src_form,
    src_row,
    n_src
from {{ ref('chk_subjects') }}
where failed_rules = 0
