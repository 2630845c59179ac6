-- Whether a treatment of the first episode was adequate: the smallest adequate dose was reached and the time was long
-- enough; of a therapy by sessions their number counts, which takes the time. Of several treatments one is enough.
-- The time at that dose is not looked at here.

with

episodes as (
    select subject_id, start_day, end_day, 1.0 * (end_day - start_day) / 7 as weeks
    from {{ ref('first_episodes') }}
),

given as (
    select
        treatments.subject_id,
        treatments.treatment_id,
        treatments.step_id,
        kinds.min_adequate_dose,
        kinds.min_adequate_weeks,
        kinds.dose_unit
    from {{ ref('first_treatments') }} as treatments
    left join {{ ref('treatment_kinds') }} as kinds on treatments.treatment_id = kinds.treatment_id
),

doses as (
    select
        given.subject_id,
        given.treatment_id,
        max(case when given.dose_unit <> 'sessions' then records.dose end) as max_dose,
        sum(case when given.dose_unit = 'sessions' then records.dose end) as n_sessions
    from given
    inner join episodes on given.subject_id = episodes.subject_id
    inner join {{ ref('treatments') }} as records
        on given.subject_id = records.subject_id
            and given.treatment_id = records.treatment_id
            and given.dose_unit = records.dose_unit
            and episodes.end_day >= records.start_day
            and episodes.start_day <= coalesce(records.end_day, records.start_day)
            and given.step_id = coalesce(records.step_id, given.step_id)
    where records.record_kind not in ('history_trial', 'reported')
    group by given.subject_id, given.treatment_id
),

judged as (
    select
        given.subject_id,
        given.treatment_id,
        doses.max_dose,
        doses.n_sessions,
        case
            when given.treatment_id is null then 'unknown'
            when given.dose_unit = 'sessions' and doses.n_sessions >= given.min_adequate_dose then 'yes'
            when given.dose_unit = 'sessions' and doses.n_sessions < given.min_adequate_dose then 'no'
            when given.dose_unit = 'sessions' then 'unknown'
            when episodes.weeks < given.min_adequate_weeks then 'no'
            when doses.max_dose >= given.min_adequate_dose then 'yes'
            when doses.max_dose < given.min_adequate_dose then 'no'
            else 'unknown'
        end as adequate,
        case
            when given.treatment_id is null then 'treatment_unknown'
            when given.min_adequate_dose is null then 'no_minimum'
            when given.dose_unit = 'sessions' and doses.n_sessions is null then 'no_sessions'
            when given.dose_unit = 'sessions' and doses.n_sessions < given.min_adequate_dose then 'few_sessions'
            when given.dose_unit = 'sessions' then 'reached'
            when episodes.weeks < given.min_adequate_weeks then 'short'
            when doses.max_dose is null then 'no_dose'
            when doses.max_dose < given.min_adequate_dose then 'low_dose'
            else 'reached'
        end as adequate_reason
    from given
    inner join episodes on given.subject_id = episodes.subject_id
    left join doses
        on given.subject_id = doses.subject_id and given.treatment_id = doses.treatment_id
),

-- the best of several treatments counts; of equal ones the first by name
ranked as (
    select
        *,
        row_number() over (
            partition by subject_id
            order by case adequate when 'yes' then 1 when 'unknown' then 2 else 3 end, treatment_id
        ) as place
    from judged
)

select
    subject_id,
    max_dose,
    n_sessions,
    adequate,
    adequate_reason
from ranked
where place = 1
