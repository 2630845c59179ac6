{# Linking: what differs between engines, and the arithmetic of a table read between two whole scores. #}

{# Whole numbers from 0 to `last` as a relation with the column n. #}
{% macro whole_numbers(last) -%} (select range as n from range(0, {{ last }} + 1)) {%- endmacro %}

{# The sum of the first `n` items of the list `items`; null unless all of them have a value. #}
{% macro first_items_total(items, n) -%}
    (
        case
            when list_count(list_slice({{ items }}, 1, {{ n }})) = {{ n }}
                then cast(list_sum(list_slice({{ items }}, 1, {{ n }})) as double)
        end
    )
{%- endmacro %}

{# What a table gives for a score that may lie between two of its rows; null where the next row is missing. #}
{% macro between_rows(score, row_score, here, following) -%}
    (
        case
            when {{ score }} = {{ row_score }} then {{ here }}
            else {{ here }} + ({{ score }} - {{ row_score }}) * ({{ following }} - {{ here }})
        end
    )
{%- endmacro %}

{# The lower end of a range at a score between two rows is that of the row below, the upper end that of the row above. #}
{% macro range_end(score, row_score, here, following) -%}
    (case when {{ score }} = {{ row_score }} then {{ here }} else {{ following }} end)
{%- endmacro %}

{% macro linked_to() -%} ('HRSD17', 'QIDS_SR16') {%- endmacro %}
