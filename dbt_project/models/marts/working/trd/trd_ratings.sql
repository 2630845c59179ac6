-- Two definitions that rate single trials rather than count them. ATHF long form: the highest rating of a failed trial,
-- one less after intolerance. Two courses and symptoms (cardinal_ab): a course after a course of another drug, with
-- symptoms when a response could be expected. Both as a lower and an upper value.

with

scoped as (
    select 'all_trials' as scope, trials.* from {{ ref('trd_trials') }} as trials
    where trials.in_all and trials.definition_id in ('athf_long', 'cardinal_ab') and trials.kind_counts

    union all

    select 'before_index' as scope, trials.* from {{ ref('trd_trials') }} as trials
    where trials.in_before and trials.definition_id in ('athf_long', 'cardinal_ab') and trials.kind_counts
),

points as (
    select
        max(case when category = '1' then points end) as brief,
        max(case when category = '2' then points end) as low_dose,
        max(case when category = '3' then points end) as adequate,
        max(case when category = '4' then points end) as high_dose,
        max(case when category = '5' then points end) as with_lithium
    from {{ ref('trd_points') }}
    where definition_id = 'athf_long'
),

rated as (
    select
        scoped.*,
        points.brief,
        points.low_dose,
        points.adequate,
        points.high_dose,
        points.with_lithium,
        {{ listed_in(
            "concat(scoped.treatments_new, ';', coalesce(scoped.treatments_kept, ''))", "'lithium'"
        ) }}
        and concat(scoped.treatments_new, ';', coalesce(scoped.treatments_kept, '')) <> 'lithium;' as beside_lithium
    from scoped
    cross join points
    where scoped.definition_id = 'athf_long'
),

-- the table that divides 3 from 4 was not reached: an adequate trial is one of both
ranged as (
    select
        *,
        case
            when is_adequate and beside_lithium then with_lithium
            when is_adequate then adequate
            when is_adequate is null or weeks < 4 then brief
            else low_dose
        end as rating_from,
        case
            when is_adequate is null or (is_adequate and beside_lithium) then with_lithium
            when is_adequate then high_dose
            when weeks < 4 then brief
            else low_dose
        end as rating_to
    from rated
),

athf as (
    select
        subject_id,
        definition_id,
        scope,
        coalesce(
            max(case when is_failed then rating_from - case when coalesce(is_intolerant, true) then 1 else 0 end end), 0
        ) as score_low,
        coalesce(
            max(
                case when coalesce(is_failed, true) then rating_to - case when is_intolerant then 1 else 0 end end
            ), 0
        ) as score_high,
        {{ sorted_text(
            "case when is_failed is null then 'outcome_unknown' when is_failed and is_adequate is null"
            ~ " then 'adequacy_unknown' when is_failed and is_intolerant is null then 'end_not_recorded' end"
        ) }} as unknown_reasons
    from ranged
    group by subject_id, definition_id, scope
),

courses as (
    select
        second.subject_id,
        second.definition_id,
        second.scope,
        second.trial_no,
        max(case when second.is_adequate and second.is_failed and first.is_adequate then 1 else 0 end) as is_low,
        max(
            case
                when coalesce(second.is_adequate, true)
                    and coalesce(second.is_failed, true)
                    and coalesce(first.is_adequate, true)
                    then 1
                else 0
            end
        ) as is_high,
        max(case when second.is_failed is null then 'no_later_score' else 'adequacy_unknown' end) as unknown_reason
    from scoped as second
    inner join scoped as first
        on second.subject_id = first.subject_id
            and second.definition_id = first.definition_id
            and second.scope = first.scope
            and second.trial_no > first.trial_no
            and coalesce(second.treatments_new, '?') <> coalesce(first.treatments_new, '??')
    where second.definition_id = 'cardinal_ab'
    group by second.subject_id, second.definition_id, second.scope, second.trial_no
)

select subject_id, definition_id, scope, score_low, score_high, unknown_reasons from athf

union all

select
    subject_id,
    definition_id,
    scope,
    max(is_low) as score_low,
    max(is_high) as score_high,
    {{ sorted_text("case when is_high = 1 and is_low = 0 then unknown_reason end") }} as unknown_reasons
from courses
group by subject_id, definition_id, scope
