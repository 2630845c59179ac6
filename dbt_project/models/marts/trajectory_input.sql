-- Every severity score of the first treatment episode, as measured. A score that ends this step and opens the next is
-- one row: is_exit and opens_step say its two roles. Beside it stands what it comes to on the HRSD17 and the QIDS-SR16.

with

episodes as (
    select * from {{ ref('first_episodes') }}
),

horizons as (
    select study_id, horizon_weeks from {{ ref('trajectory_rules') }}
),

scores as (
    select
        scales.subject_id,
        scales.instrument_id,
        scales.day,
        scales.rater,
        scales.contact,
        scales.occasion,
        scales.study_id,
        scales.step_id,
        scales.score_used as score,
        scales.score_basis,
        -- items of a longer form that are the HRSD17: a sum and no link
        case
            when longer.n_items is not null then {{ first_items_total('scales.items', 'longer.n_items') }}
        end as total_of_items,
        concat('items_1_', cast(longer.n_items as {{ dbt.type_string() }})) as item_link,
        episodes.start_day,
        episodes.next_step_id,
        scales.step_id = episodes.step_id as is_in_step,
        scales.day - episodes.start_day between episodes.baseline_from and episodes.baseline_to as may_be_baseline,
        scales.step_id = episodes.step_id
        and scales.day - episodes.start_day > episodes.baseline_to as is_after_baseline
    from {{ ref('scales') }} as scales
    inner join {{ ref('severity_scales') }} as severity on scales.instrument_id = severity.instrument_id
    inner join episodes on scales.subject_id = episodes.subject_id
    left join {{ ref('item_links') }} as longer
        on scales.instrument_id = longer.from_scale and longer.to_scale = 'HRSD17'
    where scales.score_used is not null
        and (
            scales.step_id = episodes.step_id
            or scales.day - episodes.start_day between episodes.baseline_from and episodes.baseline_to
        )
),

-- the score nearest to the first day of the treatment is the baseline, of two equally near the earlier; the last one
-- after the baseline window is the exit
placed as (
    select
        *,
        row_number() over (
            partition by subject_id, instrument_id, may_be_baseline
            order by abs(day - start_day), day, occasion, rater, contact
        ) as baseline_place,
        row_number() over (
            partition by subject_id, instrument_id, is_after_baseline
            order by day desc, occasion desc, rater asc, contact asc
        ) as exit_place,
        row_number() over (
            partition by subject_id, instrument_id, day
            order by occasion, rater, contact
        ) as day_place
    from scores
),

baselines as (
    select subject_id, instrument_id, day as baseline_day, score as baseline_score
    from placed
    where may_be_baseline and baseline_place = 1
),

entries as (
    select subject_id, step_id, instrument_id, baseline_day
    from {{ ref('step_scores') }}
    where baseline_day is not null
)

select
    placed.subject_id,
    placed.instrument_id,
    placed.day,
    placed.rater,
    placed.contact,
    placed.occasion,
    placed.study_id,
    subjects.site_no,
    placed.step_id,
    1.0 * (placed.day - placed.start_day) / 7 as week,
    placed.score,
    placed.score_basis,
    baselines.baseline_day,
    baselines.baseline_score,
    case
        when placed.may_be_baseline and placed.baseline_place = 1 then 'baseline'
        when placed.day > placed.start_day then 'follow_up'
        else 'before'
    end as role,
    placed.is_after_baseline and placed.exit_place = 1 as is_exit,
    case when placed.day_place = 1 then entries.step_id end as opens_step,
    not (placed.may_be_baseline and placed.baseline_place = 1)
    and placed.day > placed.start_day
    and placed.day - placed.start_day <= 7 * coalesce(horizons.horizon_weeks, 12) as is_in_window,
    case
        when placed.instrument_id = 'HRSD17' then placed.score
        when placed.total_of_items is not null then placed.total_of_items
        else {{ between_rows('placed.score', 'hrsd17.from_score', 'hrsd17.point', 'hrsd17.point_above') }}
    end as hrsd17_equiv,
    case
        when placed.instrument_id = 'HRSD17' then 'as_measured'
        when placed.total_of_items is not null then placed.item_link
        else hrsd17.link_id
    end as hrsd17_link,
    case
        when placed.instrument_id = 'QIDS_SR16' then placed.score
        else {{ between_rows('placed.score', 'qids.from_score', 'qids.point', 'qids.point_above') }}
    end as qids_sr16_equiv,
    case when placed.instrument_id = 'QIDS_SR16' then 'as_measured' else qids.link_id end as qids_sr16_link
from placed
inner join {{ ref('subjects') }} as subjects on placed.subject_id = subjects.subject_id
left join horizons on placed.study_id = horizons.study_id
left join baselines
    on placed.subject_id = baselines.subject_id and placed.instrument_id = baselines.instrument_id
left join entries
    on placed.subject_id = entries.subject_id
        and placed.next_step_id = entries.step_id
        and placed.instrument_id = entries.instrument_id
        and placed.day = entries.baseline_day
left join {{ ref('default_links') }} as hrsd17
    on placed.instrument_id = hrsd17.from_instrument_id
        and hrsd17.to_instrument_id = 'HRSD17'
        and floor(placed.score) = hrsd17.from_score
left join {{ ref('default_links') }} as qids
    on placed.instrument_id = qids.from_instrument_id
        and qids.to_instrument_id = 'QIDS_SR16'
        and floor(placed.score) = qids.from_score
