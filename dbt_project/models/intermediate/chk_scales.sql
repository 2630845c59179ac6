{{ config(materialized='table') }}

-- Ratings, typed, scored and checked: the one wide table of the gate.

with

candidates as (
    select * from {{ ref('int_scales') }}
),

scored as (
    select
        *,
        {{ count_items() }} as n_items,
        case when items is not null then {{ item_total() }} end as item_total
    from candidates
),

placed as (
    select
        scored.*,
        case when scored.instrument_id is not null then instruments.scale_id is not null end as instrument_known,
        instruments.total_min as score_min,
        instruments.total_max as score_max,
        steps.step_no,
        case when scored.step_id is not null then steps.step_no is not null end as step_known,
        steps.day_min,
        steps.day_max,
        {{ parent_fate('scored', 'persons') }} as parent,
        false as key_conflict
    from scored
    left join {{ ref('ref_scales') }} as instruments on scored.instrument_id = instruments.scale_id
    left join {{ ref('study_steps') }} as steps
        on scored.study_id = steps.study_id and scored.step_id = steps.step_id
    left join {{ ref('chk_subjects') }} as persons
        on scored.subject_id = persons.subject_id
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
    coalesce(score, item_total) as score_used,
    case
        when score is not null then 'recorded'
        when item_total is null then null
        when {{ item_total_prorated() }} then 'prorated'
        else 'items'
    end as score_basis,
    src_form,
    src_row,
    block,
    block_no,
    slot_no,
    boundary_allowed,
    issue_mask,
    {{ gate_mask_scales() }} as failed_rules
from placed
