{{ config(materialized='view') }}

-- One diplotype per person and gene: as a laboratory delivered it, else from single variants. Variants leave the phase
-- open, so two different alleles are taken to lie on different chromosomes; more than two alleles are ambiguous.

with

genes as (
    select * from {{ ref('cpic_genes') }}
),

copies as (
    select * from {{ ref('pgx_copies') }}
),

told as (
    select
        calls.study_id,
        calls.subject_id,
        genes.gene,
        calls.genotype as diplotype,
        row_number() over (partition by calls.subject_id, genes.gene order by calls.assay) as place
    from {{ ref('genotypes') }} as calls
    inner join genes on calls.variant_id = genes.gene
    where calls.call = 'called' and calls.genotype is not null
),

delivered as (
    select * from told where place = 1
),

tested as (
    select
        copies.study_id,
        copies.subject_id,
        copies.gene,
        count(distinct copies.defining_rsid) as n_variants_tested,
        count(distinct case
            when contains(concat(';', genes.required_rsids, ';'), concat(';', copies.defining_rsid, ';'))
                then copies.defining_rsid
        end) as n_required_tested,
        sum(copies.n_copies) as n_variant_alleles,
        -- Alleles that variants tell are plain numbers.
        concat('*', min(case when copies.n_copies > 0 then {{ allele_number('copies.allele') }} end)) as first_allele,
        concat('*', max(case when copies.n_copies > 0 then {{ allele_number('copies.allele') }} end)) as last_allele
    from copies
    inner join genes on copies.gene = genes.gene
    group by copies.study_id, copies.subject_id, copies.gene
),

made as (
    select
        tested.*,
        genes.needs_structure,
        case
            when tested.n_required_tested < genes.n_required then 'incomplete'
            when tested.n_variant_alleles > 2 then 'ambiguous'
            when genes.needs_structure then 'no_structural_call'
            else 'called'
        end as call_status,
        case
            when tested.n_required_tested < genes.n_required or tested.n_variant_alleles > 2 then null
            when tested.n_variant_alleles = 0 then '*1/*1'
            when tested.n_variant_alleles = 1 then concat('*1/', tested.first_allele)
            else concat(tested.first_allele, '/', tested.last_allele)
        end as diplotype
    from tested
    inner join genes on tested.gene = genes.gene
)

select
    study_id,
    subject_id,
    gene,
    'delivered' as called_from,
    'called' as call_status,
    diplotype,
    cast(null as bigint) as n_variants_tested
from delivered
union all
select
    made.study_id,
    made.subject_id,
    made.gene,
    'variants',
    made.call_status,
    made.diplotype,
    cast(made.n_variants_tested as bigint)
from made
left join delivered on made.subject_id = delivered.subject_id and made.gene = delivered.gene
where delivered.subject_id is null
