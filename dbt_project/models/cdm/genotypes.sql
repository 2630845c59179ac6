{{ config(materialized='settled') }}

select
    candidates.subject_id,
    candidates.variant_id,
    candidates.assay,
    candidates.effect_allele,
    candidates.other_allele,
    candidates.dosage,
    candidates.dosage_missing,
    candidates.genotype,
    candidates.build,
    candidates.imputation_r2,
    candidates.call,
    candidates.study_id,
    candidates.src_form,
    candidates.src_row,
    coalesce(verdicts.n_src, 1) as n_src
from {{ ref('chk_genotypes') }} as candidates
left join {{ ref('dup_genotypes') }} as verdicts on {{ same_row('candidates', 'verdicts') }}
where coalesce(verdicts.verdict, 'keep') = 'keep'
