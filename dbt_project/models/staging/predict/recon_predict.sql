{{ config(schema='quality') }}

-- The published counts once more, straight from the rows as delivered: completers by class and arm, entry into the
-- combination, and what must never be.

with

rows_delivered as (
    select
        subject_id,
        trt,
        phase,
        visit,
        trt2,
        completer,
        dose_mg,
        {{ to_double('hamdtot') }} as hamd
    from {{ ref('stg_predict__visits') }}
),

persons as (
    select
        subject_id,
        case min(trt) when '1' then 'cbt' when '2' then 'escitalopram' when '3' then 'duloxetine' end as arm,
        min(trt) <> max(trt) as arms_differ,
        max(completer) as completer,
        max(case when trt2 is not null then 1 else 0 end) as combined,
        max(case when phase = '1' and visit = '0' then hamd end) as week_0,
        max(case when phase = '1' and visit = '10' then hamd end) as week_10,
        max(case when phase = '1' and visit = '12' then hamd end) as week_12
    from rows_delivered
    group by subject_id
),

classed as (
    select
        *,
        case
            when week_12 <= 7 and week_10 <= 7 then 'remission'
            when 2 * week_12 <= week_0 then 'response_no_remission'
            when 10 * week_12 <= 7 * week_0 then 'partial_response'
            when week_12 is not null and week_0 is not null then 'non_response'
        end as class
    from persons
),

completers as (
    select * from classed
    where completer = '1'
)

select 'predict' as study_id, 'persons' as check_id, count(*) as observed
from (select distinct subject_id from {{ ref('stg_predict__persons') }})
union all
select 'predict', 'completers', count(*) from completers
union all
select 'predict', concat(class, '_', arm), count(*) from completers where class is not null group by class, arm
union all
select 'predict', 'combination', count(*) from classed where combined = 1
union all
select 'predict', 'combination_responders', count(*)
from classed where combined = 1 and class in ('remission', 'response_no_remission')
union all
select 'predict', 'completers_unclassed', count(*) from completers where class is null
union all
select 'predict', 'arms_differ', count(*) from classed where arms_differ
union all
select 'predict', 'combination_remitted', count(*) from classed where combined = 1 and class = 'remission'
union all
select 'predict', 'drug_in_cbt_phase_1', count(*)
from rows_delivered where trt = '1' and phase = '1' and trt2 is null and dose_mg is not null
