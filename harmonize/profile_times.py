"""Times in names and labels: 'Week 2', 'Wo2', 'FU6M', 'Vorwert', 'J14', 'T0', 'madrst2'.

A text is cut into words and numbers, every word is looked up; one that is not known makes the text no time. So a
name is never taken for a time because it looks like one. Words are English, German, French and Spanish.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harmonize.profile_names import TOTAL_WORDS, instrument_of, plain

START = (
    "baseline base bas bl basal baselinevisit screening screen scr scrn pre prae pra pretest pretreatment intake entry"
    " enrolment enrollment inclusion start admission aufnahme eingang beginn vorher vorwert vortest ausgangswert"
    " initial inicio inicial randomisation randomization randomisierung erstgespraech eingangsuntersuchung prior"
)
END = (
    "post posttest posttreatment endpoint endpunkt end ende eot eos final fin discharge entlassung entl austritt last"
    " lvcf locf nachher nachwert nachtest abschluss abschlusswert sortie salida alta termination completion exit et"
    " abbruch dropout unscheduled ausser ausserplanmaessig"
)
FOLLOW_UP = (
    "followup followups followupvisit fu fup fups flup katamnese kat catamnesis nachuntersuchung nachbefragung nachunt"
    " suivi seguimiento nachsorge"
)
UNITS = {
    "week": "week weeks wk wks wee weekk w woche wochen wo kw semaine semaines sem semana semanas",
    "month": "month months mon mons mth mths mo m monat monate monaten monats mois mes meses",
    "day": "day days d dy tag tage tagen tg jour jours j dia dias",
    "year": "year years yr yrs y jahr jahre jahren jahres an ans annee annees ano anos",
    "session": "session sessions sess sitzung sitzungen s seance sesion",
    "visit": "visit visits vis v besuch visite visita vst termin",
    "time": "time times timepoint tp t occasion occ wave assessment phase messzeitpunkt mzp zeitpunkt zp welle messung",
}
FILLERS = (
    "of the after nach at bei from since post visit assessment therapy therapie treatment trt tx behandlung study phase"
    " mid mitte middle interim zwischenmessung arm rating measurement messung months monats stationaer und and or"
    " a le la de du del des no nr number total"
)
"""Words beside a time that say nothing of its day."""
DAYS_PER = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "year": 365.25, "session": 7.0}
"""Days of one unit. A session is read as a week; visits, times and follow-ups say no duration."""

_NUMBERS = dict(
    zip("zero one two three four five six seven eight nine ten eleven twelve".split(), range(13), strict=True)
)
_NUMBERS |= dict(
    zip("null eins zwei drei vier fuenf sechs sieben acht neun zehn elf zwoelf".split(), range(13), strict=True)
)
_NUMBERS |= dict(zip("first second third fourth fifth sixth".split(), range(1, 7), strict=True))
_NUMBERS.pop("null")  # a word for missing
_KIND = {word: unit for unit, words in UNITS.items() for word in words.split()}
_KIND |= dict.fromkeys(START.split(), "start") | dict.fromkeys(END.split(), "end")
_KIND |= dict.fromkeys(FOLLOW_UP.split(), "follow-up")
_FILL = set(FILLERS.split())


@dataclass(frozen=True)
class Time:
    """A time as a name or label says it: `day` from baseline, None where that cannot be told; `why` in words."""

    label: str
    unit: str
    number: float | None
    day: int | None
    why: str

    @property
    def known(self) -> bool:
        """It speaks of a time, whether or not it says a day."""
        return self.unit not in ("unknown", "number")

    @property
    def doubtful(self) -> bool:
        """A duration that may be counted from another day than the start."""
        return self.day is not None and "follow-up" in self.why


def read_time(label: str) -> Time:
    """The time a visit's label says: 'Baseline', 'Week 2', '2m', 'V3', 'Woche 4', '12 months', 'FU6M'."""
    text = re.sub(r"\barm[ _]\d+\b|_arm_\d+$", "", label.strip().lower())  # REDCap's events end in _arm_1
    text = re.sub(r"(?<=\d)(st|nd|rd|th|te|er|\.)(?=[ _])", "", text)
    sign = -1 if re.search(r"(?<![\w])[-−]\s*\d|minus", label) else 1
    decimal = re.search(r"\d+[.,]\d+", text)
    words = [w for w in _words(plain(text.replace("minus", ""))) if w]
    if decimal is not None and len(re.findall(r"\d+", text)) == 2:
        at = words.index(re.split("[.,]", decimal[0])[0])
        words[at : at + 2] = [decimal[0].replace(",", ".")]
    return _read(label, words, sign)


def _words(name: str) -> list[str]:
    """Words and numbers of a plain name; 'follow_up' is one word."""
    name = re.sub(r"follow_?ups?", "followup", name)
    name = re.sub(r"(?<![a-z])(end|fin)_(of|der|du)_", "end_", name)
    name = re.sub(r"(?<![a-z])we+ks?(?![a-z])", "week", name)
    found = re.findall(r"[a-z]+|\d+", name)
    return [str(_NUMBERS.get(word, word)) for word in (w for f in found for w in _unglued(f))]


def _unglued(word: str) -> list[str]:
    """'weektwo' and the 'mfu' of '6mfu' are two words."""
    if word not in _KIND and _KIND.get(word[:1]) in DAYS_PER and _KIND.get(word[1:]) in ("follow-up", "end"):
        return [word[:1], word[1:]]
    for number in _NUMBERS:
        unit = word.removesuffix(number)
        if unit != word and len(unit) > 1 and unit in _KIND and word not in _KIND:
            return [unit, number]
    return [word]


