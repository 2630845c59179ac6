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
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, '0' as step_id, try_cast(days_baseline as bigint) as day, null as week_label, 'clinic' as contact, 'pdsq01' as src_form, src_row from pdsq01
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, case level when '2.1' then '2A' else level end as step_id, try_cast(days_baseline as bigint) as day, week as week_label, 'clinic' as contact, 'side_effects01' as src_form, src_row from side_effects01
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(days_baseline as bigint) as day, week as week_label, 'clinic' as contact, 'prise01' as src_form, src_row from prise01
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(days_baseline as bigint) as day, null as week_label, 'ivr' as contact, 'qlesq01' as src_form, src_row from qlesq01
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(days_baseline as bigint) as day, null as week_label, 'ivr' as contact, 'sfhs01' as src_form, src_row from sfhs01
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(days_baseline as bigint) as day, null as week_label, 'ivr' as contact, 'wpai01' as src_form, src_row from wpai01
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(days_baseline as bigint) as day, null as week_label, 'ivr' as contact, 'wsas01' as src_form, src_row from wsas01
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(days_baseline as bigint) as day, null as week_label, 'ivr' as contact, 'ucq01' as src_form, src_row from ucq01
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(days_baseline as bigint) as day, null as week_label, 'rater_phone' as contact, 'roa01' as src_form, src_row from roa01
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
        where coalesce(hdtot_r, hdtot, hmdsd, hvwsf, hsuic, hsoin, hmnin, hemin, hintr, hslow, hagit, hpanx, hsanx, happt, hengy, hsex, hhypc, hwl, hinsg) is not null
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
        where qvtot is null and coalesce(qstot, vsoin, vmnin, vemin, vhysm, vmdsd, vapdc, vapin, vwtdc, vwtin, vcntr, vvwsf, vsuic, vintr, vengy, vslow, vagit) is not null
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
        where coalesce(ictot, isoin, imnin, iemin, ihysm, imdsd, iirtb, ianx, irct, ivrtn, iqty, iapdc, iapin, iwtdc, iwtin, icntr, ivwsf, ivwfr, isuic, iintr, iengy, iplsr, isex, islow, iagit, ismtc, isymp, ipanc, igas, iintp, ildn) is not null
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
            '0' as step_id,
            try_cast(days_baseline as bigint) as day,
            case slot_no when 1 then 'PDSQ_DEPRESSION' when 2 then 'PDSQ_DYSTHYMIA' when 3 then 'PDSQ_PTSD' when 4 then 'PDSQ_BULIMIA' when 5 then 'PDSQ_OCD' when 6 then 'PDSQ_PANIC' when 7 then 'PDSQ_MANIA' when 8 then 'PDSQ_PSYCHOSIS' when 9 then 'PDSQ_AGORAPHOBIA' when 10 then 'PDSQ_SOCIAL' when 11 then 'PDSQ_ALCOHOL' when 12 then 'PDSQ_DRUGS' when 13 then 'PDSQ_GAD' when 14 then 'PDSQ_SOMATISATION' when 15 then 'PDSQ_ILLNESS' end as instrument_id,
            'self' as rater,
            'clinic' as contact,
            1 as occasion,
            cast(null as double) as score,
            'not_applicable' as score_missing,
            case slot_no when 1 then [try_cast(evy2w as float), try_cast(joy2w as float), try_cast(int2w as float), try_cast(lap2w as float), try_cast(gap2w as float), try_cast(lsl2w as float), try_cast(msl2w as float), try_cast(jmp2w as float), try_cast(trd2w as float), try_cast(glt2w as float), try_cast(neg2w as float), try_cast(flr2w as float), try_cast(cnt2w as float), try_cast(dcn2w as float), try_cast(psv2w as float), try_cast(wsh2w as float), try_cast(btr2w as float), try_cast(tht2w as float), try_cast(ser2w as float), try_cast(spf2w as float)] when 2 then [try_cast(sad2y as float), try_cast(apt2y as float), try_cast(slp2y as float), try_cast(trd2y as float), try_cast(cd2y as float), try_cast(low2y as float), try_cast(hpl2y as float)] when 3 then [try_cast(trexp as float), try_cast(trwit as float), try_cast(tetht as float), try_cast(teups as float), try_cast(temem as float), try_cast(tedis as float), try_cast(teblk as float), try_cast(termd as float), try_cast(tefsh as float), try_cast(teshk as float), try_cast(tedst as float), try_cast(tenmb as float), try_cast(tegug as float), try_cast(tegrd as float), try_cast(tejmp as float)] when 4 then [try_cast(ebnge as float), try_cast(ebcrl as float), try_cast(ebfl as float), try_cast(ebhgy as float), try_cast(ebaln as float), try_cast(ebdsg as float), try_cast(ebups as float), try_cast(ebdt as float), try_cast(ebvmt as float), try_cast(ebwgh as float)] when 5 then [try_cast(obgrm as float), try_cast(obfgt as float), try_cast(obvlt as float), try_cast(obstp as float), try_cast(obint as float), try_cast(obcln as float), try_cast(obrpt as float), try_cast(obcnt as float)] when 6 then [try_cast(anhrt as float), try_cast(anbrt as float), try_cast(anshk as float), try_cast(anrsn as float), try_cast(anczy as float), try_cast(ansym as float), try_cast(anwor as float), try_cast(anavd as float)] when 7 then [try_cast(pechr as float), try_cast(pecnf as float), try_cast(peslp as float), try_cast(petlk as float), try_cast(pevth as float), try_cast(peimp as float)] when 8 then [try_cast(imagn as float), try_cast(imspy as float), try_cast(imdgr as float), try_cast(impwr as float), try_cast(imcrl as float), try_cast(imvcs as float)] when 9 then [try_cast(fravd as float), try_cast(frfar as float), try_cast(frcwd as float), try_cast(frlne as float), try_cast(frbrg as float), try_cast(frbus as float), try_cast(frcar as float), try_cast(fralo as float), try_cast(fropn as float), try_cast(franx as float), try_cast(frsit as float)] when 10 then [try_cast(emwry as float), try_cast(emstu as float), try_cast(ematn as float), try_cast(emsoc as float), try_cast(emavd as float), try_cast(emspk as float), try_cast(emeat as float), try_cast(emupr as float), try_cast(emwrt as float), try_cast(emstp as float), try_cast(emqst as float), try_cast(embmt as float), try_cast(empty as float), try_cast(emanx as float), try_cast(emsit as float)] when 11 then [try_cast(dkmch as float), try_cast(dkfam as float), try_cast(dkfrd as float), try_cast(dkcut as float), try_cast(dkpbm as float), try_cast(dkmge as float)] when 12 then [try_cast(dgmch as float), try_cast(dgfam as float), try_cast(dgfrd as float), try_cast(dgcut as float), try_cast(dgpbm as float), try_cast(dgmge as float)] when 13 then [try_cast(wynrv as float), try_cast(wybad as float), try_cast(wysdt as float), try_cast(wydly as float), try_cast(wyrst as float), try_cast(wyslp as float), try_cast(wytsn as float), try_cast(wycnt as float), try_cast(wysnp as float), try_cast(wycrl as float)] when 14 then [try_cast(phstm as float), try_cast(phach as float), try_cast(phsck as float), try_cast(phpr as float), try_cast(phcse as float)] when 15 then [try_cast(wiser as float), try_cast(wistp as float), try_cast(wiill as float), try_cast(wintr as float), try_cast(widr as float)] end as items,
            'pdsq01' as src_form,
            src_row
        from pdsq01, range(1, 16) as slots(slot_no)
        where case slot_no when 1 then coalesce(evy2w, joy2w, int2w, lap2w, gap2w, lsl2w, msl2w, jmp2w, trd2w, glt2w, neg2w, flr2w, cnt2w, dcn2w, psv2w, wsh2w, btr2w, tht2w, ser2w, spf2w) when 2 then coalesce(sad2y, apt2y, slp2y, trd2y, cd2y, low2y, hpl2y) when 3 then coalesce(trexp, trwit, tetht, teups, temem, tedis, teblk, termd, tefsh, teshk, tedst, tenmb, tegug, tegrd, tejmp) when 4 then coalesce(ebnge, ebcrl, ebfl, ebhgy, ebaln, ebdsg, ebups, ebdt, ebvmt, ebwgh) when 5 then coalesce(obgrm, obfgt, obvlt, obstp, obint, obcln, obrpt, obcnt) when 6 then coalesce(anhrt, anbrt, anshk, anrsn, anczy, ansym, anwor, anavd) when 7 then coalesce(pechr, pecnf, peslp, petlk, pevth, peimp) when 8 then coalesce(imagn, imspy, imdgr, impwr, imcrl, imvcs) when 9 then coalesce(fravd, frfar, frcwd, frlne, frbrg, frbus, frcar, fralo, fropn, franx, frsit) when 10 then coalesce(emwry, emstu, ematn, emsoc, emavd, emspk, emeat, emupr, emwrt, emstp, emqst, embmt, empty, emanx, emsit) when 11 then coalesce(dkmch, dkfam, dkfrd, dkcut, dkpbm, dkmge) when 12 then coalesce(dgmch, dgfam, dgfrd, dgcut, dgpbm, dgmge) when 13 then coalesce(wynrv, wybad, wysdt, wydly, wyrst, wyslp, wytsn, wycnt, wysnp, wycrl) when 14 then coalesce(phstm, phach, phsck, phpr, phcse) when 15 then coalesce(wiser, wistp, wiill, wintr, widr) end is not null
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
            case level when '2.1' then '2A' else level end as step_id,
            try_cast(days_baseline as bigint) as day,
            'FIBSER' as instrument_id,
            'self' as rater,
            'clinic' as contact,
            1 as occasion,
            cast(null as double) as score,
            'not_applicable' as score_missing,
            [try_cast(fisfq as float), try_cast(fisin as float), try_cast(grseb as float)] as items,
            'side_effects01' as src_form,
            src_row
        from side_effects01
        where coalesce(fisfq, fisin, grseb) is not null
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
            'PRISE' as instrument_id,
            'self' as rater,
            'clinic' as contact,
            1 as occasion,
            cast(null as double) as score,
            'not_applicable' as score_missing,
            [try_cast(gdiar as float), try_cast(gcnst as float), try_cast(gdmth as float), try_cast(gnsea as float), try_cast(gnone as float), try_cast(gstro as float), try_cast(htplp as float), try_cast(htdzy as float), try_cast(htchs as float), try_cast(htnone as float), try_cast(heart_prs as float), try_cast(skrsh as float), try_cast(skpsp as float), try_cast(skich as float), try_cast(skdry as float), try_cast(sknone as float), try_cast(skin_c as float), try_cast(nvhed as float), try_cast(nvtrm as float), try_cast(nvcrd as float), try_cast(nvdzy as float), try_cast(nvnone as float), try_cast(nrvsy as float), try_cast(eyvsn as float), try_cast(eyear as float), try_cast(enone as float), try_cast(earng as float), try_cast(urdif as float), try_cast(urpn as float), try_cast(urfrq as float), try_cast(urmns as float), try_cast(urnone as float), try_cast(genur_prs as float), try_cast(sldif as float), try_cast(slmch as float), try_cast(slnone as float), try_cast(sleep as float), try_cast(sxls as float), try_cast(sxorg as float), try_cast(sxerc as float), try_cast(sxnone as float), try_cast(sex_prs as float), try_cast(oaxty as float), try_cast(octrt as float), try_cast(omal as float), try_cast(orsls as float), try_cast(oftge as float), try_cast(odegy as float), try_cast(onone as float), try_cast(other_prs as float)] as items,
            'prise01' as src_form,
            src_row
        from prise01
        where coalesce(gdiar, gcnst, gdmth, gnsea, gnone, gstro, htplp, htdzy, htchs, htnone, heart_prs, skrsh, skpsp, skich, skdry, sknone, skin_c, nvhed, nvtrm, nvcrd, nvdzy, nvnone, nrvsy, eyvsn, eyear, enone, earng, urdif, urpn, urfrq, urmns, urnone, genur_prs, sldif, slmch, slnone, sleep, sxls, sxorg, sxerc, sxnone, sex_prs, oaxty, octrt, omal, orsls, oftge, odegy, onone, other_prs) is not null
    )
)
union all
select *, score = item_total as total_agrees, coalesce(score, item_total) as score_used,
    case when score is not null then 'recorded' else 'items' end as score_basis
