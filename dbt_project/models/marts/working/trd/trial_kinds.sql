-- What a trial of treatment asks of a treatment: class, role, unit, and the smallest adequate dose under each table of
-- doses. A model of its own, since a unit test cannot stand in for two tables of one name (cdm and reference).

select
    drug_id as treatment_id,
    class as treatment_class,
    thase_rush_class,
    role,
    counts_as_trial = 1 as treats_depression,
    replace(dose_unit, '/', '_') as dose_unit,
    min_adequate_weeks,
    1.0 * min_adequate_dose as min_label,
    -- the tables of ATRQ and ATHF have drugs only; of sessions the one minimum counts under every rule
    1.0 * case when dose_unit = 'sessions' then min_adequate_dose else min_dose_atrq end as min_atrq,
    1.0 * case when dose_unit = 'sessions' then min_adequate_dose else min_dose_athf3 end as min_athf3,
    coalesce(dose_verified, 'memory') as label_verified,
    coalesce(alt_dose_verified, 'memory') as table_verified
from {{ ref('ref_treatments') }}
