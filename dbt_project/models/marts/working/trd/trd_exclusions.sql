-- Who is left out by which definition: exclusions that are present, and those on which the record says nothing.

with

facts as (
    select distinct fact_id from {{ ref('fact_sources') }}
),

asked as (
    select rules.definition_id, facts.fact_id
    from {{ ref('trd_rules') }} as rules
    inner join facts
        on {{ listed_in('rules.excluded_facts', 'facts.fact_id') }}
)

select
    persons.subject_id,
    asked.definition_id,
    {{ sorted_text("case when said.status = 'present' then asked.fact_id end") }} as excluded_by,
    {{ sorted_text("case when coalesce(said.status, 'unknown') = 'unknown' then asked.fact_id end") }} as unchecked
from {{ ref('trd_persons') }} as persons
cross join asked
left join {{ ref('person_facts') }} as said
    on persons.subject_id = said.subject_id and asked.fact_id = said.fact_id
group by persons.subject_id, asked.definition_id