from (
    select *, list_aggregate(items, 'count') as n_items, cast(items[1] + items[2] + items[3] + items[4] + items[5] + items[6] + items[7] + items[8] + items[9] + items[10] + items[11] + items[12] + items[13] + items[14] as double) as item_total
    from (
        select
            'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id,
            case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id,
            try_cast(days_baseline as bigint) as day,
            'QLESQ_SF' as instrument_id,
            'self' as rater,
            'ivr' as contact,
            1 as occasion,
            cast(null as double) as score,
            'not_applicable' as score_missing,
            [try_cast(qlesq01 as float), try_cast(qlesq02 as float), try_cast(qlesq03 as float), try_cast(qlesq04 as float), try_cast(qlesq05 as float), try_cast(qlesq06 as float), try_cast(qlesq07 as float), try_cast(qlesq08 as float), try_cast(qlesq09 as float), try_cast(qlesq10 as float), try_cast(qlesq11 as float), try_cast(qlesq12 as float), try_cast(qlesq13 as float), try_cast(qlesq14 as float), try_cast(qlesq15 as float), try_cast(qlesq16 as float)] as items,
            'qlesq01' as src_form,
            src_row
        from qlesq01
        where coalesce(qlesq01, qlesq02, qlesq03, qlesq04, qlesq05, qlesq06, qlesq07, qlesq08, qlesq09, qlesq10, qlesq11, qlesq12, qlesq13, qlesq14, qlesq15, qlesq16) is not null
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
            'QLESQ_SF_ARCHIVE' as instrument_id,
            'self' as rater,
            'ivr' as contact,
            1 as occasion,
            try_cast(totqlesq as double) as score,
            null as score_missing,
            null::float[] as items,
            'qlesq01' as src_form,
            src_row
        from qlesq01
        where totqlesq is not null
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
            'SF12' as instrument_id,
            'self' as rater,
            'ivr' as contact,
            1 as occasion,
            cast(null as double) as score,
            'not_applicable' as score_missing,
            [try_cast(sfhs01 as float), try_cast(sfhs02 as float), try_cast(sfhs03 as float), try_cast(sfhs04 as float), try_cast(sfhs05 as float), try_cast(sfhs06 as float), try_cast(sfhs07 as float), try_cast(sfhs08 as float), try_cast(sfhs09 as float), try_cast(sfhs10 as float), try_cast(sfhs11 as float), try_cast(sfhs12 as float)] as items,
            'sfhs01' as src_form,
            src_row
        from sfhs01
        where coalesce(sfhs01, sfhs02, sfhs03, sfhs04, sfhs05, sfhs06, sfhs07, sfhs08, sfhs09, sfhs10, sfhs11, sfhs12) is not null
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
            case slot_no when 1 then 'SF12_PCS' when 2 then 'SF12_MCS' end as instrument_id,
            'self' as rater,
            'ivr' as contact,
            1 as occasion,
            try_cast(case slot_no when 1 then pcs12 when 2 then mcs12 end as double) as score,
            null as score_missing,
            null::float[] as items,
            'sfhs01' as src_form,
            src_row
        from sfhs01, range(1, 3) as slots(slot_no)
        where case slot_no when 1 then pcs12 when 2 then mcs12 end is not null
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
            'WPAI' as instrument_id,
            'self' as rater,
            'ivr' as contact,
            1 as occasion,
            cast(null as double) as score,
            'not_applicable' as score_missing,
            [try_cast(wpai01 as float), try_cast(wpai02 as float), try_cast(wpai03 as float), try_cast(wpai04 as float), try_cast(wpai05 as float), try_cast(wpai06 as float)] as items,
            'wpai01' as src_form,
            src_row
        from wpai01
        where coalesce(wpai01, wpai02, wpai03, wpai04, wpai05, wpai06) is not null
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
            case slot_no when 1 then 'WPAI_ABSENT' when 2 then 'WPAI_PRESENT' when 3 then 'WPAI_WORK' when 4 then 'WPAI_ACTIVITY' end as instrument_id,
            'self' as rater,
            'ivr' as contact,
            1 as occasion,
            try_cast(case slot_no when 1 then wpai_pctmissed when 2 then wpai_pctwrkimp when 3 then wpai_totwrkimp when 4 then wpai_pctactimp end as double) as score,
            null as score_missing,
            null::float[] as items,
            'wpai01' as src_form,
            src_row
        from wpai01, range(1, 5) as slots(slot_no)
        where case slot_no when 1 then wpai_pctmissed when 2 then wpai_pctwrkimp when 3 then wpai_totwrkimp when 4 then wpai_pctactimp end is not null
    )
)
union all
select *, score = item_total as total_agrees, coalesce(score, item_total) as score_used,
    case when score is not null then 'recorded' else 'items' end as score_basis
