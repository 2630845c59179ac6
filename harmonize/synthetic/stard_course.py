"""Who does what when: the course of synthetic STAR*D persons through levels, visits, drugs and severity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from harmonize.synthetic.draws import Draws, Floats, Ints, permuted
from harmonize.synthetic.stard_population import (
    ARM_NAMES,
    ARMS,
    DRUGS,
    EXITS,
    FU,
    INTOLERANCE,
    L1,
    L2,
    L2A,
    L3,
    L4,
    LEVELS,
    LOST,
    NO_BENEFIT,
    NO_RETURN,
    POPULATION,
    TITRATION,
    WEEKS,
    WELL,
    Population,
)

Flags = NDArray[np.bool_]

_ALPHABET = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", dtype=np.uint8)
_EXIT_VISIT: dict[int, tuple[float, ...]] = {
    # At which visit (position in WEEKS) a level ends. Assumption, near the read shares of section 8: below 4 weeks
    # 11 %, 4 to 8 weeks 17 %, 8 weeks and more 72 %; only a few reach level 2 before day 21 (section 4).
    NO_BENEFIT: (0, 0, 0.02, 0.06, 0.22, 0.45, 0.25),
    INTOLERANCE: (0, 0.10, 0.35, 0.30, 0.15, 0.10, 0),
    WELL: (0, 0, 0.01, 0.03, 0.08, 0.63, 0.25),
    LOST: (0, 0.30, 0.22, 0.20, 0.15, 0.13, 0),
    NO_RETURN: (1, 0, 0, 0, 0, 0, 0),
}
_SEVERITY_LEFT: dict[int, tuple[float, float]] = {
    # Share of the entry severity that is left at exit, and its spread in QIDS points. Assumption.
    NO_BENEFIT: (0.80, 3.0),
    INTOLERANCE: (0.85, 3.0),
    WELL: (0.28, 1.8),
    LOST: (0.75, 3.5),
    NO_RETURN: (1.0, 0.0),
}
_DOSE_STEPS = np.array([TITRATION[d][0] for d in DRUGS], dtype=np.int16)
_ARM_DRUGS = np.array(
    [[DRUGS.index(ARMS[a][i]) if i < len(ARMS[a]) else -1 for i in range(2)] for a in ARM_NAMES], dtype=np.int8
)


@dataclass(frozen=True)
class Persons:
    """What does not change; one entry per enrolled person. `number` counts over the whole file set from 0."""

    number: Ints
    female: Flags
    age_months: Ints
    enrolled_on: Ints
    """Days since 2000-01-01, shifted as an archive may shift them."""
    clinic: Ints
    severity: Floats
    """Latent QIDS at entry."""


@dataclass(frozen=True)
class Course:
    """Persons × levels; −1 where a person was not in the level."""

    persons: Persons
    entered: Flags
    start: Ints
    end: Ints
    exit: Ints
    exit_visit: Ints
    arm: Ints
    """Position in ARM_NAMES; level 1 has CIT, which the archive does not write."""
    accepts: Flags
    """Persons × (switch, augment, switch to CT, add CT), asked at entry to level 2."""
    entry_severity: Floats
    exit_severity: Floats
    follow_up_months: Ints

    @property
    def first_level(self) -> Ints:
        """Position of the level in which the person started."""
        return np.argmax(self.entered, axis=1)


@dataclass(frozen=True)
class Visits:
    """One row per clinic visit and level, in order of person and time.

    The last visit of a level is there again as visit 0 of the next: `copied` marks it, and `source` is the row it
    repeats (its own row for all others). `boundary` marks both.
    """

    person: Ints
    level: Ints
    visit: Ints
    day: Ints
    source: Ints
    copied: Flags
    boundary: Flags
    severity: Floats
    key: Ints
    """Names the row in draws, whatever the chunk."""


def subject_numbers(course: Course) -> Ints:
    """Numbers of the enrolled among all screened persons; the odd ones are free for those never enrolled."""
    return course.persons.number * 2


def subject_keys(numbers: Ints, seed: int) -> pa.Array:
    """Pseudo-GUIDs in the archive's style; different numbers have different keys."""
    code = permuted(numbers, seed, digits=8, base=36)
    text = np.empty((len(code), 16), dtype=np.uint8)
    text[:, :8] = np.frombuffer(b"NDAR_INV", dtype=np.uint8)
    for place in range(15, 7, -1):
        code, digit = np.divmod(code, 36)
        text[:, place] = _ALPHABET[digit]
    return pa.array(text.view("S16").ravel().astype("U16"), type=pa.string())


