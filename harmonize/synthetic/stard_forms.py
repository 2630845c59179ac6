"""The STAR*D forms of one chunk of persons, filled as the archive delivers them, quirks included."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harmonize.sources import Study
from harmonize.synthetic.draws import Draws, Floats, Ints
from harmonize.synthetic.stard_course import (
    Course,
    Visits,
    clinic_visits,
    doses,
    draw_course,
    draw_persons,
    subject_keys,
    subject_numbers,
)
from harmonize.synthetic.stard_population import (
    ARM_NAMES,
    DRUGS,
    FU,
    INTOLERANCE,
    L1,
    L2,
    L2A,
    L3,
    L4,
    LEVELS,
    LOST,
    NO_RETURN,
    POPULATION,
    WEEKS,
    WELL,
    Population,
)
from harmonize.synthetic.text_columns import Column, constant, dates, deal, numbers, rounded, table, words

Codes = NDArray[np.int8]

# Spelling of levels by file (dossier section 3).
_LEVEL_DASH = ("Level 1", "Level 2", "Level 2A", "Level 3", "Level 4", "Follow-Up")
_LEVEL_TWO_WAYS = ("Level 1", "Level 2", "Level 2.1", "Level 3", "Level 4", "Follow-Up", "Level_2-1")
_LEVEL_CALLS = ("Enrollment", "Level 1", "Level 2", "Level 2A", "Level 3", "Level 4", "Follow up")

_DAY_RANGE = (-30, 1000)
_AGE_RANGE = (190, 960)
_WEEK_LABELS = ("0.1", "0", "2", "4", "6", "9", "12", "14", "2.1", "2.3", "2.6")
_DOSES = (0, *sorted({10, 15, 20, 25, 30, 40, 45, 50, 60, 75, 100, 150, 200, 225, 300, 375, 400, 450, 900, 999}))

HRSD = (
    # Item, highest score, reluctance to score (assumption).
    ("hsoin", 2, 0.9), ("hmnin", 2, 0.9), ("hemin", 2, 1.1), ("hmdsd", 4, 0.7), ("hpanx", 4, 0.9), ("hinsg", 2, 4.0),
    ("happt", 2, 1.2), ("hwl", 2, 1.6), ("hsanx", 4, 1.1), ("hhypc", 4, 1.8), ("hvwsf", 4, 0.9), ("hsuic", 4, 1.8),
    ("hintr", 4, 0.7), ("hengy", 2, 0.7), ("hslow", 4, 1.5), ("hagit", 4, 1.6), ("hsex", 2, 0.9),
)  # fmt: skip
QIDS_ITEMS = tuple(
    "vsoin vmnin vemin vhysm vmdsd vapdc vapin vwtdc vwtin vcntr vvwsf vsuic vintr vengy vslow vagit".split()
)
_QIDS_RELUCTANCE = (0.7, 0.8, 1.0, 0.9, 0.9, 2.0, 0.9, 0.8, 1.2)
"""By domain: sleep, mood, appetite and weight, concentration, self, suicide, interest, energy, movement. Assumption."""
IDS_ITEMS = tuple(
    "isoin imnin iemin ihysm imdsd ianx ipanc iirtb irct ivrtn iqty iapdc iapin iwtdc iwtin icntr ivwsf ivwfr isuic "
    "iintr iplsr iengy isex islow iagit ismtc isymp igas iintp ildn".split()
)
_UNKNOWN = -2
"""Code of an item that the form says is not known; −1 is blank."""


@dataclass(frozen=True)
class Calls:
    """Calls of the blinded rater, in order of person and time; `label` is a position in the levels of the form."""

    person: Ints
    label: Ints
    day: Ints
    severity: Floats
    key: Ints


@dataclass(frozen=True)
class PhoneTotals:
    """QIDS totals given to the automated telephone."""

    person: Ints
    level: Ints
    visit: Ints
    day: Ints
    total: Ints
    key: Ints


@dataclass(frozen=True)
class QidsVisit:
    """What was rated at each clinic visit: rows of visits × (clinician, self)."""

    items: NDArray[np.int8]
    total: Ints
    recorded: Ints
    """Total as written; −1 is blank."""


class Chunk:
    """The persons `first` … `first + count - 1` and everything their forms share."""

    def __init__(self, study: Study, first: int, count: int, seed: int, population: Population = POPULATION) -> None:
        self.study = study
        self.seed = seed
        self.p = population
        self.draws = Draws(seed)
        self.course: Course = draw_course(first, count, seed, population)
        self.number = self.course.persons.number
        numbers_ = subject_numbers(self.course)
        self.subject_key = subject_keys(numbers_, seed)
        self.src_subject_id = (numbers_ + 10_001).astype("U12")

    @cached_property
    def visits(self) -> Visits:
        """Clinic visits."""
        return clinic_visits(self.course, self.seed, self.p)

    @cached_property
    def calls(self) -> Calls:
        """Calls of the rater that were made."""
        return _rater_calls(self)

    @cached_property
    def qids(self) -> QidsVisit:
        """Ratings of every clinic visit; a copied visit repeats its source."""
        return _rate_qids(self)

    @cached_property
    def phone(self) -> PhoneTotals:
        """Calls to the automated telephone that gave a QIDS."""
        return _phone_totals(self)

    @cached_property
    def week_label(self) -> Ints:
        """Week of each clinic visit as ccv01 spells it: a position in the week labels."""
        v = self.visits
        odd = (v.visit == 1) & self.draws.chance("odd week", v.key, 0.2)
        plain = np.where(v.copied | (v.visit > 0), v.visit + 1, 0)
        return np.where(odd, 8 + self.draws.below("which odd week", v.key, 3), plain)

    def table(self, form: str, person: Ints, day: Ints, columns: Mapping[str, Column], first_id: int) -> pa.Table:
        """Rows of a form about persons of the chunk: the archive's own columns, then `columns`."""
        p = self.course.persons
        who = {
            "subjectkey": pa.DictionaryArray.from_arrays(pa.array(person.astype(np.int32)), self.subject_key),
            "src_subject_id": pa.DictionaryArray.from_arrays(
                pa.array(person.astype(np.int32)), pa.array(self.src_subject_id, type=pa.string())
            ),
        }
        times = _dated(p.enrolled_on[person], p.age_months[person], p.female[person], day)
        return _finished(self.study, form, {**who, **times, **columns}, day, first_id)


