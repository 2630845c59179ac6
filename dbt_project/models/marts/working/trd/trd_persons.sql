-- What the definitions of resistance ask of a person beside the trials: what is known of the time before the study,
-- length of the episode, severity and psychosis at entry. One row per person with a trial.

with

trials as (
    select
        subject_id,
        study_id,
        min(case when is_index then start_day end) as index_day,
        max(coalesce(end_day, start_day)) as last_day,
        count(case when source = 'history' then 1 end) as n_reported
    from {{ ref('trials_of_treatment') }}
    group by subject_id, study_id
),

history as (
    select
        subject_id,
        max(case when variable_id = 'prior_failed_trials' then value_num end) as n_prior_failed,
        max(case when variable_id = 'episode_duration_days' then value_num end) as episode_days
    from (
        select subject_id, variable_id, value_num from {{ ref('history') }}
        where variable_id in ('prior_failed_trials', 'episode_duration_days')
        -- of a readmitted person that of the first admission
        qualify row_number() over (partition by subject_id, variable_id order by occasion) = 1
    ) as entry
    group by subject_id
)

select
    trials.subject_id,
    trials.study_id,
    trials.index_day,
    trials.last_day,
    coalesce(subjects.treatment_naive, false) as treatment_naive,
    history.n_prior_failed,
    -- failures that the record counts and does not describe
    cast(greatest(coalesce(history.n_prior_failed, 0) - trials.n_reported, 0) as bigint) as n_undescribed,
    history.episode_days,
    first_line.baseline_hrsd17,
    facts.status as psychosis
from trials
inner join {{ ref('subjects') }} as subjects on trials.subject_id = subjects.subject_id
left join history on trials.subject_id = history.subject_id
left join {{ ref('first_line') }} as first_line on trials.subject_id = first_line.subject_id
left join {{ ref('person_facts') }} as facts
    on trials.subject_id = facts.subject_id and facts.fact_id = 'psychosis'
