-- The yardstick of `make bench` for iSPOT-D: the tables of the common data model from the same Parquet in plain SQL,
-- nothing checked. bench/run.py opens one view per raw form and runs this file.

create macro known(v) as nullif(v, '-99');

create view persons as
select 'ispotd-' || left(md5(getvariable('trd_pseudonym_key') || ':ispotd:' || subjectid), 16) as subject_id, *
from clinical;

create table subjects as
select
    subject_id,
    case sex when '1' then 'male' when '2' then 'female' end as sex,
    try_cast(age as double) as age,
    case ethnicity when '1' then 'White' when '2' then 'Black or African American' when '3' then 'Asian'
        when '5' then 'Native Hawaiian or Other Pacific Islander' when '6' then 'Other' end as race,
    case ethnicity when '4' then 'hispanic' end as ethnicity,
    dense_rank() over (order by try_cast(site as bigint)) as site_no,
    case diagnosis when '0' then 'control' when '1' then 'mdd' end as diagnosis,
    treatedbefore = '0' as treatment_naive,
    case when treatedbefore = '0' or treatedbefore = '1' and washout7d = '1' then 'antidepressant_free' end as analysis_flags,
    'ispotd' as study_id,
    'clinical' as src_form,
    src_row
from persons;

create view contacts as
select subject_id, diagnosis as step_id, 0 as day, '0' as week_label, hdrs17_bl as score, 'HRSD17' as instrument_id, 'clinic' as contact, src_row from persons
union all
select subject_id, diagnosis, 56, '8', hdrs17_w8, 'HRSD17', 'clinic', src_row from persons
union all
select subject_id, diagnosis, 0, '0', qidssr_bl, 'QIDS_SR16', case qidsmode_bl when '2' then 'rater_phone' else 'web' end, src_row from persons
union all
select subject_id, diagnosis, 14, '2', qidssr_w2, 'QIDS_SR16', case qidsmode_w2 when '2' then 'rater_phone' else 'web' end, src_row from persons
union all
select subject_id, diagnosis, 28, '4', qidssr_w4, 'QIDS_SR16', case qidsmode_w4 when '2' then 'rater_phone' else 'web' end, src_row from persons
union all
select subject_id, diagnosis, 42, '6', qidssr_w6, 'QIDS_SR16', case qidsmode_w6 when '2' then 'rater_phone' else 'web' end, src_row from persons
union all
select subject_id, diagnosis, 56, '8', qidssr_w8, 'QIDS_SR16', case qidsmode_w8 when '2' then 'rater_phone' else 'web' end, src_row from persons;

create table scales as
select
    subject_id, step_id, day, instrument_id,
    case instrument_id when 'HRSD17' then 'clinician' else 'self' end as rater,
    contact, 1 as occasion, try_cast(score as double) as score, null::varchar as score_missing, null::float[] as items,
    null::bigint as n_items, null::double as item_total, null::boolean as total_agrees,
    try_cast(score as double) as score_used, 'recorded' as score_basis, 'ispotd' as study_id, 'clinical' as src_form, src_row
from contacts
where known(score) is not null;

create table visits as
select subject_id, step_id, day, max(week_label) as week_label, contact, 'attended' as status, 'ispotd' as study_id,
    'clinical' as src_form, min(src_row) as src_row, count(*) as n_src
from contacts
where known(score) is not null
group by subject_id, step_id, day, contact;

create table steps as
select
    subject_id, '1' as step_id, 0 as start_day, try_cast(round(try_cast(known(weekstreated) as double) * 7) as bigint) as end_day,
    arm as arm_assigned,
    case when completedw8 = '1' then 'completed' else case reasonleft when '1' then 'no_benefit' when '2' then 'intolerance'
        when '3' then 'lost' when '4' then 'withdrew' else 'unknown' end end as exit_reason,
    'ispotd' as study_id
from persons
where diagnosis = '1'
union all
select subject_id, '0', 0, 0, null, null, 'ispotd' from persons where diagnosis = '0';

insert into visits
select subject_id, step_id, planned, week, contact, case when planned <= end_day then 'missed' else 'after_exit' end,
    'ispotd', 'generated:schedule', null, 0
from steps, (values (0, '0', 'clinic'), (56, '8', 'clinic'), (0, '0', 'web'), (14, '2', 'web'), (28, '4', 'web'), (42, '6', 'web'), (56, '8', 'web'))
    as schedule(planned, week, way)
    , lateral (select way as contact)
where step_id = '1' and not exists (
    select 1 from visits
    where visits.subject_id = steps.subject_id and visits.day = planned and (visits.contact = 'clinic') = (way = 'clinic')
);

insert into visits
select subject_id, '1', planned, week, 'clinic', 'not_scheduled', 'ispotd', 'generated:schedule', null, 0
from steps, (values (14, '2'), (28, '4'), (42, '6')) as schedule(planned, week)
where step_id = '1';