from (
    select *, list_aggregate(items, 'count') as n_items, cast(items[1] + items[2] + items[3] + items[4] + items[5] as double) as item_total
    from (
        select
            'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id,
            case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id,
            try_cast(days_baseline as bigint) as day,
            'WSAS' as instrument_id,
            'self' as rater,
            'ivr' as contact,
            1 as occasion,
            try_cast(coalesce(totwsas, wsastot) as double) as score,
            case when coalesce(totwsas, wsastot) is null then 'blank' end as score_missing,
            [try_cast(wsas01 as float), try_cast(wsas02 as float), try_cast(wsas03 as float), try_cast(wsas04 as float), try_cast(wsas05 as float)] as items,
            'wsas01' as src_form,
            src_row
        from wsas01
        where coalesce(totwsas, wsastot, wsas01, wsas02, wsas03, wsas04, wsas05) is not null
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
            'UCQ' as instrument_id,
            'self' as rater,
            'ivr' as contact,
            1 as occasion,
            cast(null as double) as score,
            'not_applicable' as score_missing,
            [try_cast(ucq010 as float), try_cast(ucq020 as float), try_cast(ucq030 as float), try_cast(ucq040 as float), try_cast(ucq050 as float), try_cast(ucq060 as float), try_cast(ucq070 as float), try_cast(ucq080 as float), try_cast(ucq091 as float), try_cast(ucq092 as float), try_cast(ucq100 as float), try_cast(ucq110 as float), try_cast(ucq120 as float), try_cast(ucq130 as float), try_cast(ucq140 as float), try_cast(ucq150 as float), try_cast(ucq160 as float), try_cast(ucq170 as float)] as items,
            'ucq01' as src_form,
            src_row
        from ucq01
        where coalesce(ucq010, ucq020, ucq030, ucq040, ucq050, ucq060, ucq070, ucq080, ucq091, ucq092, ucq100, ucq110, ucq120, ucq130, ucq140, ucq150, ucq160, ucq170) is not null
    )
);