def draw_persons(number: Ints, draws: Draws, p: Population = POPULATION) -> Persons:
    """Sex, age, clinic, date and severity of the persons with these numbers."""
    low, high = p.age_range
    years = np.clip(p.age_mean + p.age_sd * draws.normal("age", number), low, high)
    latent_sd = np.sqrt(p.qids_sr_sd**2 - p.rater_sd**2)
    return Persons(
        number=number,
        female=draws.chance("sex", number, p.women),
        age_months=(years * 12).astype(np.int64),
        # July 2001 to April 2004, and a shift of up to half a year either way.
        enrolled_on=547 + draws.below("enrolled", number, 1004) + draws.below("date shift", number, 365) - 182,
        clinic=1 + draws.below("clinic", number, p.clinics),
        severity=np.clip(p.qids_sr_mean + latent_sd * draws.normal("severity", number), 0.5, 26.5),
    )


def draw_course(first: int, count: int, seed: int, p: Population = POPULATION) -> Course:
    """The course of persons `first` … `first + count - 1`."""
    number = np.arange(first, first + count, dtype=np.int64)
    draws = Draws(seed)
    persons = draw_persons(number, draws, p)
    shape = (count, len(LEVELS))
    c = Course(
        persons=persons,
        entered=np.zeros(shape, dtype=bool),
        start=np.full(shape, -1, dtype=np.int64),
        end=np.full(shape, -1, dtype=np.int64),
        exit=np.full(shape, -1, dtype=np.int64),
        exit_visit=np.zeros(shape, dtype=np.int64),
        arm=np.full(shape, -1, dtype=np.int64),
        accepts=np.zeros((count, 4), dtype=bool),
        entry_severity=np.zeros(shape),
        exit_severity=np.zeros(shape),
        follow_up_months=np.where(
            draws.chance("follow-up complete", number, p.follow_up_complete),
            12,
            1 + draws.below("follow-up months", number, 11),
        ),
    )
    at_level2 = draws.chance("start at level 2", number, p.start_at_level2)
    _enter(c, L1, ~at_level2, day=np.zeros(count, dtype=np.int64), severity=persons.severity)
    _enter(c, L2, at_level2, day=np.zeros(count, dtype=np.int64), severity=persons.severity)
    _accept(c, draws, p)
    for level in (L1, L2, L2A, L3, L4):
        _assign(c, level, draws, p)
        _leave(c, level, draws, p)
    return c


def _enter(c: Course, level: int, who: Flags, day: Ints, severity: Floats) -> None:
    c.entered[who, level] = True
    c.start[who, level] = day[who]
    c.entry_severity[who, level] = severity[who]


def _accept(c: Course, draws: Draws, p: Population) -> None:
    sets = np.array([flags for flags, _ in p.acceptable])
    pick = draws.choice("acceptable", c.persons.number, [share for _, share in p.acceptable])
    # Who starts at level 2 has no citalopram to add to.
    pick = np.where(c.entered[:, L2] & ~c.entered[:, L1], 0, pick)
    c.accepts[:] = sets[pick]


def _assign(c: Course, level: int, draws: Draws, p: Population) -> None:
    """Draw the arm of everybody in the level."""
    number, name = c.persons.number, f"arm {LEVELS[level]}"
    if level == L1:
        arm = np.full(len(number), ARM_NAMES.index("CIT"))
    elif level == L2:
        columns = ("BUP", "SER", "VEN", "CIT+BUP", "CIT+BUS", "CT", "CIT+CT")
        of_strategy = np.array([0, 0, 0, 1, 1, 2, 3])
        pick = draws.choice(name, number, c.accepts[:, of_strategy].astype(float))
        arm = _positions(columns)[pick]
    elif level == L2A:
        arm = _positions(("BUP", "VEN"))[draws.choice(name, number, (1, 1))]
    elif level == L3:
        pick = draws.choice(name, number, p.level3_shares)
        before = np.where(c.entered[:, L2A], c.arm[:, L2A], c.arm[:, L2])
        base = np.array([_base_drug(a) for a in ARM_NAMES])[before]
        kept = _positions(("CIT", "BUP", "SER", "VEN"))
        added = {
            2: _positions(("CIT+LI", "BUP+LI", "SER+LI", "VEN+LI")),
            3: _positions(("CIT+THY", "BUP+THY", "SER+THY", "VEN+THY")),
        }
        # After cognitive therapy alone there is no drug to add to.
        pick = np.where((base < 0) & (pick >= 2), pick - 2, pick)
        arm = _positions(("MIRT", "NTP"))[np.minimum(pick, 1)]
        for way, arms in added.items():
            arm = np.where(pick == way, arms[np.searchsorted(kept, np.maximum(base, 0))], arm)
    else:
        arm = _positions(("TCP", "VEN+MIRT"))[draws.choice(name, number, p.level4_shares)]
    here = c.entered[:, level]
    c.arm[here, level] = arm[here]


def _positions(arms: tuple[str, ...]) -> Ints:
    return np.array([ARM_NAMES.index(a) for a in arms])


