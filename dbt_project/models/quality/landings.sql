-- What stands in this warehouse: the file behind every form, real or synthetic. Times are left out, so that the
-- same input gives the same table.

select
    study,
    form,
    file,
    sha256,
    rows as n_rows,
    bytes as n_bytes,
    synthetic as is_synthetic
from {{ source('landing', 'landings') }}
