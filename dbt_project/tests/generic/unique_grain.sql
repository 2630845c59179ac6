{# No two rows share the grain; nulls count as equal. Fingerprints find the suspects, which are then compared in full:
   a large table is grouped by 8 bytes a row. #}
{% test unique_grain(model, columns) %}
with

suspects as (
    select {{ fingerprint(columns) }} as print
    from {{ model }}
    group by 1
    having count(*) > 1
)

select {{ columns | join(', ') }}, count(*) as n_rows
from {{ model }}
where {{ fingerprint(columns) }} in (select print from suspects)
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
