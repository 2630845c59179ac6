-- The yardstick of `make bench` for STAR*D: the same tables of the common data model from the same Parquet in plain SQL, items
-- as a list, nothing checked: no gate, no duplicates, no missing reasons, no accounting. bench/run.py opens one view
-- per raw form and runs this file.

create table subjects as
select
    'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id,
    case sex when 'F' then 'female' when 'M' then 'male' end as sex,
    round(try_cast(interview_age as double) / 12, 1) as age,
    race,
    case ethnicity when 'Hispanic or Latino' then 'hispanic' when 'Not Hispanic or Latino' then 'not_hispanic' end as ethnicity,
    'mdd' as diagnosis,
    'stard' as study_id,
    'el01' as src_form,
    src_row
from el01
where pstat = '4';

create table visits as
select subject_id, step_id, day, max(week_label) as week_label, contact, 'attended' as status, 'stard' as study_id,
    min(src_form) as src_form, min(src_row) as src_row, count(*) as n_src
from (
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(days_baseline as bigint) as day, week as week_label, 'clinic' as contact, 'qids01' as src_form, src_row from qids01 where qvtot is null
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(days_baseline as bigint) as day, week as week_label, 'ivr' as contact, 'qids01' as src_form, src_row from qids01 where qvtot is not null
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(days_baseline as bigint) as day, week as week_label, 'clinic' as contact, 'ccv01' as src_form, src_row from ccv01 where true
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(days_baseline as bigint) as day, null as week_label, 'rater_phone' as contact, 'hrsd01' as src_form, src_row from hrsd01 where true
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(days_baseline as bigint) as day, null as week_label, 'rater_phone' as contact, 'idsc01' as src_form, src_row from idsc01 where true
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(days_baseline as bigint) as day, week as week_label, 'ivr' as contact, 'ivra01' as src_form, src_row from ivra01 where true
)
group by subject_id, step_id, day, contact;

create table steps as
select spans.*, arms.arm_assigned, exits.exit_reason, 'stard' as study_id
from (select subject_id, step_id, min(day) as start_day, max(day) as end_day from visits group by all) as spans
left join (
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, max(txassign) as arm_assigned
    from ivra01 where txassign is not null and txassign <> 'FU' group by all
) as arms using (subject_id, step_id)
left join (
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id,
        max(case trtmt when '2' then 'no_benefit' when '3' then 'remitted' when '4' then 'withdrew' end) as exit_reason
    from ccv01 where trtmt in ('2', '3', '4') group by all
) as exits using (subject_id, step_id);

insert into visits
select subject_id, step_id, start_day + planned, null, 'clinic', 'missed', 'stard', 'generated:schedule', null, 0
from steps, (values (14, 7, 20), (28, 21, 34), (42, 35, 51), (63, 52, 73), (84, 74, 94)) as schedule(planned, low, high)
where step_id not in ('0', 'FU') and not exists (
    select 1 from visits
    where visits.subject_id = steps.subject_id and visits.step_id = steps.step_id and visits.contact = 'clinic'
        and visits.day - steps.start_day between low and high
);

create table scales as
select *, score = item_total as total_agrees, coalesce(score, item_total) as score_used,
    case when score is not null then 'recorded' else 'items' end as score_basis
from (
    select *, list_aggregate(items, 'count') as n_items, cast(items[1] + items[2] + items[3] + items[4] + items[5] + items[6] + items[7] + items[8] + items[9] + items[10] + items[11] + items[12] + items[13] + items[14] + items[15] + items[16] + items[17] as double) as item_total
    from (
        select
            'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id,
            case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id,
            try_cast(days_baseline as bigint) as day,
            'HRSD17' as instrument_id,
            'assessor' as rater,
            'rater_phone' as contact,
            1 as occasion,
            try_cast(coalesce(hdtot_r, hdtot) as double) as score,
            case when coalesce(hdtot_r, hdtot) is null then 'blank' end as score_missing,
            [try_cast(hmdsd as float), try_cast(hvwsf as float), try_cast(hsuic as float), try_cast(hsoin as float), try_cast(hmnin as float), try_cast(hemin as float), try_cast(hintr as float), try_cast(hslow as float), try_cast(hagit as float), try_cast(hpanx as float), try_cast(hsanx as float), try_cast(happt as float), try_cast(hengy as float), try_cast(hsex as float), try_cast(hhypc as float), try_cast(hwl as float), try_cast(hinsg as float)] as items,
            'hrsd01' as src_form,
            src_row
        from hrsd01
        where true
    )
)
union all
select *, score = item_total as total_agrees, coalesce(score, item_total) as score_used,
    case when score is not null then 'recorded' else 'items' end as score_basis
