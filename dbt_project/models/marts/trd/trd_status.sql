-- Every definition of reference.trd_definitions for every person with a trial of treatment: met, not met, or not
-- determinable from what the study collected. What cannot be told is carried as a lower and an upper value: met where
-- even the lower one reaches the definition, not met where even the upper one does not.

with

rules as (
    select * from {{ ref('trd_rules') }}
),

scopes as (
    select 'all_trials' as scope
    union all
    select 'before_index' as scope
),

or_exposed as (
    select
        trials.subject_id,
        trials.definition_id,
        max(case when trials.in_all then 1 else 0 end) = 1 as in_all,
        max(case when trials.in_before then 1 else 0 end) = 1 as in_before
    from {{ ref('trd_trials') }} as trials
    inner join rules on trials.definition_id = rules.definition_id
    inner join {{ ref('trial_parts') }} as parts
        on trials.subject_id = parts.subject_id
            and trials.trial_no = parts.trial_no
            and rules.or_class = parts.treatment_class
    group by trials.subject_id, trials.definition_id
),

tallied as (
    select
        persons.subject_id,
        persons.study_id,
        persons.treatment_naive,
        scopes.scope,
        rules.definition_id,
        rules.output_type,
        rules.min_failed,
        rules.max_failed,
        rules.min_drugs,
        rules.min_classes,
        rules.psychotherapy_asked,
        rules.points_from,
        rules.cutoff,
        rules.cutoff_operator,
        rules.not_met_only_if_remitted,
        rules.verified,
        rules.verified_fields,
        rules.verified = 'memory'
        or rules.rule_verified = 'memory'
        or coalesce(tallies.uses_memory_dose, false) as uses_memory,
        rules.asked_of is null or rules.asked_of = persons.study_id as is_asked,
        -- no trial of the current episode could count: earlier episodes would be next, and no record has them all
        coalesce(rules.earlier_if_none, false)
        and coalesce(tallies.n_in_episode, 0) + case when rules.same_episode then persons.n_undescribed else 0 end = 0
        and not persons.treatment_naive as asks_earlier_episodes,
        rules.same_episode and persons.n_prior_failed is not null as episode_known,
        persons.treatment_naive
        or (rules.family = 'study' and scopes.scope = 'all_trials') as all_known,
        case when rules.same_episode then persons.n_undescribed else 0 end as n_extra,
        coalesce(tallies.n_low, 0) as n_low,
        coalesce(tallies.n_high, 0) as n_high,
        coalesce(tallies.drugs_low, 0) as drugs_low,
        coalesce(tallies.drugs_high, 0) as drugs_high,
        coalesce(tallies.classes_low, 0) as classes_low,
        coalesce(tallies.classes_high, 0) as classes_high,
        coalesce(tallies.psychotherapy_low, false) as psychotherapy_low,
        coalesce(tallies.psychotherapy_high, false) or not persons.treatment_naive as psychotherapy_high,
        coalesce(tallies.has_remitted, false) as has_remitted,
        tallies.unknown_reasons,
        coalesce(scores.score_low, ratings.score_low, 0) as score_low,
        coalesce(scores.score_high, ratings.score_high, 0) as rated_high,
        scores.subject_id is not null and scores.score_high is null as is_open_score,
        scores.subject_id is not null as is_scored,
        scores.duration_reason,
        scores.severity_reason,
        ratings.unknown_reasons as rating_reasons,
        coalesce(case scopes.scope when 'all_trials' then or_exposed.in_all else or_exposed.in_before end, false)
            as is_or_exposed,
        exclusions.excluded_by,
        exclusions.unchecked
    from {{ ref('trd_persons') }} as persons
    cross join rules
    cross join scopes
    left join {{ ref('trd_tallies') }} as tallies
        on persons.subject_id = tallies.subject_id
            and rules.definition_id = tallies.definition_id
            and scopes.scope = tallies.scope
    left join {{ ref('trd_scores') }} as scores
        on persons.subject_id = scores.subject_id
            and rules.definition_id = scores.definition_id
            and scopes.scope = scores.scope
    left join {{ ref('trd_ratings') }} as ratings
        on persons.subject_id = ratings.subject_id
            and rules.definition_id = ratings.definition_id
            and scopes.scope = ratings.scope
    left join or_exposed
        on persons.subject_id = or_exposed.subject_id and rules.definition_id = or_exposed.definition_id
    left join {{ ref('trd_exclusions') }} as exclusions
        on persons.subject_id = exclusions.subject_id and rules.definition_id = exclusions.definition_id
),

known as (
    select
        *,
        all_known or (episode_known and not asks_earlier_episodes) as prior_known
    from tallied
),

