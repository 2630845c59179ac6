{# What marts.outcomes asks of a row: conditions on the columns of reference.outcome_definitions. #}

{# `value` is one of the values that `text` lists with semicolons. #}
{% macro listed_in(text, value) -%} contains(concat(';', {{ text }}, ';'), concat(';', {{ value }}, ';')) {%- endmacro %}

{# The definition is asked of the scale, the study and the step of the score. #}
{% macro definition_asks(definition, score) -%}
    (
        {{ definition }}.scale_scope = 'any severity scale'
        or {{ listed_in(definition ~ '.scale_scope', score ~ '.instrument_id') }}
    )
    and (
        {{ definition }}.asked_of is null
        or {{ listed_in(definition ~ '.asked_of', score ~ '.study_id') }}
        or {{ listed_in(definition ~ '.asked_of', "concat(" ~ score ~ ".study_id, ':', " ~ score ~ ".step_id)") }}
    )
{%- endmacro %}

{# A reduction is measured against the baseline (`unit`), a total against itself (`unit` 1). #}
{% macro cut_holds(score) -%}
    {%- set measured = "case metric when 'total' then " ~ score ~ " else 100 * (baseline_score - " ~ score ~ ") end" -%}
    case operator
        when '<=' then {{ measured }} <= threshold_low * unit
        when '<' then {{ measured }} < threshold_low * unit
        when '>=' then {{ measured }} >= threshold_low * unit
        when 'between' then {{ measured }} >= threshold_low * unit and {{ measured }} < threshold_high * unit
    end
{%- endmacro %}
