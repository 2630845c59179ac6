-- Psychotic features by the ICD-10 code; such patients are flagged, never dropped. Bipolar stands in diagnosis.
case when diagnose_icd10 in ('F31.5', 'F32.3', 'F33.3') then 'psychotic' end