create table treatments as
select subject_id, start_day, treatment_id, 1 as occasion, record_kind, step_id, dose, dose_unit,
    raw_name, 'stard' as study_id, src_form, src_row
from (
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, try_cast(days_baseline as bigint) as start_day, lower(medication1_name) as drug, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(medication1_dosage as double) as dose, medication1_name as raw_name, 'visit_dose' as record_kind, 'ccv01' as src_form, src_row from ccv01 where medication1_name is not null or medication1_dosage is not null
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, try_cast(days_baseline as bigint) as start_day, lower(medication2_name) as drug, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(medication2_dosage as double) as dose, medication2_name as raw_name, 'visit_dose' as record_kind, 'ccv01' as src_form, src_row from ccv01 where medication2_name is not null or medication2_dosage is not null
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, try_cast(days_baseline as bigint) as start_day, lower(medication3_name) as drug, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(medication3_dosage as double) as dose, medication3_name as raw_name, 'visit_dose' as record_kind, 'ccv01' as src_form, src_row from ccv01 where medication3_name is not null or medication3_dosage is not null
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, try_cast(days_baseline as bigint) as start_day, lower(medication4_name) as drug, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, try_cast(medication4_dosage as double) as dose, medication4_name as raw_name, 'visit_dose' as record_kind, 'ccv01' as src_form, src_row from ccv01 where medication4_name is not null or medication4_dosage is not null
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, try_cast(days_baseline as bigint) as start_day, lower(medication1_name) as drug, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, null as dose, medication1_name as raw_name, 'reported' as record_kind, 'roa01' as src_form, src_row from roa01 where medication1_name is not null
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, try_cast(days_baseline as bigint) as start_day, lower(medication2_name) as drug, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, null as dose, medication2_name as raw_name, 'reported' as record_kind, 'roa01' as src_form, src_row from roa01 where medication2_name is not null
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, try_cast(days_baseline as bigint) as start_day, lower(medication3_name) as drug, case level when 'Enrollment' then '0' when 'Level 1' then '1' when 'Level 2' then '2' when 'Level 2A' then '2A' when 'Level 2.1' then '2A' when 'Level_2-1' then '2A' when 'Level 3' then '3' when 'Level 4' then '4' else 'FU' end as step_id, null as dose, medication3_name as raw_name, 'reported' as record_kind, 'roa01' as src_form, src_row from roa01 where medication3_name is not null
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
    from (select *, case slot_no when 1 then dsmdm when 2 then dsmdi when 3 then dsmcw when 4 then dsmih when 5 then dsmpa when 6 then dsmle when 7 then dsmfw when 8 then dsmdt when 9 then dsmtd end as v from (select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, * from el01 where pstat = '4'), range(1, 10) as slots(slot_no)) where v is not null
    union all
    select subject_id, case slot_no when 1 then 'age_at_onset' when 2 then 'n_prior_episodes' when 3 then 'suicide_attempts' end as variable_id, 1 as occasion, try_cast(v as double) as value_num, null as value_code, null::bigint as as_of_day, null as value_missing, 'phx01' as src_form, src_row
    from (select *, case slot_no when 1 then dage when 2 then epino when 3 then etcmats end as v from (select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, * from phx01), range(1, 4) as slots(slot_no)) where v is not null
    union all
    select subject_id, case slot_no when 1 then 'episode_duration_days' end as variable_id, 1 as occasion, try_cast(v as double) as value_num, null as value_code, null::bigint as as_of_day, null as value_missing, 'phx01' as src_form, src_row
    from (select *, case slot_no when 1 then episode_date end as v from (select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, * from phx01), range(1, 2) as slots(slot_no)) where v is not null
    union all
    select subject_id, case slot_no when 1 then 'cirs_heart' when 2 then 'cirs_vsclr' when 3 then 'cirs_hema' when 4 then 'cirs_eyes' when 5 then 'cirs_ugi' when 6 then 'cirs_lgi' when 7 then 'cirs_renal' when 8 then 'cirs_genur' when 9 then 'cirs_mskl' when 10 then 'cirs_neuro' when 11 then 'cirs_psych' when 12 then 'cirs_respiratory' when 13 then 'cirs_liverd' when 14 then 'cirs_endod' end as variable_id, 1 as occasion, try_cast(v as double) as value_num, null as value_code, null::bigint as as_of_day, null as value_missing, 'crs01' as src_form, src_row
    from (select *, case slot_no when 1 then heart when 2 then vsclr when 3 then hema when 4 then eyes when 5 then ugi when 6 then lgi when 7 then renal when 8 then genur when 9 then mskl when 10 then neuro when 11 then psych when 12 then respiratory when 13 then liverd when 14 then endod end as v from (select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, * from crs01), range(1, 15) as slots(slot_no)) where v is not null
    union all
    select 'stard-' || left(md5(getvariable('trd_pseudonym_key') || ':stard:' || subjectkey), 16) as subject_id, 'psychotropic_medication' as variable_id, 1 as occasion, null::double as value_num, case psmed when '0' then 'no' when '1' then 'yes' end as value_code, try_cast(days_baseline as bigint) as as_of_day, null as value_missing, 'mhx01' as src_form, src_row from mhx01 where psmed is not null
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
