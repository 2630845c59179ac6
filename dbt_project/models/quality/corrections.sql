-- Every correction and what became of it in this build. When it was entered stands in the warehouse's own file, so that
-- the same input gives the same table.

select
    correction_id,
    study as study_id,
    form as src_form,
    src_row,
    column_name,
    value_before,
    value_after,
    reason,
    approver,
    fate,
    found_by,
    entered_row,
    entered_sha256
from {{ source('landing', 'corrections') }}
