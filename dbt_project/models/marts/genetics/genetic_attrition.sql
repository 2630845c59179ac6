-- Variants and samples of each landed set: how many each rule of quality control takes.

with

samples as (
    select * from {{ ref('genotyped_samples') }}
),

persons as (
    select * from {{ ref('genotyped_persons') }}
),

counted as (
    select study_id, set_id, 1 as stage_no, 'delivered' as stage, count(*) as n from samples
    group by study_id, set_id
    union all
    select
        study_id,
        set_id,
        case exclusion
            when 'no_key' then 2
            when 'not_in_study' then 3
            when 'call_rate' then 4
            when 'sex_mismatch' then 5
            when 'duplicate_sample' then 6
            when 'sex_mismatch_study' then 7
            else 8
        end,
        concat('excluded_', exclusion),
        count(*)
    from samples where exclusion is not null group by study_id, set_id, exclusion
    union all
    select study_id, set_id, 90, 'passed', count(*) filter (where exclusion is null) from samples
    group by study_id, set_id
    union all
    select study_id, set_id, 91, 'passed_related_to_another', count(*) filter (where related_group is not null)
    from persons where passed_qc group by study_id, set_id
    union all
    select study_id, set_id, 92, 'passed_used_from_another_set', count(*) filter (where not is_chosen)
    from persons where passed_qc group by study_id, set_id
)

select
    study_id,
    set_id,
    'person' as kind,
    cast(stage_no as bigint) as stage_no,
    stage,
    cast(n as bigint) as n
from counted
union all
select
    study_id,
    set_id,
    kind,
    cast(stage_no as bigint) as stage_no,
    stage,
    cast(n as bigint) as n
from {{ ref('genotype_stages') }}
where kind = 'variant'
