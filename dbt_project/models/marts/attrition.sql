-- Who is left at each stage, per study and step.

with

persons as (
    select
        study_id,
        'all' as step_id,
        count(*) as n_found,
        count(*) filter (where failed_rules <> 0) as n_refused,
        count(*) filter (where failed_rules = 0) as n_accepted
    from {{ ref('chk_subjects') }}
    group by study_id
),

steps as (
    select steps.*, kinds.is_treatment, kinds.baseline_to
    from {{ ref('steps') }} as steps
    inner join {{ ref('study_steps') }} as kinds
        on steps.study_id = kinds.study_id and steps.step_id = kinds.step_id
),

later_visits as (
    select distinct visits.subject_id, visits.step_id
    from {{ ref('visits') }} as visits
    inner join steps on visits.subject_id = steps.subject_id and visits.step_id = steps.step_id
    where visits.status = 'attended' and visits.step_day > steps.baseline_to
),

exit_scores as (
    select
        subject_id,
        step_id,
        max(case when baseline_score is not null then 1 else 0 end) as has_baseline,
        max(case when exit_score is not null then 1 else 0 end) as has_exit
    from {{ ref('step_scores') }}
    group by subject_id, step_id
),

genotyped as (
    select study_id, exclusion from {{ ref('genotyped_persons') }} where is_chosen
),

last_step as (
    select subject_id, max(step_no) as step_no from steps group by subject_id
),

flags as (
    select
        steps.study_id,
        steps.step_id,
        steps.step_no,
        steps.exit_reason,
        later_visits.subject_id is not null as has_later_visit,
        coalesce(exit_scores.has_baseline, 0) = 1 as has_baseline,
        coalesce(exit_scores.has_exit, 0) = 1 as has_exit,
        last_step.step_no > steps.step_no as moved_on
    from steps
    left join later_visits on steps.subject_id = later_visits.subject_id and steps.step_id = later_visits.step_id
    left join exit_scores on steps.subject_id = exit_scores.subject_id and steps.step_id = exit_scores.step_id
    left join last_step on steps.subject_id = last_step.subject_id
),

stages as (
    select study_id, step_id, 1 as stage_no, 'persons_found' as stage, n_found as n_persons from persons
    union all
    select study_id, step_id, 2, 'persons_refused', n_refused from persons
    union all
    select study_id, step_id, 3, 'persons_accepted', n_accepted from persons
    union all
    select study_id, 'all', 4, 'genotyped', count(*) from genotyped group by study_id
    union all
    select study_id, 'all', 5, concat('genotyped_excluded_', exclusion), count(*)
    from genotyped where exclusion is not null group by study_id, exclusion
    union all
    select study_id, 'all', 6, 'genotyped_passed', count(*) filter (where exclusion is null)
    from genotyped group by study_id
    union all
    select study_id, step_id, 10, 'entered', count(*) from flags group by study_id, step_id
    union all
    select study_id, step_id, 11, 'with_baseline_score', count(*) filter (where has_baseline)
    from flags group by study_id, step_id
    union all
    select study_id, step_id, 12, 'with_later_visit', count(*) filter (where has_later_visit)
    from flags group by study_id, step_id
    union all
    select study_id, step_id, 13, 'with_exit_score', count(*) filter (where has_exit)
    from flags group by study_id, step_id
    union all
    select study_id, step_id, 14, 'moved_on', count(*) filter (where moved_on)
    from flags group by study_id, step_id
    union all
    select study_id, step_id, 20, concat('exit_', exit_reason), count(*)
    from flags where exit_reason is not null group by study_id, step_id, exit_reason
)

select
    stages.study_id,
    stages.step_id,
    cast(coalesce(kinds.step_no, -1) as bigint) as step_no,
    cast(stages.stage_no as bigint) as stage_no,
    stages.stage,
    stages.n_persons
from stages
left join {{ ref('study_steps') }} as kinds
    on stages.study_id = kinds.study_id and stages.step_id = kinds.step_id
