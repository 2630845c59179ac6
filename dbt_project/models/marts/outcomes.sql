-- Every definition of reference.outcome_definitions that speaks of a step's exit, for every person, step and scale.
-- Reductions are compared without division, so that exactly 50 % is 50 %.

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
        threshold_high
    from {{ ref('outcome_definitions') }}
    where at_step_exit
),

asked as (
    select
        scores.*,
        definitions.definition_id,
        definitions.outcome,
        definitions.metric,
        definitions.operator,
        definitions.threshold_low,
        definitions.threshold_high,
        case definitions.metric
            when 'total' then scores.exit_score
            else 100 * (scores.baseline_score - scores.exit_score)
        end as measured,
        -- a reduction is measured against the baseline, a total against itself
        case definitions.metric when 'total' then 1.0 else nullif(scores.baseline_score, 0) end as unit
    from scores
    inner join definitions
        on definitions.scale_scope = 'any severity scale'
            or contains(concat(';', definitions.scale_scope, ';'), concat(';', scores.instrument_id, ';'))
),

judged as (
    select
        *,
        case operator
            when '<=' then measured <= threshold_low * unit
            when '<' then measured < threshold_low * unit
            when '>=' then measured >= threshold_low * unit
            when 'between' then measured >= threshold_low * unit and measured < threshold_high * unit
        end as is_met
    from asked
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
        when baseline_score is null then 'no_baseline_score'
        else 'zero_baseline'
    end as reason
from judged
