"""What names and labels of columns, files and visits say: instruments and times."""

from __future__ import annotations

import re
from dataclasses import dataclass

INSTRUMENTS = (
    ("HRSD6", r"ham_?d_?6|hdrs_?6|hrsd_?6|bech_?6?"),
    ("HRSD21", r"ham_?d_?21|hdrs_?21|hrsd_?21"),
    ("HRSD24", r"ham_?d_?24|hdrs_?24|hrsd_?24"),
    ("HRSD17", r"ham_?d(_?tl)?(_?17)?|hdrs(_?17)?|hrsd(_?17)?|hamilton(_depression)?|hdtot"),
    ("HAMA", r"ham_?a(_?to?tl?)?|hars|hamilton_anxiety"),
    ("MADRS", r"madrs(_?10)?|montgomery(_asberg)?"),
    ("QIDS_C16", r"qids_?c(_?16)?|qids_?cr"),
    ("QIDS_IVR16", r"qids_?ivr(_?16)?"),
    ("QIDS_SR16", r"qids(_?sr)?(_?16)?"),
    ("IDS_C30", r"ids_?c(_?30)?"),
    ("IDS_SR30", r"ids(_?sr)?(_?30)?"),
    ("PHQ8", r"phq_?8"),
    ("PHQ2", r"phq_?2"),
    ("PHQ9", r"phq(_?9)?|dpq|patient_health_questionnaire(_?9)?"),
    ("BDI_IA", r"bdi_?(ia|1a)"),
    ("BDI_II", r"bdi(_?ii|_?2)?|beck(_depression(_inventory)?|_dep_inv)?"),
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

TOTAL = r"(total|tot|sum|summe|score|skala|scale|gesamt|sc|to?tl)"
CHANGE = r"(change|chg|delta|diff|difference|improvement|improve|imp|verbesserung|veraenderung|cfb|reduction)"
WORSE_IS_LOWER = r"improve|improvement|verbesserung|reduction"

_START = "baseline|base|bas|bl|screening|screen|scr|pre|intake|entry|start|admission|aufnahme|beginn|t0"
_END = "post|endpoint|end|eot|final|discharge|entlassung|last|lvcf|locf"
_UNITS = {
    "week": "weeks?|wks?|wee+k|w|wochen?|wo",
    "month": "months?|mons?|mths?|mo|m|monate?",
    "day": "days?|d|tage?",
    "year": "years?|yrs?|y|jahre?",
    "session": "sessions?|sess|sitzung|s",
    "visit": "visits?|vis|v|besuch",
    "time": "times?|timepoint|time_point|t|occasion|occ|wave|assessment|phase|messzeitpunkt|mzp|zeitpunkt",
    "follow-up": "followups?|follow_up|fups?|fu",
}
_AFTER = "(?:_(?:visit|end|follow_up|followup|fu|assessment|post))?"
_NUMBER_WORDS = dict(
    zip(
        "zero one two three four five six seven eight nine ten eleven twelve".split(),
        range(13),
        strict=True,
    )
)
DAYS_PER = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "year": 365.25, "session": 7.0}
"""Days of one unit. A session is read as a week; visits, times and follow-ups say no duration."""


@dataclass(frozen=True)
class Time:
    """A time as a name or label says it: `day` from baseline, None where that cannot be told; `why` in words."""

    label: str
    unit: str
    number: float | None
    day: int | None
    why: str

    @property
    def sure(self) -> bool:
        """Nobody could read it otherwise."""
        return self.day is not None and self.unit not in ("session",)


def plain(name: str) -> str:
    """Lower case, words joined by _, letters and digits of camel case apart."""
    spaced = re.sub(r"(?<=[a-z]{2})(?=[A-Z][a-z])", "_", name.strip())
    return re.sub(r"[^a-z0-9äöüß]+", "_", spaced.lower()).strip("_")


