{{ config(schema='quality') }}

with

scores as (
    select subject_id, {{ to_integer('week') }} as week, {{ to_double('hamd') }} as score
    from {{ ref('stg_riesby__hamd_long') }}
),

-- the change files measure from week 0; five patients have none and are measured from week 1
firsts as (
    select subject_id, min_by(score, week) as first_score
    from scores
    where score is not null and week <= 1
    group by subject_id
),

changes as (
    select subject_id, {{ to_integer('week') }} as week, {{ to_double('hamd_change') }} as change
    from {{ ref('stg_riesby__change_long') }}
),

renamed as (
    select subject_id, {{ to_integer('week') }} as week, {{ to_double('depr_score') }} as change
    from {{ ref('stg_riesby__change_renamed') }}
),

reconciled as (
    select changes.change, scores.score - firsts.first_score as change_from_scores
    from changes
    left join scores on changes.subject_id = scores.subject_id and changes.week + 2 = scores.week
    left join firsts on changes.subject_id = firsts.subject_id
),

paired as (
    select changes.change, renamed.change as other_change
    from changes
    full join renamed on changes.subject_id = renamed.subject_id and changes.week = renamed.week
)

select 'riesby' as study_id, 'persons' as check_id, count(distinct subject_id) as observed from scores
union all
select 'riesby', 'missing_scores', count(*) from scores where score is null
union all
select 'riesby', 'change_disagrees', count(*) from reconciled where (change = change_from_scores) is not true
union all
select 'riesby', 'encodings_disagree', count(*) from paired where (change = other_change) is not true
