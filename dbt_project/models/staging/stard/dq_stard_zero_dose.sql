{{ config(database='trd', schema='quality', materialized='table', persist_docs={'relation': true, 'columns': true}) }}

-- Doses recorded as 0: missing, or the drug was stopped; the file does not say which.

with

doses as (
    select
        subject_id,
        src_form,
        src_row,
        days_baseline,
        1 as slot_no,
        medication1_name as drug,
        medication1_dosage__raw as raw_dose
    from {{ ref('stg_stard__ccv01') }}
    union all
    select subject_id, src_form, src_row, days_baseline, 2, medication2_name, medication2_dosage__raw
    from {{ ref('stg_stard__ccv01') }}
    union all
    select subject_id, src_form, src_row, days_baseline, 3, medication3_name, medication3_dosage__raw
    from {{ ref('stg_stard__ccv01') }}
    union all
    select subject_id, src_form, src_row, days_baseline, 4, medication4_name, medication4_dosage__raw
    from {{ ref('stg_stard__ccv01') }}
)

select
    'stard' as study_id,
    subject_id,
    {{ to_integer('days_baseline') }} as day,
    slot_no,
    drug,
    src_form,
    src_row
from doses
where trim(raw_dose) = '0'
