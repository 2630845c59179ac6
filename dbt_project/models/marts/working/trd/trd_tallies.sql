-- Per person, definition and scope: failed trials, treatments and classes as a lower and an upper count. The lower one
-- has what surely counts, the upper one also what cannot be told. Who has nothing that could count has no row.

with

scoped as (
    select 'all_trials' as scope, trials.* from {{ ref('trd_trials') }} as trials
    where trials.in_all

    union all

    select 'before_index' as scope, trials.* from {{ ref('trd_trials') }} as trials
    where trials.in_before
),

-- a psychotherapy that is asked in addition, augmentation and ECT that give points: looked at in all trials
beside as (
    select
        subject_id,
        definition_id,
        scope,
        max(case when modality = 'psychotherapy' and is_adequate and is_failed then 1 else 0 end) = 1
            as psychotherapy_low,
        max(
            case
                when modality = 'psychotherapy' and coalesce(is_adequate, true) and coalesce(is_failed, true) then 1
                else 0
            end
        ) = 1 as psychotherapy_high,
        max(case when strategy = 'augment' and modality <> 'psychotherapy' then 1 else 0 end) = 1 as is_augmented,
        max(case when {{ listed_in('treatments_new', "'ect'") }} then 1 else 0 end) = 1 as had_ect,
        max(case when is_remission then 1 else 0 end) = 1 as has_remitted,
        -- what keeps trials of earlier episodes from standing in
        count(
            case when kind_counts and coalesce(is_adequate, true) and not coalesce(in_earlier_episode, false) then 1 end
        ) as n_in_episode,
        count(*) as n_trials
    from scoped
    group by subject_id, definition_id, scope
),

possible as (
    select
        *,
        coalesce(counts, false) as is_sure
    from scoped
    where coalesce(counts, true)
),

trial_counts as (
    select
        subject_id,
        definition_id,
        scope,
        count(case when is_sure then 1 end) as n_low,
        count(*) as n_high,
        count(case when treatments_new is null then 1 end) as n_nameless,
        coalesce(sum(case when is_sure then weeks end), 0) as weeks_low,
        sum(coalesce(weeks, 999)) as weeks_high,
        count(case when is_sure and strategy = 'augment' then 1 end) as n_augment_low,
        count(case when strategy = 'augment' then 1 end) as n_augment_high,
        count(case when is_sure and modality = 'neuromodulation' then 1 end) as n_stimulation_low,
        count(case when modality = 'neuromodulation' then 1 end) as n_stimulation_high,
        count(case when is_sure and strategy <> 'augment' and is_optimised then 1 end) as n_optimised_low,
        count(
            case
                when strategy <> 'augment' and modality <> 'neuromodulation' and coalesce(is_optimised, true) then 1
            end
        ) as n_optimised_high,
        count(case when is_sure and adequacy_verified = 'memory' then 1 end) > 0 as uses_memory_dose,
        {{ sorted_text('unknown_reason') }} as unknown_reasons
    from possible
    group by subject_id, definition_id, scope
),

-- the treatments of trials that count; of a proxy by switch also the one that was switched to
drugs as (
    select
        possible.subject_id,
        possible.definition_id,
        possible.scope,
        parts.treatment_id,
        parts.treatment_class,
        parts.thase_rush_class,
        max(case when possible.is_sure then 1 else 0 end) = 1 as is_sure,
        max(case when possible.trial_no = parts.trial_no then 1 else 0 end) = 1 as is_failed,
        max(case when possible.trial_no = parts.trial_no and possible.is_sure then 1 else 0 end) = 1 as is_sure_failed
    from possible
    inner join {{ ref('trial_parts') }} as parts
        on possible.subject_id = parts.subject_id
            and parts.part = 'new'
            and (possible.trial_no = parts.trial_no or possible.switched_to_no = parts.trial_no)
    group by
        possible.subject_id,
        possible.definition_id,
        possible.scope,
        parts.treatment_id,
        parts.treatment_class,
        parts.thase_rush_class
),

classes as (
    select
        subject_id,
        definition_id,
        scope,
        treatment_class,
        count(*) as n_drugs,
        count(case when is_sure then 1 end) as n_sure_drugs,
        count(case when is_failed then 1 end) as n_failed_drugs,
        count(case when is_sure_failed then 1 end) as n_sure_failed_drugs
    from drugs
    group by subject_id, definition_id, scope, treatment_class
),

