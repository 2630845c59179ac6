{# A call counts the allele `variant` of a variant whose other allele is `reference`, on the plus strand or on the other.
   A palindromic pair is taken as written. Longer alleles have no other strand here. #}
{% macro on_strand(counted, other, variant, reference) -%}
    (
        {{ counted }} = {{ variant }} and coalesce({{ other }}, {{ reference }}) = {{ reference }}
        or length({{ counted }}) = 1 and length({{ other }}) = 1
        and translate({{ counted }}, 'ACGT', 'TGCA') = {{ variant }}
        and translate({{ other }}, 'ACGT', 'TGCA') = {{ reference }}
        and {{ variant }} <> translate({{ reference }}, 'ACGT', 'TGCA')
    )
{%- endmacro %}

{# The activity value of one half of a haplotype: as the table has it, or of a copy times their number (*1x3). #}
{% macro copies_in(part) -%}
    coalesce(try_cast({{ extract_group(part, 'x([0-9]+)$', 1) }} as double), 1)
{%- endmacro %}

{% macro one_copy(part) -%} regexp_replace({{ part }}, 'x[0-9]+$', '') {%- endmacro %}

{% macro allele_number(allele) -%} try_cast(replace({{ allele }}, '*', '') as integer) {%- endmacro %}