def _base_drug(arm: str) -> int:
    """The arm whose single drug is kept when lithium or T3 is added; −1 where there is none."""
    first = arm.split("+")[0]
    return ARM_NAMES.index(first) if first in ("CIT", "BUP", "SER", "VEN") else -1


def _leave(c: Course, level: int, draws: Draws, p: Population) -> None:
    """Draw how and when the level ends, and let people enter what follows."""
    number, name = c.persons.number, LEVELS[level]
    here = c.entered[:, level]
    move, lost = _exit_shares(c, level, p)
    no_return = np.full(len(number), p.no_return if level == L1 else 0.0)
    way = draws.choice(f"exit {name}", number, np.stack([move, lost, no_return, 1 - move - lost - no_return], axis=1))
    # Nobody leaves level 4 for a next level; those who would have moved leave the study without benefit.
    intolerant = draws.chance(f"intolerant {name}", number, p.intolerant_of_movers) & (level != L4)
    kind = np.array([NO_BENEFIT, LOST, NO_RETURN, WELL])[way]
    kind = np.where((kind == NO_BENEFIT) & intolerant, INTOLERANCE, kind)

    shares = np.array([_EXIT_VISIT[k] for k in range(len(EXITS))])[kind]
    visit = draws.choice(f"exit visit {name}", number, shares)
    day = visit_days(c, level, draws, p)[np.arange(len(number)), visit]
    left, spread = np.array([_SEVERITY_LEFT[k] for k in range(len(EXITS))])[kind].T
    severity = c.entry_severity[:, level] * left + spread * draws.normal(f"exit severity {name}", number)
    severity = np.clip(severity, 0.0, 26.5)
    c.exit[here, level] = kind[here]
    c.exit_visit[here, level] = visit[here]
    c.end[here, level] = day[here]
    c.exit_severity[here, level] = severity[here]

    moves = here & ((kind == NO_BENEFIT) | (kind == INTOLERANCE))
    if level == L2:
        to_2a = moves & (c.arm[:, L2] == ARM_NAMES.index("CT"))
        _enter(c, L2A, to_2a, day, severity)
        _enter(c, L3, moves & ~to_2a, day, severity)
    elif level != L4:
        _enter(c, {L1: L2, L2A: L3, L3: L4}[level], moves, day, severity)
    well = here & (kind == WELL) & draws.chance(f"follow-up {name}", number, p.well_to_follow_up)
    _enter(c, FU, well, day, severity)
    c.exit_severity[well, FU] = np.clip(
        severity + p.follow_up_drift + 3.0 * draws.normal("follow-up severity", number), 0.0, 26.5
    )[well]


def _exit_shares(c: Course, level: int, p: Population) -> tuple[Floats, Floats]:
    """Shares of those who move on and of those who are lost after the first visit."""
    every = np.ones(len(c.persons.number))
    if level == L1:
        return every * p.enter_level2, every * p.lost_level1
    if level == L2:
        arms = c.arm[:, L2]
        ct = arms == ARM_NAMES.index("CT")
        augment = np.isin(arms, _positions(("CIT+BUP", "CIT+BUS", "CIT+CT")))
        lost = np.where(augment, p.lost_augment, p.lost_switch)
        return np.where(ct, p.ct_to_2a, p.level2_to_3), np.where(ct, p.lost_ct, lost)
    move, lost_share = {L2A: p.level2a, L3: p.level3, L4: p.level4}[level]
    return every * move, every * lost_share


def visit_days(c: Course, level: int, draws: Draws, p: Population = POPULATION) -> Ints:
    """Persons × visits: the day on which each visit of the level is, or would have been.

    Visits are planned at least 14 days apart and move by at most 6, so two never fall on one day.
    """
    number = c.persons.number
    planned = np.array(WEEKS) * 7
    key = number[:, None] * 64 + (level * 8 + np.arange(len(WEEKS)))[None, :]
    moved = np.clip(np.rint(p.jitter_sd * draws.normal("jitter", key)), -p.jitter_max, p.jitter_max).astype(np.int64)
    moved[:, 0] = 0
    return c.start[:, level, None] + planned[None, :] + moved


