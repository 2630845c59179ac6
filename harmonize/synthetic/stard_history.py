"""Eligibility, demographics and history: el01, dm01, phx01, crs01."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harmonize.synthetic.draws import Draws, Ints
from harmonize.synthetic.persons import COMORBIDITIES
from harmonize.synthetic.stard_chunk import FIRST_STUDY_NUMBER, LEVEL_CALLS, Chunk, dated, finished
from harmonize.synthetic.stard_persons import enrolled, subject_keys
from harmonize.synthetic.text_columns import Column, numbers, words

_DSM = (
    # Criterion and share of the enrolled who meet it. Assumption.
    ("dsmdm", 0.97), ("dsmdi", 0.93), ("dsmcw", 0.72), ("dsmih", 0.90), ("dsmpa", 0.60),
    ("dsmle", 0.92), ("dsmfw", 0.85), ("dsmdt", 0.92), ("dsmtd", 0.50),
)  # fmt: skip


def el01(chunk: Chunk, first_id: int) -> pa.Table:
    """One row per screened person; who was only screened follows the enrolled person with the number before."""
    draws, p, number = chunk.draws, chunk.p, chunk.number
    extra = number[draws.chance("screened only", number, p.screened_only)]
    persons, screened = chunk.course.persons, enrolled(extra + (1 << 40), draws, chunk.world)
    screening = np.concatenate([number * 2, extra * 2 + 1])
    order = np.argsort(screening, kind="stable")
    screening = screening[order]

    def both(name: str) -> Ints:
        return np.concatenate([getattr(persons, name), getattr(screened, name)])[order]

    def own(name: str) -> Ints:
        return np.concatenate([getattr(persons.persons, name), getattr(screened.persons, name)])[order]

    day = -draws.below("screening day", screening, 8)
    status = np.where(screening % 2 == 0, 3, draws.choice("screening status", screening, (0.5, 0.3, 0.2)))
    ethnicity = np.where(draws.chance("ethnicity blank", screening, 0.03), -1, own("hispanic"))
    race = np.minimum(own("race"), 2)
    columns: dict[str, Column] = {
        "subjectkey": subject_keys(screening, chunk.seed),
        "src_subject_id": pa.array(screening + FIRST_STUDY_NUMBER).cast(pa.string()),
        **dated(both("enrolled_on"), both("age_months"), both("female").astype(bool), day),
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
    return finished(chunk.study, "el01", columns, day, first_id)


def employed(chunk: Chunk) -> NDArray[np.bool_]:
    """Who works for pay, full time, part time or self-employed, as dm01 has it; refusals do not hide it here."""
    vocabulary, shares = next((v, s) for name, v, s in _DM_REFUSABLE if name == "empl")
    paid = [vocabulary.index(code) for code in ("3", "4", "5")]
    return np.isin(chunk.draws.choice("empl", chunk.number, shares), paid)


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
        "level": words(np.where(part == 2, first_level + 1, 0), LEVEL_CALLS),
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
    years = chunk.course.persons.persons.education_years[person]
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


_Answers: TypeAlias = tuple[str, tuple[str, ...], tuple[float, ...]]
# Which of a person's dm01 rows hold a field: the enrolment row (0), its second copy (1), the week-0 row (2).
_HOME = (0, 1)
_WEEK0 = (2,)
# Codes: columns table, read. Shares: assumption, except where the population block names a source.
_DM_CODED: tuple[_Answers, ...] = (
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
_DM_REFUSABLE: tuple[_Answers, ...] = (
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

# Axis I and II, and other conditions of phx01: column and share present. Assumption. Anxiety diagnoses and substance
# use belong to the person; the shares of substances are those among users.
_SUBSTANCES = (("alcoh", 0.04), ("amphet", 0.004), ("cannibis", 0.02), ("opioid", 0.004), ("ax_cocaine", 0.008))
_CONDITIONS = (
    ("specphob", 0.01), ("axi_oth", 0.03), ("pd_border", 0.02), ("pd_depend", 0.01), ("pd_antis", 0.005),
    ("pd_paran", 0.005), ("pd_nos", 0.02), ("axii_oth", 0.01), ("wrsms", 0.2), ("anorexia", 0.02), ("bulimia", 0.03),
)  # fmt: skip
_STATEMENTS = (
    ("ai_none", 0.6),
    ("ai_def", 0.02),
    ("ai_na", 0.02),
    ("aii_none", 0.8),
    ("aii_def", 0.1),
    ("aii_na", 0.02),
)
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
    who = chunk.course.persons.persons.at(person)
    episode = (who.episode_weeks * 7).astype(np.int64)
    columns: dict[str, Column] = {
        "dage": _with_codes(who.age_at_onset, draws, "dage", key, p.phx_unknown),
        "epino": _with_codes(who.n_episodes, draws, "epino", key, p.phx_unknown),
        "episode_date": pa.array(-episode, mask=draws.chance("episode blank", key, 0.03))
        .cast(pa.string())
        .dictionary_encode(),
        "etcmats": words(draws.choice("etcmats", key, (0.83, 0.1, 0.04, 0.03)), tuple("0123")),
    }
    blank = draws.chance("axis blank", key, 0.03)
    has = {name: who.comorbid[:, place] for place, name in enumerate(COMORBIDITIES)}
    substance = draws.choice("which substance", key, [share for _, share in _SUBSTANCES])
    for place, (name, _) in enumerate(_SUBSTANCES):
        codes = np.where(has["substance"] & (substance == place), 1 + draws.below(name, key, 2), 0)
        columns[name] = words(np.where(blank, -1, codes), tuple("012"))
    agoraphobia = draws.chance("pd_ag", key, 0.5)
    anxiety = {
        "pd_ag": has["panic"] & agoraphobia,
        "pd_noag": has["panic"] & ~agoraphobia,
        "soc_phob": has["social_phobia"],
        "ocd_phx": has["ocd"],
        "psd": has["ptsd"],
        "gad_phx": has["gad"],
    }
    for name, share in (*((name, 0.0) for name in anxiety), *_CONDITIONS, *_STATEMENTS):
        codes = np.asarray(anxiety.get(name, draws.chance(name, key, share))).astype(np.int64)
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
            # A relative without it is a 0 or a blank.
            no = np.where(draws.chance(f"{relative} no", key, 0.5), 0, -1)
            columns[relative] = words(np.where(has, 1, no), ("0", "1"))
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
    ("mskl", (0.6, 0.2, 0.15, 0.04, 0.01)), ("neuro", (0.8, 0.1, 0.08, 0.02, 0)),
    ("psych", (0, 0.05, 0.75, 0.18, 0.02)), ("respiratory", (0.8, 0.1, 0.08, 0.02, 0)),
    ("liverd", (0.95, 0.03, 0.02, 0, 0)),
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
