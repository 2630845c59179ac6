-- Anxious, melancholic and atypical features of every person with a treatment step, by every definition of
-- reference.feature_definitions, from the rating nearest to the first day of the first treatment step.

with

firsts as (
    select subject_id, study_id, step_id, start_day, baseline_from, baseline_to
    from {{ ref('first_steps') }}
),

definitions as (
    select * from {{ ref('feature_definitions') }}
),

ratings as (
    select subject_id, study_id, instrument_id, day, rater, contact, occasion, items
    from {{ ref('scales') }}
    where items is not null and instrument_id in (select definitions.instrument_id from definitions)
),

collected as (
    select distinct study_id, instrument_id
    from ratings
),

-- of two ratings equally near the earlier, of two on one day the first occasion
candidates as (
    select
        ratings.*,
        firsts.step_id,
        row_number() over (
            partition by ratings.subject_id, ratings.instrument_id
            order by
                abs(ratings.day - firsts.start_day), ratings.day, ratings.occasion, ratings.rater, ratings.contact
        ) as place
    from firsts
    inner join ratings
        on firsts.subject_id = ratings.subject_id
            and ratings.day between firsts.start_day + firsts.baseline_from and firsts.start_day + firsts.baseline_to
),

baselines as (
    select * from candidates
    where place = 1
),

answers as (
    select subject_id, instrument_id, {{ unnest_items() }}
    from baselines
),

criteria as (
    select
        criteria.*,
        definitions.instrument_id,
        try_cast(replace(criteria.measure, 'item:', '') as bigint) as item_no,
        try_cast(replace(criteria.partner, 'item:', '') as bigint) as partner_no,
        replace(criteria.measure, 'subscale:', '') as subscale_id
    from {{ ref('feature_criteria') }} as criteria
    inner join definitions on criteria.definition_id = definitions.definition_id
),

item_criteria as (
    select * from criteria
    where item_no is not null
),

partners as (
    select distinct answers.subject_id, answers.instrument_id, answers.item_no
    from answers
    inner join item_criteria
        on answers.instrument_id = item_criteria.instrument_id and answers.item_no = item_criteria.partner_no
    where answers.value is not null
),

looked_at as (
    select
        answers.subject_id,
        item_criteria.definition_id,
        item_criteria.group_id,
        item_criteria.n_needed,
        item_criteria.criterion_id,
        item_criteria.operator,
        item_criteria.cut,
        -- of two opposite questions a person answers one
        coalesce(cast(answers.value as double), case when partners.subject_id is not null then 0.0 end) as value
    from answers
    inner join item_criteria
        on answers.instrument_id = item_criteria.instrument_id and answers.item_no = item_criteria.item_no
    left join partners
        on answers.subject_id = partners.subject_id
            and answers.instrument_id = partners.instrument_id
            and item_criteria.partner_no = partners.item_no

    union all

    select
        baselines.subject_id,
        criteria.definition_id,
        criteria.group_id,
        criteria.n_needed,
        criteria.criterion_id,
        criteria.operator,
        criteria.cut,
        subscales.score as value
    from baselines
    inner join criteria on baselines.instrument_id = criteria.instrument_id
    inner join {{ ref('subscale_scores') }} as subscales
        on baselines.subject_id = subscales.subject_id
            and baselines.instrument_id = subscales.instrument_id
            and baselines.day = subscales.day
            and baselines.rater = subscales.rater
            and baselines.contact = subscales.contact
            and baselines.occasion = subscales.occasion
            and criteria.subscale_id = subscales.subscale_id
    where criteria.item_no is null
),

-- a criterion holds when one of its alternatives does, and is open when none does and one is missing
criteria_held as (
    select
        subject_id,
        definition_id,
        group_id,
        max(n_needed) as n_needed,
        criterion_id,
        max(case when {{ feature_cut_holds() }} then 2 when value is null then 1 else 0 end) as held
    from looked_at
    group by subject_id, definition_id, group_id, criterion_id
),

groups_held as (
    select
        subject_id,
        definition_id,
        group_id,
        count(*) filter (where held = 2) as n_met,
        case
            when count(*) filter (where held = 2) >= max(n_needed) then 2
            when count(*) filter (where held >= 1) >= max(n_needed) then 1
            else 0
        end as held
    from criteria_held
    group by subject_id, definition_id, group_id
),

verdicts as (
    select
        subject_id,
        definition_id,
        sum(n_met) as n_met,
        min(held) as held
    from groups_held
    group by subject_id, definition_id
)

select
    firsts.subject_id,
    definitions.definition_id,
    firsts.study_id,
    definitions.feature,
    definitions.instrument_id,
    definitions.is_default,
    firsts.step_id,
    baselines.day,
    cast(verdicts.n_met as bigint) as n_criteria_met,
    case
        when verdicts.held = 2 then 'met'
        when verdicts.held = 0 then 'not_met'
        else 'not_determinable'
    end as verdict,
    case
        when verdicts.held in (0, 2) then null
        when collected.study_id is null then 'not_collected'
        when baselines.subject_id is null then 'no_baseline_items'
        else 'items_missing'
    end as reason
from firsts
cross join definitions
left join collected
    on firsts.study_id = collected.study_id and definitions.instrument_id = collected.instrument_id
left join baselines
    on firsts.subject_id = baselines.subject_id and definitions.instrument_id = baselines.instrument_id
left join verdicts
    on firsts.subject_id = verdicts.subject_id and definitions.definition_id = verdicts.definition_id
