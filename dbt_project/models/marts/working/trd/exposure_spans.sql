-- Every record of a treatment in a step as the days it holds: an interval says its days; the dose of a visit holds to
-- the next visit of the step at which any dose was recorded, that of the last visit to the end of the step.

with

kinds as (
    select treatment_id, dose_unit from {{ ref('trial_kinds') }}
    where treats_depression
),

steps as (
    select steps.subject_id, steps.study_id, steps.step_id, steps.start_day, steps.end_day
    from {{ ref('steps') }} as steps
    inner join {{ ref('study_steps') }} as study_steps
        on steps.study_id = study_steps.study_id and steps.step_id = study_steps.step_id
    where study_steps.is_treatment
),

records as (
    select
        steps.subject_id,
        steps.study_id,
        steps.step_id,
        given.treatment_id,
        given.record_kind,
        given.start_day,
        given.end_day,
        case when given.dose_unit = kinds.dose_unit then given.dose end as dose,
        given.adherence,
        steps.end_day as step_end_day
    from {{ ref('treatments') }} as given
    inner join kinds on given.treatment_id = kinds.treatment_id
    inner join steps
        on given.subject_id = steps.subject_id
            and (
                given.step_id = steps.step_id
                or (given.step_id is null and given.start_day between steps.start_day and steps.end_day)
            )
    where given.record_kind not in ('history_trial', 'reported')
),

visit_days as (
    select
        subject_id,
        step_id,
        start_day,
        lead(start_day) over (partition by subject_id, step_id order by start_day) as next_day
    from (
        select distinct subject_id, step_id, start_day from records
        where record_kind <> 'interval'
    ) as days
),

ended as (
    select
        records.subject_id,
        records.study_id,
        records.step_id,
        records.treatment_id,
        records.record_kind,
        records.dose,
        records.adherence,
        records.start_day,
        greatest(
            records.start_day,
            case
                when records.record_kind = 'interval' then coalesce(records.end_day, records.step_end_day)
                else coalesce(visit_days.next_day, records.step_end_day)
            end
        ) as last_day
    from records
    left join visit_days
        on records.subject_id = visit_days.subject_id
            and records.step_id = visit_days.step_id
            and records.start_day = visit_days.start_day
),

-- an interval that ends the day before the next of the same treatment leaves no gap
joined_up as (
    select
        *,
        lead(start_day) over (
            partition by subject_id, step_id, treatment_id, record_kind order by start_day, last_day
        ) as next_start
    from ended
)

select
    subject_id,
    study_id,
    step_id,
    treatment_id,
    record_kind,
    dose,
    adherence,
    start_day,
    case when next_start = last_day + 1 then next_start else last_day end as end_day,
    -- a later record of a treatment replaces the dose of the earlier one
    case
        when next_start <= last_day + 1 then next_start
        else last_day
    end as dose_until
from joined_up
