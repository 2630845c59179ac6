-- Remission by step under every method of reference.remission_methods, beside the figures published for it.

with

methods as (
    select * from {{ ref('remission_methods') }}
),

steps as (
    select
        steps.subject_id,
        steps.study_id,
        steps.step_id,
        steps.step_no,
        steps.start_day + kinds.baseline_to as after_day,
        steps.end_day
    from {{ ref('steps') }} as steps
    inner join {{ ref('study_steps') }} as kinds
        on steps.study_id = kinds.study_id and steps.step_id = kinds.step_id
    where kinds.is_treatment and steps.study_id in (select methods.study_id from methods)
),

scores as (
    select subject_id, step_id, instrument_id, baseline_score, exit_score, exit_day, n_post_baseline
    from {{ ref('step_scores') }}
    where study_id in (select methods.study_id from methods)
),

-- the digit that a step's id begins with names its level
periods as (
    select
        subject_id,
        study_id,
        'step' as steps_as,
        row_number() over (partition by subject_id order by step_no) as step_order,
        step_id as first_step_id,
        step_id as last_step_id,
        end_day
    from steps

    union all

    select
        subject_id,
        study_id,
        'level' as steps_as,
        try_cast(left(step_id, 1) as bigint) as step_order,
        min_by(step_id, step_no) as first_step_id,
        max_by(step_id, step_no) as last_step_id,
        max_by(end_day, step_no) as end_day
    from steps
    where try_cast(left(step_id, 1) as bigint) is not null
    group by subject_id, study_id, try_cast(left(step_id, 1) as bigint)
),

seen as (
    select subject_id, step_id
    from scores
    where n_post_baseline > 0
    group by subject_id, step_id
),

seen_periods as (
    select periods.subject_id, periods.steps_as, periods.step_order
    from periods
    inner join seen
        on periods.subject_id = seen.subject_id
            and (periods.first_step_id = seen.step_id or periods.last_step_id = seen.step_id)
    group by periods.subject_id, periods.steps_as, periods.step_order
),

-- the scores that methods look at, each once
looks as (
    select distinct study_id, steps_as, instrument_id, visit, exit_within_days, entry_instrument_id
    from methods
),

best as (
    select steps.subject_id, steps.step_id, scales.instrument_id, min(scales.score_used) as best_score
    from steps
    inner join looks on steps.study_id = looks.study_id and looks.visit = 'any'
    inner join {{ ref('scales') }} as scales
        on steps.subject_id = scales.subject_id
            and steps.step_id = scales.step_id
            and looks.instrument_id = scales.instrument_id
            and steps.after_day < scales.day
    where scales.score_used is not null
    group by steps.subject_id, steps.step_id, scales.instrument_id
),

looked as (
    select
        periods.subject_id,
        periods.step_order,
        looks.*,
        entries.baseline_score as entry_score,
        case
            when looks.visit = 'any' then best.best_score
            when looks.visit = 'last' then outcomes.exit_score
            when looks.visit = 'exit' and outcomes.exit_day >= periods.end_day - looks.exit_within_days
                then outcomes.exit_score
        end as score,
        seen_periods.subject_id is not null as is_seen,
        max(periods.step_order) over (partition by periods.subject_id, periods.steps_as) as last_order
    from periods
    inner join looks on periods.study_id = looks.study_id and periods.steps_as = looks.steps_as
    left join scores as entries
        on periods.subject_id = entries.subject_id
            and periods.first_step_id = entries.step_id
            and looks.entry_instrument_id = entries.instrument_id
    left join scores as outcomes
        on periods.subject_id = outcomes.subject_id
            and periods.last_step_id = outcomes.step_id
            and looks.instrument_id = outcomes.instrument_id
    left join best
        on periods.subject_id = best.subject_id
            and periods.last_step_id = best.step_id
            and looks.instrument_id = best.instrument_id
    left join seen_periods
        on periods.subject_id = seen_periods.subject_id
            and periods.steps_as = seen_periods.steps_as
            and periods.step_order = seen_periods.step_order
),

relapsed as (
    select distinct subject_id, definition_id
    from {{ ref('outcomes') }}
    where verdict = 'met' and definition_id in (select methods.relapse_definition_id from methods)
),

firsts as (
    select subject_id, steps_as, entry_instrument_id, max(entry_score) as entry_score
    from looked
    where step_order = 1
    group by subject_id, steps_as, entry_instrument_id
),

