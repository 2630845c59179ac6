{# The rows of a form as delivered, with the corrections that apply to them (decision 4). A form without corrections
   is read as it is: most are, and then nothing is joined. What applies was decided when dbt connected
   (harmonize/corrections/replay.py); here a text takes the place of another, in that row and that column alone. #}
{% macro delivered(study, form) -%}
    {%- set raw = source(study, form) -%}
    {%- set corrections = source('landing', 'corrections') -%}
    {%- set condition -%} study = '{{ study }}' and form = '{{ form }}' and fate = 'applied' {%- endset -%}
    {%- set columns = [] -%}
    {%- if execute -%}
        {%- set found = run_query("select distinct column_name from " ~ corrections ~ " where " ~ condition ~ " order by 1") -%}
        {%- set columns = found.columns[0].values() | list -%}
    {%- endif -%}
    {%- if not columns -%}
    select * from {{ raw }}
    {%- else -%}
    {%- set declared = graph.sources['source.' ~ project_name ~ '.' ~ study ~ '.' ~ form].columns -%}
    select
        raw.src_file,
        raw.src_row
        {%- for name in declared if name not in columns %},
        raw.{{ name }}
        {%- endfor %}
        {%- for name in columns %},
        case when corrected.{{ name }}__corrected = 1 then corrected.{{ name }} else raw.{{ name }} end as {{ name }}
        {%- endfor %}
    from {{ raw }} as raw
    left join (
        select
            src_row
            {%- for name in columns %},
            max(case when column_name = '{{ name }}' then 1 end) as {{ name }}__corrected,
            max(case when column_name = '{{ name }}' then value_after end) as {{ name }}
            {%- endfor %}
        from {{ corrections }}
        where {{ condition }}
        group by src_row
    ) as corrected on raw.src_row = corrected.src_row
    {%- endif -%}
{%- endmacro %}