def _dated(enrolled_on: Ints, age_months: Ints, female: NDArray[np.bool_], day: Ints) -> dict[str, Column]:
    return {
        "interview_date": dates(enrolled_on + day),
        "interview_age": numbers(age_months + np.floor_divide(day * 12, 365), *_AGE_RANGE),
        "sex": words(female.astype(np.int8), ("M", "F")),
    }


def _finished(study: Study, form: str, columns: Mapping[str, Column], day: Ints, first_id: int) -> pa.Table:
    declared, rows = study.form(form), len(day)
    archive: dict[str, Column] = {
        "collection_id": constant("0000", rows),
        "dataset_id": constant("00000", rows),
        f"{form}_id": pa.array(np.arange(first_id, first_id + rows)).cast(pa.string()),
    }
    if "days_baseline" in declared.column_names:
        archive["days_baseline"] = numbers(day, *_DAY_RANGE)
    return table(declared, {**archive, **columns}, rows)


# --- Eligibility and history -----------------------------------------------------------------------------------------

_DSM = (
    # Criterion and share of the enrolled who meet it. Assumption.
    ("dsmdm", 0.97), ("dsmdi", 0.93), ("dsmcw", 0.72), ("dsmih", 0.90), ("dsmpa", 0.60),
    ("dsmle", 0.92), ("dsmfw", 0.85), ("dsmdt", 0.92), ("dsmtd", 0.50),
)  # fmt: skip


def el01(chunk: Chunk, first_id: int) -> pa.Table:
    """One row per screened person; who was only screened follows the enrolled person with the number before."""
    draws, p, number = chunk.draws, chunk.p, chunk.number
    extra = number[draws.chance("screened only", number, p.screened_only)]
    enrolled, screened = chunk.course.persons, draw_persons(extra + (1 << 40), draws, p)
    screening = np.concatenate([number * 2, extra * 2 + 1])
    order = np.argsort(screening, kind="stable")
    screening = screening[order]

    def both(name: str) -> Ints:
        return np.concatenate([getattr(enrolled, name), getattr(screened, name)])[order]

    day = -draws.below("screening day", screening, 8)
    status = np.where(screening % 2 == 0, 3, draws.choice("screening status", screening, (0.5, 0.3, 0.2)))
    ethnicity = np.where(
        draws.chance("ethnicity blank", screening, 0.03), -1, draws.chance("hispanic", screening, p.hispanic)
    )
    race = draws.choice("race", screening, p.race_shares)
    columns: dict[str, Column] = {
        "subjectkey": subject_keys(screening, chunk.seed),
        "src_subject_id": pa.array(screening + 10_001).cast(pa.string()),
        **_dated(both("enrolled_on"), both("age_months"), both("female").astype(bool), day),
        "clinicid": numbers(both("clinic"), 1, 99),
        "pstat": numbers(status + 1, 1, 4),
        "race": words(
            np.where(draws.chance("race blank", screening, p.race_blank), -1, race),
            ("White", "Black or African American", "Other"),
        ),
        "ethnicity": words(ethnicity, ("Not Hispanic or Latino", "Hispanic or Latino")),
    }
    for name, share in _DSM:
        columns[name] = numbers(draws.chance(name, screening, share).astype(np.int8), 0, 1)
    return _finished(chunk.study, "el01", columns, day, first_id)


