{{ config(materialized='table') }}

-- Contacts. Rows that break a rule stand alone; the others are merged by person, day and contact. A visit that two
-- steps claim is the last of the one and opens the other: the boundary visit, recorded twice by the study.

with

candidates as (
    select * from {{ ref('int_visits') }}
),

placed as (
    select
        candidates.*,
        steps.step_no,
        case when candidates.step_id is not null then steps.step_no is not null end as step_known,
        steps.day_min,
        steps.day_max,
        {{ parent_fate('candidates', 'persons') }} as parent,
        false as key_conflict
    from candidates
    left join {{ ref('study_steps') }} as steps
        on candidates.study_id = steps.study_id and candidates.step_id = steps.step_id
    left join {{ ref('chk_subjects') }} as persons
        on candidates.subject_id = persons.subject_id
),

checked as (
    select
        *,
        {{ source_order() }} as place,
        {{ gate_mask_visits() }} as failed_rules
    from placed
),

merged as (
    select
        study_id,
        subject_id,
        day,
        contact,
        failed_rules,
        -- a row that names an unknown step stands alone and keeps what it says
        min_by(step_id, coalesce(step_no, 0)) as step_id,
        max_by(step_id, step_no) as last_step_id,
        coalesce(bit_count(bit_or({{ step_bit('step_no') }})), 0) as n_steps,
        -- the first block that has a label; which of two labels of one block is left to a fingerprint, so that every
        -- build decides the same
        min_by(
            week_label,
            (coalesce(step_no, 0) * 1000 + block_no) * 1000000
            + cast({{ fingerprint(['week_label']) }} % 1000000 as bigint)
        ) as week_label,
        min(status) as status,
        min_by(src_form, place) as src_form,
        min(place) % 1000000000000 as src_row,
        min_by(block, place) as block,
        -- a refused row stands alone, also beside others of its source row
        case when failed_rules <> 0 then min(slot_no) else 0 end as slot_no,
        max(issue_mask) as issue_mask,
        count(*) as n_src
    from checked
    group by
        study_id, subject_id, day, contact, failed_rules,
        case when failed_rules <> 0 then place end,
        case when failed_rules <> 0 then slot_no end
)

select
    study_id,
    subject_id,
    step_id,
    case when n_steps = 2 then last_step_id end as opens_step,
    day,
    contact,
    week_label,
    status,
    src_form,
    src_row,
    block,
    slot_no,
    issue_mask,
    n_src,
    failed_rules + case when n_steps > 2 then {{ rule_bit('visits', 'key:conflict') }} else 0 end as failed_rules
from merged
