-- Which paths lead from a scale to one on which severity is compared, and which of them is used by itself. Paths that
-- lead elsewhere stand here too; a scale without any has a row that says so.

with

rules as (
    select kind, use_flag, verified, priority, why from {{ ref('link_rules') }}
    where priority is not null
),

paths as (
    select
        link_id,
        kind,
        from_instrument_id,
        to_instrument_id,
        min(from_score) as from_score_min,
        max(from_score) as from_score_max,
        count(*) as n_points,
        min(use_flag) as use_flag,
        min(verified) as verified,
        min(source) as source,
        max(case when is_synthetic then 1 else 0 end) = 1 as is_synthetic
    from {{ ref('link_points') }}
    group by link_id, kind, from_instrument_id, to_instrument_id
),

items as (
    select
        concat('items_1_', cast(n_items as {{ dbt.type_string() }})) as link_id,
        'items' as kind,
        from_scale as from_instrument_id,
        to_scale as to_instrument_id,
        n_items,
        verified,
        source
    from {{ ref('item_links') }}
),

targets as (
    select instrument_id, instrument_id as same_id from {{ ref('severity_scales') }}
    where instrument_id in {{ linked_to() }}
),

-- what was estimated from synthetic persons says nothing about real ones
deliveries as (
    select coalesce(max(case when is_synthetic then 0 else 1 end), 0) = 1 as has_real
    from {{ ref('landings') }}
),

every as (
    select
        paths.link_id,
        paths.kind,
        paths.from_instrument_id,
        paths.to_instrument_id,
        paths.from_score_min,
        paths.from_score_max,
        paths.n_points,
        cast(null as bigint) as n_items,
        case when not (paths.is_synthetic and deliveries.has_real) then rules.priority end as priority,
        case
            when paths.is_synthetic and deliveries.has_real
                then 'estimated from synthetic persons: never used beside real ones'
            else rules.why
        end as why,
        paths.verified,
        paths.source,
        paths.is_synthetic
    from paths
    cross join deliveries
    inner join rules
        on paths.kind = rules.kind
            and (rules.use_flag is null or paths.use_flag = rules.use_flag)
            and (rules.kind <> 'table' or paths.verified = rules.verified)
    union all
    select
        items.link_id, items.kind, items.from_instrument_id, items.to_instrument_id, null, null, null,
        items.n_items, rules.priority, rules.why, items.verified, items.source, false
    from items
    inner join rules on items.kind = rules.kind
    union all
    select
        'as_measured', 'as_measured', targets.instrument_id, targets.same_id, null, null, null,
        null, rules.priority, rules.why, null, null, false
    from targets
    inner join rules on rules.kind = 'as_measured'
),

missing as (
    select
        scales.instrument_id as from_instrument_id,
        targets.instrument_id as to_instrument_id
    from {{ ref('severity_scales') }} as scales
    cross join targets
    left join every
        on scales.instrument_id = every.from_instrument_id
            and targets.instrument_id = every.to_instrument_id
            and every.priority is not null
    where every.link_id is null
),

listed as (
    select * from every
    union all
    select
        'none', 'none', from_instrument_id, to_instrument_id, null, null, null,
        null, null, 'no published path; one can be estimated where both were measured', null, null, false
    from missing
)

-- items go before any path, score by score, where all of them are there: by themselves they are the default only where
-- nothing else leads there
select
    *,
    row_number() over (
        partition by from_instrument_id, to_instrument_id
        order by
            case when priority is not null then 0 when kind = 'none' then 1 else 2 end,
            case when kind = 'items' then 1 else 0 end,
            priority,
            link_id
    ) = 1 as is_default
from listed
