-- Time on a treatment within a step without a break: records with gaps of no more than `continue_gap_days` are one era;
-- another dose is titration, no new era.

with

spans as (
    select
        subject_id,
        study_id,
        step_id,
        treatment_id,
        start_day,
        end_day,
        max(end_day) over (
            partition by subject_id, step_id, treatment_id
            order by start_day, end_day
            rows between unbounded preceding and 1 preceding
        ) as seen_until
    from {{ ref('exposure_spans') }}
),

numbered as (
    select
        spans.*,
        sum(case when spans.start_day <= spans.seen_until + rules.continue_gap_days then 0 else 1 end) over (
            partition by spans.subject_id, spans.step_id, spans.treatment_id
            order by spans.start_day, spans.end_day
            rows between unbounded preceding and current row
        ) as era_no
    from spans
    cross join {{ ref('trial_rules') }} as rules
)

select
    subject_id,
    study_id,
    step_id,
    treatment_id,
    era_no,
    min(start_day) as start_day,
    max(end_day) as end_day
from numbered
group by subject_id, study_id, step_id, treatment_id, era_no
