-- The last score of each visit week, by the study's own label: for definitions that speak of weeks.

select
    scales.study_id,
    scales.subject_id,
    scales.step_id,
    scales.instrument_id,
    visits.week_label,
    max_by(scales.score_used, scales.day * 1000.0 + scales.occasion) as score
from {{ ref('scales') }} as scales
inner join {{ ref('visits') }} as visits
    on scales.subject_id = visits.subject_id
        and scales.step_id = visits.step_id
        and scales.day = visits.day
        and scales.contact = visits.contact
where scales.score_used is not null and visits.status = 'attended' and visits.week_label is not null
group by scales.study_id, scales.subject_id, scales.step_id, scales.instrument_id, visits.week_label
