-- The yardstick of `make bench` for MARS: the tables of the common data model from the same Parquet in plain SQL,
-- nothing checked. bench/run.py opens one view per raw form and runs this file.

create macro known(v) as nullif(v, 'k.A.');
create macro day_of(v) as try_strptime(v, '%d.%m.%Y')::date;
create macro number_of(v) as try_cast(replace(v, ',', '.') as double);
create macro step_of(v) as case v when '1' then 'TAU' when '2' then 'E1' when '3' then 'E2' when '4' then 'E3' end;
create macro person_of(v) as 'mars-' || left(md5(getvariable('trd_pseudonym_key') || ':mars:' || v), 16);
create macro days_between(a, b) as date_diff('day', day_of(a), day_of(b));

create table subjects as
select
    person_of(patid) as subject_id,
    case geschlecht when 'weiblich' then 'female' when 'männlich' then 'male' when 'divers' then 'other' end as sex,
    year(day_of(ersteinschluss)) - number_of(known(gebjahr)) as age,
    case left(diagnose_icd10, 3) when 'F31' then 'bipolar_depression' else 'mdd' end as diagnosis,
    case when diagnose_icd10 in ('F31.5', 'F32.3', 'F33.3') then 'psychotic' end as analysis_flags,
    dense_rank() over (order by klinik) as site_no, 'inpatient' as setting, 'mars' as study_id, 'patienten' as src_form, src_row
from patienten
where aufnahme_nr = '1';

create table visits as
select subject_id, step_id, day, max(week_label) as week_label, 'inpatient' as contact, 'attended' as status, 'mars' as study_id,
    'hamd' as src_form, min(src_row) as src_row, count(*) as n_src
from (
    select person_of(patid) as subject_id, step_of(aufnahme_nr) as step_id, days_between(ersteinschluss, datum) as day, woche as week_label, src_row
    from hamd
)
group by subject_id, step_id, day;

create table steps as
select person_of(patid) as subject_id, step_of(aufnahme_nr) as step_id, days_between(ersteinschluss, aufnahme) as start_day,
    days_between(ersteinschluss, beobachtungsende) as end_day, 'TAU' as arm_assigned,
    case entlassungsart when 'E' then 'discharge' when 'A' then 'withdrew' when 'V' then 'lost' when 'B' then 'completed' end as exit_reason,
    'mars' as study_id
from patienten;

insert into visits
select subject_id, step_id, start_day + planned, week, 'inpatient', case when planned <= end_day - start_day then 'missed' else 'after_exit' end,
    'mars', 'generated:schedule', null, 0
from steps, (values
    (7, '1', 4, 10), (14, '2', 11, 17), (21, '3', 18, 24), (28, '4', 25, 31), (35, '5', 32, 38), (42, '6', 39, 48), (56, '8', 49, 62),
    (70, '10', 63, 76), (84, '12', 77, 90), (98, '14', 91, 104), (112, '16', 105, 115)) as schedule(planned, week, low, high)
where not exists (
    select 1 from visits
    where visits.subject_id = steps.subject_id and visits.step_id = steps.step_id and visits.day - steps.start_day between low and high
);

create table scales as
select *, list_aggregate(items, 'count') as n_items, list_sum(items)::double as item_total,
    score = list_sum(items) as total_agrees, coalesce(score, list_sum(items)) as score_used,
    case when score is not null then 'recorded' else 'items' end as score_basis
