"""What names of columns, files and codes say: instruments, totals, changes."""

from __future__ import annotations

import re
import unicodedata

UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
INSTRUMENTS = (
    ("HRSD6", r"ham_?d_?6|hdrs_?6|hrsd_?6|bech_?6?"),
    ("HRSD21", r"ham_?d_?21|hdrs_?21|hrsd_?21"),
    ("HRSD24", r"ham_?d_?24|hdrs_?24|hrsd_?24"),
    (
        "HRSD17",
        r"ham_?d(_?tl)?(_?17)?|hdrs(_?17)?|hrsd(_?17)?|hamilton(_?17)?|hamilton_depression(_rating)?(_scale)?(_.{2,6})?(_17)?|hdtot",
    ),
    ("HAMA", r"ham_?a(_?to?tl?)?|hars|hamilton_anxiety(_rating)?(_scale)?"),
    ("MADRS", r"madrs(_?10)?|montgomery(_asberg)?(_depression)?(_rating)?(_scale)?(_madrs)?"),
    ("QIDS_C16", r"qids_?c(_?16)?|qids_?cr"),
    ("QIDS_IVR16", r"qids_?ivr(_?16)?"),
    ("QIDS_SR16", r"qids(_?sr)?(_?16)?"),
    ("IDS_C30", r"ids_?c(_?30)?"),
    ("IDS_SR30", r"ids(_?sr)?(_?30)?"),
    ("PHQ8", r"phq_?8"),
    ("PHQ2", r"phq_?2"),
    ("PHQ9", r"phq(_?9)?(_?d)?|dpq|patient_health_questionnaire(_?9)?"),
    ("BDI_IA", r"bdi_?(ia|1a)"),
    ("BDI_II", r"bdi(_?ii|_?2)?|beck(_depressions?_?(inventory|inventar)?|_dep_inv)?(_ii|_2)?(_bdi)?"),
    ("CESD", r"ces_?d(_?20)?"),
    ("CGI_I", r"cgi_?(i|imp|improvement|gi)"),
    ("CGI_S", r"cgi(_?(s|sev|severity))?"),
    ("PGI_I", r"pgi_?(i|imp|improvement)"),
    ("PROMIS_DEP_8A", r"promis_?dep(ression)?_?8a?"),
    ("PROMIS_DEP_4A", r"promis_?dep(ression)?_?4a?"),
)
"""Instruments by the names columns have for them, the more special first."""
READINGS = {
    "HRSD17": "versions of 6, 17, 21 and 24 items have similar names",
    "BDI_II": "BDI-IA (1978) and BDI-II (1996) have similar names",
    "QIDS_SR16": "self-report; a clinician's rating is QIDS_C16, by telephone QIDS_IVR16",
    "IDS_SR30": "self-report; a clinician's rating is IDS_C30",
    "CGI_S": "severity; improvement is CGI_I",
}
"""What else the name of an instrument could mean."""

TOTAL = (
    r"(total_?score|total|tot|sum_?score|summen?_?(score|wert)?|sum|score|skala|scale|gesamt_?(wert|score|punktzahl)?|sc"
    r"|to?tl|punktwert|punkte|puntaje|rating|value|wert|result|observed|obs|raw)"
)
TOTAL_WORDS = tuple("total tot sum summe score gesamt sc totl ttl".split())
"""Those that may be glued to the name of an instrument."""
CHANGE = (
    r"(change|chg|delta|diff|difference|differenz|improvement|improve|imp|verbesserung|(ver)?aenderung|cfb|reduction"
    r"|dif)"
)
WORSE_IS_LOWER = r"improve|improvement|verbesserung|reduction"


def plain(name: str) -> str:
    """Lower case without accents (ä is ae), words joined by _, words of camel case apart."""
    spaced = re.sub(r"(?<=[a-z]{2})(?=[A-Z][a-z])", "_", name.strip())
    folded = unicodedata.normalize("NFKD", spaced.lower().translate(UMLAUTS)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", folded).strip("_")


def instrument_of(stem: str) -> str | None:
    """The instrument a stem names, with or without a word for its total around it."""
    name = plain(stem)
    bare = re.sub(rf"_?({TOTAL})$", "", re.sub(rf"_?({TOTAL})$", "", re.sub(rf"^({TOTAL})_", "", name)))
    for candidate in dict.fromkeys((name, re.sub(rf"_?({TOTAL})$", "", name), bare)):
        for instrument, pattern in INSTRUMENTS:
            if re.fullmatch(pattern, candidate):
                return instrument
    return None


def is_change(name: str) -> bool:
    """The name speaks of a change, not of a score."""
    return re.search(rf"(^|_){CHANGE}(_|\d|$)", plain(name)) is not None
