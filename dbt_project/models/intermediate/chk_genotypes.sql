{{ config(materialized='candidates') }}

with

candidates as (
    select * from {{ ref('int_genotypes') }}
),

placed as (
    select
        candidates.*,
        {{ parent_fate('candidates', 'persons') }} as parent,
        false as key_conflict
    from candidates
    left join {{ ref('chk_subjects') }} as persons
        on candidates.subject_id = persons.subject_id
)

select
    study_id,
    subject_id,
    variant_id,
    assay,
    effect_allele,
    other_allele,
    dosage,
    dosage_missing,
    genotype,
    build,
    imputation_r2,
    call,
    src_form,
    src_row,
    block,
    block_no,
    slot_no,
    boundary_allowed,
    issue_mask,
    {{ gate_mask_genotypes() }} as failed_rules
from placed
