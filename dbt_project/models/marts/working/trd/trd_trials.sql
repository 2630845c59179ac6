-- Every trial under every definition: does it count as a failed one (null: cannot be told, with the reason), and does
-- it belong to the time the definition looks at, with all trials or with those before the index trial.

with

rules as (
    select * from {{ ref('trd_rules') }}
),

trials as (
    select
        trials.*,
        coalesce(trials.end_day, trials.start_day) as last_day,
        persons.index_day,
        persons.last_day as person_last_day
    from {{ ref('trials_of_treatment') }} as trials
    inner join {{ ref('trd_persons') }} as persons on trials.subject_id = persons.subject_id
),

-- an episode goes on while the time between trials is no longer than the definition's gap; a readmission is a new one
gaps as (
    select distinct episode_gap from rules
),

breaks as (
    select
        trials.subject_id,
        trials.trial_no,
        trials.is_index,
        gaps.episode_gap,
        case
            when trials.begins_anew then 1
            when trials.start_day - max(trials.last_day)
                    over (
                        partition by trials.subject_id, gaps.episode_gap
                        order by trials.trial_no
                        rows between unbounded preceding and 1 preceding
                    )
                > gaps.episode_gap then 1
            else 0
        end as is_break
    from trials
    cross join gaps
),

episodes as (
    select
        *,
        sum(is_break) over (
            partition by subject_id, episode_gap order by trial_no rows between unbounded preceding and current row
        ) as episode_no
    from breaks
),

index_episodes as (
    select subject_id, episode_gap, max(episode_no) as index_episode_no from episodes
    where is_index
    group by subject_id, episode_gap
),

asked as (
    select
        trials.*,
        rules.definition_id,
        rules.failed_by,
        rules.fall_from,
        rules.fall_to,
        rules.switch_gap,
        rules.intolerance_counts,
        case
            when trials.modality = 'psychotherapy' then rules.psychotherapy_counts
            when trials.modality = 'neuromodulation' then rules.ect_counts > 0
            -- where drugs are counted, one that is added to another is a drug too
            when rules.failed_by = 'exposed' and trials.strategy = 'augment' then trials.modality = 'antidepressant'
            when trials.strategy = 'augment' then rules.augmentation_counts > 0
            else true
        end as kind_counts,
        case adequacy.adequate when 'yes' then true when 'no' then false end as is_adequate,
        adequacy.adequate_reason,
        adequacy.min_dose,
        adequacy.treatment_id as judged_treatment,
        adequacy.verified as adequacy_verified,
        rules.earlier_if_none,
        not rules.same_episode or episodes.episode_no = index_episodes.index_episode_no as in_episode,
        rules.same_episode and episodes.episode_no < index_episodes.index_episode_no as in_earlier_episode,
        rules.lookback_days is null
        or trials.last_day >= trials.person_last_day - rules.lookback_days as is_near_end,
        trials.start_day < trials.index_day
        and (rules.lookback_days is null or trials.last_day >= trials.index_day - rules.lookback_days)
            as is_near_index
    from trials
    cross join rules
    inner join episodes
        on trials.subject_id = episodes.subject_id
            and trials.trial_no = episodes.trial_no
            and rules.episode_gap is not distinct from episodes.episode_gap
    left join index_episodes
        on trials.subject_id = index_episodes.subject_id
            and rules.episode_gap is not distinct from index_episodes.episode_gap
    left join {{ ref('trial_adequacy') }} as adequacy
        on trials.subject_id = adequacy.subject_id
            and trials.trial_no = adequacy.trial_no
            and rules.rule_id = adequacy.rule_id
    where rules.asked_of is null or rules.asked_of = trials.study_id
),

followed as (
    select
        *,
        lead(trial_no) over in_kind as next_no,
        lead(start_day) over in_kind as next_day,
        lead(coalesce(treatments_new, '?')) over in_kind as next_treatments
    from asked
    window in_kind as (partition by subject_id, definition_id, kind_counts order by trial_no)
),

judged as (
    select
        *,
        case failed_by
            when 'exposed' then true
            when 'symptoms' then symptoms_later
            when 'switch'
                then
                    case
                        when next_no is null then false
                        when treatments_new is null or next_treatments = '?' then null
                        when next_treatments = treatments_new then false
                        when switch_gap is null then true
                        else next_day - end_day <= switch_gap
                    end
            when 'between'
                then
                    case
                        when outcome_basis = 'scores' then
                            100 * (baseline_score - exit_score) >= fall_from * baseline_score
                            and 100 * (baseline_score - exit_score) < fall_to * baseline_score
                    end
            when 'not_remitted' then not is_remission
            when 'madrs'
                then
                    case
                        when outcome_basis = 'reported' then true
                        else
                            madrs_exit >= 22
                            and case when madrs_baseline > 0 then 100 * (madrs_baseline - madrs_exit) end
                            < fall_from * madrs_baseline
                    end
            else
                case
                    when outcome_basis = 'reported' then true
                    when outcome_basis = 'scores' then
                        100 * (baseline_score - exit_score) < fall_from * baseline_score
                end
        end as is_failed
    from followed
),

counted as (
    select
        *,
        kind_counts and ((is_adequate and is_failed) or (intolerance_counts and is_intolerant)) as counts,
        case
            when is_adequate is null and coalesce(is_failed, true) then adequate_reason
            when is_failed is null and coalesce(is_adequate, true)
                then
                    case failed_by
                        when 'symptoms' then 'no_later_score'
                        when 'switch'
                            then
                                case
                                    when treatments_new is null or next_treatments = '?' then 'treatment_unknown'
                                    else 'no_end'
                                end
                        when 'madrs' then 'no_madrs'
                        when 'between' then coalesce(outcome_reason, 'reported_without_score')
                        when 'not_remitted' then coalesce(outcome_reason, 'no_remission_cut')
                        else outcome_reason
                    end
            else 'end_not_recorded'
        end as unknown_reason
    from judged
),

-- trials of an earlier episode stand in where the definition allows it and the current one has none that is, or may
-- be, adequate
filled as (
    select
        *,
        coalesce(earlier_if_none, false) and in_earlier_episode and max(
            case when in_episode and kind_counts and coalesce(is_adequate, true) then 1 else 0 end
        ) over (partition by subject_id, definition_id) = 0 as stands_in_all,
        coalesce(earlier_if_none, false) and in_earlier_episode and max(
            case
                when in_episode and start_day < index_day and kind_counts and coalesce(is_adequate, true) then 1
                else 0
            end
        ) over (partition by subject_id, definition_id) = 0 as stands_in_before
    from counted
),

scoped as (
    select
        *,
        is_near_end and (in_episode or coalesce(stands_in_all, false)) as in_all,
        is_near_index and (in_episode or coalesce(stands_in_before, false)) as in_before
    from filled
)

select
    subject_id,
    study_id,
    trial_no,
    definition_id,
    in_all,
    in_before,
    coalesce(in_earlier_episode, false) as in_earlier_episode,
    kind_counts,
    is_adequate,
    is_failed,
    counts,
    case when counts is null then unknown_reason end as unknown_reason,
    strategy,
    modality,
    treatments_new,
    treatments_kept,
    next_no,
    case when failed_by = 'switch' then next_no end as switched_to_no,
    1.0 * (end_day - start_day) / 7 as weeks,
    is_intolerant,
    is_remission,
    case when dose_of = judged_treatment then max_dose > min_dose end as is_optimised,
    adequacy_verified
from scoped
where in_all or in_before
