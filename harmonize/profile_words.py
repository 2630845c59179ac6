"""Words of four languages by which columns and codes are known: persons, sex, age, arms, sites, drugs.

Names are compared plain (`profile_names.plain`): lower case, without accents, words joined by _.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from harmonize.profile_names import plain

PERSON = (
    "patient patienten patientin pat pt subject subj sub subjekt participant part proband probanden probandin tn"
    " teilnehmer teilnehmerin vp vpn versuchsperson person personen client klient case fall respondent member paciente"
    " pacientes sujeto sujet participante usubj"
)
NUMBERING = "id ids nr no num number nummer code key kennung identifier n numero chiffre kuerzel pseudonym"
OTHER_IDS = (
    r"(src_)?subject_?key|guid|usubjid|subjid|(src_)?subject_id|pid|ppid|ptid|patid|patnr|vpnr|vpcode|seqn|record_?id"
    r"|subno|subjno|caseid|clientid|study_?id|studynr|pseudonym|chiffre|kennung"
)
SEX = (
    r"sex|gender|geschlecht|geschl|sexe|sexo|sesso|genero|genre|(sex|gender|geschlecht)_.*|.*_(sex|gender|geschlecht)"
    r"|(is_)?(male|female|weiblich|maennlich)|mf|mw|m_w|m_f|w_m|f_m"
)
AGE = r"(baseline_)?(age|alter|lebensalter|edad|ageyears|ridageyr|interview_age|agey|ageyr|patient_age)(_{rest})*"
AGE_REST = (
    r"(years?|yrs?|y|ys|jahre?n?|ans|anos?|a|in|at|bei|au|months?|mo|monaten?|baseline|bl|entry|enrol(l)?ment|inclusion"
    r"|screening|study|studie|consent|intake|visit|randomi[sz]ation|einschluss|aufnahme|beginn|v?1|t?0|w0)"
)
SITE = (
    r"(pool)?(site|cent(er|re)|centro|zentrum|clinic|klinik|inv|hospital)(_?(id|nr|no|code|num|name|number|nummer))?"
    r"|poolinv|siteid|clinicid|studienzentrum|pruefzentrum"
)
ARM = (
    r"arm|arm_?(assigned|code|name|label)|trt(_?(arm|grp|group))?|treat(ment)?(_?(arm|group|grp|code|name|allocation))?"
    r"|tx(assign|_?arm|_?group)?|actarm|armcd|trt01p|trt01a|trtp|trta|studienarm|traitement|tratamiento|bras|brazo",
    r"(rand(om)?(i[sz]ed|i[sz]ation)?|randomisierung)(_?(arm|group|grp|to))?|intervention(_?group)?|allocation"
    r"|therapy|therapie|behandlung(sgruppe|sarm)?|(treatment|therapie)?gruppe|study_?(arm|group)",
    r"group|grp|gr|gruppe|groupe|grupo|condition|bedingung|kohorte|cohort|cond",
    r"drug|medication|medikament|substanz|wirkstoff",
)
"""The surer names first."""
DRUG = (
    r"drug|medication|medicament|medicamento|medicacion|medikation|medikament|wirkstoff|substanz|praeparat|antidepressant"
    r"|antidepressivum|substance|compound|agent|med|ad|psychopharmakon|farmaco"
)
DOSE = r"dose|dosis|dosage|dosierung|dosi|posologie|mg|tagesdosis|dailydose"
DRUG_START = (
    r"start(ed|s|dt|date|dat|day|tag)?|begin(n|ning)?|begonnen|von|from|since|seit|(cm|ex)?st(dt|dtc|dy|at)|debut"
)
DRUG_STOP = r"stop(ped|s|dt|date|dat|day|tag)?|end(e|ed|dt|date|dat|day|tag)?|beendet|bis|until|(cm|ex)?en(dt|dtc|dy)"
YES_NO = {"yes", "no", "ja", "nein", "y", "n", "j", "oui", "non", "si", "true", "false", "0", "1"}
NO_DRUG = set("none keine kein no nein aucun ninguno nil 0 no_drug no_medication ohne placebo".split())

_FEMALE = (
    "f w female fem feminin feminine femme femenino femenina woman women frau weiblich weibl weib mujer hembra girl"
)
_MALE = "m h male masc masculin masculine masculino homme man men mann maennlich maennl hombre varon boy"
_OTHER = "d o x nb other others divers diverse non_binary nonbinary enby inter intersex trans autre otro otra"
_MEANING = dict.fromkeys(_FEMALE.split(), "female") | dict.fromkeys(_MALE.split(), "male")
_MEANING |= dict.fromkeys(_OTHER.split(), "other")


def names_a_person(name: str) -> int | None:
    """How surely a plain name is that of a person's id: 0 best, 3 least, None not at all."""
    person, numbering = set(PERSON.split()), set(NUMBERING.split())
    words = name.split("_")
    if re.fullmatch(OTHER_IDS, name):
        return 0
    for word in person:  # 'patientnr', 'subjectid'
        if len(words) == 1 and name.startswith(word) and name[len(word) :] in numbering - {"n"}:
            return 1
    if len(words) > 1 and set(words) <= person | numbering and set(words) & person:
        return 1
    if name in ("id", "ids", "code", "uid", "rid"):
        return 2
    return 3 if name in person | {"nr", "no", "record", "vpn"} else None


def sexes(values: Collection[str], column: str) -> dict[str, str]:
    """What each value of a column of sex means, where a word says it; numbers only where the column's name does.

    H and M side by side are Spanish: hombre and mujer; M beside F or W is male.
    """
    known = {v: _MEANING.get(plain(v)) for v in values}
    letters = {plain(v) for v in values}
    if {"h", "m"} <= letters and not letters & {"f", "w"}:
        known |= {v: "female" for v in values if plain(v) == "m"}
    if {"v", "m"} <= letters and not letters & {"f", "w", "h"}:
        known |= {v: {"m": "female", "v": "male"}[plain(v)] for v in values if plain(v) in "mv"}
    name = plain(column)
    of_name = re.findall(r"(?<!\d)(\d)_?(?:is_)?(males?|females?|m|f|w|men|women)(?![a-z])", name)
    if len(of_name) > 1:
        known |= {v: _MEANING[word.removesuffix("s")] for code, word in of_name for v in values if v == code}
    if len(of_name) == 1 and len(values) == 2 and of_name[0][0] in values:  # 'sex_1male'
        code, word = of_name[0]
        other = {"female": "male", "male": "female"}[_MEANING[word.removesuffix("s")]]
        known |= {v: _MEANING[word.removesuffix("s")] if v == code else other for v in values}
    flag = re.fullmatch(r"(?:is_)?(female|male|weiblich|maennlich|mujer|femme)", name)
    if flag and set(values) <= {"0", "1"} | {v for v in values if v not in ("0", "1")}:
        yes = _MEANING[flag[1]]
        no = {"female": "male", "male": "female"}[yes]
        for value in values:
            said = plain(value)
            if said in ("1", "yes", "ja", "true", "y", "j", "0", "no", "nein", "false", "n"):
                known[value] = yes if said in ("1", "yes", "ja", "true", "y", "j") else no
    return {v: meaning for v, meaning in known.items() if meaning}
