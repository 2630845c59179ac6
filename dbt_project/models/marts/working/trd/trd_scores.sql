-- Lower and upper score of the staged definitions. What the record cannot say takes its lowest points in the lower and
-- its highest in the upper score; an upper score of null is open-ended, as earlier trials were not collected.

with

rules as (
    select * from {{ ref('trd_rules') }}
    where points_from is not null
),

scopes as (
    select 'all_trials' as scope
    union all
    select 'before_index' as scope
),

persons as (
    select
        persons.*,
        rules.definition_id,
        rules.points_from,
        rules.min_failed,
        rules.min_classes,
        scopes.scope,
        rules.same_episode and persons.n_prior_failed is not null or persons.treatment_naive as prior_known,
        case when rules.same_episode then persons.n_undescribed else 0 end as n_extra
    from {{ ref('trd_persons') }} as persons
    cross join rules
    cross join scopes
    where rules.asked_of is null or rules.asked_of = persons.study_id
),

points as (
    select * from {{ ref('trd_points') }}
),

-- a band goes from above the upper limit of the band before it up to its own
bands as (
    select
        *,
        coalesce(lag(upper) over (partition by definition_id, dimension order by category_order), -1) as above,
        coalesce(upper, 1e9) as up_to
    from points
    where dimension in ('episode_duration', 'baseline_severity', 'failed_antidepressants')
        and category <> 'severe_with_psychosis'
),

-- of stages by weeks the next one begins where it begins, whether the one before has ended or not
weeks as (
    select
        definition_id,
        points,
        lower,
        coalesce(lower_included, true) as lower_included,
        coalesce(lead(lower) over (partition by definition_id order by lower), 1e9) as next_lower,
        coalesce(lead(lower_included) over (partition by definition_id order by lower), true) as next_included
    from points
    where dimension = 'weeks_of_resistance'
),

single as (
    select
        definition_id,
        max(case when category = 'failed_adequate_trial' then points end) as per_trial,
        max(case when category = 'optimisation' then points end) as per_optimisation,
        max(case when category = 'augmentation_or_combination' then points end) as per_augmentation,
        max(case when dimension = 'points' and category = 'ect' then points end) as per_ect,
        max(case when dimension = 'augmentation' and category = 'used' then points end) as augmentation_used,
        max(case when dimension = 'ect' and category = 'used' then points end) as ect_used,
        min(case when dimension = 'episode_duration' then points end) as duration_from,
        max(case when dimension = 'episode_duration' then points end) as duration_to,
        min(case when dimension = 'baseline_severity' then points end) as severity_from,
        max(case when dimension = 'baseline_severity' then points end) as severity_to,
        max(case when dimension = 'failed_antidepressants' then points end) as drugs_to
    from points
    group by definition_id
),

tallied as (
    select
        persons.*,
        single.per_trial,
        single.per_optimisation,
        single.per_augmentation,
        single.per_ect,
        single.augmentation_used,
        single.ect_used,
        single.duration_from,
        single.duration_to,
        single.severity_from,
        single.severity_to,
        single.drugs_to,
        coalesce(tallies.n_low, 0) as n_low,
        coalesce(tallies.n_high, 0) + persons.n_extra as n_high,
        -- points are for drugs that failed, not for the one that was switched to
        coalesce(tallies.failed_drugs_low, 0) as drugs_low,
        coalesce(tallies.failed_drugs_high, 0) + persons.n_extra as drugs_high,
        coalesce(tallies.classes_low, 0) as classes_low,
        coalesce(tallies.classes_high, 0) + persons.n_extra as classes_high,
        coalesce(tallies.weeks_low, 0) as weeks_low,
        coalesce(tallies.weeks_high, 0) as weeks_high,
        coalesce(tallies.n_augment_low, 0) as n_augment_low,
        coalesce(tallies.n_augment_high, 0) as n_augment_high,
        coalesce(tallies.n_stimulation_low, 0) as n_stimulation_low,
        coalesce(tallies.n_stimulation_high, 0) as n_stimulation_high,
        coalesce(tallies.n_optimised_low, 0) as n_optimised_low,
        coalesce(tallies.n_optimised_high, 0) + persons.n_extra as n_optimised_high,
        coalesce(tallies.stage_low, 0) as stage_low,
        case when persons.n_extra > 0 then 5 else coalesce(tallies.stage_high, 0) end as stage_high,
        coalesce(tallies.is_augmented, false) as is_augmented,
        coalesce(tallies.had_ect, false) as had_ect
    from persons
    inner join single on persons.points_from = single.definition_id
    left join {{ ref('trd_tallies') }} as tallies
        on persons.subject_id = tallies.subject_id
            and persons.definition_id = tallies.definition_id
            and persons.scope = tallies.scope
),

