-- Baseline and exit score of every treatment step, on every severity scale the study uses; a person without one
-- keeps the row. A level-boundary score is one number used twice: exit of one step, entry of the next.

with

scales as (
    select subject_id, study_id, step_id, instrument_id, day, score_used, rater, contact, occasion
    from {{ ref('scales') }}
    where score_used is not null
),

steps as (
    select steps.*, kinds.baseline_from, kinds.baseline_to
    from {{ ref('steps') }} as steps
    inner join {{ ref('study_steps') }} as kinds
        on steps.study_id = kinds.study_id and steps.step_id = kinds.step_id
    where kinds.is_treatment
),

instruments as (
    select distinct scales.study_id, scales.instrument_id
    from scales
    inner join {{ ref('severity_scales') }} as severity on scales.instrument_id = severity.instrument_id
),

expected as (
    select steps.*, instruments.instrument_id
    from steps
    inner join instruments on steps.study_id = instruments.study_id
),

-- the score nearest to the first day of the step, within the study's window; of two equally near the earlier
baselines as (
    select
        expected.subject_id,
        expected.step_id,
        expected.instrument_id,
        min_by(
            scales.day, abs(scales.day - expected.start_day) * 1000 + scales.day - expected.start_day
            + scales.occasion / 1000.0
        ) as baseline_day,
        min_by(
            scales.score_used, abs(scales.day - expected.start_day) * 1000 + scales.day - expected.start_day
            + scales.occasion / 1000.0
        ) as baseline_score
    from expected
    inner join scales
        on expected.subject_id = scales.subject_id
            and expected.instrument_id = scales.instrument_id
            and scales.day between expected.start_day
            + expected.baseline_from and expected.start_day
            + expected.baseline_to
    group by expected.subject_id, expected.step_id, expected.instrument_id
),

-- the last score of the step after its baseline window
exits as (
    select
        expected.subject_id,
        expected.step_id,
        expected.instrument_id,
        max_by(scales.day, scales.day * 1000.0 + scales.occasion) as exit_day,
        max_by(scales.score_used, scales.day * 1000.0 + scales.occasion) as exit_score,
        count(*) as n_post_baseline
    from expected
    inner join scales
        on expected.subject_id = scales.subject_id
            and expected.step_id = scales.step_id
            and expected.instrument_id = scales.instrument_id
            and scales.day > expected.start_day + expected.baseline_to
    group by expected.subject_id, expected.step_id, expected.instrument_id
)

select
    expected.subject_id,
    expected.step_id,
    expected.instrument_id,
    expected.study_id,
    expected.arm_assigned,
    expected.strategy,
    baselines.baseline_day,
    baselines.baseline_score,
    exits.exit_day,
    exits.exit_score,
    coalesce(exits.n_post_baseline, 0) as n_post_baseline,
    case
        when baselines.baseline_score > 0
            then 100.0 * (exits.exit_score - baselines.baseline_score) / baselines.baseline_score
    end as pct_change
from expected
left join baselines
    on expected.subject_id = baselines.subject_id
        and expected.step_id = baselines.step_id
        and expected.instrument_id = baselines.instrument_id
left join exits
    on expected.subject_id = exits.subject_id
        and expected.step_id = exits.step_id
        and expected.instrument_id = exits.instrument_id