create table treatments as
select subject_id, start_day, case arm when 'ESC' then 'escitalopram' when 'SER' then 'sertraline' when 'VEN' then 'venlafaxine' end as treatment_id,
    1 as occasion, record_kind, '1' as step_id, dose, 'mg_day' as dose_unit, arm as raw_name, end_day,
    'ispotd' as study_id, 'clinical' as src_form, src_row
from (
    select subject_id, arm, src_row, 14 as start_day, null::bigint as end_day, 'visit_dose' as record_kind, try_cast(known(dosew2_mg) as double) as dose from persons where known(dosew2_mg) is not null
    union all
    select subject_id, arm, src_row, 28, null, 'visit_dose', try_cast(dosew4_mg as double) from persons where known(dosew4_mg) is not null
    union all
    select subject_id, arm, src_row, 42, null, 'visit_dose', try_cast(dosew6_mg as double) from persons where known(dosew6_mg) is not null
    union all
    select subject_id, arm, src_row, 56, null, 'visit_dose', try_cast(dosew8_mg as double) from persons where known(dosew8_mg) is not null
    union all
    select subject_id, arm, src_row, 0, try_cast(round(try_cast(weekstreated as double) * 7) as bigint), 'interval', null from persons where known(weekstreated) is not null
)
where arm is not null;

create table history as
select subject_id, variable_id, 1 as occasion, value_num, value_code, 0 as as_of_day,
    case when value_num is null and value_code is null then 'unknown' end as value_missing, 'ispotd' as study_id, 'clinical' as src_form, src_row
from (
    select subject_id, src_row, 'education_years' as variable_id, try_cast(known(yrseducation) as double) as value_num, null as value_code from persons where yrseducation is not null
    union all
    select subject_id, src_row, 'age_at_onset', try_cast(known(ageonset) as double), null from persons where ageonset is not null
    union all
    select subject_id, src_row, 'n_prior_episodes', try_cast(known(numepisodes) as double), null from persons where numepisodes is not null
    union all
    select subject_id, src_row, 'episode_duration_days', try_cast(known(episodeweeks) as double) * 7, null from persons where episodeweeks is not null
    union all
    select subject_id, src_row, 'anxious_depression', null, case anxiousfeat when '0' then 'no' when '1' then 'yes' end from persons where anxiousfeat is not null
    union all
    select subject_id, src_row, 'prior_antidepressant', null, case treatedbefore when '0' then 'no' when '1' then 'yes' end from persons where treatedbefore is not null
    union all
    select subject_id, src_row, 'antidepressant_washout', null, case washout7d when '0' then 'no' when '1' then 'yes' end from persons where washout7d is not null
    union all
    select subject_id, src_row, 'country', null, case country when '1' then 'united_states' when '2' then 'australia' when '3' then 'new_zealand' when '4' then 'netherlands' when '5' then 'south_africa' end from persons where country is not null
    union all
    select subject_id, src_row, 'prior_failed_trials', 0, null from persons where diagnosis = '1'
);

create table conditions as
select subject_id, condition_id, 'self' as relative, null::bigint as start_day,
    case code when '0' then 'absent' when '1' then 'present' else 'unknown' end as status, 'current' as timing,
    'MINI' as code_system, code, 'ispotd' as study_id, 'clinical' as src_form, src_row
from (
    select subject_id, src_row, 'gad' as condition_id, minigad as code from persons
    union all
    select subject_id, src_row, 'social_phobia', minisocph from persons
    union all
    select subject_id, src_row, 'ptsd', miniptsd from persons
)
where code is not null;

create table genotypes as
select
    subject_id, variant_id, 'abcb1_candidates' as assay, effect_allele, other_allele,
    case when genotype <> '0/0' then (left(genotype, 1) = effect_allele)::int + (right(genotype, 1) = effect_allele)::int end::double as dosage,
    nullif(genotype, '0/0') as genotype,
    case genotype when '0/0' then 'failed' else 'called' end as call, 'ispotd' as study_id, 'clinical' as src_form, src_row
from (unpivot (select subject_id, src_row, columns('^rs[0-9]+$') from persons) on columns('^rs[0-9]+$') into name variant_id value genotype)
inner join (values
    ('rs10245483', 'T', 'G'), ('rs2032583', 'C', 'T'), ('rs2235015', 'A', 'C'), ('rs2235040', 'A', 'G'), ('rs1128503', 'T', 'C'),
    ('rs1045642', 'T', 'C'), ('rs7787082', 'A', 'G'), ('rs11983225', 'C', 'T'), ('rs4148739', 'G', 'A'), ('rs2235067', 'A', 'G')
) as alleles(variant, effect_allele, other_allele) on variant_id = variant;

checkpoint;
