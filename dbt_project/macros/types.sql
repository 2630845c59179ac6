{# The engine's own words; models are written in SQL that DuckDB and Spark both read (decision 12). #}

{% macro type_text() -%} varchar {%- endmacro %}

{% macro type_items() -%} float[] {%- endmacro %}

{# Text of a number with the mark that the contract declares, as text with a point. Where the mark is a comma a point can
   only be a thousands separator, and 1.234 would be read as a thousandth of what it says: null, so a cell issue. #}
{% macro decimal_point(text, decimal) -%}
    {%- if decimal == '.' -%} {{ text }}
    {%- else -%} (case when not contains({{ text }}, '.') then replace({{ text }}, '{{ decimal }}', '.') end)
    {%- endif -%}
{%- endmacro %}

{# Text to whole number; null for a fraction, letters or NaN. A plain cast would round 14.6 to 15 and 15e-1 to 2, and
   would read 0x1F and 1_000 as numbers: only signs and digits are cast as they stand. #}
{% macro to_integer(text, decimal='.') -%}
    {%- set text = decimal_point(text, decimal) -%}
    case
        when ltrim({{ text }}, '+-0123456789') = '' then try_cast({{ text }} as bigint)
        when contains({{ text }}, '_') then null
        when try_cast({{ text }} as double) = floor(try_cast({{ text }} as double))
            then try_cast(try_cast({{ text }} as double) as bigint)
    end
{%- endmacro %}

{# Text to number; null for letters, NaN and infinity, and for 1_000, which the engine would read as 1000. #}
{% macro to_double(text, decimal='.') -%}
    {%- set text = decimal_point(text, decimal) -%}
    case
        when isfinite(try_cast({{ text }} as double)) and not contains({{ text }}, '_')
            then try_cast({{ text }} as double)
    end
{%- endmacro %}

{% macro to_boolean(text) -%}
    case when lower({{ text }}) in ('1', 'true', 'yes', 'y') then true when lower({{ text }}) in ('0', 'false', 'no', 'n') then false end
{%- endmacro %}

{# One item of an instrument; null outside its range (NaN is larger than every number), and for 1_0, which the engine
   would read as 10: looked for only where the range reaches that far, as items are most of what a build reads. #}
{% macro item_value(text, low, high, decimal='.') -%}
    {%- set text = decimal_point(text, decimal) -%}
    case when try_cast({{ text }} as float) between {{ low }} and {{ high }}
        {%- if high >= 10 %} and not contains({{ text }}, '_') {%- endif %} then try_cast({{ text }} as float) end
{%- endmacro %}

{% macro list_of(values) -%}
    [{{ values | join(', ') }}]
{%- endmacro %}

{# The n-th item of the list `items`, counted from 1. #}
{% macro item(n) -%} items[{{ n }}] {%- endmacro %}

{% macro extract_group(text, pattern, group) -%}
    nullif(regexp_extract({{ text }}, '{{ pattern }}', {{ group }}), '')
{%- endmacro %}

{% macro days_between(start, end) -%}
    date_diff('day', {{ start }}, {{ end }})
{%- endmacro %}

{# A day as the mapping document describes its text. #}
{% macro date_by_pattern(text, format) -%} try_strptime({{ text }}, '{{ format }}') {%- endmacro %}

{# A day in any of the forms that the contract names: pairs of what the text must look like in full, and how it is read,
   a strptime format or the day that numbers count from. The engine alone would take 12.03.99 for the year 99. #}
{% macro date_by_contract(text, formats) -%}
    case
        {%- for pattern, read in formats %}
        when regexp_full_match(upper({{ text }}), '{{ pattern }}') then
        {%- if '%' in read %} try_strptime(left({{ text }}, {{ 10 if read == '%Y-%m-%d' else 12 }}), '{{ read }}')
        {%- else %} cast(date '{{ read }}' + cast({{ text }} as integer) as timestamp)
        {%- endif %}
        {%- endfor %}
    end
{%- endmacro %}

{# The first date of a person among the rows of a form. #}
{% macro first_date(date) -%} min({{ date }}) over (partition by subject_id) {%- endmacro %}

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
