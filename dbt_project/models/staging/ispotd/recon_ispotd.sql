{{ config(schema='quality') }}

with

persons as (
    select
        subject_id,
        site,
        arm,
        treatedbefore,
        washout7d,
        reasonleft,
        completedw8,
        {{ to_double('age') }} as age,
        {{ to_double('weekstreated') }} as weeks_treated,
        diagnosis = '1' as is_patient,
        diagnosis = '0' as is_control,
        coalesce(dosew2_mg, dosew4_mg, dosew6_mg, dosew8_mg) is not null as has_dose,
        coalesce(hdrs17_w8, qidssr_w8) is not null as has_week_8_score,
        coalesce(
            rs10245483, rs2032583, rs2235015, rs2235040, rs1128503, rs1045642, rs7787082, rs11983225, rs4148739,
            rs2235067
        ) is not null as is_genotyped
    from {{ ref('stg_ispotd__clinical') }}
),

genotyped as (
    select * from persons
    where is_patient and is_genotyped and weeks_treated >= 2
)

select 'ispotd' as study_id, 'patients' as check_id, count(*) as observed from persons where is_patient
union all
select 'ispotd', 'sites', count(distinct site) from persons
union all
select 'ispotd', 'genotyped_2_weeks', count(*) from genotyped
union all
select 'ispotd', 'genotyped_completed', count(*) from genotyped where completedw8 = '1'
union all
select 'ispotd', 'age_outside_18_65', count(*) from persons where is_patient and age not between 18 and 65
union all
-- a missing answer is no wash-out
select 'ispotd', 'treated_without_washout', count(*)
from persons where is_patient and treatedbefore = '1' and (washout7d = '1') is not true
union all
select 'ispotd', 'controls_treated', count(*)
from persons where is_control and (arm is not null or has_dose or weeks_treated > 0)
union all
select 'ispotd', 'completers_with_reason', count(*)
from persons where completedw8 = '1' and reasonleft is not null
union all
select 'ispotd', 'scores_after_exit', count(*)
from persons where is_patient and completedw8 = '0' and has_week_8_score
