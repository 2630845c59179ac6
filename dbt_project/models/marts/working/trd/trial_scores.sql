-- Scores of every observed trial: the one nearest to its first day within the study's window, and the last one after
-- that window that still belongs to the trial. On the scale of the study's course, and on the MADRS where it is rated.

with

trials as (
    select trials.*, study_steps.baseline_from, study_steps.baseline_to, rules.exit_grace_days
    from {{ ref('trial_list') }} as trials
    inner join {{ ref('study_steps') }} as study_steps
        on trials.study_id = study_steps.study_id and trials.step_id = study_steps.step_id
    cross join {{ ref('trial_rules') }} as rules
),

instruments as (
    select study_id, max(instrument_id) as instrument_id from {{ ref('first_line') }}
    group by study_id
),

scales as (
    select
        scales.subject_id,
        scales.step_id,
        scales.instrument_id,
        scales.day,
        scales.score_used,
        scales.occasion,
        instruments.instrument_id is not null as is_own
    from {{ ref('scales') }} as scales
    left join instruments
        on scales.study_id = instruments.study_id and scales.instrument_id = instruments.instrument_id
    where scales.score_used is not null and (instruments.instrument_id is not null or scales.instrument_id = 'MADRS')
),

baselines as (
    select
        trials.subject_id,
        trials.trial_no,
        scales.instrument_id,
        min_by(
            scales.score_used, abs(scales.day - trials.start_day) * 1000 + scales.day - trials.start_day
            + scales.occasion / 1000.0
        ) as baseline_score
    from trials
    inner join scales
        on trials.subject_id = scales.subject_id
            and scales.day between trials.start_day + trials.baseline_from and trials.start_day + trials.baseline_to
    group by trials.subject_id, trials.trial_no, scales.instrument_id
),

exits as (
    select
        trials.subject_id,
        trials.trial_no,
        scales.instrument_id,
        max(scales.day) as exit_day,
        max_by(scales.score_used, scales.day * 1000.0 + scales.occasion) as exit_score
    from trials
    inner join scales
        on trials.subject_id = scales.subject_id
            and trials.step_id = scales.step_id
            and scales.day > trials.start_day + trials.baseline_to
            and scales.day <= least(
                trials.end_day + trials.exit_grace_days, coalesce(trials.next_start, trials.end_day + 9999)
            )
    group by trials.subject_id, trials.trial_no, scales.instrument_id
),

cuts as (
    select kinds.instrument_id, definitions.operator, max(definitions.threshold_low) as threshold
    from (select distinct instrument_id from scales) as kinds
    inner join {{ ref('outcome_definitions') }} as definitions
        on {{ listed_in('definitions.scale_scope', 'kinds.instrument_id') }}
    where definitions.outcome = 'remission' and definitions.metric = 'total' and definitions.at_step_exit
    group by kinds.instrument_id, definitions.operator
),

symptoms as (
    select
        trials.subject_id,
        trials.trial_no,
        max(
            case
                when cuts.operator = '<=' then case when scales.score_used > cuts.threshold then 1 else 0 end
                when cuts.operator = '<' then case when scales.score_used >= cuts.threshold then 1 else 0 end
            end
        ) = 1 as symptoms_later
    from trials
    cross join {{ ref('trial_rules') }} as rules
    inner join scales
        on trials.subject_id = scales.subject_id
            and scales.is_own
            and scales.day >= trials.start_day + rules.symptom_after_days
            and scales.day <= trials.start_day + rules.symptom_after_days + rules.symptom_window_days
    inner join cuts on scales.instrument_id = cuts.instrument_id
    group by trials.subject_id, trials.trial_no
)

select
    trials.subject_id,
    trials.trial_no,
    instruments.instrument_id,
    own_baseline.baseline_score,
    own_exit.exit_day,
    own_exit.exit_score,
    case
        when cuts.operator = '<=' then own_exit.exit_score <= cuts.threshold
        when cuts.operator = '<' then own_exit.exit_score < cuts.threshold
    end as is_remitted,
    madrs_baseline.baseline_score as madrs_baseline,
    madrs_exit.exit_score as madrs_exit,
    symptoms.symptoms_later
from trials
left join instruments on trials.study_id = instruments.study_id
left join baselines as own_baseline
    on trials.subject_id = own_baseline.subject_id
        and trials.trial_no = own_baseline.trial_no
        and instruments.instrument_id = own_baseline.instrument_id
left join exits as own_exit
    on trials.subject_id = own_exit.subject_id
        and trials.trial_no = own_exit.trial_no
        and instruments.instrument_id = own_exit.instrument_id
left join baselines as madrs_baseline
    on trials.subject_id = madrs_baseline.subject_id
        and trials.trial_no = madrs_baseline.trial_no
        and madrs_baseline.instrument_id = 'MADRS'
left join exits as madrs_exit
    on trials.subject_id = madrs_exit.subject_id
        and trials.trial_no = madrs_exit.trial_no
        and madrs_exit.instrument_id = 'MADRS'
left join cuts on instruments.instrument_id = cuts.instrument_id
left join symptoms on trials.subject_id = symptoms.subject_id and trials.trial_no = symptoms.trial_no
