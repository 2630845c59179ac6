{{ config(schema='quality') }}

with

rows_delivered as (
    select
        subject_id,
        {{ to_double('basval') }} as baseline,
        {{ to_double('hamdtl17') }} as score,
        {{ to_double('change') }} as change
    from {{ ref('stg_dia__antidepressant') }}
)

select 'dia' as study_id, 'persons' as check_id, count(distinct subject_id) as observed from rows_delivered
union all
select 'dia', 'rows', count(*) from rows_delivered
union all
select 'dia', 'change_disagrees', count(*) from rows_delivered where (score = baseline + change) is not true
