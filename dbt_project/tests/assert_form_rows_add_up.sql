-- Decision 4, first identity: per form and block, raw rows = used + dropped by a named rule.
select study_id, src_form, block, sum(case when fate = 'raw' then n_rows else -n_rows end) as lost
from {{ ref('form_rows') }}
group by study_id, src_form, block
having sum(case when fate = 'raw' then n_rows else -n_rows end) <> 0
