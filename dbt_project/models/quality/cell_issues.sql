-- Cells whose text could not be used: the value is null, the text stands here.

select distinct
    study_id,
    src_form,
    src_row,
    column_name,
    raw_value,
    case
        when rule = 'invalid_code' then 'invalid_code'
        when {{ to_double('raw_value') }} is null then 'unparseable'
        when rule = 'not_whole' and {{ to_integer('raw_value') }} is null then 'not_whole'
        else 'out_of_range'
    end as rule
from {{ ref('int_cell_issues') }}
