-- Clinical facts of persons, as far as a record says something: present, absent or asked but unknown. No row: the study
-- did not collect it.

with

said as (
    select conditions.subject_id, sources.fact_id, conditions.status
    from {{ ref('conditions') }} as conditions
    inner join {{ ref('fact_sources') }} as sources
        on conditions.condition_id = sources.value and sources.kind = 'condition'
    where conditions.relative = 'self'

    union all

    select
        subjects.subject_id,
        sources.fact_id,
        case when subjects.diagnosis = sources.value then 'present' else 'absent' end as status
    from {{ ref('subjects') }} as subjects
    inner join {{ ref('fact_sources') }} as sources on sources.kind = 'diagnosis'
    where subjects.diagnosis is not null

    union all

    select subjects.subject_id, sources.fact_id, 'present' as status
    from {{ ref('subjects') }} as subjects
    inner join {{ ref('fact_sources') }} as sources
        on sources.kind = 'flag'
            and {{ listed_in("replace(subjects.analysis_flags, ' ', '')", 'sources.value') }}

    union all

    select subjects.subject_id, sources.fact_id, 'absent' as status
    from {{ ref('subjects') }} as subjects
    inner join {{ ref('fact_sources') }} as sources
        on sources.kind = 'excluded_by' and subjects.study_id = sources.value
)

select
    subject_id,
    fact_id,
    case max(case status when 'present' then 3 when 'unknown' then 2 else 1 end)
        when 3 then 'present'
        when 2 then 'unknown'
        else 'absent'
    end as status
from said
group by subject_id, fact_id