from (
    select *, list_aggregate(items, 'count') as n_items, cast(greatest(items[1], items[2], items[3], items[4]) + items[5] + greatest(items[6], items[7], items[8], items[9]) + items[10] + items[11] + items[12] + items[13] + items[14] + greatest(items[15], items[16]) as double) as item_total
    from (
        select
            'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id,
            case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id,
            try_cast(days_baseline as bigint) as day,
            case version_form when 'Clinician' then 'QIDS_C16' else 'QIDS_SR16' end as instrument_id,
            case version_form when 'Clinician' then 'clinician' else 'self' end as rater,
            'clinic' as contact,
            1 as occasion,
            try_cast(qstot as double) as score,
            case when qstot is null then 'blank' end as score_missing,
            [try_cast(vsoin as float), try_cast(vmnin as float), try_cast(vemin as float), try_cast(vhysm as float), try_cast(vmdsd as float), try_cast(vapdc as float), try_cast(vapin as float), try_cast(vwtdc as float), try_cast(vwtin as float), try_cast(vcntr as float), try_cast(vvwsf as float), try_cast(vsuic as float), try_cast(vintr as float), try_cast(vengy as float), try_cast(vslow as float), try_cast(vagit as float)] as items,
            'qids01' as src_form,
            src_row
        from qids01
        where qvtot is null
    )
)
union all
select *, score = item_total as total_agrees, coalesce(score, item_total) as score_used,
    case when score is not null then 'recorded' else 'items' end as score_basis
from (
    select *, list_aggregate(items, 'count') as n_items, cast(null as double) as item_total
    from (
        select
            'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id,
            case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id,
            try_cast(days_baseline as bigint) as day,
            'QIDS_IVR16' as instrument_id,
            'self' as rater,
            'ivr' as contact,
            1 as occasion,
            try_cast(qvtot as double) as score,
            case when qvtot is null then 'blank' end as score_missing,
            null::float[] as items,
            'qids01' as src_form,
            src_row
        from qids01
        where qvtot is not null
    )
)
union all
select *, score = item_total as total_agrees, coalesce(score, item_total) as score_used,
    case when score is not null then 'recorded' else 'items' end as score_basis
from (
    select *, list_aggregate(items, 'count') as n_items, cast(items[1] + items[2] + items[3] + items[4] + items[5] + items[6] + items[7] + items[8] + items[9] + items[10] + items[15] + items[16] + items[17] + items[18] + items[19] + items[20] + items[21] + items[22] + items[23] + items[24] + items[25] + items[26] + items[27] + items[28] + items[29] + items[30] + greatest(items[11], items[12]) + greatest(items[13], items[14]) as double) as item_total
    from (
        select
            'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id,
            case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id,
            try_cast(days_baseline as bigint) as day,
            'IDS_C30' as instrument_id,
            'assessor' as rater,
            'rater_phone' as contact,
            1 as occasion,
            try_cast(ictot as double) as score,
            case when ictot is null then 'blank' end as score_missing,
            [try_cast(isoin as float), try_cast(imnin as float), try_cast(iemin as float), try_cast(ihysm as float), try_cast(imdsd as float), try_cast(iirtb as float), try_cast(ianx as float), try_cast(irct as float), try_cast(ivrtn as float), try_cast(iqty as float), try_cast(iapdc as float), try_cast(iapin as float), try_cast(iwtdc as float), try_cast(iwtin as float), try_cast(icntr as float), try_cast(ivwsf as float), try_cast(ivwfr as float), try_cast(isuic as float), try_cast(iintr as float), try_cast(iengy as float), try_cast(iplsr as float), try_cast(isex as float), try_cast(islow as float), try_cast(iagit as float), try_cast(ismtc as float), try_cast(isymp as float), try_cast(ipanc as float), try_cast(igas as float), try_cast(iintp as float), try_cast(ildn as float)] as items,
            'idsc01' as src_form,
            src_row
        from idsc01
        where true
    )
);

create table treatments as
select subject_id, start_day, treatment_id, 1 as occasion, 'visit_dose' as record_kind, step_id, dose, dose_unit,
    raw_name, 'stard' as study_id, 'ccv01' as src_form, src_row
