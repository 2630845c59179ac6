-- Every trial of treatment under every rule of reference.adequacy_rules: adequate yes, no or unknown, and why. Of
-- several treatments that were new in the trial the best counts, as one adequate treatment is enough.

with

trials as (
    select subject_id, trial_no, study_id, treatments_new, 1.0 * (end_day - start_day) / 7 as weeks
    from {{ ref('trials_of_treatment') }}
),

rules as (
    select rules.*, doses.minimum
    from {{ ref('adequacy_rules') }} as rules
    inner join {{ ref('dose_rules') }} as doses on rules.dose_rule = doses.dose_rule
),

asked as (
    select
        trials.subject_id,
        trials.trial_no,
        trials.study_id,
        trials.weeks,
        rules.rule_id,
        rules.minimum,
        rules.weeks_counted,
        rules.min_adherence,
        rules.verified as rule_verified,
        parts.treatment_id,
        parts.dose_unit,
        parts.max_dose,
        parts.n_sessions,
        parts.adherence,
        coalesce(rules.min_weeks, parts.min_adequate_weeks) as min_weeks,
        case rules.minimum
            when 'label' then parts.min_label
            when 'atrq' then parts.min_atrq
            when 'athf3' then parts.min_athf3
            when 'protocol' then parts.min_protocol
        end as min_dose,
        case rules.minimum
            when 'label' then 1.0 * parts.days_label / 7
            when 'atrq' then 1.0 * parts.days_atrq / 7
            when 'athf3' then 1.0 * parts.days_athf3 / 7
            when 'protocol' then 1.0 * parts.days_protocol / 7
        end as weeks_at_minimum,
        1.0 * parts.days_dosed / 7 as weeks_dosed,
        case rules.minimum
            when 'label' then parts.label_verified
            when 'protocol' then parts.protocol_verified
            when 'none' then 'verified'
            else parts.table_verified
        end as dose_verified
    from trials
    cross join rules
    left join {{ ref('trial_parts') }} as parts
        on trials.subject_id = parts.subject_id and trials.trial_no = parts.trial_no and parts.part = 'new'
),

reasoned as (
    select
        *,
        case
            when treatment_id is null then 'treatment_unknown'
            when minimum <> 'none' and dose_unit = 'sessions' and min_dose is null then 'no_minimum'
            when minimum <> 'none' and dose_unit = 'sessions' and n_sessions is null then 'no_sessions'
            when minimum <> 'none' and dose_unit = 'sessions' and n_sessions < min_dose then 'few_sessions'
            when minimum <> 'none' and dose_unit = 'sessions' then 'reached'
            when weeks is null then 'no_end'
            when weeks < min_weeks then 'short'
            when adherence < min_adherence then 'low_adherence'
            when minimum = 'none' then 'reached'
            when min_dose is null then 'no_minimum'
            when max_dose is null then 'no_dose'
            when max_dose < min_dose then 'low_dose'
            when weeks_counted = 'treated' or weeks_at_minimum >= min_weeks then 'reached'
            -- days without a recorded dose could have been at the minimum
            when weeks_at_minimum + weeks - weeks_dosed >= min_weeks then 'dose_gaps'
            else 'short_at_minimum'
        end as adequate_reason
    from asked
),

judged as (
    select
        *,
        case
            when adequate_reason = 'reached' then 'yes'
            when adequate_reason in ('few_sessions', 'short', 'low_adherence', 'low_dose', 'short_at_minimum') then 'no'
            else 'unknown'
        end as adequate
    from reasoned
)

select
    subject_id,
    trial_no,
    rule_id,
    study_id,
    adequate,
    adequate_reason,
    treatment_id,
    min_dose,
    min_weeks,
    weeks,
    weeks_at_minimum,
    case
        when rule_verified = 'memory' or dose_verified = 'memory' then 'memory'
        else rule_verified
    end as verified
from judged
qualify row_number() over (
        partition by subject_id, trial_no, rule_id
        order by case adequate when 'yes' then 1 when 'unknown' then 2 else 3 end, treatment_id
    ) = 1
