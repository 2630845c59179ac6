-- One row per refused candidate row and broken rule. A refused group is shown with all its source rows.

with

visits_alone as (
    select * from {{ ref('chk_visits') }}
    where failed_rules <> 0 and (failed_rules & {{ rule_bit('visits', 'key:conflict') }}) = 0
),

refused as (
    select
        'subjects' as entity, rows.study_id, rows.src_form, rows.src_row, rows.block, rows.slot_no,
        rows.subject_id, rows.subject_id as row_key, groups.failed_rules
    from {{ ref('chk_subjects') }} as groups
    inner join {{ ref('int_subjects') }} as rows
        -- a row without a person is a group by itself
        on coalesce(groups.subject_id, concat(groups.src_form, ' ', groups.src_row))
            = coalesce(rows.subject_id, concat(rows.src_form, ' ', rows.src_row))
            and groups.study_id = rows.study_id
    where groups.failed_rules <> 0

    union all

    select
        'steps', study_id, src_form, src_row, block, slot_no,
        subject_id, concat_ws(' ', subject_id, step_id), failed_rules
    from {{ ref('chk_steps') }}
    where failed_rules <> 0

    union all

    select
        'visits', study_id, src_form, src_row, block, slot_no,
        subject_id, concat_ws(' ', subject_id, step_id, cast(day as {{ type_text() }}), contact), failed_rules
    from visits_alone

    union all

    -- a visit that three steps claim: every row that was merged into it
    select
        'visits', rows.study_id, rows.src_form, rows.src_row, rows.block, rows.slot_no,
        rows.subject_id,
        concat_ws(' ', rows.subject_id, rows.step_id, cast(rows.day as {{ type_text() }}), rows.contact),
        groups.failed_rules
    from {{ ref('chk_visits') }} as groups
    inner join {{ ref('int_visits') }} as rows
        on groups.study_id = rows.study_id
            and groups.subject_id = rows.subject_id
            and groups.day = rows.day
            and groups.contact = rows.contact
    left join visits_alone as alone
        on rows.study_id = alone.study_id
            and rows.block = alone.block
            and rows.src_row = alone.src_row
            and rows.slot_no = alone.slot_no
    where (groups.failed_rules & {{ rule_bit('visits', 'key:conflict') }}) <> 0 and alone.src_row is null
{% for entity, key in [
    ('scales', ['step_id', 'cast(held.day as ' ~ type_text() ~ ')', 'instrument_id', 'rater']),
    ('treatments', ['cast(held.start_day as ' ~ type_text() ~ ')', 'treatment_id', 'record_kind']),
    ('history', ['variable_id', 'cast(held.occasion as ' ~ type_text() ~ ')']),
    ('conditions', ['condition_id', 'relative']),
    ('genotypes', ['variant_id', 'assay']),
] %}
    union all

    select
        '{{ entity }}', held.study_id, held.src_form, held.src_row, held.block, held.slot_no,
        held.subject_id, concat_ws(' ', held.subject_id, {{ key | join(', ') }}),
        held.failed_rules
        + case when verdicts.verdict = 'conflict' then {{ rule_bit(entity, 'key:conflict') }} else 0 end
    from {{ ref('held_' ~ entity) }} as held
    left join {{ ref('dup_' ~ entity) }} as verdicts on {{ same_row('held', 'verdicts') }}
    where held.failed_rules <> 0 or verdicts.verdict = 'conflict'
    {% endfor %}
)

select
    refused.study_id,
    refused.entity,
    refused.src_form,
    refused.src_row,
    refused.block,
    cast(refused.slot_no as bigint) as slot_no,
    gate.rule,
    refused.subject_id,
    refused.row_key
from refused
inner join {{ ref('gate_rules') }} as gate
    on refused.entity = gate.entity and (refused.failed_rules & gate.bit_value) <> 0
