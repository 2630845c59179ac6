-- One row per person: the first treatment episode, how it ended, and what can be said of it.

with

-- the instrument that the plan follows the study's course on; a study without a rule: the one with most scores
counted as (
    select study_id, instrument_id, count(*) as n_scores
    from {{ ref('trajectory_input') }}
    group by study_id, instrument_id
),

ranked as (
    select
        counted.study_id,
        counted.instrument_id,
        row_number() over (
            partition by counted.study_id
            order by
                case when counted.instrument_id = rules.instrument_id then 0 else 1 end asc,
                counted.n_scores desc,
                counted.instrument_id asc
        ) as place
    from counted
    left join {{ ref('trajectory_rules') }} as rules on counted.study_id = rules.study_id
),

instruments as (
    select study_id, instrument_id from ranked
    where place = 1
),

-- four weeks on the treatment and a score at that time: fewer cannot show a treatment that fails
scores as (
    select
        points.subject_id,
        instruments.instrument_id,
        max(case when points.instrument_id = 'HRSD17' then points.baseline_score end) as baseline_hrsd17,
        max(case when points.instrument_id = 'QIDS_SR16' then points.baseline_score end) as baseline_qids_sr16,
        max(case when points.instrument_id = instruments.instrument_id then points.baseline_score end)
            as baseline_score,
        count(case when points.instrument_id = 'HRSD17' and points.is_in_window then 1 end) as n_post_hrsd17,
        count(case when points.instrument_id = 'QIDS_SR16' and points.is_in_window then 1 end) as n_post_qids_sr16,
        count(case when points.instrument_id = instruments.instrument_id and points.is_in_window then 1 end)
            as n_post_baseline,
        count(
            case
                when points.instrument_id = instruments.instrument_id
                    and points.is_in_window
                    and points.week >= 4
                    and points.day <= episodes.end_day
                    then 1
            end
        ) as n_from_week_4
    from {{ ref('trajectory_input') }} as points
    inner join {{ ref('first_episodes') }} as episodes on points.subject_id = episodes.subject_id
    inner join instruments on points.study_id = instruments.study_id
    group by points.subject_id, instruments.instrument_id
),

psychotic as (
    select subject_id, max(case status when 'present' then 1 when 'absent' then 0 end) = 1 as is_psychotic
    from {{ ref('conditions') }}
    where condition_id = 'psychotic_features' and relative = 'self'
    group by subject_id
),

episodes as (
    select
        *,
        1.0 * (end_day - start_day) / 7 as weeks_on_treatment,
        case
            when exit_reason = 'intolerance' then 'intolerance'
            when exit_reason = 'remitted' then 'benefit'
            when exit_reason = 'no_benefit' then 'no_benefit'
            when exit_reason in ('lost', 'withdrew') then 'lost'
            when exit_reason = 'discharge' then 'discharge'
            -- a further step without another reason: the treatment did not do
            when next_step_id is not null then 'no_benefit'
            when exit_reason = 'completed' then 'completed'
            when reached_last_visit then 'in_treatment'
            else 'unknown'
        end as exit_kind
    from {{ ref('first_episodes') }}
)

select
    episodes.subject_id,
    episodes.study_id,
    subjects.site_no,
    subjects.diagnosis,
    subjects.diagnosis = 'bipolar_depression' as is_bipolar,
    case
        when contains(concat(';', replace(subjects.analysis_flags, ' ', ''), ';'), ';psychotic;') then true
        else psychotic.is_psychotic
    end as is_psychotic,
    subjects.treatment_naive,
    episodes.step_id,
    episodes.arm_assigned,
    episodes.randomised,
    episodes.treatments,
    episodes.treatment_class,
    episodes.treatment_basis,
    case when subjects.treatment_naive then false else episodes.came_treated end as already_treated,
    episodes.start_day,
    episodes.end_day,
    episodes.end_basis,
    episodes.weeks_on_treatment,
    episodes.exit_kind,
    episodes.exit_reason,
    episodes.next_step_id,
    adequacy.adequate,
    adequacy.adequate_reason,
    adequacy.max_dose,
    adequacy.n_sessions,
    scores.instrument_id,
    scores.baseline_score,
    coalesce(scores.n_post_baseline, 0) as n_post_baseline,
    scores.baseline_hrsd17,
    coalesce(scores.n_post_hrsd17, 0) as n_post_hrsd17,
    scores.baseline_qids_sr16,
    coalesce(scores.n_post_qids_sr16, 0) as n_post_qids_sr16,
    coalesce(scores.n_post_baseline, 0) > 0 as is_in_trajectories,
    coalesce(scores.n_from_week_4, 0) > 0 as is_evaluable,
    coalesce(scores.n_from_week_4, 0) = 0
    and episodes.weeks_on_treatment < 4
    and episodes.exit_kind <> 'intolerance' as left_early,
    coalesce(scores.n_from_week_4, 0) = 0 and episodes.exit_kind = 'intolerance' as intolerant
from episodes
inner join {{ ref('subjects') }} as subjects on episodes.subject_id = subjects.subject_id
left join {{ ref('first_adequacy') }} as adequacy on episodes.subject_id = adequacy.subject_id
left join scores on episodes.subject_id = scores.subject_id
left join psychotic on episodes.subject_id = psychotic.subject_id
