{# Rank of a candidate row among those that merge into one: by block, then by row of the file. #}
{% macro source_order(prefix='') -%}
    ({{ prefix }}block_no * 1000000000000 + {{ prefix }}src_row)
{%- endmacro %}

{# The person's fate, as a child sees it; null where the row names no person. #}
{% macro parent_fate(child, parent) -%}
    case
        when {{ child }}.subject_id is null then null
        when {{ parent }}.subject_id is null then 'unknown'
        when {{ parent }}.failed_rules = 0 then 'accepted'
        else 'refused'
    end
{%- endmacro %}

{# Candidates that cannot go on unseen: they break a rule, hold an unusable cell, or their key is one that several
   candidates have, found by fingerprints. #}
{% macro held_back(checked, key) -%}
with

shared_keys as (
    select {{ fingerprint(key) }} as print
    from {{ checked }}
    group by 1
    having count(*) > 1
)

select *
from {{ checked }}
where
    failed_rules <> 0
    or issue_mask <> 0
    or {{ fingerprint(key) }} in (select print from shared_keys)
{%- endmacro %}

{# What is to happen with each row that was held back. One that broke a rule is `refused`. The others are compared in
   full with those that have their key: `identical` and `boundary` rows are merged into the first (`keep`); anything
   else is a `conflict` and all members are refused. `boundary`: equal rows of two neighbouring steps, allowed where
   the mapping says so. #}
{% macro verdicts(held, key, content, by_step=false) -%}
with

members as (
    select
        study_id, src_form, src_row, block_no, slot_no, boundary_allowed,
        {{ 'step_id, coalesce(step_no, 0) as step_no,' if by_step else "'' as step_id, 0 as step_no," }}
        {{ key | join(', ') }},
        {{ row_of(content) }} as content
    from {{ held }}
    where failed_rules = 0
),

compared as (
    select
        *,
        count(*) over same_key as n_src,
        min(content) over same_key is not distinct from max(content) over same_key as agrees,
        bit_count(bit_or({{ step_bit('step_no') }}) over same_key) as n_steps,
        min(step_no) over same_key as first_step_no,
        max(step_no) over same_key as last_step_no,
        bool_and(boundary_allowed) over same_key as all_allow_boundary,
        row_number() over (partition by {{ key | join(', ') }} order by step_no, block_no, src_row, slot_no) as place
    from members
    window same_key as (partition by {{ key | join(', ') }})
)

select
    study_id,
    src_form,
    src_row,
    block_no,
    slot_no,
    n_src,
    case
        when not agrees then 'conflict'
        when n_steps > 2 or (n_steps = 2 and not all_allow_boundary) then 'conflict'
        when place = 1 then 'keep'
        when step_no > first_step_no then 'boundary'
        else 'identical'
    end as verdict
from compared
where n_src > 1

union all

select study_id, src_form, src_row, block_no, slot_no, 1 as n_src, 'refused' as verdict
from {{ held }}
where failed_rules <> 0
{%- endmacro %}

{# Join of candidates with the verdicts on them, on the identity of the candidate row. #}
{% macro same_row(a, b) -%}
    {{ a }}.src_row = {{ b }}.src_row and {{ a }}.block_no = {{ b }}.block_no
    and {{ a }}.slot_no = {{ b }}.slot_no and {{ a }}.study_id = {{ b }}.study_id
{%- endmacro %}
