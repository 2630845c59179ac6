{{ config(materialized='view') }}
-- Definitions that look at the visits of a step one by one: the cut held at each of the last visits and for so many
-- days (sustained response, recovery), or at any visit (relapse). Steps without treatment are asked only when named.

with

scales as (
    select subject_id, study_id, step_id, instrument_id, day, score_used
    from {{ ref('scales') }}
    where score_used is not null
),

definitions as (
    select
        definitions.*,
        definitions.outcome_id as definition_id
    from {{ ref('outcome_definitions') }} as definitions
    where definitions.at_last_visits is not null or definitions.at_any_visit
),

steps as (
    select steps.*, kinds.is_treatment, kinds.baseline_to
    from {{ ref('steps') }} as steps
    inner join {{ ref('study_steps') }} as kinds
        on steps.study_id = kinds.study_id and steps.step_id = kinds.step_id
),

treated as (
    select
        scores.*,
        steps.step_no,
        steps.is_treatment,
        steps.start_day + steps.baseline_to as after_day
    from {{ ref('step_scores') }} as scores
    inner join steps on scores.subject_id = steps.subject_id and scores.step_id = steps.step_id
),

-- a follow-up has no baseline of its own, and a score on its first day belongs to the step before
instruments as (
    select distinct study_id, step_id, instrument_id
    from scales
),

followed as (
    select
        steps.subject_id,
        steps.step_id,
        instruments.instrument_id,
        steps.study_id,
        steps.arm_assigned,
        cast(null as double) as baseline_score,
        false as is_treatment,
        steps.start_day as after_day
    from steps
    inner join instruments on steps.study_id = instruments.study_id and steps.step_id = instruments.step_id
    inner join definitions
        on {{ listed_in('definitions.asked_of', "concat(steps.study_id, ':', steps.step_id)") }}
            and {{ listed_in('definitions.scale_scope', 'instruments.instrument_id') }}
    where not steps.is_treatment
    group by all
),

candidates as (
    select subject_id, step_id, instrument_id, study_id, arm_assigned, baseline_score, is_treatment, after_day
    from treated
    union all
    select subject_id, step_id, instrument_id, study_id, arm_assigned, baseline_score, is_treatment, after_day
    from followed
),

-- who ended the last treatment step as a definition says
last_steps as (
    select subject_id, max(step_no) as step_no
    from treated
    group by subject_id
),

ended as (
    select
        treated.subject_id,
        treated.baseline_score,
        treated.exit_score,
        priors.outcome_id as definition_id,
        priors.metric,
        priors.operator,
        priors.threshold_low,
        priors.threshold_high,
        {{ unit_of('priors.metric', 'treated.baseline_score', 'norms') }} as unit
    from treated
    inner join last_steps on treated.subject_id = last_steps.subject_id and treated.step_no = last_steps.step_no
    inner join {{ ref('outcome_definitions') }} as priors on {{ definition_asks('priors', 'treated') }}
    left join {{ ref('reliable_change') }} as norms on treated.instrument_id = norms.instrument_id
    where priors.outcome_id in (select definitions.among from definitions)
),

populations as (
    select distinct subject_id, definition_id
    from ended
    where {{ cut_holds('exit_score') }}
),

asked as (
    select
        candidates.*,
        definitions.definition_id,
        definitions.outcome,
        definitions.metric,
        definitions.operator,
        definitions.threshold_low,
        definitions.threshold_high,
        definitions.at_any_visit,
        definitions.at_last_visits,
        definitions.min_days,
        {{ unit_of('definitions.metric', 'candidates.baseline_score', 'norms') }} as unit
    from candidates
    inner join definitions
        on (candidates.is_treatment or definitions.asked_of is not null)
            and {{ definition_asks('definitions', 'candidates') }}
    left join {{ ref('reliable_change') }} as norms on candidates.instrument_id = norms.instrument_id
    left join populations
        on definitions.among = populations.definition_id and candidates.subject_id = populations.subject_id
    where definitions.among is null or populations.subject_id is not null
),

visits as (
    select
        asked.subject_id,
        asked.step_id,
        asked.instrument_id,
        asked.definition_id,
        scales.day,
        scales.score_used,
        {{ cut_holds('scales.score_used') }} as holds
    from asked
    inner join scales
        on asked.subject_id = scales.subject_id
            and asked.step_id = scales.step_id
            and asked.instrument_id = scales.instrument_id
            and asked.after_day < scales.day
),

courses as (
    select
        subject_id,
        step_id,
        instrument_id,
        definition_id,
        count(*) as n_scores,
        count(*) filter (where holds) as n_held,
        max(day) filter (where not holds) as last_broken_day,
        max_by(score_used, day) as last_score
    from visits
    group by subject_id, step_id, instrument_id, definition_id
),

-- the run of visits, up to the last one, at which the cut holds
runs as (
    select
        visits.subject_id,
        visits.step_id,
        visits.instrument_id,
        visits.definition_id,
        count(*) as n_visits,
        max(visits.day) - min(visits.day) as n_days
    from visits
    inner join courses
        on visits.subject_id = courses.subject_id
            and visits.step_id = courses.step_id
            and visits.instrument_id = courses.instrument_id
            and visits.definition_id = courses.definition_id
    where visits.holds and (courses.last_broken_day is null or visits.day > courses.last_broken_day)
    group by visits.subject_id, visits.step_id, visits.instrument_id, visits.definition_id
)

select
    asked.subject_id,
    asked.step_id,
    asked.instrument_id,
    asked.definition_id,
    asked.study_id,
    asked.outcome,
    asked.arm_assigned,
    asked.baseline_score,
    courses.last_score as exit_score,
    case
        when asked.baseline_score > 0
            then 100.0 * (courses.last_score - asked.baseline_score) / asked.baseline_score
    end as pct_change,
    asked.unit,
    case
        when asked.unit is null or courses.n_scores is null then null
        when asked.at_any_visit then courses.n_held > 0
        -- one visit at which the cut is broken settles it, one at which it holds does not
        when courses.n_scores < asked.at_last_visits and courses.n_held = courses.n_scores then null
        else coalesce(runs.n_visits, 0) >= asked.at_last_visits
            and coalesce(runs.n_days, 0) >= coalesce(asked.min_days, 0)
    end as is_met,
    case when courses.n_scores < asked.at_last_visits then 'too_few_scores' end as reason
from asked
left join courses
    on asked.subject_id = courses.subject_id
        and asked.step_id = courses.step_id
        and asked.instrument_id = courses.instrument_id
        and asked.definition_id = courses.definition_id
left join runs
    on asked.subject_id = runs.subject_id
        and asked.step_id = runs.step_id
        and asked.instrument_id = runs.instrument_id
        and asked.definition_id = runs.definition_id