def dm01(chunk: Chunk, first_id: int) -> pa.Table:
    """Home, work and insurance at enrolment (some twice, the second time in part), income in the week-0 row."""
    draws, p, number = chunk.draws, chunk.p, chunk.number
    everyone = np.arange(len(number))
    again = everyone[draws.chance("dm second row", number, p.dm_second_row)]
    income = everyone[draws.chance("dm income row", number, p.dm_income_row)]
    person = np.concatenate([everyone, again, income])
    part = np.repeat([0, 1, 2], [len(everyone), len(again), len(income)])
    order = np.lexsort((part, person))
    person, part = person[order], part[order]
    key = number[person]
    day = np.where(part == 2, 0, -draws.below("dm day", key, 4))
    first_level = chunk.course.first_level[person]
    columns: dict[str, Column] = {
        "level": words(np.where(part == 2, first_level + 1, 0), _LEVEL_CALLS),
        "week": words(np.where((part < 2) & draws.chance("dm week 99", key, 0.3), 1, 0), ("0", "99")),
    }

    def put(name: str, codes: Ints, vocabulary: tuple[str, ...], parts: tuple[int, ...]) -> None:
        left_out = (part == 1) & draws.chance(f"left out {name}", key, 0.4)
        columns[name] = words(np.where(np.isin(part, parts) & ~left_out, codes, -1), vocabulary)

    for name, vocabulary, shares in _DM_CODED:
        put(name, draws.choice(name, key, shares), vocabulary, _HOME)
    for name, vocabulary, shares in _DM_REFUSABLE:
        refused = draws.chance(f"refused {name}", key, p.dm_refused)
        codes = np.where(refused, len(vocabulary), draws.choice(name, key, shares))
        put(name, codes, (*vocabulary, "-7"), _HOME)
    years = rounded(p.education_mean + p.education_sd * draws.normal("educat", key), 0, 27)
    unknown = draws.chance("educat unknown", key, 0.01)
    put("educat", np.where(unknown, 28, years), (*map(str, range(28)), "999"), _HOME)
    put("resy", np.minimum(draws.below("resy", key, 12) ** 2 // 6, 60), tuple(map(str, range(61))), _HOME)
    put("resm", draws.below("resm", key, 12), tuple(map(str, range(12))), _HOME)
    for gate, amount, share, top in _DM_INCOME:
        has = draws.chance(gate, key, share) if gate else np.ones(len(key), dtype=bool)
        if gate:
            put(gate, has.astype(np.int64), ("0", "1"), _WEEK0)
        steps = draws.below(amount, key, top // 50)
        put(amount, np.where(has, steps, -1), tuple(str(50 * i) for i in range(top // 50)), _WEEK0)
    return chunk.table("dm01", person, day, columns, first_id)


# Which of a person's dm01 rows hold a field: the enrolment row (0), its second copy (1), the week-0 row (2).
_HOME = (0, 1)
_WEEK0 = (2,)
# Codes: columns table, read. Shares: assumption, except where the population block names a source.
_DM_CODED = (
    ("resid", tuple("12345678"), (0.5, 0.1, 0.05, 0.28, 0.02, 0.02, 0.01, 0.02)),
    ("rtown", tuple("123"), (0.15, 0.4, 0.45)),
    ("marital", tuple("123456"), (0.29, 0.08, 0.36, 0.06, 0.18, 0.03)),
    ("spous", tuple("01"), (0.55, 0.45)),
    ("relat", tuple("012345"), (0.5, 0.2, 0.15, 0.08, 0.05, 0.02)),
    ("frend", tuple("0123"), (0.88, 0.08, 0.03, 0.01)),
    ("thous", (*"1234567", "99"), (0.25, 0.28, 0.19, 0.15, 0.08, 0.03, 0.01, 0.01)),
    ("grade_highed", tuple("1234567"), (0.05, 0.1, 0.35, 0.15, 0.2, 0.1, 0.05)),
    ("student", tuple("012"), (0.88, 0.07, 0.05)),
)
_DM_REFUSABLE = (
    ("empl", (*"12345678", "9", "15"), (0.08, 0.14, 0.42, 0.12, 0.06, 0.05, 0.02, 0.09, 0.01, 0.01)),
    ("volun", tuple("012"), (0.9, 0.02, 0.08)),
    ("leave", tuple("01"), (0.94, 0.06)),
    ("publica", tuple("013"), (0.87, 0.12, 0.01)),
    ("medicaid", tuple("01"), (0.87, 0.13)),
    ("privins", tuple("01"), (0.48, 0.52)),
    ("mkedc", tuple("1234"), (0.1, 0.2, 0.3, 0.4)),
    ("enjoy", tuple("1234"), (0.1, 0.2, 0.3, 0.4)),
    ("famim", tuple("1234"), (0.1, 0.2, 0.3, 0.4)),
)
_DM_INCOME = (
    # Column that says whether, column that says how much, share, upper limit in USD. Assumption.
    ("inc_curr", "mempl", 0.58, 6000),
    ("assist", "massist", 0.12, 1500),
    ("unempl", "munempl", 0.06, 1500),
    ("otherinc", "minc_other", 0.25, 2500),
    ("", "totincom", 1.0, 9000),
)

# Axis I and II, and other conditions of phx01: column and share present. Assumption, except: any anxiety diagnosis
# 15.9 %, any substance use 6.9 % (section 8, read), spread over their columns.
_SUBSTANCES = (("alcoh", 0.04), ("amphet", 0.004), ("cannibis", 0.02), ("opioid", 0.004), ("ax_cocaine", 0.008))
_CONDITIONS = (
    ("pd_ag", 0.02), ("pd_noag", 0.02), ("specphob", 0.01), ("soc_phob", 0.04), ("ocd_phx", 0.01), ("psd", 0.04),
    ("gad_phx", 0.05), ("axi_oth", 0.03), ("pd_border", 0.02), ("pd_depend", 0.01), ("pd_antis", 0.005),
    ("pd_paran", 0.005), ("pd_nos", 0.02), ("axii_oth", 0.01), ("wrsms", 0.2), ("anorexia", 0.02), ("bulimia", 0.03),
)  # fmt: skip
_STATEMENTS = (("ai_none", 0.6), ("ai_def", 0.02), ("ai_na", 0.02), ("aii_none", 0.8), ("aii_def", 0.1), ("aii_na", 0.02))
_FAMILY = (
    ("dep", ("deppar", "depsib", "depchld"), 0.55),
    ("bip", ("bippar", "bipsib", "bipchld"), 0.1),
    ("alcohol", ("alcpar", "alcsib", "alcchld"), 0.43),
    ("drug_phx", ("drgpar", "drgsib", "drgchld"), 0.25),
    ("suic_phx", ("suicpar", "suicsib", "suicchld"), 0.04),
)


def phx01(chunk: Chunk, first_id: int) -> pa.Table:
    """One row per person, a few of them twice."""
    draws, p, number = chunk.draws, chunk.p, chunk.number
    copies = 1 + draws.chance("phx second row", number, p.phx_second_row)
    person = np.repeat(np.arange(len(number)), copies)
    key = number[person]
    age = chunk.course.persons.age_months[person] // 12
    onset = np.minimum(rounded(p.onset_mean + p.onset_sd * draws.normal("dage", key), 5, 75), age)
    episodes = rounded(1 - (p.episodes_mean - 0.5) * np.log1p(-draws.uniform("epino", key)), 1, 60)
    mean, sd = p.episode_months
    spread = np.log1p((sd / mean) ** 2)
    months = np.exp(np.log(mean) - spread / 2 + np.sqrt(spread) * draws.normal("episode", key))
    episode = np.minimum(np.maximum(months * 30.44, 14), np.maximum((age - onset) * 365, 30)).astype(np.int64)
    columns: dict[str, Column] = {
        "dage": _with_codes(onset, draws, "dage", key, p.phx_unknown),
        "epino": _with_codes(episodes, draws, "epino", key, p.phx_unknown),
        "episode_date": pa.array(-episode, mask=draws.chance("episode blank", key, 0.03))
        .cast(pa.string())
        .dictionary_encode(),
        "etcmats": words(draws.choice("etcmats", key, (0.83, 0.1, 0.04, 0.03)), tuple("0123")),
    }
    blank = draws.chance("axis blank", key, 0.03)
    for name, share in _SUBSTANCES:
        codes = draws.choice(name, key, (1 - share, share / 2, share / 2))
        columns[name] = words(np.where(blank, -1, codes), tuple("012"))
    for name, share in (*_CONDITIONS, *_STATEMENTS):
        codes = draws.chance(name, key, share).astype(np.int64)
        codes[blank] = -1
        if name == "wrsms":
            codes[~chunk.course.persons.female[person]] = -1
        columns[name] = words(codes, ("0", "1"))
    for name, relatives, share in _FAMILY:
        any_one = draws.chance(name, key, share)
        unknown = draws.chance(f"{name} unknown", key, 0.03)
        columns[name] = words(np.where(unknown, 2, any_one), ("0", "1", "-9"))
        first = draws.choice(f"{name} whom", key, (0.6, 0.3, 0.1))
        for position, relative in enumerate(relatives):
            has = any_one & ~unknown & ((first == position) | draws.chance(relative, key, 0.1))
            columns[relative] = words(np.where(has, 1, np.where(draws.chance(f"{relative} no", key, 0.5), 0, -1)), ("0", "1"))
    day = -draws.below("phx day", key, 4)
    return chunk.table("phx01", person, day, columns, first_id)


def _with_codes(values: Ints, draws: Draws, name: str, key: Ints, share: float) -> Column:
    """Whole numbers up to 99, with the three codes for what is not known."""
    code = 100 + draws.below(f"{name} code", key, 3)
    unknown = draws.chance(f"{name} unknown", key, share)
    return words(np.where(unknown, code, values), (*map(str, range(100)), "-3", "-5", "-9"))


_CIRS = (
    # Column and shares of 0 to 4. Assumption.
    ("heart", (0.9, 0.05, 0.03, 0.015, 0.005)), ("vsclr", (0.8, 0.08, 0.1, 0.015, 0.005)),
    ("hema", (0.95, 0.03, 0.02, 0, 0)), ("eyes", (0.7, 0.2, 0.08, 0.02, 0)), ("ugi", (0.75, 0.12, 0.12, 0.01, 0)),
    ("lgi", (0.85, 0.08, 0.06, 0.01, 0)), ("renal", (0.97, 0.02, 0.01, 0, 0)), ("genur", (0.85, 0.08, 0.06, 0.01, 0)),
    ("mskl", (0.6, 0.2, 0.15, 0.04, 0.01)), ("neuro", (0.8, 0.1, 0.08, 0.02, 0)), ("psych", (0, 0.05, 0.75, 0.18, 0.02)),
    ("respiratory", (0.8, 0.1, 0.08, 0.02, 0)), ("liverd", (0.95, 0.03, 0.02, 0, 0)),
    ("endod", (0.75, 0.12, 0.11, 0.02, 0)),
)  # fmt: skip


def crs01(chunk: Chunk, first_id: int) -> pa.Table:
    """One row with a coordinator per person, and some rows with neither coordinator nor data."""
    draws, number = chunk.draws, chunk.number
    empty_too = draws.chance("crs empty row", number, chunk.p.crs_empty_row)
    person = np.repeat(np.arange(len(number)), 1 + empty_too)
    key = number[person]
    repeated = np.zeros(len(person), dtype=bool)
    repeated[1:] = person[1:] == person[:-1]
    clinic = chunk.course.persons.clinic[person]
    columns: dict[str, Column] = {"crcid": numbers(clinic * 10 + draws.below("crcid", key, 3), 1, 999, blank=repeated)}
    for name, shares in _CIRS:
        codes = np.where(draws.chance(f"{name} unknown", key, 0.004), 5, draws.choice(name, key, shares))
        columns[name] = words(np.where(repeated, -1, codes), (*"01234", "-9"))
    return chunk.table("crs01", person, -draws.below("crs day", key, 4), columns, first_id)


# --- Calls of the blinded rater --------------------------------------------------------------------------------------


def _rater_calls(chunk: Chunk) -> Calls:
    """At enrolment, and a few days after the end of each level; many of the latter were not made."""
    c, draws, number, p = chunk.course, chunk.draws, chunk.number, chunk.p
    labels = len(_LEVEL_CALLS)
    made = np.zeros((len(number), labels), dtype=bool)
    day = np.zeros((len(number), labels), dtype=np.int64)
    severity = np.zeros((len(number), labels))
    missing, no_row = _hrsd_missing(chunk)
    made[:, 0] = ~(missing & no_row)
    day[:, 0] = -draws.below("entry call", number, 4)
    severity[:, 0] = c.persons.severity
    for level in range(len(LEVELS)):
        ended = c.entered[:, level] & (c.exit[:, level] != NO_RETURN)
        end = c.end[:, level]
        if level == FU:
            ended &= c.follow_up_months == 12
            end = c.start[:, FU] + 365
        name = LEVELS[level]
        made[:, level + 1] = ended & ~draws.chance(f"call missing {name}", number, p.exit_call_missing)
        day[:, level + 1] = end + draws.below(f"call lag {name}", number, 6)
        severity[:, level + 1] = c.exit_severity[:, level]
    person, label = np.nonzero(made)
    return Calls(person, label, day[person, label], severity[person, label], number[person] * 8 + label)


def _hrsd_missing(chunk: Chunk) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Who has no HRSD17 at enrolment, and whose row is absent rather than empty."""
    missing = chunk.draws.chance("hrsd missing", chunk.number, chunk.p.hrsd_missing)
    return missing, chunk.draws.chance("hrsd no row", chunk.number, chunk.p.hrsd_no_row)


def hrsd01(chunk: Chunk, first_id: int) -> pa.Table:
    """HRSD17 at enrolment and at the end of levels."""
    calls, draws, p = chunk.calls, chunk.draws, chunk.p
    entry = calls.label == 0
    standard = (calls.severity - p.qids_sr_mean) / np.sqrt(p.qids_sr_sd**2 - p.rater_sd**2)
    noise = draws.normal("hrsd", calls.key)
    at_entry = p.hrsd_mean + p.hrsd_sd * (p.hrsd_severity * standard + np.sqrt(1 - p.hrsd_severity**2) * noise)
    # About 1.3 HRSD17 points per QIDS point: assumption.
    total = rounded(np.where(entry, at_entry, 1.3 * calls.severity + 3.0 * noise), 0, 48)
    points = sum(highest for _, highest, _ in HRSD)
    items = deal(total, [h for _, h, _ in HRSD], [r for _, _, r in HRSD], draws.matrix("hrsd items", calls.key, points))
    total = items.sum(axis=1, dtype=np.int64)

    empty = entry & _hrsd_missing(chunk)[0][calls.person]
    # Only at exit, so that the entry count of missing scores stays what it is.
    unknown = ~entry & draws.chance("hrsd unknown item", calls.key, p.hrsd_unknown_item)
    which = draws.below("hrsd which item", calls.key, len(HRSD))
    items[unknown, which[unknown]] = _UNKNOWN
    items[empty] = -1
    no_total = empty | draws.chance("hrsd blank total", calls.key, p.hrsd_blank_total)
    no_total |= unknown & draws.chance("hrsd unknown total", calls.key, 0.5)
    not_entered = no_total | ~draws.chance("hrsd entered total", calls.key, p.hrsd_entered_total)
    columns: dict[str, Column] = {
        name: _item(items[:, i], 4, "-9") for i, (name, _, _) in enumerate(HRSD)
    }
    columns["hdtot_r"] = numbers(total, 0, 52, blank=no_total)
    columns["hdtot"] = numbers(total, 0, 52, blank=not_entered)
    columns["level"] = words(calls.label, _LEVEL_CALLS)
    return chunk.table("hrsd01", calls.person, calls.day, columns, first_id)


def _item(codes: Codes, highest: int, unknown: str) -> Column:
    """An item's column: 0 … highest, −1 blank, `_UNKNOWN` as the form writes it."""
    vocabulary = (*map(str, range(highest + 1)), unknown)
    return words(np.where(codes == _UNKNOWN, highest + 1, codes), vocabulary)


def idsc01(chunk: Chunk, first_id: int) -> pa.Table:
    """IDS-C30 of the same calls."""
    draws, p = chunk.draws, chunk.p
    made = ~draws.chance("ids missing", chunk.calls.key, p.ids_call_missing)
    calls = Calls(*(getattr(chunk.calls, name)[made] for name in ("person", "label", "day", "severity", "key")))
    # About 2.2 IDS points per QIDS point: assumption.
    aim = rounded(2.2 * calls.severity + 4.0 * draws.normal("ids", calls.key), 0, 78)
    # 28 units of 3 points: 26 items, the appetite pair, the weight pair.
    units = deal(aim, [3] * 28, [1.0] * 28, draws.matrix("ids items", calls.key, 84))
    total = units.sum(axis=1, dtype=np.int64)
    items = np.empty((len(total), len(IDS_ITEMS)), dtype=np.int8)
    first_pair = IDS_ITEMS.index("iapdc")
    items[:, :first_pair] = units[:, :first_pair]
    items[:, first_pair + 4 :] = units[:, first_pair + 2 :]
    for place, name in ((0, "appetite"), (1, "weight")):
        items[:, first_pair + 2 * place : first_pair + 2 * place + 2] = _one_sided(
            units[:, first_pair + place], draws, f"ids {name}", calls.key, p
        )
    unknown = (calls.label > 0) & draws.chance("ids unknown item", calls.key, p.ids_unknown_item)
    # One of the first four items (sleep): none of them belongs to a pair.
    which = draws.below("ids which item", calls.key, 4)
    items[unknown, which[unknown]] = _UNKNOWN
    columns: dict[str, Column] = {name: _item(items[:, i], 3, "-9") for i, name in enumerate(IDS_ITEMS)}
    varies = items[:, IDS_ITEMS.index("ivrtn")] > 0
    columns["iwrse"] = words(np.where(varies, draws.below("iwrse", calls.key, 3), -1), tuple("123"))
    columns["ienv"] = words(np.where(varies, draws.below("ienv", calls.key, 2), -1), ("0", "1"))
    columns["ictot"] = numbers(total, 0, 84, blank=unknown)
    columns["time_point"] = words((calls.label > 0).astype(np.int8), ("Enrollment", "Exit"))
    columns["level"] = words(calls.label, _LEVEL_CALLS)
    return chunk.table("idsc01", calls.person, calls.day, columns, first_id)


def _one_sided(score: Ints, draws: Draws, name: str, key: Ints, p: Population) -> Codes:
    """Less and more of something: one side has the score, the other is blank, or 0 where both were asked."""
    more = draws.chance(f"{name} more", key, 0.35)
    other = np.where(draws.chance(f"{name} both", key, p.qids_both_sides), 0, -1)
    return np.stack([np.where(more, other, score), np.where(more, score, other)], axis=1).astype(np.int8)


# --- QIDS ------------------------------------------------------------------------------------------------------------


def _rate_qids(chunk: Chunk) -> QidsVisit:
    v, draws, p = chunk.visits, chunk.draws, chunk.p
    held = np.flatnonzero(~v.copied)
    key = (v.key[held, None] * 2 + np.arange(2)).ravel()
    latent = np.repeat(v.severity[held], 2)
    aim = rounded(latent + p.rater_sd * draws.normal("qids", key), 0, 27)
    domains = deal(aim, [3] * 9, _QIDS_RELUCTANCE, draws.matrix("qids domains", key, 27))
    total = domains.sum(axis=1, dtype=np.int64)
    items = _qids_items(domains, draws, key, p)

    unknown = draws.chance("qids unknown item", key, p.qids_unknown_item)
    singles = np.array([QIDS_ITEMS.index(name) for name in ("vmdsd", "vcntr", "vvwsf", "vsuic", "vintr", "vengy")])
    which = singles[draws.below("qids which item", key, len(singles))]
    items[unknown, which[unknown]] = _UNKNOWN

    entry = np.repeat((v.visit == 0)[held], 2)
    recorded = total.copy()
    off = draws.chance("qids off by one", key, p.qids_off_by_one)
    recorded[off] += np.where(total[off] < 27, 1, -1)
    recorded[entry & draws.chance("qids no entry total", key, p.qids_blank_entry_total)] = -1

    # A copied visit shows what its source shows.
    place = np.zeros(len(v.person), dtype=np.int64)
    place[held] = np.arange(len(held))
    rows = (place[v.source][:, None] * 2 + np.arange(2)).ravel()
    return QidsVisit(items=items[rows], total=total[rows], recorded=recorded[rows])


def _qids_items(domains: Codes, draws: Draws, key: Ints, p: Population) -> Codes:
    """16 items with the given domain scores: of sleep, of appetite and weight, and of movement the largest counts."""
    less = draws.matrix("qids less", key, 6)
    items = np.empty((len(key), len(QIDS_ITEMS)), dtype=np.int8)
    sleep = domains[:, 0]
    items[:, :4] = less[:, :4] * (sleep[:, None] + 1)
    items[np.arange(len(key)), draws.below("qids sleep", key, 4)] = sleep
    for item, domain in ((4, 1), (9, 3), (10, 4), (11, 5), (12, 6), (13, 7)):
        items[:, item] = domains[:, domain]
    appetite, movement = domains[:, 2], domains[:, 8]
    by_weight = draws.chance("qids by weight", key, 0.4)
    smaller = (less[:, 4] * (appetite + 1)).astype(np.int8)
    items[:, 5:7] = _one_sided(np.where(by_weight, smaller, appetite), draws, "qids appetite", key, p)
    items[:, 7:9] = _one_sided(np.where(by_weight, appetite, smaller), draws, "qids weight", key, p)
    restless = draws.chance("qids restless", key, 0.5)
    smaller = (less[:, 5] * (movement + 1)).astype(np.int8)
    items[:, 14] = np.where(restless, smaller, movement)
    items[:, 15] = np.where(restless, movement, smaller)
    return items


def _phone_totals(chunk: Chunk) -> PhoneTotals:
    """Calls beside clinic visits of treatment levels, and monthly calls in follow-up."""
    c, v, draws, p = chunk.course, chunk.visits, chunk.draws, chunk.p
    beside = np.flatnonzero(
        ~v.copied & (v.level != FU) & draws.chance("phone beside visit", v.key, p.qids_ivr_call)
    )
    day_before = (v.visit[beside] > 0) & ~draws.chance("phone same day", v.key[beside], p.qids_ivr_same_day)
    months = np.arange(1, 13)
    monthly_key = chunk.number[:, None] * 64 + 48 + months
    answered = c.entered[:, FU, None] & (months <= c.follow_up_months[:, None])
    answered &= draws.chance("phone monthly", monthly_key, p.follow_up_answered)
    person, month = np.nonzero(answered)
    monthly_key = monthly_key[person, month]
    start, last = c.exit_severity[:, FU], c.entry_severity[:, FU]
    gone = months[month] / 12
    latent = np.concatenate([v.severity[beside], last[person] * (1 - gone) + start[person] * gone])
    jitter = draws.below("phone jitter", monthly_key, 7) - 3
    key = np.concatenate([v.key[beside], monthly_key])
    return PhoneTotals(
        person=np.concatenate([v.person[beside], person]),
        level=np.concatenate([v.level[beside], np.full(len(person), FU)]),
        visit=np.concatenate([v.visit[beside], np.full(len(person), -1)]),
        day=np.concatenate([v.day[beside] - day_before, c.start[person, FU] + 30 * months[month] + jitter]),
        total=rounded(latent + p.ivr_sd * draws.normal("phone total", key), 0, 27),
        key=key,
    )


def qids01(chunk: Chunk, first_id: int) -> pa.Table:
    """QIDS-C and QIDS-SR of each clinic visit, and the totals of the automated telephone."""
    v, q, phone, draws, p = chunk.visits, chunk.qids, chunk.phone, chunk.draws, chunk.p
    clinic, calls = 2 * len(v.person), len(phone.person)
    person = np.concatenate([np.repeat(v.person, 2), phone.person])
    level = np.concatenate([np.repeat(v.level, 2), phone.level])
    day = np.concatenate([np.repeat(v.day, 2), phone.day])
    kind = np.concatenate([np.tile([0, 1], len(v.person)), np.full(calls, 2)])
    order = np.argsort(((person * 8 + level) * 2048 + day + 64) * 4 + kind, kind="stable")

    def rows(of_clinic: Ints, of_calls: int | Ints = -1) -> Ints:
        """A column's codes in file order."""
        calls_part = np.full(calls, of_calls) if np.ndim(of_calls) == 0 else of_calls
        return np.concatenate([of_clinic, calls_part])[order]

    form_key = (v.key[:, None] * 2 + np.arange(2)).ravel()
    week = np.repeat(chunk.week_label, 2)
    # Only ccv01 calls the first visit week 0.1.
    week = np.where(week == 0, _WEEK_LABELS.index("0"), week)
    week[draws.chance("qids blank week", form_key, p.qids_blank_week)] = -1
    # Of one of the two forms only, and not at a level's boundary.
    anonymous = ~v.boundary & draws.chance("qids blank version", v.key, 2 * p.qids_blank_version)
    which = draws.below("qids which version", v.key, 2)
    version = np.tile([0, 1], len(v.person))
    version[(2 * np.arange(len(v.person)) + which)[anonymous]] = -1
    # The spelling of level 2A changes from visit to visit.
    two_ways = np.where((v.level == L2A) & draws.chance("qids level spelling", v.key, 0.5), 6, v.level)
    calls_two_ways = np.where((phone.level == L2A) & draws.chance("phone spelling", phone.key, 0.5), 6, phone.level)

    entry = np.searchsorted(v.person, np.arange(len(chunk.number)))[v.person]
    by_clinician = q.total[::2]
    baseline = by_clinician[entry]
    improved = rounded(100 * (baseline - by_clinician) / np.maximum(baseline, 1), -300, 100)
    improvement = np.full(clinic, -1, dtype=np.int64)
    improvement[::2] = np.where((np.arange(len(v.person)) == entry) | (baseline == 0), -1, improved + 300)
    columns: dict[str, Column] = {
        name: _item(rows(q.items[:, i]), 3, "999") for i, name in enumerate(QIDS_ITEMS)
    }
    columns["qstot"] = words(rows(q.recorded), tuple(map(str, range(28))))
    columns["qvtot"] = words(rows(np.full(clinic, -1), phone.total), tuple(map(str, range(28))))
    columns["version_form"] = words(rows(version), ("Clinician", "Self Rating"))
    columns["level"] = words(rows(np.repeat(two_ways, 2), calls_two_ways), _LEVEL_TWO_WAYS)
    columns["week"] = words(rows(week), _WEEK_LABELS)
    columns["qcimp_r"] = words(rows(improvement), tuple(map(str, range(-300, 101))))
    return chunk.table("qids01", person[order], day[order], columns, first_id)


# --- Clinic visits, telephone, exits ---------------------------------------------------------------------------------

_SPELLINGS: tuple[Callable[[str], str], ...] = (str.capitalize, str.upper, str.lower)


def ccv01(chunk: Chunk, first_id: int) -> pa.Table:
    """Drugs, doses and the decision at each clinic visit; a level opens on the day the one before ends."""
    c, v, draws, p = chunk.course, chunk.visits, chunk.draws, chunk.p
    drug, dose = doses(c, chunk.seed)
    ends = (v.visit == c.exit_visit[v.person, v.level]) & (v.level != FU)
    kind = np.where(ends, c.exit[v.person, v.level], -1)
    columns: dict[str, Column] = {"clinicid": numbers(c.persons.clinic[v.person], 1, 99)}
    names = tuple(spell(name) for spell in _SPELLINGS for name in DRUGS)
    # Not at a boundary, where the two rows of one day must agree on a drug that is kept.
    u = np.where(v.boundary, 1.0, draws.uniform("dose code", v.key))
    limits = np.cumsum([p.ccv_zero_dose, p.ccv_unknown_dose, p.ccv_no_dose])
    for place in (0, 1):
        which = drug[v.person, v.level, place].astype(np.int64)
        taken = dose[v.person, v.level, v.visit, place].astype(np.int64)
        columns[f"stsd{place + 1}"] = words(np.where(which < 0, -1, np.searchsorted(_DOSES, taken)), _dose_texts())
        if place == 0:
            taken = np.where(u < limits[0], 0, np.where(u < limits[1], 999, taken))
        codes = np.searchsorted(_DOSES, taken)
        no_dose = (which < 0) | ((place == 0) & (limits[1] <= u) & (u < limits[2]))
        spelling = draws.choice(f"spelling {place}", v.key, (0.6, 0.2, 0.2))
        columns[f"medication{place + 1}_name"] = words(np.where(which < 0, -1, spelling * len(DRUGS) + which), names)
        columns[f"medication{place + 1}_dosage"] = words(np.where(no_dose, -1, codes), _dose_texts())
    now = dose[v.person, v.level, v.visit, 0]
    later = dose[v.person, v.level, np.minimum(v.visit + 1, len(WEEKS) - 1), 0]
    by_clinician, by_self = chunk.qids.total[::2], chunk.qids.total[1::2]
    # What was found at the visit is the same in both rows of a boundary.
    found = v.key[v.source]
    code = draws.chance("total code", found, p.ccv_code_for_total)
    by_self = np.where(code, 28 + draws.below("which total code", found, 3), by_self)
    flags = {
        "suicd": draws.chance("suicd", found, 0.03),
        "remsn": (by_clinician <= 5) & draws.chance("remsn", found, 0.9),
        "raise": (later > now) & (kind < 0) & (v.level != FU),
        "effct": (kind == INTOLERANCE) | draws.chance("effct", v.key, 0.06),
        "cncn": draws.chance("cncn", found, 0.02),
        "prtcl": draws.chance("prtcl", v.key, 0.05),
        "stmed": draws.chance("stmed", v.key, 0.8),
    }
    columns |= {name: words(flag.astype(np.int8), ("0", "1")) for name, flag in flags.items()}
    columns["trtmt"] = words(_decision(c, v, kind), tuple("1234"))
    columns["qccur_r"] = words(by_clinician, tuple(map(str, range(28))))
    columns["qscur_r"] = words(by_self, (*map(str, range(28)), "-3", "-4", "-5"))
    columns["level"] = words(v.level, _LEVEL_DASH)
    columns["week"] = words(chunk.week_label, _WEEK_LABELS)
    return chunk.table("ccv01", v.person, v.day, columns, first_id)


def _dose_texts() -> tuple[str, ...]:
    return tuple(map(str, _DOSES))


def _decision(c: Course, v: Visits, kind: Ints) -> Ints:
    """Position in (continue, next level, follow-up, exit study); nobody knows of those who will be lost."""
    to_follow_up = c.entered[v.person, FU] & (c.start[v.person, FU] == v.day)
    going = np.where(v.level == L4, 3, 1)
    decision = np.where(kind == WELL, np.where(to_follow_up, 2, 3), going)
    return np.where((kind < 0) | (kind == LOST) | (kind == NO_RETURN), 0, decision)


def ivra01(chunk: Chunk, first_id: int) -> pa.Table:
    """The arm at entry to each level, the move to follow-up, and calls without an assignment."""
    c, draws, phone = chunk.course, chunk.draws, chunk.phone
    person, level = np.nonzero(c.entered)
    other = np.flatnonzero((phone.visit > 0) & draws.chance("ivra call", phone.key, chunk.p.ivra_call))
    arm = np.where(level == FU, ARM_NAMES.index("FU"), np.where(level == L1, -1, c.arm[person, level]))
    asked = level == L2
    accepts = np.where(asked[:, None], np.where(c.accepts[person], 0, 1), -1)

    person = np.concatenate([person, phone.person[other]])
    day = np.concatenate([c.start[np.nonzero(c.entered)], phone.day[other]])
    week = np.concatenate([np.zeros(len(level), dtype=np.int64), phone.visit[other]])
    level = np.concatenate([level, phone.level[other]])
    arm = np.concatenate([arm, np.full(len(other), -1)])
    accepts = np.concatenate([accepts, np.full((len(other), 4), -1)])
    entry = np.arange(len(person)) < len(person) - len(other)
    order = np.argsort((person * 8 + level) * 2048 + day + 64, kind="stable")
    spelling = np.where(
        (level == L2A) & draws.chance("ivra spelling", chunk.number[person] * 2048 + day, 0.5), 6, level
    )
    columns: dict[str, Column] = {
        "txassign": words(arm[order], ARM_NAMES),
        "level": words(spelling[order], _LEVEL_TWO_WAYS),
        "week": words(week[order], tuple(map(str, WEEKS))),
        "action_call": words(np.where(entry, 0, 1)[order], ("Entry", "Assessment")),
    }
    for place, name in enumerate(("medswl2", "medaugl2", "cogswl2", "cogaugl2")):
        columns[name] = words(accepts[order, place], ("1", "2"))
    return chunk.table("ivra01", person[order], day[order], columns, first_id)


def le01(chunk: Chunk, first_id: int) -> pa.Table:
    """One row for each level that was left; nobody filled a form for those who never came back."""
    c = chunk.course
    left = c.entered & (c.exit != NO_RETURN)
    left[:, FU] = False
    person, level = np.nonzero(left)
    kind = c.exit[person, level]
    intolerant = kind == INTOLERANCE
    draws, key = chunk.draws, chunk.number[person] * 8 + level
    therapy = np.isin(c.arm[person, level], [ARM_NAMES.index("CT"), ARM_NAMES.index("CIT+CT")])
    left_study = (kind == LOST) | (level == L4)
    columns: dict[str, Column] = {
        "lestatus": words(left_study.astype(np.int8), ("1", "2")),
        "level": words(level, _LEVEL_DASH),
    }
    asked = {
        "l1se": level == L1,
        "l2se": (level == L2) & ~therapy,
        "l2ase": level == L2A,
        "l2ctse": (level == L2) & therapy,
        "l3se": level == L3,
    }
    for name, here in asked.items():
        no = np.where(draws.chance(f"{name} blank", key, 0.5), -1, 0)
        columns[name] = words(np.where(here, np.where(intolerant, 1, no), -1), ("0", "1"))
    return chunk.table("le01", person, c.end[person, level], columns, first_id)


FORMS: dict[str, Callable[[Chunk, int], pa.Table]] = {
    "el01": el01,
    "dm01": dm01,
    "phx01": phx01,
    "crs01": crs01,
    "hrsd01": hrsd01,
    "qids01": qids01,
    "idsc01": idsc01,
    "ccv01": ccv01,
    "ivra01": ivra01,
    "le01": le01,
}
