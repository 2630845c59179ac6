-- Who was genotyped, in which set, and whether quality control lets the sample be used.

with

known as (
    select * from {{ ref('genotyped_samples') }}
    where is_in_study
),

ranked as (
    select
        known.*,
        row_number() over (
            partition by subject_id
            order by
                case when exclusion is null then 0 else 1 end asc, call_rate desc, set_id asc, matrix_row asc
        ) as place
    from known
)

select
    study_id,
    subject_id,
    set_id,
    matrix_row,
    place = 1 as is_chosen,
    exclusion is null as passed_qc,
    exclusion,
    array_name,
    batch,
    build,
    strand,
    call_rate,
    heterozygosity,
    x_f,
    sex_genetic,
    sex_recorded,
    kinship_max,
    related_group,
    pc1,
    pc2,
    pc3,
    pc4,
    pc5,
    pc6,
    pc7,
    pc8,
    pc9,
    pc10
from ranked