def clinic_visits(c: Course, seed: int, p: Population = POPULATION) -> Visits:
    """Every clinic visit that took place, and its copy where it opens the next level."""
    draws = Draws(seed)
    number = c.persons.number
    n, slots = len(number), np.arange(len(WEEKS))
    held = np.zeros((n, len(LEVELS), len(WEEKS)), dtype=bool)
    days = np.zeros(held.shape, dtype=np.int64)
    for level in (L1, L2, L2A, L3, L4):
        key = number[:, None] * 64 + (level * 8 + slots)[None, :]
        last = c.exit_visit[:, level, None]
        between = (slots > 0) & (slots < last) & ~draws.chance("missed", key, p.missed_visit)
        held[:, level] = c.entered[:, level, None] & ((slots == 0) | (slots == last) | between)
        days[:, level] = visit_days(c, level, draws, p)
    held[:, FU, 0] = c.entered[:, FU]
    days[:, FU, 0] = c.start[:, FU]

    person, level_of, visit = np.nonzero(held)
    copied = (visit == 0) & (level_of != c.first_level[person])
    rows = np.arange(len(person))
    # Rows are in order of time, so the visit that a copy repeats stands right before it.
    source = np.where(copied, rows - 1, rows)
    boundary = copied.copy()
    boundary[source[copied]] = True
    exit_week = np.array(WEEKS)[c.exit_visit[person, level_of]]
    gone = np.log1p(np.array(WEEKS)[visit]) / np.log1p(np.maximum(exit_week, 1))
    entry, last_severity = c.entry_severity[person, level_of], c.exit_severity[person, level_of]
    return Visits(
        person=person,
        level=level_of,
        visit=visit,
        day=days[person, level_of, visit],
        source=source,
        copied=copied,
        boundary=boundary,
        severity=entry + (last_severity - entry) * np.minimum(gone, 1.0) * (level_of != FU),
        key=number[person] * 64 + level_of * 8 + visit,
    )


def doses(c: Course, seed: int) -> tuple[Ints, Ints]:
    """Drug (position in DRUGS, −1 none) and dose after each visit: persons × levels × visits × two drugs.

    A drug that was taken in the level before is kept at its last dose; the row that opens a level then agrees with
    the row that ends the one before.
    """
    draws = Draws(seed)
    number = c.persons.number
    n, visits = len(number), len(WEEKS)
    drug = np.where(c.arm[:, :, None] >= 0, _ARM_DRUGS[c.arm], -1).astype(np.int8)
    dose = np.zeros((n, len(LEVELS), visits, 2), dtype=np.int16)
    last_drug = np.full((n, 2), -1, dtype=np.int8)
    last_dose = np.zeros((n, 2), dtype=np.int16)
    for level in range(len(LEVELS)):
        here = c.entered[:, level]
        if level == FU:
            drug[here, FU] = last_drug[here]
        for place in (0, 1):
            now = drug[:, level, place]
            highest = _highest_dose(now, number, level, place, draws)
            planned = np.minimum(_DOSE_STEPS[now], highest[:, None])
            for before in (0, 1):
                kept = (now >= 0) & (now == last_drug[:, before])
                planned[kept] = last_dose[kept, before, None]
            dose[:, level, :, place] = np.where((now >= 0)[:, None], planned, 0)
        last_drug[here] = drug[here, level]
        last_dose[here] = dose[here, level, c.exit_visit[here, level]]
    return drug, dose


def _highest_dose(drug: Ints, number: Ints, level: int, place: int, draws: Draws) -> Ints:
    u = draws.uniform(f"highest dose {level} {place}", number)
    highest = np.zeros(len(number), dtype=np.int16)
    for position, name in enumerate(DRUGS):
        _, stops, shares = TITRATION[name]
        pick = np.searchsorted(np.cumsum(shares)[:-1], u, side="right")
        highest = np.where(drug == position, np.array(stops, dtype=np.int16)[pick], highest)
    return highest


def truth(n: int, seed: int) -> pd.DataFrame:
    """What was drawn for each person and stands in no form: kept apart from the data."""
    c = draw_course(0, n, seed)
    level_names = np.array(LEVELS)
    treated = c.entered[:, :FU]
    reached = treated.shape[1] - 1 - np.argmax(treated[:, ::-1], axis=1)
    exits = np.array([*EXITS, None], dtype=object)
    arms = np.array([*ARM_NAMES, None], dtype=object)
    frame = pd.DataFrame(
        {
            "subjectkey": subject_keys(subject_numbers(c), seed).to_pandas(),
            "first_level": level_names[c.first_level],
            "level_reached": level_names[reached],
            "entered_follow_up": c.entered[:, FU],
            "entry_severity": c.persons.severity,
            "returned": c.exit[:, L1] != NO_RETURN,
        }
    )
    for level in (L1, L2, L2A, L3, L4):
        name = LEVELS[level].lower()
        frame[f"arm_{name}"] = arms[c.arm[:, level]]
        frame[f"exit_{name}"] = exits[c.exit[:, level]]
        frame[f"exit_day_{name}"] = pd.array(np.maximum(c.end[:, level], 0), dtype="Int64")
        frame.loc[~c.entered[:, level], f"exit_day_{name}"] = pd.NA
        frame[f"exit_severity_{name}"] = np.where(c.entered[:, level], c.exit_severity[:, level], np.nan)
    return frame