def instrument_of(stem: str) -> str | None:
    """The instrument a stem names, with or without a word for its total around it."""
    name = plain(stem)
    bare = re.sub(rf"^({TOTAL})_|_?({TOTAL})$", "", name)
    for candidate in dict.fromkeys((name, bare)):
        for instrument, pattern in INSTRUMENTS:
            if re.fullmatch(pattern, candidate):
                return instrument
    return None


def is_change(name: str) -> bool:
    """The name speaks of a change, not of a score."""
    return re.search(rf"(^|_){CHANGE}(_|\d|$)", plain(name)) is not None


def read_time(label: str) -> Time:
    """The time a visit's label says: 'Baseline', 'Week 2', '2m', 'V3', 'Woche 4', '12 months'."""
    name = plain(label)
    sign = -1 if re.search(r"(?<![\w])-\s*\d|minus", label) else 1
    if re.fullmatch(_START, name):
        return Time(label, "start", 0, 0, "the start is day 0")
    if re.fullmatch(rf"({_START})_(visit|assessment|session|week_?0|day_?0|w0|d0)", name):
        return Time(label, "start", 0, 0, "the start is day 0")
    for word, value in _NUMBER_WORDS.items():
        name = re.sub(rf"(^|_|(?<=[a-z])){word}$", rf"\g<1>{value}", name)
    for unit, words in _UNITS.items():
        found = re.fullmatch(rf"(?:{words})_?(\d+(?:_\d+)?){_AFTER}", name) or re.fullmatch(
            rf"(\d+(?:_\d+)?)_?(?:{words}){_AFTER}", name
        )
        if found:
            number = float(found[1].replace("_", "."))
            if unit in DAYS_PER:
                number *= sign
                day = round(number * DAYS_PER[unit])
                note = "sessions taken as weekly" if unit == "session" else f"{number:g} {unit}s"
                return Time(label, unit, number, day, note)
            return Time(label, unit, number, None, f"a {unit} number says no day")
    if re.fullmatch(rf"(?:{_END})(?:_visit)?", name):
        return Time(label, "end", None, None, "an end has no day of its own")
    if re.fullmatch(r"\d+", name):
        return Time(label, "number", float(name), None, "a number without unit says no day")
    return Time(label, "unknown", None, None, "no time is said")


def _time_pattern() -> str:
    units = "|".join(_UNITS.values())
    words = "|".join(_NUMBER_WORDS)
    counted = rf"(?:(?:{units})_?(?:\d+|{words})|\d+_?(?:{units})){_AFTER}"
    return rf"{counted}|(?:{_START}|{_END})(?:_visit)?|(?:follow_up|followup|fu)"


_TIMED = _time_pattern()


def split_time(name: str) -> list[tuple[str, str]]:
    """Ways to read a column's name as (stem, time), the likeliest first; a bare number at the end comes last.

    'bdi.2m' is (bdi, 2m); 'HAMD_W4' (hamd, w4); 'wk2bdi' (bdi, wk2); 'qids_3' (qids, 3).
    """
    full = plain(name)
    found: list[tuple[str, str]] = []
    patterns = (
        rf"(?P<stem>.+)_(?P<time>{_TIMED})",
        rf"(?P<time>{_TIMED})_(?P<stem>[a-z].+)",
        rf"(?P<stem>[a-z]*[a-z]{{2}}|[a-z]+\d+_?)(?P<time>(?:{_TIMED}))",
        rf"(?P<time>{_TIMED})(?P<stem>[a-z]{{3,}}.*)",
        rf"(?P<stem>.+)_(?P<time>\d+|{'|'.join(_NUMBER_WORDS)})",
        r"(?P<stem>.*?[a-z])(?P<time>\d+)",
    )
    for place, pattern in enumerate(patterns):
        hit = re.fullmatch(pattern, full)
        if not hit:
            continue
        stem, time = hit["stem"].strip("_"), hit["time"].strip("_")
        glued = place in (2, 3)
        if glued and not _is_known(stem):
            continue
        if stem and (stem, time) not in found:
            found.append((stem, time))
    return found


def _is_known(stem: str) -> bool:
    """Without a separator only the name of an instrument is believed to end where a time begins."""
    return instrument_of(stem) is not None
