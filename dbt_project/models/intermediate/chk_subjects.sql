{{ config(materialized='table') }}

-- One row per person, merged from every form that knows the person; a row without a key stands alone.

with

candidates as (
    select * from {{ ref('int_subjects') }}
),

merged as (
    select
        study_id,
        subject_id,
        max(sex) as sex,
        max(race) as race,
        max(ethnicity) as ethnicity,
        max(setting) as setting,
        max(diagnosis) as diagnosis,
        max(treatment_naive) as treatment_naive,
        max(analysis_flags) as analysis_flags,
        max(site_code) as site_code,
        max(age_reported) as age_reported,
        coalesce(min(sex) <> max(sex), false)
        or coalesce(min(race) <> max(race), false)
        or coalesce(min(ethnicity) <> max(ethnicity), false)
        or coalesce(min(setting) <> max(setting), false)
        or coalesce(min(diagnosis) <> max(diagnosis), false)
        or coalesce(min(site_code) <> max(site_code), false)
        or coalesce(min(age_reported) <> max(age_reported), false) as key_conflict,
        min_by(src_form, {{ source_order() }}) as src_form,
        min_by(src_row, {{ source_order() }}) as src_row,
        count(*) as n_src
    from candidates
    group by study_id, subject_id, case when subject_id is null then {{ source_order() }} end
)

select
    study_id,
    subject_id,
    sex,
    -- least() alone would turn a missing age into 90
    case when age_reported is not null then least(age_reported, 90) end as age,
    age_reported,
    case when age_reported is not null then age_reported > 90 end as age_topcoded,
    race,
    ethnicity,
    case
        when site_code is not null then dense_rank() over (partition by study_id order by site_code nulls last)
    end as site_no,
    setting,
    diagnosis,
    treatment_naive,
    analysis_flags,
    key_conflict,
    src_form,
    src_row,
    n_src,
    {{ gate_mask_subjects() }} as failed_rules
from merged
