-- What the record says to each kind of evidence that reference.referral_criteria asks for: met where it is there, not
-- met where the record says that it is not, with the words of it. No row: the record says nothing. No medical advice.

with

criteria as (
    select distinct evidence, coalesce(evidence_value, '-') as evidence_value from {{ ref('referral_criteria') }}
),

persons as (
    select persons.*, subjects.age, subjects.diagnosis
    from {{ ref('trd_persons') }} as persons
    inner join {{ ref('subjects') }} as subjects on persons.subject_id = subjects.subject_id
),

trials as (
    select trials.*, adequacy.adequate
    from {{ ref('trials_of_treatment') }} as trials
    inner join {{ ref('trial_adequacy') }} as adequacy
        on trials.subject_id = adequacy.subject_id and trials.trial_no = adequacy.trial_no
    where adequacy.rule_id = 'label_own'
),

facts as (
    select
        facts.subject_id,
        'fact' as evidence,
        facts.fact_id as evidence_value,
        case facts.status when 'present' then true when 'absent' then false end as is_met,
        concat('recorded as ', facts.status) as record
    from {{ ref('person_facts') }} as facts
),

adults as (
    select
        persons.subject_id,
        'adult_mdd' as evidence,
        '-' as evidence_value,
        case
            when persons.diagnosis <> 'mdd' or persons.age < 18 or persons.psychosis = 'present' then false
            when persons.diagnosis = 'mdd' and persons.age >= 18 then true
        end as is_met,
        concat(
            'diagnosis ', coalesce(persons.diagnosis, 'not known'), case persons.psychosis
                when 'present' then ', psychotic' else ''
            end, case when persons.age is null then ', age not known' else '' end
        ) as record
    from persons
),

definitions as (
    select
        status.subject_id,
        'definition' as evidence,
        status.definition_id as evidence_value,
        case status.verdict when 'met' then true when 'not_met' then false end as is_met,
        concat(
            cast(coalesce(status.n_failed, 0) as {{ dbt.type_string() }}), ' failed, ',
            case
                when status.n_failed_possible is null then 'earlier ones not collected'
                else concat('at most ', cast(status.n_failed_possible as {{ dbt.type_string() }}))
            end,
            case when status.reason is null then '' else concat(' (', status.reason, ')') end
        ) as record
    from {{ ref('trd_status') }} as status
    inner join criteria on criteria.evidence = 'definition' and status.definition_id = criteria.evidence_value
    where status.scope = 'all_trials'
),

failures as (
    select
        status.subject_id,
        criteria.evidence,
        criteria.evidence_value,
        case
            when status.n_failed >= cast(split_part(criteria.evidence_value, ':', 2) as integer) then true
            when status.n_failed_possible < cast(split_part(criteria.evidence_value, ':', 2) as integer) then false
        end as is_met,
        concat(cast(coalesce(status.n_failed, 0) as {{ dbt.type_string() }}), ' failed') as record
    from {{ ref('trd_status') }} as status
    inner join criteria
        on status.definition_id = split_part(criteria.evidence_value, ':', 1) and criteria.evidence = 'failures'
    where status.scope = 'all_trials'
),

-- the newest score and the newest rating of an item, on whichever of the scales named
scores as (
    select
        scales.subject_id,
        criteria.evidence,
        criteria.evidence_value,
        scales.score_used >= try_cast(
            split_part(
                split_part(concat(';', criteria.evidence_value), concat(';', scales.instrument_id, ':'), 2), ';', 1
            ) as double
        ) as is_met,
        concat(
            scales.instrument_id, ' ', cast(scales.score_used as {{ dbt.type_string() }}), ' on day ',
            cast(scales.day as {{ dbt.type_string() }})
        ) as record
    from {{ ref('scales') }} as scales
    inner join criteria
        on criteria.evidence = 'last_score'
            and contains(concat(';', criteria.evidence_value), concat(';', scales.instrument_id, ':'))
    where scales.score_used is not null
    qualify row_number() over (
            partition by scales.subject_id, criteria.evidence_value
            order by scales.day desc, scales.occasion desc, scales.instrument_id asc
        ) = 1
),

items as (
    select
        items.subject_id,
        criteria.evidence,
        criteria.evidence_value,
        items.value >= try_cast(
            split_part(
                split_part(
                    concat(';', criteria.evidence_value),
                    concat(';', items.instrument_id, ':', cast(items.item_no as {{ dbt.type_string() }}), ':'), 2
                ), ';', 1
            ) as double
        ) as is_met,
        concat(
            items.instrument_id, ' item ', cast(items.item_no as {{ dbt.type_string() }}), ': ',
            cast(cast(items.value as integer) as {{ dbt.type_string() }}), ' on day ',
            cast(items.day as {{ dbt.type_string() }})
        ) as record
    from {{ ref('scale_items') }} as items
    inner join criteria
        on criteria.evidence = 'last_item'
            and contains(
                concat(';', criteria.evidence_value),
                concat(';', items.instrument_id, ':', cast(items.item_no as {{ dbt.type_string() }}), ':')
            )
    where items.value is not null
    qualify row_number() over (
            partition by items.subject_id, criteria.evidence_value
            order by items.day desc, items.occasion desc, items.instrument_id asc
        ) = 1
),

