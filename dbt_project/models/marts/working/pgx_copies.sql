{{ config(materialized='view') }}

-- Copies of each star allele that single variants tell, per person: of several assays the one whose name comes first. A
-- variant that also stands on another haplotype counts for its own allele only as far as the other leaves it over.

with

calls as (
    select * from {{ ref('genotypes') }}
    where call = 'called' and dosage is not null
),

tellers as (
    select
        alleles.gene,
        alleles.allele,
        alleles.defining_rsid,
        alleles.ref_plus,
        alleles.variant_plus
    from {{ ref('cpic_alleles') }} as alleles
    inner join {{ ref('cpic_genes') }} as genes on alleles.gene = genes.gene
    where alleles.structural = 0 and alleles.defining_rsid is not null and genes.called_from_variants
),

met as (
    select
        calls.study_id,
        calls.subject_id,
        calls.assay,
        calls.dosage,
        tellers.gene,
        tellers.allele,
        tellers.defining_rsid,
        {{ on_strand('calls.effect_allele', 'calls.other_allele', 'tellers.variant_plus', 'tellers.ref_plus') }}
            as counts_variant,
        {{ on_strand('calls.other_allele', 'calls.effect_allele', 'tellers.variant_plus', 'tellers.ref_plus') }}
            as counts_reference,
        -- The other alternative of a position with three alleles: the reference is known not to be this one.
        calls.effect_allele = tellers.ref_plus or calls.other_allele = tellers.ref_plus as has_reference
    from calls
    inner join tellers on calls.variant_id = tellers.defining_rsid
),

counted as (
    select
        study_id,
        subject_id,
        assay,
        gene,
        allele,
        defining_rsid,
        case
            when counts_variant then round(dosage)
            when counts_reference then 2 - round(dosage)
            when has_reference then 0
        end as n_raw
    from met
),

chosen as (
    select
        counted.*,
        row_number() over (partition by subject_id, gene, allele order by assay) as place
    from counted
    where n_raw is not null
),

one as (
    select * from chosen where place = 1
),

taken as (
    select
        one.subject_id,
        one.gene,
        backgrounds.allele,
        sum(one.n_raw) as n_elsewhere
    from one
    inner join {{ ref('cpic_backgrounds') }} as backgrounds
        on one.gene = backgrounds.gene and one.allele = backgrounds.within
    group by one.subject_id, one.gene, backgrounds.allele
)

select
    one.study_id,
    one.subject_id,
    one.gene,
    one.allele,
    one.defining_rsid,
    greatest(one.n_raw - coalesce(taken.n_elsewhere, 0), 0) as n_copies
from one
left join taken
    on one.subject_id = taken.subject_id and one.gene = taken.gene and one.allele = taken.allele
