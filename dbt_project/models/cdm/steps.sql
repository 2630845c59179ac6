-- A step is what the visits show: its first and last day. Forms add the arm, the preferences and the exit.

with

visits as (
    select * from {{ ref('chk_visits') }}
    where failed_rules = 0
),

said as (
    select * from {{ ref('chk_steps') }}
    where failed_rules = 0
),

seen as (
    select study_id, subject_id, step_id, day from visits
    union all
    select study_id, subject_id, opens_step as step_id, day from visits where opens_step is not null
    union all
    select study_id, subject_id, step_id, day from said
),

spans as (
    select study_id, subject_id, step_id, min(day) as start_day, max(day) as end_day
    from seen
    group by study_id, subject_id, step_id
),

facts as (
    select
        subject_id,
        step_id,
        max(arm_assigned) as arm_assigned,
        min_by(arm_missing, {{ source_order() }}) as arm_missing,
        max(preference_switch) as preference_switch,
        max(preference_augment) as preference_augment,
        max(preference_ct) as preference_ct,
        -- the first form that gives a reason counts, in the order of the blocks; within it the last day; of two on
        -- one day the first by name, so that every build decides the same
        min_by(exit_reason, {{ row_of(['block_no', '-day', 'exit_reason']) }}) as exit_reason,
        min_by(src_form, {{ source_order() }}) as src_form,
        min_by(src_row, {{ source_order() }}) as src_row,
        count(*) as n_src
    from said
    group by subject_id, step_id
)

select
    spans.subject_id,
    spans.step_id,
    cast(steps.step_no as bigint) as step_no,
    spans.start_day,
    spans.end_day,
    coalesce(facts.arm_assigned, steps.default_arm) as arm_assigned,
    case
        when coalesce(facts.arm_assigned, steps.default_arm) is not null then null
        when not steps.is_treatment then 'not_applicable'
        when facts.arm_missing in ('invalid_code', 'refused') then facts.arm_missing
        else 'unknown'
    end as arm_missing,
    coalesce(arms.strategy, steps.default_strategy) as strategy,
    coalesce(arms.randomised, steps.default_randomised) as randomised,
    facts.preference_switch,
    facts.preference_augment,
    facts.preference_ct,
    case when steps.is_treatment then coalesce(facts.exit_reason, 'unknown') end as exit_reason,
    spans.study_id,
    coalesce(facts.src_form, 'generated:visits') as src_form,
    facts.src_row,
    coalesce(facts.n_src, 0) as n_src
from spans
inner join {{ ref('study_steps') }} as steps
    on spans.study_id = steps.study_id and spans.step_id = steps.step_id
left join facts
    on spans.subject_id = facts.subject_id and spans.step_id = facts.step_id
left join {{ ref('study_arms') }} as arms
    on spans.study_id = arms.study_id
        and spans.step_id = arms.step_id
        and coalesce(facts.arm_assigned, steps.default_arm) = arms.arm_assigned
