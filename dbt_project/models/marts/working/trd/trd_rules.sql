-- The rows of reference.trd_definitions as parameters with types: words of the literature become one of seven ways of
-- failing, and dose rule with weeks becomes a row of reference.adequacy_rules. An empty parameter is not asked.

select
    definitions.definition_id,
    definitions.family,
    definitions.output_type,
    definitions.verified,
    definitions.verified_fields,
    rules.rule_id,
    rules.verified as rule_verified,
    coalesce(definitions.min_failed_trials, 1) as min_failed,
    definitions.max_failed_trials as max_failed,
    coalesce(definitions.min_distinct_drugs, 0) as min_drugs,
    coalesce(definitions.min_distinct_classes, 0) as min_classes,
    coalesce(definitions.same_episode_required, 0) = 1 as same_episode,
    definitions.lookback_days,
    definitions.new_episode_after_gap_days as episode_gap,
    definitions.max_gap_between_trials_days as switch_gap,
    case
        when definitions.failure_metric = 'pct_improvement_between' then 'between'
        when definitions.failure_metric = 'not_remitted' then 'not_remitted'
        when definitions.failure_metric = 'madrs_total_ge_22_and_reduction_lt' then 'madrs'
        when definitions.failure_metric = 'switch_proxy' then 'switch'
        when definitions.failure_metric = 'count_proxy' then 'exposed'
        when definitions.failure_metric = 'symptoms_after_expected_response' then 'symptoms'
        else 'improvement'
    end as failed_by,
    -- no_satisfactory_improvement, inadequate_response and not_clearly_better name no figure: less than 50 %
    coalesce(
        try_cast(split_part(definitions.failure_threshold_pct, '-', 1) as double), 50
    ) as fall_from,
    try_cast(nullif(split_part(definitions.failure_threshold_pct, '-', 2), '') as double) as fall_to,
    coalesce(definitions.intolerance_counts_as_failure, '') = '1'
    or definitions.failure_metric = 'inadequate_response_or_intolerance' as intolerance_counts,
    coalesce(try_cast(definitions.augmentation_counts_as_trial as double), 0) as augmentation_counts,
    coalesce(definitions.psychotherapy_counts_as_trial, '') = '1' as psychotherapy_counts,
    coalesce(definitions.psychotherapy_counts_as_trial, '') = 'required_in_addition' as psychotherapy_asked,
    coalesce(try_cast(definitions.ect_tms_counts_as_trial as double), 0) as ect_counts,
    definitions.or_class,
    definitions.excluded_facts,
    definitions.asked_of,
    definitions.points_from,
    definitions.not_met_only_if_remitted = 1 as not_met_only_if_remitted,
    coalesce(definitions.earlier_episode_if_none, 0) = 1 as earlier_if_none,
    definitions.cutoff_operator,
    -- a stage is named; its number stands in the points
    case
        when definitions.output_type in ('score', 'stage') then coalesce(
                try_cast(definitions.trd_cutoff as double), stages.points
            )
    end as cutoff
from {{ ref('trd_definitions') }} as definitions
inner join {{ ref('adequacy_rules') }} as rules
    on coalesce(definitions.dose_rule, '') = rules.dose_rule
        and coalesce(definitions.min_weeks_per_trial, '') = coalesce(rules.min_weeks_per_trial, '')
left join {{ ref('trd_points') }} as stages
    on definitions.definition_id = stages.definition_id
        and definitions.output_type = 'stage'
        and definitions.trd_cutoff = stages.category