class_counts as (
    select
        subject_id,
        definition_id,
        scope,
        sum(n_sure_drugs) as drugs_low,
        sum(n_drugs) as drugs_high,
        sum(n_sure_failed_drugs) as failed_drugs_low,
        sum(n_failed_drugs) as failed_drugs_high,
        count(case when n_sure_drugs > 0 then 1 end) as classes_low,
        count(*) as classes_high
    from classes
    group by subject_id, definition_id, scope
),

-- stages of Thase and Rush: major classes of antidepressants, among them TCA and MAOI, and ECT
stage_classes as (
    select
        subject_id,
        definition_id,
        scope,
        thase_rush_class,
        max(case when is_sure then 1 else 0 end) as is_sure
    from drugs
    where thase_rush_class in ('SSRI', 'SNRI', 'TCA', 'MAOI', 'other', 'ECT')
    group by subject_id, definition_id, scope, thase_rush_class
),

stages as (
    select
        subject_id,
        definition_id,
        scope,
        count(case when is_sure = 1 and thase_rush_class <> 'ECT' then 1 end) as majors_low,
        count(case when thase_rush_class <> 'ECT' then 1 end) as majors_high,
        max(case when thase_rush_class = 'TCA' then is_sure else -1 end) as tca,
        max(case when thase_rush_class = 'MAOI' then is_sure else -1 end) as maoi,
        max(case when thase_rush_class = 'ECT' then is_sure else -1 end) as ect
    from stage_classes
    group by subject_id, definition_id, scope
)

select
    beside.*,
    coalesce(trial_counts.n_low, 0) as n_low,
    coalesce(trial_counts.n_high, 0) as n_high,
    coalesce(trial_counts.weeks_low, 0) as weeks_low,
    coalesce(trial_counts.weeks_high, 0) as weeks_high,
    coalesce(trial_counts.n_augment_low, 0) as n_augment_low,
    coalesce(trial_counts.n_augment_high, 0) as n_augment_high,
    coalesce(trial_counts.n_stimulation_low, 0) as n_stimulation_low,
    coalesce(trial_counts.n_stimulation_high, 0) as n_stimulation_high,
    coalesce(trial_counts.n_optimised_low, 0) as n_optimised_low,
    coalesce(trial_counts.n_optimised_high, 0) as n_optimised_high,
    coalesce(trial_counts.uses_memory_dose, false) as uses_memory_dose,
    trial_counts.unknown_reasons,
    coalesce(class_counts.drugs_low, 0) as drugs_low,
    coalesce(class_counts.drugs_high, 0) + coalesce(trial_counts.n_nameless, 0) as drugs_high,
    coalesce(class_counts.failed_drugs_low, 0) as failed_drugs_low,
    coalesce(class_counts.failed_drugs_high, 0) + coalesce(trial_counts.n_nameless, 0) as failed_drugs_high,
    coalesce(class_counts.classes_low, 0) as classes_low,
    coalesce(class_counts.classes_high, 0) + coalesce(trial_counts.n_nameless, 0) as classes_high,
    case
        when stages.majors_low >= 2 and stages.tca = 1 and stages.maoi = 1 and stages.ect = 1 then 5
        when stages.majors_low >= 2 and stages.tca = 1 and stages.maoi = 1 then 4
        when stages.majors_low >= 2 and stages.tca = 1 then 3
        else least(coalesce(stages.majors_low, 0), 2)
    end as stage_low,
    case
        -- a nameless trial could be of any class
        when coalesce(trial_counts.n_nameless, 0) > 0 then 5
        when stages.majors_high >= 2 and stages.tca >= 0 and stages.maoi >= 0 and stages.ect >= 0 then 5
        when stages.majors_high >= 2 and stages.tca >= 0 and stages.maoi >= 0 then 4
        when stages.majors_high >= 2 and stages.tca >= 0 then 3
        else least(coalesce(stages.majors_high, 0), 2)
    end as stage_high
from beside
left join trial_counts
    on beside.subject_id = trial_counts.subject_id
        and beside.definition_id = trial_counts.definition_id
        and beside.scope = trial_counts.scope
left join class_counts
    on beside.subject_id = class_counts.subject_id
        and beside.definition_id = class_counts.definition_id
        and beside.scope = class_counts.scope
left join stages
    on beside.subject_id = stages.subject_id
        and beside.definition_id = stages.definition_id
        and beside.scope = stages.scope
