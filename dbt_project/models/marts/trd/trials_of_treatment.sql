-- One row per trial of treatment: what was given, how long, at which dose, what came of it, how it ended.

with

parts as (
    select * from {{ ref('trial_parts') }}
    where part = 'new'
),

-- the dose shown is that of the first new treatment by name; doses of all stand in marts.trial_adequacy's rules
led as (
    select * from parts
    qualify row_number() over (partition by subject_id, trial_no order by treatment_id) = 1
),

summed as (
    select
        subject_id,
        trial_no,
        count(*) as n_new,
        min(treatment_class) as treatment_class,
        case when min(role) = max(role) then min(role) else 'several' end as modality,
        sum(n_sessions) as n_sessions
    from parts
    group by subject_id, trial_no
),

joined_up as (
    select
        trials.*,
        case when summed.n_new > 1 then 'combination' else summed.treatment_class end as treatment_class,
        coalesce(summed.modality, 'unknown') as modality,
        summed.n_sessions,
        led.treatment_id as dose_of,
        led.dose_unit,
        led.max_dose,
        led.final_dose,
        led.modal_dose,
        case when led.days_dosed > 0 then 1.0 * led.days_label / 7 end as weeks_at_minimum,
        scores.instrument_id,
        scores.baseline_score,
        scores.exit_day,
        scores.exit_score,
        scores.madrs_baseline,
        scores.madrs_exit,
        scores.is_remitted,
        scores.symptoms_later,
        trials.end_kind = 'reported_failure' as is_reported
    from {{ ref('trial_list') }} as trials
    left join summed on trials.subject_id = summed.subject_id and trials.trial_no = summed.trial_no
    left join led on trials.subject_id = led.subject_id and trials.trial_no = led.trial_no
    left join {{ ref('trial_scores') }} as scores
        on trials.subject_id = scores.subject_id and trials.trial_no = scores.trial_no
),

-- reductions are compared without division, so that exactly 50 % is 50 %
judged as (
    select
        *,
        case when baseline_score > 0 then 100 * (baseline_score - exit_score) end as fall,
        case when baseline_score > 0 then baseline_score end as unit
    from joined_up
)

select
    subject_id,
    trial_no,
    study_id,
    source,
    step_id,
    is_index,
    strategy,
    treatments_new,
    treatments_kept,
    treatment_class,
    modality,
    start_day,
    end_day,
    1.0 * (end_day - start_day) / 7 as weeks,
    dose_of,
    dose_unit,
    max_dose,
    final_dose,
    modal_dose,
    weeks_at_minimum,
    n_sessions,
    instrument_id,
    baseline_score,
    exit_day,
    exit_score,
    -1.0 * fall / unit as pct_change,
    case when is_reported then false else fall >= 50 * unit end as is_response,
    case when is_reported then false else is_remitted end as is_remission,
    case when is_reported then true else fall < 25 * unit end as failed_25,
    case when is_reported then true else fall < 30 * unit end as failed_30,
    case when is_reported then true else fall < 50 * unit end as failed_50,
    case
        when is_reported then 'reported'
        when fall is not null then 'scores'
        else 'unknown'
    end as outcome_basis,
    case
        when is_reported or fall is not null then null
        when instrument_id is null then 'no_scale'
        when exit_score is null then 'no_exit_score'
        when baseline_score is null then 'no_baseline_score'
        else 'zero_baseline'
    end as outcome_reason,
    madrs_baseline,
    madrs_exit,
    symptoms_later,
    is_intolerant,
    end_kind,
    begins_anew
from judged
