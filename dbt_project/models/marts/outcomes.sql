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

week_scores as (
    select study_id, subject_id, step_id, instrument_id, week_label, score
    from {{ ref('week_scores') }}
),

measured as (
    select study_id, step_id, instrument_id, week_label
    from week_scores
    group by study_id, step_id, instrument_id, week_label
),

-- which weeks a definition asks of a step and scale; one that names no study is asked where its endpoint was measured
asked_weeks as (
    select
        measured.study_id,
        measured.step_id,
        measured.instrument_id,
        measured.week_label,
        definitions.definition_id,
        measured.week_label = definitions.endpoint as is_endpoint
    from measured
    inner join definitions on {{ listed_in('definitions.at_weeks', 'measured.week_label') }}
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
        definitions.n_weeks,
        definitions.endpoint,
        definitions.unless,
        {{ unit_of('definitions.metric', 'scores.baseline_score', 'norms') }} as unit
    from scores
    inner join definitions on {{ definition_asks('definitions', 'scores') }}
    left join norms on scores.instrument_id = norms.instrument_id
    left join asked_weeks as measured_endpoints
        on scores.study_id = measured_endpoints.study_id
            and scores.step_id = measured_endpoints.step_id
            and scores.instrument_id = measured_endpoints.instrument_id
            and definitions.definition_id = measured_endpoints.definition_id
            and measured_endpoints.is_endpoint
    where
        definitions.at_weeks is not null
        and (definitions.asked_of is not null or measured_endpoints.study_id is not null)
),

-- the last of the weeks is the endpoint: without it there is no verdict
at_endpoint as (
    select
        asked.*,
        week_scores.subject_id is not null as has_endpoint,
        {{ cut_holds('week_scores.score') }} as endpoint_holds
    from asked_at_weeks as asked
    left join week_scores
        on asked.subject_id = week_scores.subject_id
            and asked.step_id = week_scores.step_id
            and asked.instrument_id = week_scores.instrument_id
            and asked.endpoint = week_scores.week_label
),

-- an earlier week without a score is not held
earlier as (
    select
        asked.subject_id,
        asked.step_id,
        asked.instrument_id,
        asked.definition_id,
        count(*) filter (where {{ cut_holds('week_scores.score') }}) as n_held
    from at_endpoint as asked
    inner join asked_weeks
        on asked.study_id = asked_weeks.study_id
            and asked.step_id = asked_weeks.step_id
            and asked.instrument_id = asked_weeks.instrument_id
            and asked.definition_id = asked_weeks.definition_id
    inner join week_scores
        on asked.subject_id = week_scores.subject_id
            and asked.step_id = week_scores.step_id
            and asked.instrument_id = week_scores.instrument_id
            and asked_weeks.week_label = week_scores.week_label
    where asked.n_weeks > 1 and asked.endpoint_holds and not asked_weeks.is_endpoint
    group by asked.subject_id, asked.step_id, asked.instrument_id, asked.definition_id
),

held as (
    select
        asked.*,
        case
            when asked.unit is not null and asked.has_endpoint
                then asked.endpoint_holds and coalesce(earlier.n_held, 0) = asked.n_weeks - 1
        end as holds
    from at_endpoint as asked
    left join earlier
        on asked.subject_id = earlier.subject_id
            and asked.step_id = earlier.step_id
            and asked.instrument_id = earlier.instrument_id
            and asked.definition_id = earlier.definition_id
),

taken_away as (
    select subject_id, step_id, instrument_id, definition_id
    from held
    where holds and definition_id in (select definitions.unless from definitions)
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
    left join taken_away as taken
        on held.unless = taken.definition_id
            and held.subject_id = taken.subject_id
            and held.step_id = taken.step_id
            and held.instrument_id = taken.instrument_id

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
