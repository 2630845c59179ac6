{# What marts.outcomes asks of a row: conditions on the columns of reference.outcome_definitions. #}

{# `value` is one of the values that `text` lists with semicolons. #}
{% macro listed_in(text, value) -%} contains(concat(';', {{ text }}, ';'), concat(';', {{ value }}, ';')) {%- endmacro %}

{# The last of the values that `text` lists with semicolons. #}
{% macro last_listed(text) -%} nullif(regexp_extract({{ text }}, '([^;]*)$', 1), '') {%- endmacro %}

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

{# What thresholds are counted in: points of the total, per cent of the baseline, or standard errors of a difference
   between two measurements, in points (Jacobson and Truax 1991). Null where there is no baseline or one of 0. #}
{% macro unit_of(metric, baseline, norms) -%}
    case {{ metric }}
        when 'total' then 1.0
        when 'reliable_change' then {{ norms }}.sd * sqrt(2 * (1 - {{ norms }}.reliability))
        else nullif({{ baseline }}, 0)
    end
{%- endmacro %}

{# A total is measured by itself, a change from the baseline; both are compared with `threshold x unit`, without a
   division, so that exactly 50 % is 50 %. #}
{% macro cut_holds(score) -%}
    {%- set fall = "(baseline_score - " ~ score ~ ")" -%}
    {%- set measured -%}
        case metric when 'total' then {{ score }} when 'reliable_change' then {{ fall }} else 100 * {{ fall }} end
    {%- endset -%}
    case operator
        when '<=' then {{ measured }} <= threshold_low * unit
        when '<' then {{ measured }} < threshold_low * unit
        when '>=' then {{ measured }} >= threshold_low * unit
        when '>' then {{ measured }} > threshold_low * unit
        when 'between' then {{ measured }} >= threshold_low * unit and {{ measured }} < threshold_high * unit
    end
{%- endmacro %}

{# The cut of a row of reference.feature_criteria on its value. #}
{% macro feature_cut_holds() -%} case operator when '>=' then value >= cut when '<=' then value <= cut end {%- endmacro %}
