-- The second identity: candidates = accepted + merged + quarantined, per study and table; rows the system makes
-- are counted as generated. The three are counted from different tables.

with

candidates as (
    select study_id, entity, cast(sum(n_rows) as bigint) as n_rows
    from {{ ref('form_rows') }}
    where fate = 'used'
    group by study_id, entity
    having sum(n_rows) > 0
),

accepted as (
    {% for entity in ['subjects', 'steps', 'visits', 'scales', 'treatments', 'history', 'conditions', 'genotypes'] %}
    select
        study_id,
        '{{ entity }}' as entity,
        count(*) filter (where n_src > 0) as n_rows,
        coalesce(sum(n_src), 0) as n_merged_in,
        count(*) filter (where n_src = 0) as n_generated
    from {{ ref(entity) }}
    group by study_id
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

quarantined as (
    select study_id, entity, count(*) as n_rows
    from (select distinct study_id, entity, src_form, src_row, block, slot_no from {{ ref('quarantine') }}) as refused
    group by study_id, entity
)

select
    coalesce(candidates.study_id, accepted.study_id) as study_id,
    coalesce(candidates.entity, accepted.entity) as entity,
    coalesce(candidates.n_rows, 0) as n_candidates,
    coalesce(accepted.n_rows, 0) as n_accepted,
    cast(coalesce(accepted.n_merged_in, 0) - coalesce(accepted.n_rows, 0) as bigint) as n_merged,
    coalesce(quarantined.n_rows, 0) as n_quarantined,
    coalesce(accepted.n_generated, 0) as n_generated
from candidates
full join accepted on candidates.study_id = accepted.study_id and candidates.entity = accepted.entity
left join quarantined
    on candidates.study_id = quarantined.study_id and candidates.entity = quarantined.entity
