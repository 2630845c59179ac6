-- Cells whose text could not be used: the value is null, the text stands here.

select distinct
    study_id,
    src_form,
    src_row,
    column_name,
    raw_value,
    case
        when rule = 'unparseable' and {{ to_double('raw_value') }} is not null then 'out_of_range'
        else rule
    end as rule
from {{ ref('int_cell_issues') }}
