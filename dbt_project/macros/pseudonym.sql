{# The pseudonym of a person: keyed, so that nobody can try out archive keys; the key stays in the warehouse's
   restricted folder. The first filled key column counts. Null when all are empty.
   Each digest is taken of one column alone: so the engine makes it once for every different key of a block of rows,
   not once a row, and rows of one person stand together in most forms. #}
{% macro pseudonym(study, keys) -%}
    case
        {%- for key in keys %}
        when trim({{ key }}) <> ''
            then '{{ study }}-' || left(md5(getvariable('trd_pseudonym_key') || ':{{ study }}:' || trim({{ key }})), 16)
        {%- endfor %}
    end
{%- endmacro %}
