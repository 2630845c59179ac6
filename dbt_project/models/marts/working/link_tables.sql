-- Every link of one step as rows, score by score: published tables, published equations over the range in which they
-- were observed, what was estimated from a warehouse, and the paths of another form of the same instrument.

with

-- bands of several scores and rows for changes are no link of scores
tables as (
    select
        crosswalk_id as link_id,
        'table' as kind,
        use_flag,
        verified,
        source,
        from_scale as from_instrument_id,
        to_scale as to_instrument_id,
        cast(from_score_min as bigint) as from_score,
        to_score_point as point,
        to_score_min as low,
        to_score_max as high,
        case when to_score_min is not null then 'published range' end as range_basis,
        to_se as see,
        cast(null as double) as se,
        false as is_synthetic
    from {{ ref('crosswalk') }}
    where from_score_min = from_score_max and not contains(from_scale, '_change')
),

formulas as (
    select
        formulas.formula_id as link_id,
        'formula' as kind,
        cast(null as {{ dbt.type_string() }}) as use_flag,
        formulas.verified,
        formulas.source,
        formulas.from_scale as from_instrument_id,
        formulas.to_scale as to_instrument_id,
        cast(numbers.n as bigint) as from_score,
        formulas.intercept + formulas.slope * numbers.n as point,
        formulas.intercept + formulas.slope * numbers.n - 1.96 * formulas.to_se_estimate as low,
        formulas.intercept + formulas.slope * numbers.n + 1.96 * formulas.to_se_estimate as high,
        '95 % of persons, from the published standard error of estimate' as range_basis,
        formulas.to_se_estimate as see,
        cast(null as double) as se,
        false as is_synthetic
    from {{ ref('crosswalk_formulas') }} as formulas
    inner join {{ whole_numbers(200) }} as numbers
        on numbers.n between formulas.observed_from_min and formulas.observed_from_max
),

estimated as (
    select
        link_id,
        'estimated' as kind,
        cast(null as {{ dbt.type_string() }}) as use_flag,
        'estimated' as verified,
        release as source,
        from_instrument_id,
        to_instrument_id,
        cast(from_score as bigint) as from_score,
        point,
        low,
        high,
        '95 % interval of the link' as range_basis,
        see,
        se,
        is_synthetic
    from {{ ref('kept_links') }}
),

published as (
    select * from tables
    union all
    select * from formulas
),

assumed as (
    select
        published.link_id,
        'assumed_equal' as kind,
        cast(null as {{ dbt.type_string() }}) as use_flag,
        assumptions.verified,
        concat(published.source, ';', assumptions.source) as source,
        assumptions.scale_id as from_instrument_id,
        published.to_instrument_id,
        published.from_score,
        published.point,
        published.low,
        published.high,
        published.range_basis,
        published.see,
        published.se,
        false as is_synthetic
    from published
    inner join {{ ref('link_assumptions') }} as assumptions on published.from_instrument_id = assumptions.same_as
    where published.use_flag is null or published.use_flag in ('ok', 'derived')
),

equal_forms as (
    select
        'equal_forms' as link_id,
        'assumed_equal' as kind,
        cast(null as {{ dbt.type_string() }}) as use_flag,
        assumptions.verified,
        assumptions.source,
        assumptions.scale_id as from_instrument_id,
        assumptions.same_as as to_instrument_id,
        cast(numbers.n as bigint) as from_score,
        cast(numbers.n as double) as point,
        cast(null as double) as low,
        cast(null as double) as high,
        cast(null as {{ dbt.type_string() }}) as range_basis,
        cast(null as double) as see,
        cast(null as double) as se,
        false as is_synthetic
    from {{ ref('link_assumptions') }} as assumptions
    inner join {{ ref('ref_scales') }} as scales on assumptions.same_as = scales.scale_id
    inner join {{ whole_numbers(200) }} as numbers on numbers.n between scales.total_min and scales.total_max
),

every as (
    select * from published
    union all
    select * from estimated
    union all
    select * from assumed
    union all
    select * from equal_forms
)

-- an equation may leave the scale it leads to: such a score has no equivalent
select every.*
from every
left join {{ ref('ref_scales') }} as scales on every.to_instrument_id = scales.scale_id
where scales.scale_id is null or every.point between scales.total_min and scales.total_max