from (
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, try_cast(days_baseline as bigint) as start_day, lower(medication1_name) as drug, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(medication1_dosage as double) as dose, medication1_name as raw_name, src_row from ccv01 where medication1_name is not null or medication1_dosage is not null
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, try_cast(days_baseline as bigint) as start_day, lower(medication2_name) as drug, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(medication2_dosage as double) as dose, medication2_name as raw_name, src_row from ccv01 where medication2_name is not null or medication2_dosage is not null
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, try_cast(days_baseline as bigint) as start_day, lower(medication3_name) as drug, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(medication3_dosage as double) as dose, medication3_name as raw_name, src_row from ccv01 where medication3_name is not null or medication3_dosage is not null
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, try_cast(days_baseline as bigint) as start_day, lower(medication4_name) as drug, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(medication4_dosage as double) as dose, medication4_name as raw_name, src_row from ccv01 where medication4_name is not null or medication4_dosage is not null
)
left join drug_synonyms on drug = synonym;

create table history as
select *, 'stard' as study_id
from (
    select subject_id, case slot_no when 1 then 'education_years' when 2 then 'household_size' when 3 then 'relatives_in_household' when 4 then 'friends_in_household' when 5 then 'residence_years' when 6 then 'residence_months' when 7 then 'earnings_monthly' when 8 then 'assistance_monthly' when 9 then 'unemployment_benefit_monthly' when 10 then 'other_income_monthly' when 11 then 'income' end as variable_id, 1 as occasion, try_cast(v as double) as value_num, null as value_code, null::bigint as as_of_day, null as value_missing, 'dm01' as src_form, src_row
    from (select *, case slot_no when 1 then educat when 2 then thous when 3 then relat when 4 then frend when 5 then resy when 6 then resm when 7 then mempl when 8 then massist when 9 then munempl when 10 then minc_other when 11 then totincom end as v from (select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, * from dm01), range(1, 12) as slots(slot_no)) where v is not null
    union all
    select subject_id, case slot_no when 1 then 'marital_status' when 2 then 'employment' when 3 then 'student' when 4 then 'dwelling' when 5 then 'tenure' when 6 then 'volunteer_work' when 7 then 'medical_leave' when 8 then 'insurance_medicare' when 9 then 'insurance_medicaid' when 10 then 'insurance_private' when 11 then 'partner_in_household' when 12 then 'earns_money' when 13 then 'public_assistance' when 14 then 'unemployment_benefit' when 15 then 'other_income' end as variable_id, 1 as occasion, null::double as value_num, v as value_code, null::bigint as as_of_day, null as value_missing, 'dm01' as src_form, src_row
    from (select *, case slot_no when 1 then marital when 2 then empl when 3 then student when 4 then resid when 5 then rtown when 6 then volun when 7 then leave when 8 then publica when 9 then medicaid when 10 then privins when 11 then spous when 12 then inc_curr when 13 then assist when 14 then unempl when 15 then otherinc end as v from (select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, * from dm01), range(1, 16) as slots(slot_no)) where v is not null
    union all
    select subject_id, case slot_no when 1 then 'dsm4_dm' when 2 then 'dsm4_di' when 3 then 'dsm4_cw' when 4 then 'dsm4_ih' when 5 then 'dsm4_pa' when 6 then 'dsm4_le' when 7 then 'dsm4_fw' when 8 then 'dsm4_dt' when 9 then 'dsm4_td' end as variable_id, 1 as occasion, null::double as value_num, v as value_code, null::bigint as as_of_day, null as value_missing, 'el01' as src_form, src_row
    from (select *, case slot_no when 1 then dsmdm when 2 then dsmdi when 3 then dsmcw when 4 then dsmih when 5 then dsmpa when 6 then dsmle when 7 then dsmfw when 8 then dsmdt when 9 then dsmtd end as v from (select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, * from el01), range(1, 10) as slots(slot_no)) where v is not null
    union all
    select subject_id, case slot_no when 1 then 'age_at_onset' when 2 then 'n_prior_episodes' when 3 then 'suicide_attempts' end as variable_id, 1 as occasion, try_cast(v as double) as value_num, null as value_code, null::bigint as as_of_day, null as value_missing, 'phx01' as src_form, src_row
    from (select *, case slot_no when 1 then dage when 2 then epino when 3 then etcmats end as v from (select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, * from phx01), range(1, 4) as slots(slot_no)) where v is not null
    union all
    select subject_id, case slot_no when 1 then 'episode_duration_days' end as variable_id, 1 as occasion, try_cast(v as double) as value_num, null as value_code, null::bigint as as_of_day, null as value_missing, 'phx01' as src_form, src_row
    from (select *, case slot_no when 1 then episode_date end as v from (select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, * from phx01), range(1, 2) as slots(slot_no)) where v is not null
    union all
    select subject_id, case slot_no when 1 then 'cirs_heart' when 2 then 'cirs_vsclr' when 3 then 'cirs_hema' when 4 then 'cirs_eyes' when 5 then 'cirs_ugi' when 6 then 'cirs_lgi' when 7 then 'cirs_renal' when 8 then 'cirs_genur' when 9 then 'cirs_mskl' when 10 then 'cirs_neuro' when 11 then 'cirs_psych' when 12 then 'cirs_respiratory' when 13 then 'cirs_liverd' when 14 then 'cirs_endod' end as variable_id, 1 as occasion, try_cast(v as double) as value_num, null as value_code, null::bigint as as_of_day, null as value_missing, 'crs01' as src_form, src_row
    from (select *, case slot_no when 1 then heart when 2 then vsclr when 3 then hema when 4 then eyes when 5 then ugi when 6 then lgi when 7 then renal when 8 then genur when 9 then mskl when 10 then neuro when 11 then psych when 12 then respiratory when 13 then liverd when 14 then endod end as v from (select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, * from crs01), range(1, 15) as slots(slot_no)) where v is not null
);

