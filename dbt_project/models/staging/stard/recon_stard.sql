{{ config(schema='quality') }}

-- The dossier's reconciliation table (section 7), counted from the harmonised tables where the figure is one of
-- persons, from the staged forms where it is one of rows.

with

enrolled as (
    select subject_id from {{ ref('subjects') }} where study_id = 'stard'
),

entry as (
    select subject_id, min_by(score_used, abs(day)) as score
    from {{ ref('scales') }}
    where study_id = 'stard' and step_id = '0' and instrument_id = 'HRSD17' and score_used is not null
    group by subject_id
),

came_back as (
    select distinct subject_id
    from {{ ref('visits') }}
    where study_id = 'stard' and contact = 'clinic' and status = 'attended' and day > 0
),

arms as (
    select distinct subject_id, step_id
    from {{ ref('chk_steps') }}
    where study_id = 'stard' and failed_rules = 0 and block = 'arms'
),

qids as (
    select subject_id, step_id, day, instrument_id, score_used as score
    from {{ ref('scales') }}
    where study_id = 'stard' and instrument_id in ('QIDS_C16', 'QIDS_SR16') and score_used is not null
),

-- Nunez et al.: not remitted at the end of level 1 (after day 21) nor at the end of level 2 or 2A (after more than
-- 21 days there) is 1, remitted at the end of either is 0, the others have no label
first_level as (
    select
        subject_id,
        instrument_id,
        min_by(score, day) as first_score,
        max_by(score, day) filter (where day > 21) as last_score
    from qids
    where step_id = '1'
    group by subject_id, instrument_id
),

second_level as (
    select
        subject_id,
        instrument_id,
        max_by(score, day) as last_score,
        max(day) - min(day) as n_days
    from qids
    where step_id in ('2', '2A')
    group by subject_id, instrument_id
),

labels as (
    select
        first_level.instrument_id,
        case
            when first_level.last_score <= 5 or second_level.last_score <= 5 then 0
            when first_level.last_score > 5 and second_level.last_score > 5 and second_level.n_days > 21 then 1
        end as label
    from first_level
    left join second_level
        on first_level.subject_id = second_level.subject_id
            and first_level.instrument_id = second_level.instrument_id
    where first_level.first_score > 5
),

week_9 as (
    select
        subject_id,
        instrument_id,
        min_by(score, day) filter (where day <= 7) as baseline,
        max_by(score, day) filter (where day between 22 and 77) as score
    from qids
    where step_id = '1'
    group by subject_id, instrument_id
),

counts as (
    select 'enrolled' as check_id, count(*) as observed from enrolled
    union all
    select 'entry_hrsd_below_14', count(*) from entry where score < 14
    union all
    select 'entry_hrsd_missing', count(*) from enrolled
    where not exists (select 1 from entry where entry.subject_id = enrolled.subject_id)
    union all
    select 'post_baseline_visit', count(*) from came_back
    union all
    select 'evaluable', count(*) from entry
    inner join came_back on entry.subject_id = came_back.subject_id
    where entry.score >= 14
    union all
    select concat('level_', step_id, '_entries'), count(*) from arms where step_id in ('2', '3', '4') group by step_id
    union all
    select 'qids01_rows', count(*) from {{ ref('stg_stard__qids01') }}
    union all
    select 'qids01_blank_weeks', count(*) from {{ ref('stg_stard__qids01') }} where week is null
    union all
    select case instrument_id when 'QIDS_C16' then 'trd_label_qids_c' else 'trd_label_qids_sr' end, sum(label)
    from labels group by instrument_id
    union all
    select case instrument_id when 'QIDS_C16' then 'trd_labelled_qids_c' else 'trd_labelled_qids_sr' end, count(label)
    from labels group by instrument_id
    union all
    select case instrument_id when 'QIDS_C16' then 'week9_n_qids_c' else 'week9_n_qids_sr' end, count(*)
    from week_9 where baseline is not null and score is not null group by instrument_id
    union all
    select
        case instrument_id when 'QIDS_C16' then 'week9_response_qids_c' else 'week9_response_qids_sr' end,
        count(*) filter (where 2 * score <= baseline)
    from week_9 where baseline is not null and score is not null group by instrument_id
    union all
    select
        case instrument_id when 'QIDS_C16' then 'week9_remission_qids_c' else 'week9_remission_qids_sr' end,
        count(*) filter (where score <= 5)
    from week_9 where baseline is not null and score is not null group by instrument_id
)

select 'stard' as study_id, check_id, cast(observed as bigint) as observed
from counts