-- months of 365.25 / 12 days; without a failed drug there are no points for drugs
banded as (
    select
        tallied.*,
        durations.points as duration_points,
        severities.points as severity_points,
        drugs_low_band.points as drugs_low_points,
        drugs_high_band.points as drugs_high_points,
        weeks_low_band.points as weeks_low_points,
        weeks_high_band.points as weeks_high_points
    from tallied
    left join bands as durations
        on tallied.points_from = durations.definition_id
            and durations.dimension = 'episode_duration'
            and tallied.episode_days * 12 / 365.25 > durations.above
            and tallied.episode_days * 12 / 365.25 <= durations.up_to
    left join bands as severities
        on tallied.points_from = severities.definition_id
            and severities.dimension = 'baseline_severity'
            and tallied.baseline_hrsd17 > severities.above
            and tallied.baseline_hrsd17 <= severities.up_to
    left join bands as drugs_low_band
        on tallied.points_from = drugs_low_band.definition_id
            and drugs_low_band.dimension = 'failed_antidepressants'
            and tallied.drugs_low > greatest(drugs_low_band.above, 0)
            and tallied.drugs_low <= drugs_low_band.up_to
    left join bands as drugs_high_band
        on tallied.points_from = drugs_high_band.definition_id
            and drugs_high_band.dimension = 'failed_antidepressants'
            and tallied.drugs_high > greatest(drugs_high_band.above, 0)
            and tallied.drugs_high <= drugs_high_band.up_to
    left join weeks as weeks_low_band
        on tallied.points_from = weeks_low_band.definition_id
            and (
                tallied.weeks_low > weeks_low_band.lower
                or (tallied.weeks_low = weeks_low_band.lower and weeks_low_band.lower_included)
            )
            and (
                tallied.weeks_low < weeks_low_band.next_lower
                or (tallied.weeks_low = weeks_low_band.next_lower and not weeks_low_band.next_included)
            )
    left join weeks as weeks_high_band
        on tallied.points_from = weeks_high_band.definition_id
            and (
                tallied.weeks_high > weeks_high_band.lower
                or (tallied.weeks_high = weeks_high_band.lower and weeks_high_band.lower_included)
            )
            and (
                tallied.weeks_high < weeks_high_band.next_lower
                or (tallied.weeks_high = weeks_high_band.next_lower and not weeks_high_band.next_included)
            )
),

-- severe is one point more with psychosis; what is not known of it may be either
severity as (
    select
        *,
        case
            when severity_points is null then severity_from
            when severity_points = severity_to - 1 and psychosis = 'present' then severity_to
            else severity_points
        end as severity_low,
        case
            when severity_points is null then severity_to
            when severity_points = severity_to - 1 and coalesce(psychosis, 'unknown') <> 'absent' then severity_to
            else severity_points
        end as severity_high
    from banded
)

select
    subject_id,
    definition_id,
    scope,
    prior_known,
    case points_from
        when 'msm'
            then
                coalesce(duration_points, duration_from)
                + severity_low
                + coalesce(drugs_low_points, 0)
                + case when is_augmented then augmentation_used else 0 end
                + case when had_ect then ect_used else 0 end
        when 'mgh_s'
            then
                per_trial * (n_low - n_augment_low - n_stimulation_low)
                + per_optimisation * n_optimised_low
                + per_augmentation * n_augment_low
                + per_ect * least(n_stimulation_low, 1)
        when
            'esm'
            then case
                    when n_low >= min_failed and classes_low >= min_classes then coalesce(weeks_low_points, 0) else 0
                end
        when 'thase_rush' then stage_low
    end as score_low,
    case points_from
        when 'msm'
            then
                coalesce(duration_points, duration_to)
                + severity_high
                + case when prior_known then coalesce(drugs_high_points, 0) else drugs_to end
                + case when is_augmented or not prior_known then augmentation_used else 0 end
                + case when had_ect or not prior_known then ect_used else 0 end
        when 'mgh_s'
            then
                case
                    when prior_known then
                        per_trial * (n_high - n_augment_high - n_stimulation_high)
                        + per_optimisation * n_optimised_high
                        + per_augmentation * n_augment_high
                        + per_ect * least(n_stimulation_high, 1)
                end
        when 'esm'
            then
                case
                    when not prior_known or n_undescribed > 0 then 6
                    when n_high >= min_failed and classes_high >= min_classes then coalesce(weeks_high_points, 0)
                    else 0
                end
        when 'thase_rush' then case when prior_known then stage_high else 5 end
    end as score_high,
    case when points_from = 'msm' and duration_points is null then 'no_episode_duration' end as duration_reason,
    case
        when points_from = 'msm' and severity_points is null then 'no_hrsd17_at_entry'
        when points_from = 'msm' and severity_low <> severity_high then 'psychosis_not_known'
    end as severity_reason
from severity
where points_from <> 'athf_long'