create table conditions as
select *, 'stard' as study_id
from (
    select subject_id, case slot_no when 1 then 'alcohol_use_disorder' when 2 then 'amphetamine_use_disorder' when 3 then 'cannabis_use_disorder' when 4 then 'opioid_use_disorder' when 5 then 'cocaine_use_disorder' when 6 then 'panic_with_agoraphobia' when 7 then 'panic_without_agoraphobia' when 8 then 'specific_phobia' when 9 then 'social_phobia' when 10 then 'ocd' when 11 then 'ptsd' when 12 then 'gad' when 13 then 'axis1_other' when 14 then 'borderline_pd' when 15 then 'dependent_pd' when 16 then 'antisocial_pd' when 17 then 'paranoid_pd' when 18 then 'pd_nos' when 19 then 'axis2_other' when 20 then 'premenstrual_worsening' when 21 then 'anorexia_nervosa' when 22 then 'bulimia_nervosa' end as condition_id, 'self' as relative, null::bigint as start_day, case v when '0' then 'absent' when '-9' then 'unknown' else 'present' end as status, 'lifetime' as timing, 'phx01' as code_system, v as code, 'phx01' as src_form, src_row
    from (select *, case slot_no when 1 then alcoh when 2 then amphet when 3 then cannibis when 4 then opioid when 5 then ax_cocaine when 6 then pd_ag when 7 then pd_noag when 8 then specphob when 9 then soc_phob when 10 then ocd_phx when 11 then psd when 12 then gad_phx when 13 then axi_oth when 14 then pd_border when 15 then pd_depend when 16 then pd_antis when 17 then pd_paran when 18 then pd_nos when 19 then axii_oth when 20 then wrsms when 21 then anorexia when 22 then bulimia end as v from (select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, * from phx01), range(1, 23) as slots(slot_no)) where v is not null
    union all
    select subject_id, case slot_no when 1 then 'depression' when 2 then 'depression' when 3 then 'depression' when 4 then 'depression' when 5 then 'bipolar_disorder' when 6 then 'bipolar_disorder' when 7 then 'bipolar_disorder' when 8 then 'bipolar_disorder' when 9 then 'alcohol_abuse' when 10 then 'alcohol_abuse' when 11 then 'alcohol_abuse' when 12 then 'alcohol_abuse' when 13 then 'drug_abuse' when 14 then 'drug_abuse' when 15 then 'drug_abuse' when 16 then 'drug_abuse' when 17 then 'suicide' when 18 then 'suicide' when 19 then 'suicide' when 20 then 'suicide' end as condition_id, case slot_no when 1 then 'any' when 2 then 'parent' when 3 then 'sibling' when 4 then 'child' when 5 then 'any' when 6 then 'parent' when 7 then 'sibling' when 8 then 'child' when 9 then 'any' when 10 then 'parent' when 11 then 'sibling' when 12 then 'child' when 13 then 'any' when 14 then 'parent' when 15 then 'sibling' when 16 then 'child' when 17 then 'any' when 18 then 'parent' when 19 then 'sibling' when 20 then 'child' end as relative, null::bigint as start_day, case v when '0' then 'absent' when '-9' then 'unknown' else 'present' end as status, 'family' as timing, 'phx01' as code_system, v as code, 'phx01' as src_form, src_row
    from (select *, case slot_no when 1 then dep when 2 then deppar when 3 then depsib when 4 then depchld when 5 then bip when 6 then bippar when 7 then bipsib when 8 then bipchld when 9 then alcohol when 10 then alcpar when 11 then alcsib when 12 then alcchld when 13 then drug_phx when 14 then drgpar when 15 then drgsib when 16 then drgchld when 17 then suic_phx when 18 then suicpar when 19 then suicsib when 20 then suicchld end as v from (select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, * from phx01), range(1, 21) as slots(slot_no)) where v is not null
);

checkpoint;
