-- Ratings with their totals from items, by the rules of the instruments' seeds.

with

totals as (
    select
        *,
        {{ count_items() }} as n_items,
        case when items is not null then {{ item_total() }} end as item_total
    from {{ ref('int_scales') }}
)

select
    *,
    coalesce(score, item_total) as score_used,
    case
        when score is not null then 'recorded'
        when item_total is null then null
        when {{ item_total_prorated() }} then 'prorated'
        else 'items'
    end as score_basis
from totals
