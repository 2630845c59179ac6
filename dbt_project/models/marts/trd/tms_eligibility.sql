-- Flags for a research view of who might be referred: every criterion of reference.referral_criteria, for TMS and for
-- other options after two failures, with what the record says to it. Never a verdict, no medical advice.

with

asked as (
    select
        persons.subject_id,
        persons.study_id,
        criteria.option_id,
        criteria.criterion_id,
        criteria.criterion,
        criteria.category,
        criteria.role,
        criteria.severity,
        criteria.requires_clinician = 1 as requires_clinician,
        criteria.evidence,
        coalesce(criteria.evidence_value, '-') as evidence_value,
        criteria.source,
        criteria.verified
    from {{ ref('trd_persons') }} as persons
    cross join {{ ref('referral_criteria') }} as criteria
),

answered as (
    select
        asked.*,
        said.is_met,
        coalesce(said.record, 'not collected') as record
    from asked
    left join {{ ref('referral_evidence') }} as said
        on asked.subject_id = said.subject_id
            and asked.evidence = said.evidence
            and asked.evidence_value = said.evidence_value
)

select
    subject_id,
    option_id,
    criterion_id,
    study_id,
    criterion,
    category,
    role,
    case when is_met then 'met' when not is_met then 'not_met' else 'unknown' end as status,
    case
        when is_met is null then 'unknown'
        when role = 'include' and is_met then 'fulfilled'
        when role = 'include' then 'not_fulfilled'
        when criterion_id = 'trial_adequacy' and is_met then 'none'
        when criterion_id = 'trial_adequacy' then 'look_again'
        when not is_met then 'none'
        when role = 'exclude' then 'contraindication'
        when role = 'reevaluate' then 'look_again'
        else 'caution'
    end as flag,
    record,
    severity,
    requires_clinician,
    source,
    verified,
    'research view, no medical advice' as caution
from answered
