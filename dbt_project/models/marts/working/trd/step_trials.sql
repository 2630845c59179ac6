-- The trials of treatment within each step, with their parts: one row per trial × treatment. A step whose arm names
-- treatments is one trial. Without, every day on which an era begins opens a trial of what was begun on it; what was
-- begun before and goes on for `kept_days` or longer is a part that was kept. A step without either is one trial of
-- an unknown treatment.

with

steps as (
    select * from {{ ref('trial_steps') }}
),

arm_parts as (
    select steps.subject_id, steps.step_id, kinds.treatment_id
    from steps
    inner join {{ ref('study_arms') }} as arms
        on steps.study_id = arms.study_id
            and steps.step_id = arms.step_id
            and steps.arm_assigned = arms.arm_assigned
    inner join {{ ref('trial_kinds') }} as kinds on {{ listed_in('arms.treatments', 'kinds.treatment_id') }}
    where steps.arm_names_treatments and kinds.treats_depression
),

intervals as (
    select subject_id, step_id, treatment_id, min(start_day) as first_day, max(end_day) as last_day
    from {{ ref('exposure_spans') }}
    where record_kind = 'interval'
    group by subject_id, step_id, treatment_id
),

arm_trials as (
    select
        steps.subject_id,
        steps.step_id,
        greatest(steps.start_day, coalesce(min(intervals.first_day), steps.start_day)) as start_day,
        max(coalesce(least(intervals.last_day, steps.end_day), steps.end_day)) as last_day
    from steps
    inner join arm_parts on steps.subject_id = arm_parts.subject_id and steps.step_id = arm_parts.step_id
    left join intervals
        on arm_parts.subject_id = intervals.subject_id
            and arm_parts.step_id = intervals.step_id
            and arm_parts.treatment_id = intervals.treatment_id
    group by steps.subject_id, steps.step_id, steps.start_day
),

of_arm as (
    select
        trials.subject_id,
        trials.step_id,
        trials.start_day,
        trials.last_day,
        parts.treatment_id,
        case when steps.strategy = 'augment' and before.treatment_id is not null then 'kept' else 'new' end as part
    from arm_trials as trials
    inner join steps on trials.subject_id = steps.subject_id and trials.step_id = steps.step_id
    inner join arm_parts as parts on trials.subject_id = parts.subject_id and trials.step_id = parts.step_id
    left join arm_parts as before
        on steps.subject_id = before.subject_id
            and steps.previous_step_id = before.step_id
            and parts.treatment_id = before.treatment_id
),

eras as (
    select eras.*
    from {{ ref('exposure_eras') }} as eras
    inner join steps on eras.subject_id = steps.subject_id and eras.step_id = steps.step_id
    where not steps.arm_names_treatments
),

openings as (
    select
        subject_id,
        step_id,
        start_day,
        max(end_day) as last_day,
        lead(start_day) over (partition by subject_id, step_id order by start_day) as next_start
    from eras
    group by subject_id, step_id, start_day
),

of_records as (
    select
        openings.subject_id,
        openings.step_id,
        openings.start_day,
        least(openings.last_day, coalesce(openings.next_start, openings.last_day)) as last_day,
        eras.treatment_id,
        case when eras.start_day = openings.start_day then 'new' else 'kept' end as part
    from openings
    cross join {{ ref('trial_rules') }} as rules
    inner join eras
        on openings.subject_id = eras.subject_id
            and openings.step_id = eras.step_id
            and (
                openings.start_day = eras.start_day
                or (
                    openings.start_day > eras.start_day
                    and eras.end_day >= openings.start_day + rules.kept_days
                )
            )
    -- what ends and begins anew is one part, the new one
    qualify row_number() over (
            partition by openings.subject_id, openings.step_id, openings.start_day, eras.treatment_id
            order by eras.start_day desc
        ) = 1
),

known as (
    select * from of_arm
    union all
    select * from of_records
),

with_known as (
    select distinct subject_id, step_id from known
)

select * from known
union all
select
    steps.subject_id,
    steps.step_id,
    steps.start_day,
    steps.end_day as last_day,
    {{ dbt.safe_cast('null', type_text()) }} as treatment_id,
    'new' as part
from steps
left join with_known on steps.subject_id = with_known.subject_id and steps.step_id = with_known.step_id
where with_known.subject_id is null
