-- Study × table × column: what the mapping says of it and how many accepted rows carry a value.

{% set entities = ['subjects', 'steps', 'visits', 'scales', 'treatments', 'history', 'conditions', 'genotypes'] %}
with

{% for entity in entities %}
{{ entity }}_counts as (
    select
        study_id,
        count(*) as n_rows,
    {% for column in cdm_columns(entity) %}
    count({{ column }}) as {{ column }}{{ ',' if not loop.last }}
    {% endfor %}
    from {{ ref(entity) }}
    group by study_id
),

{% endfor %}
filled as (
    {% for entity in entities %}
    select study_id, '{{ entity }}' as entity, column_name, n_rows, n_values
    from {{ entity }}_counts
    unpivot (n_values for column_name in ({{ cdm_columns(entity) | join(', ') }}))
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- the mapping fills the raw age and site, the system makes the published columns of them
named as (
    select
        study_id,
        entity,
        block,
        case column_name when 'age_reported' then 'age' when 'site_code' then 'site_no' else column_name end
            as column_name,
        status,
        comment
    from {{ ref('mapping_status') }}
),

-- several blocks may feed one column: the best word counts, with its comment
ranked as (
    select
        study_id,
        entity,
        column_name,
        status,
        comment,
        count(case when status in ('complete', 'partial') then 1 end)
            over (partition by study_id, entity, column_name) as n_blocks,
        row_number() over (
            partition by study_id, entity, column_name
            order by
                case status when 'complete' then 1 when 'partial' then 2 when 'impossible' then 3 else 4 end,
                block
        ) as place
    from named
),

mapped as (
    select * from ranked
    where place = 1
)

select
    coalesce(mapped.study_id, filled.study_id) as study_id,
    coalesce(mapped.entity, filled.entity) as entity,
    coalesce(mapped.column_name, filled.column_name) as column_name,
    coalesce(mapped.status, 'derived') as status,
    mapped.comment,
    coalesce(mapped.n_blocks, 0) as n_blocks,
    coalesce(filled.n_rows, 0) as n_rows,
    coalesce(filled.n_values, 0) as n_values,
    case when filled.n_rows > 0 then filled.n_values * 1.0 / filled.n_rows end as share
from mapped
full join filled
    on mapped.study_id = filled.study_id
        and mapped.entity = filled.entity
        and mapped.column_name = filled.column_name
