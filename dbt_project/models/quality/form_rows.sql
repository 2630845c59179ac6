-- The first identity: raw rows = used + dropped by a named rule, per form and block.

select
    study_id,
    src_form,
    block,
    entity,
    fate,
    cast(n_rows as bigint) as n_rows
from {{ ref('int_form_rows') }}
