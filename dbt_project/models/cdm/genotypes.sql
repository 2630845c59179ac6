select
    checked.subject_id,
    checked.variant_id,
    checked.assay,
    checked.effect_allele,
    checked.other_allele,
    checked.dosage,
    checked.dosage_missing,
    checked.genotype,
    checked.build,
    checked.imputation_r2,
    checked.call,
    checked.study_id,
    checked.src_form,
    checked.src_row,
    coalesce(twins.n_src, 1) as n_src
from {{ ref('chk_genotypes') }} as checked
left join {{ ref('dup_genotypes') }} as twins on {{ same_row('checked', 'twins') }}
where checked.failed_rules = 0 and coalesce(twins.verdict, 'keep') = 'keep'
