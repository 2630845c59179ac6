-- From diplotype to activity to phenotype, by the CPIC tables.

with

diplotypes as (
    select * from {{ ref('pgx_diplotypes') }}
),

alleles as (
    select
        gene,
        allele,
        function,
        try_cast(replace(activity_value, '≥', '') as double) as activity,
        contains(activity_value, '≥') as is_at_least
    from {{ ref('cpic_alleles') }}
),

sides as (
    select subject_id, gene, 1 as side, split_part(diplotype, '/', 1) as haplotype from diplotypes
    where diplotype is not null
    union all
    select subject_id, gene, 2 as side, split_part(diplotype, '/', 2) as haplotype from diplotypes
    where diplotype is not null
),

-- A haplotype may hold two genes in a row (*36+*10), and either in several copies (*1x2).
parts as (
    select subject_id, gene, side, split_part(haplotype, '+', 1) as part from sides
    union all
    select subject_id, gene, side, split_part(haplotype, '+', 2) as part from sides
    where contains(haplotype, '+')
),

valued as (
    select
        parts.subject_id,
        parts.gene,
        parts.side,
        coalesce(whole.activity, single.activity * {{ copies_in('parts.part') }}) as activity,
        coalesce(whole.is_at_least, false) as is_at_least,
        coalesce(whole.function, single.function) as function
    from parts
    left join alleles as whole on parts.gene = whole.gene and parts.part = whole.allele
    left join alleles as single on parts.gene = single.gene and {{ one_copy('parts.part') }} = single.allele
),

by_side as (
    select
        subject_id,
        gene,
        side,
        case when count(*) = count(activity) then sum(activity) end as activity,
        max(case when is_at_least then 1 else 0 end) as is_at_least,
        case when count(*) = count(function) then min(function) end as function
    from valued
    group by subject_id, gene, side
),

summed as (
    select
        subject_id,
        gene,
        case when count(activity) = 2 then sum(activity) end as activity_score,
        max(is_at_least) as is_at_least,
        case when count(function) = 2 then concat(min(function), ' + ', max(function)) end as function_pair
    from by_side
    group by subject_id, gene
),

ruled as (
    select
        diplotypes.*,
        summed.activity_score,
        summed.is_at_least,
        summed.function_pair,
        coalesce(by_score.phenotype, by_pair.phenotype) as phenotype_of_table
    from diplotypes
    left join summed on diplotypes.subject_id = summed.subject_id and diplotypes.gene = summed.gene
    left join {{ ref('cpic_phenotype_rules') }} as by_score
        on diplotypes.gene = by_score.gene and by_score.rule_type = 'activity_score'
            and summed.activity_score >= by_score.lower
            and summed.activity_score <= coalesce(by_score.upper, summed.activity_score)
    left join {{ ref('cpic_phenotype_rules') }} as by_pair
        on diplotypes.gene = by_pair.gene and by_pair.rule_type = 'function_pair'
            and summed.function_pair = by_pair.function_pair
)

select
    ruled.study_id,
    ruled.subject_id,
    ruled.gene,
    ruled.called_from,
    case
        when ruled.call_status = 'called' and ruled.phenotype_of_table is null then 'allele_not_in_table'
        else ruled.call_status
    end as call_status,
    ruled.diplotype,
    ruled.function_pair,
    ruled.activity_score,
    case
        when ruled.activity_score is null then null
        when ruled.is_at_least = 1 then concat('≥', cast(ruled.activity_score as {{ type_text() }}))
        else cast(ruled.activity_score as {{ type_text() }})
    end as activity_text,
    case
        when ruled.call_status = 'called' then coalesce(ruled.phenotype_of_table, 'Indeterminate')
        else 'No Result'
    end as phenotype,
    case when ruled.call_status = 'no_structural_call' then ruled.phenotype_of_table end
        as phenotype_if_two_plain_copies,
    ruled.n_variants_tested,
    genes.table_version
from ruled
inner join {{ ref('cpic_genes') }} as genes on ruled.gene = genes.gene
