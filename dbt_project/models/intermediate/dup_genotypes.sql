{{ config(materialized='table') }}

-- What is to happen with the genotypes that were held back.

{{ verdicts(ref('held_genotypes'), ['subject_id', 'variant_id', 'assay'], ['effect_allele', 'other_allele', 'dosage', 'dosage_missing', 'genotype', 'build', 'imputation_r2', 'call'], by_step=false) }}
