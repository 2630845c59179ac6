-- Figures that a delivery must reproduce, per study: published numbers, or arithmetic inside the delivery.

with

checks as (
    select * from {{ ref('int_reconciliation') }}
),

deliveries as (
    select study, bool_or(is_synthetic) as is_synthetic, sum(n_rows) as n_rows
    from {{ ref('landings') }}
    group by study
)

select
    expected.study_id,
    expected.check_id,
    expected.description,
    checks.observed,
    expected.expected,
    case
        when deliveries.n_rows is null then 'not_applicable'
        when deliveries.is_synthetic and not expected.holds_on_synthetic then 'not_applicable'
        when checks.observed = expected.expected then 'agrees'
        else 'differs'
    end as verdict,
    case
        when deliveries.n_rows is null then 'study not landed'
        when deliveries.is_synthetic and not expected.holds_on_synthetic then 'synthetic delivery'
    end as why_not,
    expected.source,
    expected.verified
from {{ ref('reconciliation_checks') }} as expected
left join checks on expected.study_id = checks.study_id and expected.check_id = checks.check_id
left join deliveries on expected.study_id = deliveries.study
