"""Covariates at entry as SQL that several aims share: parts of a `with` after one called `persons`."""

from __future__ import annotations

ENTRY_SQL = """\
history as (
    select subject_id,
        max(case when variable_id = 'episode_duration_days' then value_num end) as episode_days,
        max(case when variable_id = 'n_prior_episodes' then value_num end) as episodes
    from (
        select * from cdm.history
        qualify row_number() over (partition by subject_id, variable_id order by occasion) = 1
    ) as first_answers
    group by subject_id
),
anxious as (
    select features.subject_id, max(case verdict when 'met' then 1 when 'not_met' then 0 end) as anxious
    from marts.features as features
    inner join persons on features.subject_id = persons.subject_id
        and (features.step_id = persons.step_id or features.step_id is null)
    where feature = 'anxious' and is_default
    group by features.subject_id
)
"""
"""First answers on the episode (days, number of earlier ones) and anxious features; `persons` is the part before."""
