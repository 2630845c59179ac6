-- All trials of treatment of every person, numbered by time: those of the steps, and those reported in the history.

with

parts as (
    select parts.*, kinds.role
    from {{ ref('step_trials') }} as parts
    left join {{ ref('trial_kinds') }} as kinds on parts.treatment_id = kinds.treatment_id
),

of_steps as (
    select
        subject_id,
        step_id,
        start_day,
        max(last_day) as end_day,
        {{ sorted_text("case when part = 'new' then treatment_id end") }} as treatments_new,
        {{ sorted_text("case when part = 'kept' then treatment_id end") }} as treatments_kept,
        coalesce(max(case when part = 'kept' then 1 else 0 end) = 1, false) as keeps,
        coalesce(min(case when part = 'new' and role = 'augmentation' then 1 when part = 'new' then 0 end) = 1, false)
            as only_augments
    from parts
    group by subject_id, step_id, start_day
),

placed as (
    select
        trials.*,
        steps.study_id,
        steps.step_no,
        steps.place as step_place,
        steps.exit_reason,
        steps.strategy,
        steps.arm_names_treatments,
        steps.begins_anew,
        row_number() over in_step as place_in_step,
        lead(trials.start_day) over in_step as next_start,
        lead(trials.keeps) over in_step as next_keeps,
        -- the first trial that begins within the step; where none does, the last one that the person came with
        row_number() over (
            partition by trials.subject_id, trials.step_id
            order by
                case when trials.start_day >= steps.start_day then 0 else 1 end,
                case when trials.start_day >= steps.start_day then trials.start_day else -trials.start_day end
        ) as index_place
    from of_steps as trials
    inner join {{ ref('trial_steps') }} as steps
        on trials.subject_id = steps.subject_id and trials.step_id = steps.step_id
    window in_step as (partition by trials.subject_id, trials.step_id order by trials.start_day)
),

observed as (
    select
        subject_id,
        study_id,
        'observed' as source,
        step_id,
        step_no,
        start_day,
        greatest(end_day, start_day) as end_day,
        next_start,
        treatments_new,
        treatments_kept,
        case
            when keeps or only_augments or (arm_names_treatments and strategy = 'augment') then 'augment'
            when arm_names_treatments and strategy = 'switch' then 'switch'
        end as strategy,
        begins_anew and place_in_step = 1 as begins_anew,
        step_place = 1 and index_place = 1 as is_index,
        case
            when next_start is null then coalesce(exit_reason, 'unknown')
            when next_keeps then 'augmented'
            else 'switched'
        end as end_kind
    from placed
),

reported as (
    select
        given.subject_id,
        given.study_id,
        'history' as source,
        {{ dbt.safe_cast('null', type_text()) }} as step_id,
        cast(null as bigint) as step_no,
        given.start_day,
        given.end_day,
        cast(null as bigint) as next_start,
        given.treatment_id as treatments_new,
        {{ dbt.safe_cast('null', type_text()) }} as treatments_kept,
        case when kinds.role = 'augmentation' then 'augment' end as strategy,
        false as begins_anew,
        false as is_index,
        'reported_failure' as end_kind
    from {{ ref('treatments') }} as given
    inner join {{ ref('trial_kinds') }} as kinds on given.treatment_id = kinds.treatment_id
    where given.record_kind = 'history_trial' and kinds.treats_depression
),

together as (
    select * from observed
    union all
    select * from reported
),

numbered as (
    select
        *,
        row_number() over (
            partition by subject_id
            order by
                start_day asc,
                coalesce(end_day, start_day) asc,
                source asc,
                coalesce(step_no, 0) asc,
                coalesce(treatments_new, '') asc
        ) as trial_no
    from together
)

select
    subject_id,
    study_id,
    trial_no,
    source,
    step_id,
    start_day,
    end_day,
    next_start,
    treatments_new,
    treatments_kept,
    coalesce(strategy, case when trial_no = 1 then 'initial' else 'switch' end) as strategy,
    begins_anew,
    is_index,
    end_kind,
    case
        when end_kind = 'intolerance' then true
        when end_kind in ('remitted', 'no_benefit', 'lost', 'withdrew', 'discharge', 'completed', 'augmented')
            then false
    end as is_intolerant
from numbered
