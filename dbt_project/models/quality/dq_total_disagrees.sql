-- Ratings whose recorded total is not the total of their items.

select
    study_id,
    subject_id,
    day,
    instrument_id,
    rater,
    score,
    item_total,
    src_form,
    src_row
from {{ ref('scales') }}
where not total_agrees
