-- The yardstick of `make bench` for PReDICT: the tables of the common data model from the same Parquet in plain SQL,
-- nothing checked. bench/run.py opens one view per raw form and runs this file.

create macro known(v) as case when v not in ('.', '.A', '.N') then v end;
create macro day_of(v) as try_strptime(v, '%d%b%Y')::date;

create view people as
select 'predict-' || left(md5(getvariable('trd_pseudonym_key') || ':predict:' || pid), 16) as subject_id, * from persons;

create view seen as
select
    'predict-' || left(md5(getvariable('trd_pseudonym_key') || ':predict:' || pid), 16) as subject_id,
    date_diff('day', day_of(basedate), day_of(visitdate)) as day,
    *
from raw_predict.visits;

create table subjects as
select
    subject_id,
    case sex when '1' then 'male' when '2' then 'female' end as sex,
    try_cast(known(age) as double) as age,
    case race when '1' then 'White' when '2' then 'Black or African American' when '3' then 'Asian' when '4' then 'Other' end as race,
    case ethnic when '1' then 'hispanic' when '2' then 'not_hispanic' end as ethnicity,
    'mdd' as diagnosis, 'specialty' as setting, true as treatment_naive, 'predict' as study_id, 'persons' as src_form, src_row
from people;

create table visits as
select subject_id, min(phase) as step_id, day, max(visit) as week_label, 'clinic' as contact, 'attended' as status,
    max(case when visit = '12' and known(trt2) is not null then '2' end) as opens_step, 'predict' as study_id,
    'visits' as src_form, min(src_row) as src_row, count(*) as n_src
from seen
group by subject_id, day;

create table steps as
select subject_id, '1' as step_id, min(day) as start_day, max(day) as end_day,
    max(case trt when '1' then 'CBT' when '2' then 'ESC' when '3' then 'DUL' end) as arm_assigned,
    max(case when completer = '1' and visit = '12' then 'completed' else case exitrsn when '1' then 'intolerance' when '2' then 'no_benefit' when '3' then 'withdrew' when '4' then 'lost' end end) as exit_reason,
    'predict' as study_id
from seen where phase = '1' group by subject_id
union all
select subject_id, '2', min(day), max(day), max(case trt2 when '1' then 'CBT+ESC' when '2' then 'ESC+CBT' when '3' then 'DUL+CBT' end),
    max(case when visit = '24' then 'completed' else case exitrsn when '1' then 'intolerance' when '2' then 'no_benefit' when '3' then 'withdrew' when '4' then 'lost' end end),
    'predict'
from seen where known(trt2) is not null and (phase = '2' or visit = '12') group by subject_id;

insert into visits
select subject_id, step_id, start_day + planned, week, 'clinic', case when planned <= end_day - start_day then 'missed' else 'after_exit' end, null,
    'predict', 'generated:schedule', null, 0
from steps, (values
    ('1', 7, '1'), ('1', 14, '2'), ('1', 21, '3'), ('1', 28, '4'), ('1', 35, '5'), ('1', 42, '6'), ('1', 56, '8'), ('1', 70, '10'), ('1', 84, '12'),
    ('2', 28, '16'), ('2', 56, '20'), ('2', 84, '24')) as schedule(step, planned, week)
where step_id = step and not exists (
    select 1 from visits
    where visits.subject_id = steps.subject_id and visits.step_id = step and visits.week_label = week
);

create table scales as
select *, list_aggregate(items, 'count') as n_items, list_sum(items)::double as item_total,
    score = list_sum(items) as total_agrees, coalesce(score, list_sum(items)) as score_used,
    case when score is not null then 'recorded' else 'items' end as score_basis