from (
    select person_of(patid) as subject_id, step_of(aufnahme_nr) as step_id, days_between(ersteinschluss, datum) as day, 'HRSD21' as instrument_id,
        'clinician' as rater, 'inpatient' as contact, 1 as occasion, number_of(known(hamd21_summe)) as score,
        case when known(hamd21_summe) is null then 'blank' end as score_missing,
        [try_cast(hamd01 as float), try_cast(hamd02 as float), try_cast(hamd03 as float), try_cast(hamd04 as float), try_cast(hamd05 as float), try_cast(hamd06 as float), try_cast(hamd07 as float), try_cast(hamd08 as float), try_cast(hamd09 as float), try_cast(hamd10 as float), try_cast(hamd11 as float), try_cast(hamd12 as float), try_cast(hamd13 as float), try_cast(hamd14 as float), try_cast(hamd15 as float), try_cast(hamd16 as float), try_cast(hamd17 as float), try_cast(hamd18 as float), try_cast(hamd19 as float), try_cast(hamd20 as float), try_cast(hamd21 as float)] as items,
        'mars' as study_id, 'hamd' as src_form, src_row
    from hamd
    union all
    select person_of(patid), step_of(aufnahme_nr), days_between(ersteinschluss, datum), 'HRSD17', 'clinician', 'inpatient', 1, null, 'not_collected',
        [try_cast(hamd01 as float), try_cast(hamd02 as float), try_cast(hamd03 as float), try_cast(hamd04 as float), try_cast(hamd05 as float), try_cast(hamd06 as float), try_cast(hamd07 as float), try_cast(hamd08 as float), try_cast(hamd09 as float), try_cast(hamd10 as float), try_cast(hamd11 as float), try_cast(hamd12 as float), try_cast(hamd13 as float), try_cast(hamd14 as float), try_cast(hamd15 as float), try_cast(hamd16 as float), try_cast(hamd17 as float)],
        'mars', 'hamd', src_row
    from hamd
);

create table treatments as
select person_of(patid) as subject_id, days_between(ersteinschluss, beginn) as start_day, days_between(ersteinschluss, ende) as end_day,
    treatment_id, 1 as occasion, case art when 'V' then 'history_trial' else 'interval' end as record_kind,
    case when art is distinct from 'V' then step_of(aufnahme_nr) end as step_id, number_of(known(dosis_mg)) as dose, dose_unit,
    wirkstoff as raw_name, case when art is distinct from 'V' then number_of(known(spiegel_ng_ml)) end as plasma_level,
    'mars' as study_id, 'medikation' as src_form, src_row
from medikation
left join drug_synonyms on lower(wirkstoff) = synonym;

create table history as
select subject_id, variable_id, occasion, value_num, value_code, as_of_day,
    case when value_num is null and value_code is null then 'unknown' end as value_missing, 'mars' as study_id, 'patienten' as src_form, src_row
from (
    select person_of(patid) as subject_id, try_cast(aufnahme_nr as bigint) as occasion, days_between(ersteinschluss, aufnahme) as as_of_day, src_row, slot.*
    from patienten, lateral (
        select 'age_at_onset' as variable_id, number_of(known(ersterkrankung_alter)) as value_num, null as value_code, ersterkrankung_alter is not null as there
        union all
        select 'n_prior_episodes', number_of(known(episoden)), null, episoden is not null
        union all
        select 'prior_failed_trials', number_of(known(vortherapien_ohne_erfolg)), null, vortherapien_ohne_erfolg is not null
        union all
        select 'education_years', number_of(known(ausbildungsjahre)), null, ausbildungsjahre is not null
        union all
        select 'episode_duration_days', number_of(known(episodendauer_wochen)) * 7, null, episodendauer_wochen is not null
        union all
        select 'migration_background', null, case migration when 'J' then 'yes' when 'N' then 'no' end, migration is not null
        union all
        select 'discharge_letter_response', null, case ansprechen when 'A' then 'met' when 'N' then 'not_met' end, ansprechen is not null
        union all
        select 'discharge_letter_remission', null, case remission_arztbrief when 'J' then 'met' when 'N' then 'not_met' end, remission_arztbrief is not null
    ) as slot
)
where there;

create table conditions as
select person_of(patid) as subject_id, 'psychotic_features' as condition_id, 'self' as relative, days_between(ersteinschluss, aufnahme) as start_day,
    case when diagnose_icd10 in ('F31.5', 'F32.3', 'F33.3') then 'present' else 'absent' end as status, 'current' as timing, 'ICD-10' as code_system,
    diagnose_icd10 as code, 'mars' as study_id, 'patienten' as src_form, src_row
from patienten
union all
select person_of(patid), 'bipolar_disorder', 'self', days_between(ersteinschluss, aufnahme),
    case left(diagnose_icd10, 3) when 'F31' then 'present' else 'absent' end, 'current', 'ICD-10', diagnose_icd10, 'mars', 'patienten', src_row
from patienten;

checkpoint;
