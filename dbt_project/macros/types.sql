{# The engine's own words; models are written in SQL that DuckDB and Spark both read (decision 12). #}

{% macro type_text() -%} varchar {%- endmacro %}

{% macro type_items() -%} float[] {%- endmacro %}

{# Text to whole number; null for a fraction, letters or NaN. A plain cast would round 14.6 to 15 and 15e-1 to 2, and
   would read 0x1F and 1_000 as numbers: only signs and digits are cast as they stand. #}
{% macro to_integer(text) -%}
    case
        when ltrim({{ text }}, '+-0123456789') = '' then try_cast({{ text }} as bigint)
        when contains({{ text }}, '_') then null
        when try_cast({{ text }} as double) = floor(try_cast({{ text }} as double))
            then try_cast(try_cast({{ text }} as double) as bigint)
    end
{%- endmacro %}

{# Text to number; null for letters, NaN and infinity, and for 1_000, which the engine would read as 1000. #}
{% macro to_double(text) -%}
    case
        when isfinite(try_cast({{ text }} as double)) and not contains({{ text }}, '_')
            then try_cast({{ text }} as double)
    end
{%- endmacro %}

{% macro to_boolean(text) -%}
    case when lower({{ text }}) in ('1', 'true', 'yes', 'y') then true when lower({{ text }}) in ('0', 'false', 'no', 'n') then false end
{%- endmacro %}

{# One item of an instrument; null outside its range (NaN is larger than every number). #}
{% macro item_value(text, low, high) -%}
    case when try_cast({{ text }} as float) between {{ low }} and {{ high }} then try_cast({{ text }} as float) end
{%- endmacro %}

{% macro list_of(values) -%}
    [{{ values | join(', ') }}]
{%- endmacro %}

{# The n-th item of the list `items`, counted from 1. #}
{% macro item(n) -%} items[{{ n }}] {%- endmacro %}

{% macro extract_group(text, pattern, group) -%}
    nullif(regexp_extract({{ text }}, '{{ pattern }}', {{ group }}), '')
{%- endmacro %}

{% macro days_between(start, end, format) -%}
    date_diff('day', try_strptime({{ start }}, '{{ format }}'), try_strptime({{ end }}, '{{ format }}'))
{%- endmacro %}

{# A short fingerprint of some columns, for finding equal rows; never stored. #}
{% macro fingerprint(columns) -%} hash({{ columns | join(', ') }}) {%- endmacro %}

{# Columns side by side as one value that can be compared in full. #}
{% macro row_of(columns) -%} row({{ columns | join(', ') }}) {%- endmacro %}

{# Items of the list `items` that have a value. #}
{% macro count_items() -%} coalesce(list_aggregate(items, 'count'), 0) {%- endmacro %}

{# One bit per step, to count the steps of a group without a distinct. #}
{% macro step_bit(step_no) -%} (1::bigint << cast({{ step_no }} as integer)) {%- endmacro %}

{# The list `items` as rows: item_no and value. #}
{% macro unnest_items() -%} generate_subscripts(items, 1) as item_no, unnest(items) as value {%- endmacro %}

{# The different values of a group as one text, sorted, separated by semicolons; null where there is none. #}
{% macro sorted_text(column) -%} nullif(array_to_string(list_sort(list(distinct {{ column }})), ';'), '') {%- endmacro %}
