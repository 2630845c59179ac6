{{ config(
    materialized='view',
    pre_hook="{{ search_published() }}",
    post_hook="{{ search_default() }}",
) }}

-- Every scored administration by every path to a scale on which severity is compared. A score outside of a path's
-- range has no equivalent and a reason, never the nearest end.

with

baselines as (
    select subject_id, step_id, instrument_id, baseline_score
    from {{ ref('step_scores') }}
),

paths as (
    select * from {{ ref('links') }}
    where to_instrument_id in {{ linked_to() }} and (priority is not null or kind = 'none')
),

item_paths as (
    select from_instrument_id, to_instrument_id, n_items from paths
    where kind = 'items'
),

scored as (
    select
        scales.subject_id,
        scales.instrument_id,
        scales.day,
        scales.rater,
        scales.contact,
        scales.occasion,
        scales.study_id,
        scales.step_id,
        scales.score_used as score,
        baselines.baseline_score,
        paths.link_id,
        paths.kind,
        paths.to_instrument_id,
        paths.from_score_min,
        paths.from_score_max,
        paths.verified,
        paths.source,
        paths.is_synthetic as link_is_synthetic,
        paths.is_default as path_is_default,
        case
            when item_paths.n_items is not null
                then {{ first_items_total('scales.items', 'item_paths.n_items') }}
        end as total_of_items
    from {{ ref('scales') }} as scales
    inner join paths on scales.instrument_id = paths.from_instrument_id
    left join item_paths
        on paths.from_instrument_id = item_paths.from_instrument_id
            and paths.to_instrument_id = item_paths.to_instrument_id
    left join baselines
        on scales.subject_id = baselines.subject_id
            and scales.step_id = baselines.step_id
            and scales.instrument_id = baselines.instrument_id
    where scales.score_used is not null
),

read as (
    select
        scored.*,
        case
            when scored.kind = 'as_measured' then scored.score
            when scored.kind = 'items' then scored.total_of_items
            else {{ between_rows('scored.score', 'points.from_score', 'points.point', 'points.point_above') }}
        end as equivalent,
        case
            when scored.kind in ('as_measured', 'items') then null
            when scored.score = points.from_score or points.point_above is not null then points.low
        end as low,
        case
            when scored.kind not in ('as_measured', 'items')
                then {{ range_end('scored.score', 'points.from_score', 'points.high', 'points.high_above') }}
        end as high,
        points.range_basis,
        case when scored.kind in ('as_measured', 'items') then 0 else points.see end as see,
        case when scored.kind in ('as_measured', 'items') then 0 else points.se end as se
    from scored
    left join {{ ref('link_points') }} as points
        on scored.link_id = points.link_id
            and scored.kind = points.kind
            and scored.instrument_id = points.from_instrument_id
            and scored.to_instrument_id = points.to_instrument_id
            and floor(scored.score) = points.from_score
)

select
    subject_id,
    instrument_id,
    day,
    rater,
    contact,
    occasion,
    to_instrument_id,
    link_id,
    kind as link_method,
    study_id,
    step_id,
    score,
    baseline_score,
    case when baseline_score > 0 then 100.0 * (score - baseline_score) / baseline_score end as pct_change,
    equivalent,
    low,
    high,
    case when equivalent is not null then range_basis end as range_basis,
    case when equivalent is not null then see end as see,
    case when equivalent is not null then se end as se,
    case
        when equivalent is not null then null
        when kind = 'none' then 'no_path'
        when kind = 'items' then 'items_missing'
        when score < from_score_min then 'below_range'
        when score > from_score_max then 'above_range'
        else 'not_in_table'
    end as not_linked,
    verified,
    source,
    link_is_synthetic,
    case
        when kind = 'items' then total_of_items is not null or path_is_default
        else path_is_default and total_of_items is null
    end as is_default
from read
