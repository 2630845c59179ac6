{{ config(materialized='view') }}

-- Every sample of every landed set, with the first rule that keeps it out: the laboratory's own first, then whether the
-- sex by the X chromosome is the one that the study has on record.

with

samples as (
    select * from {{ ref('int_genotype_persons') }}
),

typed as (
    select
        samples.study_id,
        samples.subject_id,
        samples.set_id,
        {{ to_integer('samples.matrix_row') }} as matrix_row,
        samples.array_name,
        samples.batch,
        samples.build,
        samples.strand,
        samples.sex_genetic,
        subjects.subject_id is not null as is_in_study,
        subjects.sex as sex_recorded,
        samples.exclusion as exclusion_of_set,
        {{ to_integer('samples.related_group') }} as related_group,
        {{ to_double('samples.x_f') }} as x_f,
        {{ to_double('samples.call_rate') }} as call_rate,
        {{ to_double('samples.heterozygosity') }} as heterozygosity,
        {{ to_double('samples.kinship_max') }} as kinship_max,
        {{ to_double('samples.pc1') }} as pc1,
        {{ to_double('samples.pc2') }} as pc2,
        {{ to_double('samples.pc3') }} as pc3,
        {{ to_double('samples.pc4') }} as pc4,
        {{ to_double('samples.pc5') }} as pc5,
        {{ to_double('samples.pc6') }} as pc6,
        {{ to_double('samples.pc7') }} as pc7,
        {{ to_double('samples.pc8') }} as pc8,
        {{ to_double('samples.pc9') }} as pc9,
        {{ to_double('samples.pc10') }} as pc10
    from samples
    left join {{ ref('subjects') }} as subjects on samples.subject_id = subjects.subject_id
)

select
    typed.*,
    case
        when subject_id is null then 'no_key'
        when not is_in_study then 'not_in_study'
        when exclusion_of_set is not null then exclusion_of_set
        when sex_genetic is not null and sex_recorded in ('female', 'male') and sex_genetic <> sex_recorded
            then 'sex_mismatch_study'
    end as exclusion
from typed