def _read(label: str, words: list[str], sign: int) -> Time:
    nothing = Time(label, "unknown", None, None, "no time is said")
    kinds: list[tuple[str, float | None]] = []
    i = 0
    while i < len(words):
        word = words[i]
        after = words[i + 1] if i + 1 < len(words) else ""
        if _number(word) is not None:
            unit = _KIND.get(after)
            if unit in UNITS and not _number_follows(words, i + 1):
                kinds.append((str(unit), _number(word)))
                i += 2
                continue
            kinds.append(("number", _number(word)))
        elif word in _KIND and _KIND[word] in UNITS and _number(after) is not None:
            kinds.append((_KIND[word], _number(after)))
            i += 2
            continue
        elif word in _KIND and _KIND[word] not in UNITS:
            kinds.append((_KIND[word], None))
        elif word not in _FILL:
            return nothing
        i += 1
    return _judge(label, kinds, sign, nothing)


def _judge(label: str, kinds: list[tuple[str, float | None]], sign: int, nothing: Time) -> Time:
    """Several words of time in one label: a duration counts before a number of a visit, this before a word."""
    durations = [(k, n) for k, n in kinds if k in DAYS_PER and k != "session"]
    sessions = [(k, n) for k, n in kinds if k == "session"]
    counted = [(k, n) for k, n in kinds if k in ("visit", "time")]
    bare = [n for k, n in kinds if k == "number"]
    said = [k for k, _ in kinds]
    if len(durations) > 1 or len(counted) > 1 or len(bare) > 1 or (bare and durations):
        return nothing
    if durations or sessions:
        ((unit, number),) = (durations or sessions)[:1]
        assert number is not None
        number *= sign
        day = round(number * DAYS_PER[unit])
        why = "sessions taken as weekly" if unit == "session" else f"{number:g} {unit}s"
        if ("end" in said and "start" not in said) or "follow-up" in said:
            why += ", a follow-up or end counted from the start"
        return Time(label, unit, number, day, why)
    if "start" in said and not {"end", "follow-up"} & set(said) and bare in ([], [0]):
        return Time(label, "start", 0, 0, "the start is day 0")
    if kinds == [("time", 0)]:
        return Time(label, "start", 0, 0, "the start is day 0")
    if counted:
        ((unit, number),) = counted
        return Time(label, unit, number, None, f"a {unit} number says no day")
    if "follow-up" in said:
        return Time(label, "follow-up", bare[0] if bare else None, None, "a follow-up says no day")
    if "end" in said or "start" in said:
        return Time(label, "end", bare[0] if bare else None, None, "an end has no day of its own")
    if bare and len(kinds) == 1 and re.fullmatch(rf"\s*(\d+(\.0)?|{'|'.join(_NUMBERS)})\s*", label.lower()):
        return Time(label, "number", bare[0], None, "a number without unit says no day")
    return nothing


def _number(word: str) -> float | None:
    return float(word) if re.fullmatch(r"\d+(\.\d+)?", word) else None


def _number_follows(words: list[str], i: int) -> bool:
    """'4 w 2': the unit belongs to the number after it."""
    return i + 1 < len(words) and _number(words[i + 1]) is not None and i > 0 and len(words) > i + 1


# --- names of columns ------------------------------------------------------------------------------------------


def split_time(name: str) -> list[tuple[str, str]]:
    """Ways to read a column's name as (stem, time), the likeliest first; a bare number at the end comes last.

    'bdi.2m' is (bdi, 2m); 'HAMD_W4' (hamd, w4); 'wk2bdi' (bdi, wk2); 'qids_3' (qids, 3). A word that belongs to the
    name of an instrument is no time: 'CGI_S_2' is (cgi_s, 2).
    """
    full = plain(name)
    cuts = _cuts(full)
    found: list[tuple[int, int, str, str]] = []
    for order, cut in enumerate(cuts):
        for stem, said in ((full[:cut], full[cut:]), (full[cut:], full[:cut])):
            stem, said = stem.strip("_"), said.strip("_")
            if not stem or not said or not re.search("[a-z]", stem):
                continue
            time = read_time(said)
            if not time.known or not _may_part(full, cut, stem, said):
                continue
            rank = 0 if instrument_of(stem) else 1
            found.append((rank, -len(stem) if rank == 0 else order, stem, said))
    ways = list(dict.fromkeys((stem, said) for _, _, stem, said in sorted(found)))
    for pattern in (rf"(.+)_(\d+|{'|'.join(_NUMBERS)})", r"(.*?[a-z])(\d+)"):
        hit = re.fullmatch(pattern, full)
        if hit and hit[1].strip("_") and (way := (hit[1].strip("_"), hit[2])) not in ways:
            number_of_instrument = instrument_of(way[0]) is not None
            longer = ways and instrument_of(way[0]) and len(way[0]) > len(ways[0][0])
            ways.insert(0 if number_of_instrument and longer else len(ways), way)
    return ways


def _cuts(full: str) -> list[int]:
    """Places where a name can be cut: at _, between letters and digits, and behind or before an instrument."""
    cuts = {m.start() for m in re.finditer(r"_|(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])", full)}
    for m in re.finditer(r"[a-z]+", full):
        word, start = m[0], m.start()
        for i in range(2, len(word)):
            if instrument_of(word[:i]) and (word[i:] in _KIND or word[i:] in TOTAL_WORDS):
                cuts.add(start + i)
            if instrument_of(word[i:]) and word[:i] in _KIND:
                cuts.add(start + i)
    return sorted(cuts)


def _may_part(full: str, cut: int, stem: str, said: str) -> bool:
    """A cut within a word needs a known instrument on the one side, or is 'scorew4': a unit with its number."""
    if full[cut] == "_" or full[cut - 1] == "_":
        return True
    return instrument_of(stem) is not None or instrument_of(re.sub(r"_?\d+$", "", stem)) is not None
