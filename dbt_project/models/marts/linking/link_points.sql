-- Every link score by score, with the row above it, so that a score between two rows can be read; and two links one
-- after the other where no link leads straight to a scale on which severity is compared.

with

direct as (
    select
        tables.*,
        min(rules.priority) over (
            partition by tables.link_id, tables.kind, tables.from_instrument_id, tables.to_instrument_id
        ) as priority,
        lead(tables.from_score) over (
            partition by tables.link_id, tables.kind, tables.from_instrument_id, tables.to_instrument_id
            order by tables.from_score
        ) as next_score,
        lead(tables.point) over (
            partition by tables.link_id, tables.kind, tables.from_instrument_id, tables.to_instrument_id
            order by tables.from_score
        ) as next_point,
        lead(tables.high) over (
            partition by tables.link_id, tables.kind, tables.from_instrument_id, tables.to_instrument_id
            order by tables.from_score
        ) as next_high
    from {{ ref('link_tables') }} as tables
    inner join {{ ref('link_rules') }} as rules
        on tables.kind = rules.kind
            and (rules.use_flag is null or tables.use_flag = rules.use_flag)
            and (rules.verified is null or tables.verified = rules.verified or rules.kind <> 'table')
    -- rows that are never used by themselves are kept out of a table whose other rows are
    where rules.priority is not null
),

points as (
    select
        *,
        case when next_score = from_score + 1 then next_point end as point_above,
        case when next_score = from_score + 1 then next_high end as high_above
    from direct
),

-- the path of every pair that goes first, to build chains of
first_paths as (
    select link_id, kind, from_instrument_id, to_instrument_id
    from (
        select distinct link_id, kind, from_instrument_id, to_instrument_id, priority
        from points
        where kind <> 'estimated'
    ) as paths
    qualify row_number() over (partition by from_instrument_id, to_instrument_id order by priority, link_id) = 1
),

first_points as (
    select points.*
    from points
    inner join first_paths
        on points.link_id = first_paths.link_id
            and points.kind = first_paths.kind
            and points.from_instrument_id = first_paths.from_instrument_id
            and points.to_instrument_id = first_paths.to_instrument_id
),

chains as (
    select
        concat(one.link_id, '+', two.link_id) as link_id,
        'chain' as kind,
        cast(null as {{ dbt.type_string() }}) as use_flag,
        'derived' as verified,
        concat(one.source, ';', two.source) as source,
        one.from_instrument_id,
        two.to_instrument_id,
        one.from_score,
        {{ between_rows('one.point', 'two.from_score', 'two.point', 'two.point_above') }} as point,
        low_end.low,
        high_end.high,
        case when low_end.low is not null and high_end.high is not null then 'ranges of both steps' end as range_basis,
        sqrt(power(two.see, 2) + power(one.see * (two.point_above - two.point), 2)) as see,
        cast(null as double) as se,
        one.is_synthetic or two.is_synthetic as is_synthetic
    from first_points as one
    inner join first_points as two
        on one.to_instrument_id = two.from_instrument_id and floor(one.point) = two.from_score
    left join first_points as low_end
        on two.link_id = low_end.link_id
            and two.kind = low_end.kind
            and two.from_instrument_id = low_end.from_instrument_id
            and two.to_instrument_id = low_end.to_instrument_id
            and floor(one.low) = low_end.from_score
    left join first_points as high_end
        on two.link_id = high_end.link_id
            and two.kind = high_end.kind
            and two.from_instrument_id = high_end.from_instrument_id
            and two.to_instrument_id = high_end.to_instrument_id
            and ceil(one.high) = high_end.from_score
    where one.to_instrument_id in {{ linked_to() }}
        and two.to_instrument_id in {{ linked_to() }}
        and one.from_instrument_id <> two.to_instrument_id
        and not exists (
            select 1 from first_paths as straight
            where straight.from_instrument_id = one.from_instrument_id
                and straight.to_instrument_id = two.to_instrument_id
        )
),

chained as (
    select
        chains.*,
        above.point as point_above,
        above.high as high_above
    from chains
    left join chains as above
        on chains.link_id = above.link_id
            and chains.from_instrument_id = above.from_instrument_id
            and chains.to_instrument_id = above.to_instrument_id
            and above.from_score = chains.from_score + 1
    where chains.point is not null
)

select
    link_id, kind, from_instrument_id, to_instrument_id, from_score, point, low, high, point_above, high_above,
    range_basis, see, se, use_flag, verified, source, is_synthetic
from points
union all
select
    link_id, kind, from_instrument_id, to_instrument_id, from_score, point, low, high, point_above, high_above,
    range_basis, see, se, use_flag, verified, source, is_synthetic
from chained
