{{ config(schema='quality') }}

with

persons as (
    select subject_id from {{ ref('int_mars__persons') }}
),

admissions as (
    select subject_id, step_id, day from {{ ref('int_mars__admissions') }}
),

exits as (
    select subject_id, step_id, day from {{ ref('int_mars__exits') }}
),

ratings as (
    select subject_id, step_id, day, {{ to_double('week_label') }} as week
    from {{ ref('int_mars__visits') }}
),

totals as (
    select subject_id, step_id, day, score, {{ item_total() }} as item_total
    from {{ ref('int_mars__hrsd21') }}
),

courses as (
    select subject_id, min_by(score, day) as first_score, max_by(score, day) as last_score, count(*) as n_scores
    from totals
    where step_id = 'TAU' and score is not null
    group by subject_id
),

-- weeks run from the admission, whenever a drug was begun
misnumbered as (
    select ratings.subject_id
    from ratings
    inner join admissions on ratings.subject_id = admissions.subject_id and ratings.step_id = admissions.step_id
    where abs((ratings.day - admissions.day) / 7.0 - ratings.week) > 1
),

late as (
    select ratings.subject_id
    from ratings
    inner join exits on ratings.subject_id = exits.subject_id and ratings.step_id = exits.step_id
    where ratings.day > exits.day
)

select 'mars' as study_id, 'persons' as check_id, count(distinct subject_id) as observed from persons
union all
select 'mars', 'response_at_discharge', count(*) from courses where n_scores > 1 and last_score * 2 <= first_score
union all
select 'mars', 'first_admission_differs', count(*) from admissions where step_id = 'TAU' and day is distinct from 0
union all
select 'mars', 'weeks_disagree', count(*) from misnumbered
union all
select 'mars', 'rated_after_end', count(*) from late
union all
select 'mars', 'total_disagrees', count(*) from totals where score <> item_total