judged as (
    select
        methods.method_id,
        methods.missing,
        looked.subject_id,
        looked.step_order,
        looked.score is not null as has_score,
        (not methods.post_baseline or looked.is_seen)
        and case methods.entry_at
            when 'each' then coalesce(looked.entry_score >= methods.entry_min, false)
            when 'first' then coalesce(firsts.entry_score >= methods.entry_min, false)
            else true
        end as is_in_population,
        case methods.operator
            when '<=' then coalesce(looked.score <= methods.cut, false)
            when '<' then coalesce(looked.score < methods.cut, false)
        end
        and not (
            methods.relapse = 'counted'
            and looked.step_order = looked.last_order
            and relapsed.subject_id is not null
        ) as is_remitted
    from looked
    inner join methods
        on looked.study_id = methods.study_id
            and looked.steps_as = methods.steps_as
            and looked.instrument_id = methods.instrument_id
            and looked.visit = methods.visit
            and looked.exit_within_days is not distinct from methods.exit_within_days
            and looked.entry_instrument_id = methods.entry_instrument_id
            and looked.step_order <= methods.n_steps
    left join firsts
        on looked.subject_id = firsts.subject_id
            and looked.steps_as = firsts.steps_as
            and looked.entry_instrument_id = firsts.entry_instrument_id
    left join relapsed
        on looked.subject_id = relapsed.subject_id and methods.relapse_definition_id = relapsed.definition_id
),

counted as (
    select
        *,
        is_in_population and (has_score or missing = 'not_remitted') as is_counted
    from judged
),

by_step as (
    select
        method_id,
        step_order,
        count(*) as n_entered,
        count(*) filter (where is_in_population) as n_population,
        count(*) filter (where is_in_population and has_score) as n_with_score,
        count(*) filter (where is_counted) as n_counted,
        count(*) filter (where is_counted and is_remitted) as n_remitted
    from counted
    group by method_id, step_order
),

-- of those counted at the first step, where the first remission was seen
courses as (
    select
        method_id,
        subject_id,
        min(case when is_counted and is_remitted then step_order end) as remitted_at
    from counted
    group by method_id, subject_id
    having max(case when step_order = 1 and is_counted then 1 else 0 end) = 1
),

seen_remissions as (
    select method_id, remitted_at as step_order, count(*) as n_first_remitted
    from courses
    where remitted_at is not null
    group by method_id, remitted_at
),

cohorts as (
    select method_id, count(*) as n_cohort
    from courses
    group by method_id
),

numbers as (
    select distinct step_order
    from looked
),

-- every method has a row for every step that anybody reached
grid as (
    select methods.method_id, methods.dropouts, numbers.step_order, cohorts.n_cohort
    from methods
    inner join cohorts on methods.method_id = cohorts.method_id
    inner join numbers on methods.n_steps >= numbers.step_order
),

rates as (
    select
        grid.*,
        coalesce(by_step.n_entered, 0) as n_entered,
        coalesce(by_step.n_population, 0) as n_population,
        coalesce(by_step.n_with_score, 0) as n_with_score,
        coalesce(by_step.n_counted, 0) as n_counted,
        coalesce(by_step.n_remitted, 0) as n_remitted,
        sum(coalesce(seen_remissions.n_first_remitted, 0)) over (
            partition by grid.method_id order by grid.step_order
        ) as n_remitted_so_far
    from grid
    left join by_step on grid.method_id = by_step.method_id and grid.step_order = by_step.step_order
    left join seen_remissions
        on grid.method_id = seen_remissions.method_id and grid.step_order = seen_remissions.step_order
),

-- 1 less the product of the failures; a step at which all remit ends it, one at which nobody is counted changes nothing
failures as (
    select
        *,
        max(case when n_counted > 0 and n_remitted = n_counted then 1 else 0 end) over so_far as all_remitted,
        sum(
            case
                when n_counted > 0 and n_remitted < n_counted
                    then ln((n_counted - n_remitted) / cast(n_counted as double))
                else 0
            end
        ) over so_far as log_failure
    from rates
    window so_far as (partition by method_id order by step_order)
)

select
    failures.method_id,
    failures.step_order,
    methods.study_id,
    failures.n_entered,
    failures.n_population,
    failures.n_with_score,
    failures.n_counted,
    failures.n_remitted,
    failures.n_cohort,
    cast(failures.n_remitted_so_far as bigint) as n_remitted_so_far,
    case
        when failures.n_counted > 0 then 100.0 * failures.n_remitted / failures.n_counted
    end as step_pct,
    case
        when failures.dropouts = 'not_remitted' then 100.0 * failures.n_remitted_so_far / failures.n_cohort
        when failures.all_remitted = 1 then 100.0
        else 100.0 * (1 - exp(failures.log_failure))
    end as cumulative_pct,
    cast(published.n as bigint) as published_n,
    published.step_pct as published_step_pct,
    published.cumulative_pct as published_cumulative_pct,
    published.source as published_source,
    published.verified as published_verified
from failures
inner join methods on failures.method_id = methods.method_id
left join {{ ref('remission_published') }} as published
    on failures.method_id = published.method_id and failures.step_order = published.step_order