of_person as (
    select
        subject_id,
        count(*) as n_trials,
        count(case when adequate = 'yes' then 1 end) as n_adequate,
        count(case when adequate = 'no' then 1 end) as n_inadequate,
        max(case when modality = 'psychotherapy' and adequate = 'yes' and failed_50 then 1 else 0 end) = 1
            as psychotherapy_failed,
        max(
            case
                when modality = 'psychotherapy' and adequate <> 'no' and coalesce(failed_50, true) then 1
                else 0
            end
        ) = 1 as psychotherapy_possible,
        count(case when modality = 'psychotherapy' then 1 end) as n_psychotherapies
    from trials
    group by subject_id
),

of_trials as (
    select
        persons.subject_id,
        'all_adequate' as evidence,
        'label_own' as evidence_value,
        case
            when of_person.n_inadequate > 0 then false
            when of_person.n_adequate = of_person.n_trials then true
        end as is_met,
        concat(
            cast(of_person.n_adequate as {{ dbt.type_string() }}), ' of ',
            cast(of_person.n_trials as {{ dbt.type_string() }}), ' recorded trials adequate, ',
            cast(of_person.n_inadequate as {{ dbt.type_string() }}), ' not'
        ) as record
    from persons
    inner join of_person on persons.subject_id = of_person.subject_id

    union all

    select
        persons.subject_id,
        'psychotherapy' as evidence,
        '-' as evidence_value,
        case
            when of_person.psychotherapy_failed then true
            when persons.treatment_naive and not of_person.psychotherapy_possible then false
        end as is_met,
        concat(cast(of_person.n_psychotherapies as {{ dbt.type_string() }}), ' courses recorded') as record
    from persons
    inner join of_person on persons.subject_id = of_person.subject_id
),

-- what was given: no record is no proof that it was not, but for those never treated before the study
parts as (
    select
        parts.subject_id,
        parts.treatment_id,
        parts.treatment_class,
        parts.role,
        trials.end_day is null or trials.end_day >= persons.last_day - 30 as is_recent,
        coalesce(trials.end_day, trials.start_day) = persons.last_day as is_last
    from {{ ref('trial_parts') }} as parts
    inner join trials on parts.subject_id = trials.subject_id and parts.trial_no = trials.trial_no
    inner join persons on parts.subject_id = persons.subject_id
),

given as (
    select
        parts.subject_id,
        criteria.evidence,
        criteria.evidence_value,
        {{ sorted_text('parts.treatment_id') }} as treatments
    from parts
    inner join criteria
        on (criteria.evidence = 'given' and {{ listed_in('criteria.evidence_value', 'parts.treatment_id') }})
            or (
                criteria.evidence = 'recent_class'
                and parts.is_recent
                and {{ listed_in('criteria.evidence_value', 'parts.treatment_class') }}
            )
            or (criteria.evidence = 'on_antidepressant' and parts.is_last and parts.role = 'antidepressant')
    group by parts.subject_id, criteria.evidence, criteria.evidence_value
),

of_given as (
    select
        persons.subject_id,
        criteria.evidence,
        criteria.evidence_value,
        case
            when given.treatments is not null then true
            when persons.treatment_naive and criteria.evidence = 'given' then false
        end as is_met,
        coalesce(given.treatments, 'none among the recorded treatments') as record
    from persons
    inner join criteria on criteria.evidence in ('given', 'recent_class', 'on_antidepressant')
    left join given
        on persons.subject_id = given.subject_id
            and criteria.evidence = given.evidence
            and criteria.evidence_value = given.evidence_value
),

history as (
    select subject_id, max(value_num) as n_episodes from {{ ref('history') }}
    where variable_id = 'n_prior_episodes' and occasion = 1
    group by subject_id
),

episodes as (
    select
        persons.subject_id,
        'chronic_or_recurrent' as evidence,
        '-' as evidence_value,
        case
            when persons.episode_days * 12 / 365.25 >= 24 or history.n_episodes > 1 then true
            when persons.episode_days is not null and history.n_episodes is not null then false
        end as is_met,
        concat(
            coalesce(concat(cast(cast(history.n_episodes as integer) as {{ dbt.type_string() }}), ' episodes'), ''),
            case
                when persons.episode_days is null then ', length of the episode not known'
                else concat(
                        ', this one ',
                        cast(cast(floor(persons.episode_days * 12 / 365.25) as integer) as {{ dbt.type_string() }}),
                        ' months'
                    )
            end
        ) as record
    from persons
    left join history on persons.subject_id = history.subject_id
)

select * from facts
union all
select * from adults
union all
select * from definitions
union all
select * from failures
union all
select * from scores
union all
select * from items
union all
select * from of_trials
union all
select * from of_given
union all
select * from episodes
