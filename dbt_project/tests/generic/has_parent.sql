{# Every row has a row in the parent table. #}
{% test has_parent(model, parent, columns) %}
select child.*
from {{ model }} as child
where not exists (
    select 1
    from {{ parent }} as parent
    where {% for column in columns %}parent.{{ column }} = child.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
)
{% endtest %}
