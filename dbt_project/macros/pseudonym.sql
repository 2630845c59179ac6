{# The pseudonym of a person: keyed, so that nobody can try out archive keys; the key stays in the warehouse's
   restricted folder. The first filled key column counts. Null when all are empty (|| keeps a null,
   concat would swallow it and give all nameless rows one pseudonym). #}
{% macro pseudonym(study, keys) -%}
    '{{ study }}-' || left(md5(getvariable('trd_pseudonym_key') || ':{{ study }}:' || {{ archive_key(keys) }}), 16)
{%- endmacro %}

{% macro archive_key(keys) -%}
    {%- if keys | length == 1 -%} nullif(trim({{ keys[0] }}), '')
    {%- else -%} coalesce({% for key in keys %}nullif(trim({{ key }}), ''){{ ', ' if not loop.last }}{% endfor %})
    {%- endif -%}
{%- endmacro %}
