-- What of each treatment was taken in each trial: doses, days at the minimum of each table, sessions. Days on a dose
-- are counted as last day less first day, so that day 0 to day 42 are six weeks.

with

trials as (
    select * from {{ ref('trial_list') }}
),

parts as (
    select
        trials.subject_id,
        trials.study_id,
        trials.trial_no,
        trials.source,
        trials.step_id,
        trials.start_day,
        trials.end_day,
        trials.next_start,
        parts.treatment_id,
        parts.part
    from trials
    inner join {{ ref('step_trials') }} as parts
        on trials.subject_id = parts.subject_id
            and trials.step_id = parts.step_id
            and trials.start_day = parts.start_day
    where trials.source = 'observed' and parts.treatment_id is not null
),

taken as (
    select
        parts.subject_id,
        parts.trial_no,
        parts.treatment_id,
        spans.start_day as span_day,
        spans.dose,
        spans.adherence,
        greatest(0, least(spans.dose_until, parts.end_day) - greatest(spans.start_day, parts.start_day)) as n_days
    from parts
    inner join {{ ref('exposure_spans') }} as spans
        on parts.subject_id = spans.subject_id
            and parts.step_id = spans.step_id
            and parts.treatment_id = spans.treatment_id
            and parts.start_day <= spans.dose_until
            -- the dose of the day that ends a trial belongs to the next one of the step
            and (
                parts.end_day > spans.start_day
                or (parts.end_day = spans.start_day and (parts.next_start is null or parts.start_day = parts.end_day))
            )

    union all

    select
        trials.subject_id,
        trials.trial_no,
        given.treatment_id,
        given.start_day as span_day,
        case when given.dose_unit = kinds.dose_unit then given.dose end as dose,
        given.adherence,
        given.end_day - given.start_day as n_days
    from trials
    inner join {{ ref('treatments') }} as given
        on trials.subject_id = given.subject_id
            and trials.treatments_new = given.treatment_id
            and trials.start_day = given.start_day
            and trials.end_day is not distinct from given.end_day
    inner join {{ ref('trial_kinds') }} as kinds on given.treatment_id = kinds.treatment_id
    where trials.source = 'history' and given.record_kind = 'history_trial'
    qualify row_number() over (
            partition by trials.subject_id, trials.trial_no order by given.occasion
        ) = 1
),

all_parts as (
    select subject_id, study_id, trial_no, source, treatment_id, part from parts
    union all
    select subject_id, study_id, trial_no, source, treatments_new as treatment_id, 'new' as part
    from trials
    where source = 'history'
),

minima as (
    select
        all_parts.*,
        kinds.treatment_class,
        kinds.thase_rush_class,
        kinds.role,
        kinds.dose_unit,
        kinds.min_adequate_weeks,
        kinds.min_label,
        kinds.min_atrq,
        kinds.min_athf3,
        coalesce(protocol.min_dose, kinds.min_label) as min_protocol,
        kinds.label_verified,
        kinds.table_verified,
        coalesce(protocol.verified, kinds.label_verified) as protocol_verified
    from all_parts
    inner join {{ ref('trial_kinds') }} as kinds on all_parts.treatment_id = kinds.treatment_id
    left join {{ ref('protocol_doses') }} as protocol
        on all_parts.study_id = protocol.study_id
            and all_parts.treatment_id = protocol.treatment_id
            and all_parts.source = 'observed'
),

by_dose as (
    select subject_id, trial_no, treatment_id, dose, sum(n_days) as n_days
    from taken
    where dose is not null
    group by subject_id, trial_no, treatment_id, dose
),

modal as (
    select subject_id, trial_no, treatment_id, dose as modal_dose
    from by_dose
    qualify row_number() over (
            partition by subject_id, trial_no, treatment_id order by n_days desc, dose desc
        ) = 1
)

select
    minima.subject_id,
    minima.study_id,
    minima.trial_no,
    minima.source,
    minima.treatment_id,
    minima.part,
    minima.treatment_class,
    minima.thase_rush_class,
    minima.role,
    minima.dose_unit,
    minima.min_adequate_weeks,
    minima.min_label,
    minima.min_atrq,
    minima.min_athf3,
    minima.min_protocol,
    minima.label_verified,
    minima.table_verified,
    minima.protocol_verified,
    max(case when minima.dose_unit <> 'sessions' then taken.dose end) as max_dose,
    max_by(
        case when minima.dose_unit <> 'sessions' then taken.dose end,
        case when taken.dose is not null then taken.span_day end
    ) as final_dose,
    max(case when minima.dose_unit <> 'sessions' then modal.modal_dose end) as modal_dose,
    sum(case when minima.dose_unit = 'sessions' then taken.dose end) as n_sessions,
    avg(taken.adherence) as adherence,
    coalesce(sum(case when taken.dose is not null then taken.n_days end), 0) as days_dosed,
    coalesce(sum(case when taken.dose >= minima.min_label then taken.n_days end), 0) as days_label,
    coalesce(sum(case when taken.dose >= minima.min_atrq then taken.n_days end), 0) as days_atrq,
    coalesce(sum(case when taken.dose >= minima.min_athf3 then taken.n_days end), 0) as days_athf3,
    coalesce(sum(case when taken.dose >= minima.min_protocol then taken.n_days end), 0) as days_protocol
from minima
left join taken
    on minima.subject_id = taken.subject_id
        and minima.trial_no = taken.trial_no
        and minima.treatment_id = taken.treatment_id
left join modal
    on minima.subject_id = modal.subject_id
        and minima.trial_no = modal.trial_no
        and minima.treatment_id = modal.treatment_id
group by all
