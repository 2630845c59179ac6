-- Every definition of reference.outcome_definitions that speaks of a step's exit, of weeks or of visits of it, for
-- every person, step and scale. Reductions are compared without division, so that exactly 50 % is 50 %.

with

scores as (
    select * from {{ ref('step_scores') }}
),

definitions as (
    select
        outcome_id as definition_id,
        outcome,
        scale_scope,
        metric,
        operator,
        threshold_low,
        threshold_high,
        asked_of,
        unless,
        at_weeks,
        length(at_weeks) - length(replace(at_weeks, ';', '')) + 1 as n_weeks,
        {{ last_listed('at_weeks') }} as endpoint
    from {{ ref('outcome_definitions') }}
    where at_step_exit or at_weeks is not null
),

norms as (
    select * from {{ ref('reliable_change') }}
),

-- a definition at weeks that names no study is asked where its endpoint was ever measured
measured as (
    select distinct study_id, step_id, instrument_id, week_label
    from {{ ref('week_scores') }}
),

asked_at_exit as (
    select
        scores.*,
        definitions.definition_id,
        definitions.outcome,
        definitions.metric,
        definitions.operator,
        definitions.threshold_low,
        definitions.threshold_high,
        {{ unit_of('definitions.metric', 'scores.baseline_score', 'norms') }} as unit
    from scores
    inner join definitions on {{ definition_asks('definitions', 'scores') }}
    left join norms on scores.instrument_id = norms.instrument_id
    where definitions.at_weeks is null
),

asked_at_weeks as (
    select
        scores.*,
        definitions.definition_id,
        definitions.outcome,
        definitions.metric,
        definitions.operator,
        definitions.threshold_low,
        definitions.threshold_high,
        definitions.at_weeks,
        definitions.n_weeks,
        definitions.endpoint,
        definitions.unless,
        {{ unit_of('definitions.metric', 'scores.baseline_score', 'norms') }} as unit
    from scores
    inner join definitions on {{ definition_asks('definitions', 'scores') }}
    left join norms on scores.instrument_id = norms.instrument_id
    left join measured
        on scores.study_id = measured.study_id
            and scores.step_id = measured.step_id
            and scores.instrument_id = measured.instrument_id
            and definitions.endpoint = measured.week_label
    where definitions.at_weeks is not null and (definitions.asked_of is not null or measured.study_id is not null)
),

-- the last of the weeks is the endpoint: without it there is no verdict; an earlier week without a score is not held
weeks as (
    select
        asked.subject_id,
        asked.step_id,
        asked.instrument_id,
        asked.definition_id,
        count(*) filter (where {{ cut_holds('week_scores.score') }}) = max(asked.n_weeks) as holds,
        count(*) filter (where week_scores.week_label = asked.endpoint) > 0 as has_endpoint
    from asked_at_weeks as asked
    inner join {{ ref('week_scores') }} as week_scores
        on asked.study_id = week_scores.study_id
            and asked.subject_id = week_scores.subject_id
            and asked.step_id = week_scores.step_id
            and asked.instrument_id = week_scores.instrument_id
            and {{ listed_in('asked.at_weeks', 'week_scores.week_label') }}
    where week_scores.study_id in (select asked_at_weeks.study_id from asked_at_weeks)
    group by asked.subject_id, asked.step_id, asked.instrument_id, asked.definition_id
),

held as (
    select
        asked.*,
        case when weeks.has_endpoint and asked.unit is not null then weeks.holds end as holds,
        coalesce(weeks.has_endpoint, false) as has_endpoint
    from asked_at_weeks as asked
    left join weeks
        on asked.subject_id = weeks.subject_id
            and asked.step_id = weeks.step_id
            and asked.instrument_id = weeks.instrument_id
            and asked.definition_id = weeks.definition_id
),

judged as (
    select
        subject_id,
        step_id,
        instrument_id,
        definition_id,
        study_id,
        outcome,
        arm_assigned,
        baseline_score,
        exit_score,
        pct_change,
        unit,
        {{ cut_holds('exit_score') }} as is_met,
        cast(null as {{ type_text() }}) as reason
    from asked_at_exit

    union all

    select
        held.subject_id,
        held.step_id,
        held.instrument_id,
        held.definition_id,
        held.study_id,
        held.outcome,
        held.arm_assigned,
        held.baseline_score,
        held.exit_score,
        held.pct_change,
        held.unit,
        -- a verdict that another definition takes away
        held.holds and taken.subject_id is null as is_met,
        case when not held.has_endpoint then 'no_score_at_week' end as reason
    from held
    left join held as taken
        on held.unless = taken.definition_id
            and held.subject_id = taken.subject_id
            and held.step_id = taken.step_id
            and held.instrument_id = taken.instrument_id
            and taken.holds

    union all

    select
        subject_id,
        step_id,
        instrument_id,
        definition_id,
        study_id,
        outcome,
        arm_assigned,
        baseline_score,
        exit_score,
        pct_change,
        unit,
        is_met,
        reason
    from {{ ref('visit_verdicts') }}
)

select
    subject_id,
    step_id,
    instrument_id,
    definition_id,
    study_id,
    outcome,
    arm_assigned,
    baseline_score,
    exit_score,
    pct_change,
    case
        when is_met is null then 'not_determinable'
        when is_met then 'met'
        else 'not_met'
    end as verdict,
    case
        when is_met is not null then null
        when exit_score is null then 'no_exit_score'
        when reason is not null then reason
        when baseline_score is null then 'no_baseline_score'
        else 'zero_baseline'
    end as reason
from judged
