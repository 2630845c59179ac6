-- What CPIC recommends for the drugs that a genotyped person took. A research view, no medical advice.

with

recommendations as (
    select * from {{ ref('cpic_recommendations') }}
),

drugs as (
    select drug, guideline, max(gene1) as gene1, max(gene2) as gene2 from recommendations group by drug, guideline
),

phenotypes as (
    select * from {{ ref('pgx_phenotypes') }}
),

genotyped as (
    select distinct study_id, subject_id from phenotypes
),

taken as (
    select
        treatments.study_id,
        treatments.subject_id,
        treatments.treatment_id,
        min(treatments.start_day) as first_day
    from {{ ref('treatments') }} as treatments
    inner join genotyped on treatments.subject_id = genotyped.subject_id
    inner join drugs on treatments.treatment_id = drugs.drug
    group by treatments.study_id, treatments.subject_id, treatments.treatment_id
),

asked as (
    select
        taken.*,
        drugs.guideline,
        drugs.gene1,
        drugs.gene2,
        coalesce(first_gene.phenotype, 'No Result') as gene1_phenotype,
        first_gene.activity_text as gene1_activity,
        first_gene.call_status as gene1_call,
        case when drugs.gene2 is not null then coalesce(second_gene.phenotype, 'No Result') end as gene2_phenotype,
        second_gene.activity_text as gene2_activity,
        second_gene.call_status as gene2_call,
        coalesce(first_gene.table_version, second_gene.table_version) as table_version
    from taken
    inner join drugs on taken.treatment_id = drugs.drug
    left join phenotypes as first_gene
        on taken.subject_id = first_gene.subject_id and drugs.gene1 = first_gene.gene
    left join phenotypes as second_gene
        on taken.subject_id = second_gene.subject_id and drugs.gene2 = second_gene.gene
),

found as (
    select
        asked.*,
        recommendations.cpic_row_id,
        recommendations.recommendation_code,
        recommendations.strength,
        recommendations.start_dose_change_pct,
        recommendations.maintenance_dose_change_pct,
        recommendations.avoid_flag,
        recommendations.alternative_flag,
        recommendations.tdm_flag,
        -- A phenotype may have several rows that part by activity score (nortriptyline).
        case
            when contains(concat('|', recommendations.gene1_result, '|'), concat('|', asked.gene1_activity, '|')) then 0
            else 1
        end as is_other_score,
        count(recommendations.cpic_row_id) over (partition by asked.subject_id, asked.treatment_id) as n_rows
    from asked
    left join recommendations
        on
            asked.treatment_id = recommendations.drug
            and asked.gene1_phenotype = recommendations.gene1_phenotype
            and (asked.gene2_phenotype = recommendations.gene2_phenotype or recommendations.gene2 is null)
)

select
    study_id,
    subject_id,
    treatment_id,
    first_day,
    guideline,
    gene1,
    gene1_phenotype,
    gene1_activity,
    gene1_call,
    gene2,
    gene2_phenotype,
    gene2_activity,
    gene2_call,
    coalesce(recommendation_code, 'NO_RESULT') as recommendation_code,
    strength,
    start_dose_change_pct,
    maintenance_dose_change_pct,
    avoid_flag = 1 as is_avoid,
    alternative_flag = 1 as is_alternative_named,
    tdm_flag = 1 as is_tdm_advised,
    cast(cpic_row_id as bigint) as cpic_row_id,
    table_version
from found
where n_rows <= 1 or is_other_score = 0
