-- Scales that measure how ill a person is: those with a rule for response. A model of its own, since a unit test
-- cannot stand in for cdm.scales and reference.scales, two tables of one name, in one model.

select scale_id as instrument_id
from {{ ref('ref_scales') }}
where response_min_pct_reduction is not null