from (
    select subject_id, phase as step_id, day, 'HRSD17' as instrument_id, 'assessor' as rater, 'clinic' as contact, 1 as occasion,
        try_cast(hamdtot as double) as score, case when known(hamdtot) is null then 'unknown' end as score_missing,
        [try_cast(hamd1 as float), try_cast(hamd2 as float), try_cast(hamd3 as float), try_cast(hamd4 as float), try_cast(hamd5 as float), try_cast(hamd6 as float), try_cast(hamd7 as float), try_cast(hamd8 as float), try_cast(hamd9 as float), try_cast(hamd10 as float), try_cast(hamd11 as float), try_cast(hamd12 as float), try_cast(hamd13 as float), try_cast(hamd14 as float), try_cast(hamd15 as float), try_cast(hamd16 as float), try_cast(hamd17 as float)] as items,
        'predict' as study_id, 'visits' as src_form, src_row
    from seen
    union all
    select subject_id, phase, day, 'MADRS', 'assessor', 'clinic', 1, try_cast(madrs as double), null, null, 'predict', 'visits', src_row from seen where known(madrs) is not null
    union all
    select subject_id, phase, day, 'BDI_II', 'self', 'clinic', 1, try_cast(bdi as double), null, null, 'predict', 'visits', src_row from seen where known(bdi) is not null
    union all
    select subject_id, phase, day, 'QIDS_SR16', 'self', 'clinic', 1, try_cast(qidssr as double), null, null, 'predict', 'visits', src_row from seen where known(qidssr) is not null
    union all
    select subject_id, phase, day, 'CGI_S', 'assessor', 'clinic', 1, try_cast(cgi as double), null, null, 'predict', 'visits', src_row from seen where known(cgi) is not null
);

create table treatments as
select subject_id, day as start_day, case trt when '2' then 'escitalopram' when '3' then 'duloxetine' end as treatment_id, 1 as occasion,
    'visit_dose' as record_kind, phase as step_id, try_cast(dose_mg as double) as dose, 'mg_day' as dose_unit,
    case trt when '2' then 'ESC' when '3' then 'DUL' end as raw_name, 'predict' as study_id, 'visits' as src_form, src_row
from seen where known(dose_mg) is not null and trt <> '1'
union all
select subject_id, day, 'escitalopram', 1, 'visit_dose', '2', try_cast(dose_mg as double), 'mg_day', 'ESC', 'predict', 'visits', src_row
from seen where known(dose_mg) is not null and trt = '1' and (phase = '2' or known(trt2) is not null)
union all
select subject_id, day, 'cbt', 1, 'session', phase, try_cast(sessions as double), 'sessions', 'CBT', 'predict', 'visits', src_row
from seen where known(sessions) is not null and sessions <> '0';

create table history as
select subject_id, variable_id, 1 as occasion, value_num, value_code, 0 as as_of_day,
    case when value_num is null and value_code is null then 'unknown' end as value_missing, 'predict' as study_id, src_form, src_row
from (
    select subject_id, 'education_years' as variable_id, try_cast(known(edu) as double) as value_num, null as value_code, 'persons' as src_form, src_row from people where edu <> '.'
    union all
    select subject_id, 'n_prior_episodes', try_cast(known(episodes) as double), null, 'persons', src_row from people where episodes <> '.'
    union all
    select subject_id, 'episode_duration_days', try_cast(known(epilen_wk) as double) * 7, null, 'persons', src_row from people where epilen_wk <> '.'
    union all
    select subject_id, 'prior_failed_trials', 0, null, 'persons', src_row from people
    union all
    select subject_id, 'treatment_preference', null, case pref when '1' then 'psychotherapy' when '2' then 'medication' when '3' then 'none' end, 'visits', src_row from seen where visit = '0' and pref <> '.'
    union all
    select subject_id, 'genetic_score', try_cast(known(grs) as double), null, 'persons', src_row from people where grs <> '.'
    union all
    select subject_id, 'genetic_pc1', try_cast(known(pc1) as double), null, 'persons', src_row from people where pc1 <> '.'
    union all
    select subject_id, 'genetic_pc2', try_cast(known(pc2) as double), null, 'persons', src_row from people where pc2 <> '.'
    union all
    select subject_id, 'genetic_pc3', try_cast(known(pc3) as double), null, 'persons', src_row from people where pc3 <> '.'
    union all
    select subject_id, 'genetic_pc4', try_cast(known(pc4) as double), null, 'persons', src_row from people where pc4 <> '.'
    union all
    select subject_id, 'genetic_pc5', try_cast(known(pc5) as double), null, 'persons', src_row from people where pc5 <> '.'
    union all
    select subject_id, 'dna_sample', null, case dna when '0' then 'no' when '1' then 'yes' end, 'persons', src_row from people where dna <> '.'
);

create table conditions as
select subject_id, 'anxiety_disorder' as condition_id, 'self' as relative, null::bigint as start_day,
    case anxdx when '0' then 'absent' when '1' then 'present' else 'unknown' end as status, 'current' as timing, null as code_system,
    known(anxdx) as code, 'predict' as study_id, 'persons' as src_form, src_row
from people;

checkpoint;
