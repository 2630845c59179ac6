{{ config(materialized='table') }}

-- What is to happen with rows of genotypes that share a key.

{{ duplicates(ref('chk_genotypes'), ['subject_id', 'variant_id', 'assay'], ['effect_allele', 'other_allele', 'dosage', 'dosage_missing', 'genotype', 'build', 'imputation_r2', 'call'], by_step=false) }}