bounded as (
    select
        *,
        case
            when output_type = 'event' then score_low >= 1
            else
                is_or_exposed
                or (
                    n_low >= min_failed
                    and drugs_low >= min_drugs
                    and classes_low >= min_classes
                    and (psychotherapy_low or not psychotherapy_asked)
                    and (max_failed is null or (prior_known and n_high + n_extra <= max_failed))
                )
        end as low_counts,
        case
            when output_type not in ('stage', 'score') then true
            when cutoff_operator = '>' then score_low > cutoff
            when cutoff_operator = '>=' then score_low >= cutoff
        end as low_scores,
        case
            when output_type = 'event' then rated_high >= 1 or not prior_known
            else
                is_or_exposed
                or (
                    (not prior_known or n_high + n_extra >= min_failed)
                    and (not prior_known or drugs_high + n_extra >= min_drugs)
                    and (not prior_known or classes_high + n_extra >= min_classes)
                    and (psychotherapy_high or not psychotherapy_asked)
                    and (max_failed is null or n_low <= max_failed)
                )
        end as high_counts,
        case
            when output_type not in ('stage', 'score') then true
            -- ratings of single trials: one earlier trial could have the highest
            when is_open_score or (not is_scored and (not prior_known or n_extra > 0)) then true
            when cutoff_operator = '>' then rated_high > cutoff
            when cutoff_operator = '>=' then rated_high >= cutoff
        end as high_scores
    from known
),

judged as (
    select
        *,
        case
            when not is_asked then 'not_determinable'
            when excluded_by is not null then 'not_met'
            when low_counts and low_scores then 'met'
            when not_met_only_if_remitted and not has_remitted then 'not_determinable'
            when not (high_counts and high_scores) then 'not_met'
            else 'not_determinable'
        end as verdict
    from bounded
),

-- names of stages and bands
labelled as (
    select
        judged.*,
        low_label.category as low_name,
        high_label.category as high_name
    from judged
    left join {{ ref('trd_points') }} as low_label
        on judged.points_from = low_label.definition_id
            and (
                (low_label.dimension in ('stage', 'weeks_of_resistance') and judged.score_low = low_label.points)
                or (
                    low_label.dimension = 'total_band'
                    and judged.score_low between low_label.lower and low_label.upper
                )
            )
    left join {{ ref('trd_points') }} as high_label
        on judged.points_from = high_label.definition_id
            and (
                (high_label.dimension in ('stage', 'weeks_of_resistance') and judged.rated_high = high_label.points)
                or (
                    high_label.dimension = 'total_band'
                    and judged.rated_high between high_label.lower and high_label.upper
                )
            )
)

select
    subject_id,
    definition_id,
    scope,
    study_id,
    verdict,
    case
        when not is_asked then 'other_study'
        when verdict = 'not_met' and excluded_by is not null then concat('excluded:', excluded_by)
        when verdict = 'not_determinable' then
            case
                when cutoff_operator is null and output_type in ('stage', 'score') then 'no_cutoff'
                else coalesce(
                        nullif(
                            concat_ws(
                                ';',
                                case
                                    when prior_known then null
                                    when episode_known then 'earlier_episodes_not_collected'
                                    else 'earlier_trials_not_collected'
                                end,
                                case when n_extra > 0 then 'earlier_trials_not_described' end,
                                case
                                    when psychotherapy_asked and psychotherapy_high and not psychotherapy_low
                                        then 'psychotherapy_not_known'
                                end,
                                case when rating_reasons is null then unknown_reasons end,
                                rating_reasons,
                                duration_reason,
                                severity_reason
                            ), ''
                        ), 'next_step_missing'
                    )
            end
    end as reason,
    case when is_asked then n_low end as n_failed,
    case when is_asked and prior_known then n_high + n_extra end as n_failed_possible,
    case when is_asked and output_type in ('score', 'stage', 'event') then score_low end as score_low,
    case
        when is_asked and output_type in ('score', 'stage', 'event') and not is_open_score
            and (is_scored or (prior_known and n_extra = 0))
            then rated_high
    end as score_high,
    case
        when not is_asked then null
        when output_type = 'ternary' and prior_known and n_low = n_high + n_extra
            then
                case when n_low >= min_failed then 'resistance' when n_low > 0 then 'nonresponse' else 'response' end
        when low_name = high_name then low_name
        when low_name is not null and not is_open_score then concat(low_name, ' to ', high_name)
        when low_name is not null then concat(low_name, ' or more')
    end as stage,
    unchecked as exclusions_unchecked,
    uses_memory,
    verified,
    verified_fields
from labelled
