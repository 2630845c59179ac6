-- Decision 4, second identity: per table, candidates = accepted + merged + quarantined.
select *
from {{ ref('entity_rows') }}
where n_candidates <> n_accepted + n_merged + n_quarantined
