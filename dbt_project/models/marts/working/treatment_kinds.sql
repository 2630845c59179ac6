-- What the marts ask of a treatment: its class for pooling, and what counts as an adequate trial of it. A model of its
-- own, since a unit test cannot stand in for cdm.treatments and reference.treatments, two tables of one name.

select
    drug_id as treatment_id,
    case when class in ('SSRI', 'SNRI', 'CBT') then class else 'other' end as treatment_class,
    -- what only sedates or lifts a side effect treats no depression
    counts_as_trial = 1 as treats_depression,
    replace(dose_unit, '/', '_') as dose_unit,
    min_adequate_dose,
    min_adequate_weeks
from {{ ref('ref_treatments') }}
