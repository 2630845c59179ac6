-- How definitions agree: for each study, scope and pair of definitions, the persons in whom both can be determined, by
-- verdict, and Cohen's kappa. Persons with equal verdicts are counted once as a pattern: one bit per definition.

with

numbered as (
    select definition_id, row_number() over (order by definition_id) as number from {{ ref('trd_rules') }}
),

patterns as (
    select
        status.subject_id,
        status.study_id,
        status.scope,
        sum(case when status.verdict = 'met' then {{ step_bit('numbered.number') }} else 0 end) as met,
        sum(case when status.verdict <> 'not_determinable' then {{ step_bit('numbered.number') }} else 0 end)
            as determinable
    from {{ ref('trd_status') }} as status
    inner join numbered on status.definition_id = numbered.definition_id
    group by status.subject_id, status.study_id, status.scope
),

counted as (
    select
        study_id,
        scope,
        cast(met as bigint) as met,
        cast(determinable as bigint) as determinable,
        count(*) as n_persons
    from patterns
    group by study_id, scope, met, determinable
),

pairs as (
    select
        one.definition_id as definition_a,
        other.definition_id as definition_b,
        {{ step_bit('one.number') }} as bit_a,
        {{ step_bit('other.number') }} as bit_b
    from numbered as one
    inner join numbered as other on one.number < other.number
),

crossed as (
    select
        counted.study_id,
        counted.scope,
        pairs.definition_a,
        pairs.definition_b,
        counted.n_persons,
        (counted.met & pairs.bit_a) <> 0 as met_a,
        (counted.met & pairs.bit_b) <> 0 as met_b,
        (counted.determinable & pairs.bit_a) <> 0 and (counted.determinable & pairs.bit_b) <> 0 as is_both
    from counted
    cross join pairs
),

tables as (
    select
        study_id,
        scope,
        definition_a,
        definition_b,
        cast(coalesce(sum(case when is_both then n_persons end), 0) as bigint) as n_determinable,
        cast(coalesce(sum(case when is_both and met_a and met_b then n_persons end), 0) as bigint) as n_both,
        cast(coalesce(sum(case when is_both and met_a and not met_b then n_persons end), 0) as bigint) as n_only_a,
        cast(coalesce(sum(case when is_both and met_b and not met_a then n_persons end), 0) as bigint) as n_only_b,
        cast(coalesce(sum(case when is_both and not met_a and not met_b then n_persons end), 0) as bigint) as n_neither
    from crossed
    group by study_id, scope, definition_a, definition_b
),

expected as (
    select
        *,
        1.0 * (n_both + n_neither) / nullif(n_determinable, 0) as observed_agreement,
        1.0 * (n_both + n_only_a) / nullif(n_determinable, 0) * (n_both + n_only_b) / nullif(n_determinable, 0)
        + 1.0 * (n_only_b + n_neither) / nullif(n_determinable, 0) * (n_only_a + n_neither) / nullif(n_determinable, 0)
            as chance_agreement
    from tables
)

select
    study_id,
    scope,
    definition_a,
    definition_b,
    n_determinable,
    n_both,
    n_only_a,
    n_only_b,
    n_neither,
    observed_agreement,
    1.0 * (observed_agreement - chance_agreement) / nullif(1 - chance_agreement, 0) as kappa
from expected
