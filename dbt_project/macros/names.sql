{# Schemas are named as configured, without the target's prefix. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}

{# Inside the published database views refer to each other without its name, so that they answer under any alias. #}
{% macro ref() -%}
    {%- set relation = builtins.ref(*varargs, **kwargs) -%}
    {%- if execute and model is defined and model.database == 'trd' and relation.database == 'trd' and model.config.materialized == 'view' -%}
        {{ return(relation.include(database=false)) }}
    {%- endif -%}
    {{ return(relation) }}
{%- endmacro %}

{# A published view names its tables without the database; to check its contract the engine must find them. Only schemas
   that exist whenever the view is built may be named: its own and those it reads from. #}
{% macro search_published(schemas=['cdm', 'reference', 'marts']) -%}
    set search_path = 'memory.main{% for schema in schemas %},trd.{{ schema }}{% endfor %}'
{%- endmacro %}

{% macro search_default() -%} reset search_path {%- endmacro %}
