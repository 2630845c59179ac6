{{ config(materialized='candidates') }}

with

candidates as (
    select * from {{ ref('scored_scales') }}
),

placed as (
    select
        candidates.*,
        case when candidates.instrument_id is not null then instruments.scale_id is not null end as instrument_known,
        instruments.total_min as score_min,
        instruments.total_max as score_max,
        steps.step_no,
        case when candidates.step_id is not null then steps.step_no is not null end as step_known,
        steps.day_min,
        steps.day_max,
        {{ parent_fate('candidates', 'persons') }} as parent,
        false as key_conflict
    from candidates
    left join {{ ref('ref_scales') }} as instruments on candidates.instrument_id = instruments.scale_id
    left join {{ ref('study_steps') }} as steps
        on candidates.study_id = steps.study_id and candidates.step_id = steps.step_id
    left join {{ ref('chk_subjects') }} as persons
        on candidates.subject_id = persons.subject_id
)

select
    study_id,
    subject_id,
    step_id,
    step_no,
    day,
    instrument_id,
    rater,
    contact,
    occasion,
    score,
    score_missing,
    items,
    n_items,
    item_total,
    score = item_total as total_agrees,
    score_used,
    score_basis,
    src_form,
    src_row,
    block,
    block_no,
    slot_no,
    boundary_allowed,
    issue_mask,
    {{ gate_mask_scales() }} as failed_rules
from placed
