"""Who does what when: synthetic STAR*D persons through levels, visits, drugs and severity.

Severity, leaving and what leads from one level to the next come from the population model; this module puts the design
of the study around it: levels and arms, the visits of a level, and decisions taken on the clinician's QIDS16.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import ndtr

from harmonize.synthetic.course import COURSES, Arm, Step, chosen, driver_value, first_step, next_step
from harmonize.synthetic.draws import Draws, Floats, Ints, permuted
from harmonize.synthetic.genetics import genotyped
from harmonize.synthetic.instruments import administer, totals
from harmonize.synthetic.leaving import first_visit_missed, intolerant_visit, lost_driver, slope_of
from harmonize.synthetic.persons import ANCESTRIES, Persons, draw_persons
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
    step_numbers,
)
from harmonize.synthetic.worlds import World
from harmonize.synthetic.worlds import world as world_named

Flags = NDArray[np.bool_]

_ALPHABET = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", dtype=np.uint8)
_TREATED = (L1, L2, L2A, L3, L4)
_DOSE_STEPS = np.array([TITRATION[d][0] for d in DRUGS], dtype=np.int16)
_ARM_DRUGS = np.array(
    [[DRUGS.index(ARMS[a][i]) if i < len(ARMS[a]) else -1 for i in range(2)] for a in ARM_NAMES], dtype=np.int8
)
_FIRST_DECISION = 3
_QIDS_CENTRE, _QIDS_SCALE = {L1: np.array([15.4, 12.8, 11.4, 10.5, 9.6, 9.0, 8.8])}, 5.0
"""Typical QIDS16 at the visits of a level, for worlds where being lost depends on it; after level 1 it is 11."""


def _solved_name(arm: str) -> str:
    """How an arm is called among the solved numbers: what is added counts, not to which drug."""
    return arm.split("+")[1] if arm.endswith(("+LI", "+THY")) else arm


@dataclass(frozen=True)
class Enrolled:
    """Persons as the study sees them."""

    persons: Persons
    age_months: Ints
    enrolled_on: Ints
    """Days since 2000-01-01."""

    @property
    def number(self) -> Ints:
        """Names the person in draws."""
        return self.persons.number

    @property
    def female(self) -> Flags:
        """Sex."""
        return self.persons.female

    @property
    def clinic(self) -> Ints:
        """From 1."""
        return self.persons.site


@dataclass(frozen=True)
class Course:
    """Persons × levels; −1 where a person was not in the level."""

    persons: Enrolled
    world: World
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
    """Latent, in HRSD17-equivalent points, as all severity here."""
    exit_severity: Floats
    theta: NDArray[np.float32]
    """Persons × levels × visits: latent severity at each planned visit."""
    follow_up_months: Ints
    steps: dict[int, Step] = field(default_factory=dict)

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


def enrolled(number: Ints, draws: Draws, there: World) -> Enrolled:
    """The persons with these numbers, and the day on which each was enrolled."""
    persons = draw_persons("stard", number, draws, there)
    return Enrolled(
        persons=persons,
        age_months=(persons.age * 12).astype(np.int64),
        # July 2001 to April 2004, and a shift of up to half a year either way.
        enrolled_on=547 + draws.below("enrolled", number, 1004) + draws.below("date shift", number, 365) - 182,
    )


def draw_course(first: int, count: int, seed: int, p: Population = POPULATION, there: World | str = "W0") -> Course:
    """The course of persons `first` … `first + count - 1`."""
    number = np.arange(first, first + count, dtype=np.int64)
    draws, there = Draws(seed), world_named(there)
    own = step_numbers(there)
    who = enrolled(number, draws, there)
    shape = (count, len(LEVELS))
    c = Course(
        persons=who,
        world=there,
        entered=np.zeros(shape, dtype=bool),
        start=np.full(shape, -1, dtype=np.int64),
        end=np.full(shape, -1, dtype=np.int64),
        exit=np.full(shape, -1, dtype=np.int64),
        exit_visit=np.zeros(shape, dtype=np.int64),
        arm=np.full(shape, -1, dtype=np.int64),
        accepts=np.zeros((count, 4), dtype=bool),
        entry_severity=np.zeros(shape),
        exit_severity=np.zeros(shape),
        theta=np.zeros((*shape, len(WEEKS)), dtype=np.float32),
        follow_up_months=np.where(
            draws.chance("follow-up complete", number, p.follow_up_complete),
            12,
            1 + draws.below("follow-up months", number, 11),
        ),
    )
    at_level2 = draws.chance("start at level 2", number, p.start_at_level2)
    _enter(c, L1, ~at_level2, day=np.zeros(count, dtype=np.int64), severity=who.persons.severity0)
    _enter(c, L2, at_level2, day=np.zeros(count, dtype=np.int64), severity=who.persons.severity0)
    for level in _TREATED:
        if level == L2:
            _accept(c, draws, p, own)
        _assign(c, level, draws, p)
        _respond(c, level, draws, own)
        _leave(c, level, draws, p, own)
    return c


def _enter(c: Course, level: int, who: Flags, day: Ints, severity: Floats) -> None:
    c.entered[who, level] = True
    c.start[who, level] = day[who]
    c.entry_severity[who, level] = severity[who]


def _accept(c: Course, draws: Draws, p: Population, own: dict[str, float]) -> None:
    """Who did well on citalopram would rather add to it; who could not stand it would rather change."""
    number = c.persons.number
    went = -(c.exit_severity[:, L1] - own["2.entry_mean"]) / own["2.entry_sd"] - (c.exit[:, L1] == INTOLERANCE)
    weight = own["2.prefer"]
    u = ndtr(weight * went + np.sqrt(1 - weight**2) * draws.normal("acceptable", number))
    sets = np.array(p.acceptable, dtype=bool)
    limits = np.cumsum(p.acceptable_shares)[:-1]
    pick = np.searchsorted(limits, u, side="right")
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
        pick = draws.choice(name, number, c.accepts[:, of_strategy].astype(float) + 1e-12)
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


def _of_arm(c: Course, level: int, own: dict[str, float], what: str) -> Floats:
    """A solved number of everybody's arm in the level; 0 where an arm has none. Level 2A has its own."""
    if level == L2A:
        return np.full(len(c.arm), own[f"2A.{what}"])
    by_arm = np.array(
        [own.get(f"{_solved_name(arm)}.{what}", own.get(f"{LEVELS[level]}.{what}", 0.0)) for arm in ARM_NAMES]
    )
    found: Floats = by_arm[c.arm[:, level]]
    return found


def _respond(c: Course, level: int, draws: Draws, own: dict[str, float]) -> None:
    """The step of the level: the first, or one that follows from the step before."""
    who = c.persons.persons
    arm = Arm(_of_arm(c, level, own, "lift"), _of_arm(c, level, own, "spread"))
    end, name = float(WEEKS[-1]), LEVELS[level]
    if level == L1:
        c.steps[level] = first_step(who, arm, draws, c.world, weeks=end, name=name)
        return
    before, left = _before(c, level)
    c.steps[level] = next_step(
        who, before, left, arm, draws, c.world, weeks=end, name=name,
        driver=(own[f"{name}.driver_mean"], own[f"{name}.driver_sd"]),
    )  # fmt: skip


def _before(c: Course, level: int) -> tuple[Step, Floats]:
    """The step from which people come into the level, and the severity at which they left it."""
    if level == L3:
        by_2a = c.entered[:, L2A]
        left = np.where(by_2a, c.exit_severity[:, L2A], c.exit_severity[:, L2])
        return chosen(by_2a.astype(np.int64), [c.steps[L2], c.steps[L2A]]), left
    of = {L2: L1, L2A: L2, L4: L3}[level]
    return c.steps[of], c.exit_severity[:, of]


def _leave(c: Course, level: int, draws: Draws, p: Population, own: dict[str, float]) -> None:
    """Draw how and when the level ends, and let people enter what follows."""
    here = np.flatnonzero(c.entered[:, level])
    who, step = c.persons.persons.at(here), c.steps[level].at(here)
    number, name = who.number, LEVELS[level]
    days = visit_days(c, level, draws, p)[here]
    weeks = (days - days[:, :1]) / 7
    theta = step.severity(c.entry_severity[here, level], weeks)
    c.theta[here, level] = theta
    key = number[:, None] * 64 + (level * 8 + np.arange(len(WEEKS)))[None, :]

    def observed(instrument: str, visits: range) -> Floats:
        return np.stack(
            [totals(instrument, administer(instrument, theta[:, v], key[:, v], draws, world=c.world)) for v in visits],
            axis=1,
        ).astype(np.float64)

    shares = np.outer(_of_arm(c, level, own, "lost")[here], p.lost_when)
    if level == L1:
        # Who has no visit after entry is not found among the lost later.
        shares[:, 1] = own["1.no_return"]
    driver = None
    if c.world.leaving_on != "nothing":
        scores = observed("QIDS_SR16", range(len(WEEKS)))
        driver = lost_driver(c.world, who, step, scores, centre=_QIDS_CENTRE.get(level, 11.0), scale=_QIDS_SCALE)
    lost = first_visit_missed(f"lost {name}", number, shares, draws, driver, slope_of(c.world))
    intolerant = np.outer(_of_arm(c, level, own, "intolerant")[here], p.intolerant_when)
    found = intolerant_visit(f"intolerant {name}", who, intolerant, draws)

    good = own[f"{name}.good_enough"] + p.decide_spread * draws.normal(f"good enough {name}", number)
    rated = observed("QIDS_C16", range(_FIRST_DECISION, len(WEEKS)))
    decided = draws.uniform(f"decided {name}", key) < np.array(p.decide)
    when = np.argmax(decided, axis=1)
    benefit = rated[np.arange(len(here)), when - _FIRST_DECISION] <= good

    visit = np.minimum(np.minimum(lost - 1, found), when)
    kind = np.where(benefit, WELL, NO_BENEFIT)
    # Nobody leaves level 4 for a next level; who would have moved leaves the study without benefit.
    kind = np.where(found == visit, NO_BENEFIT if level == L4 else INTOLERANCE, kind)
    kind = np.where((lost - 1 == visit) & (visit < np.minimum(found, when)), LOST, kind)
    kind = np.where(visit == 0, NO_RETURN, kind)
    # Who has remitted by the last visit has finished rather than got lost, and nobody who is well is moved on.
    gone = np.flatnonzero((kind == LOST) | (kind == INTOLERANCE))
    last = visit[gone]
    seen = totals("QIDS_C16", administer("QIDS_C16", theta[gone, last], key[gone, last], draws, world=c.world))
    adds = np.isin(c.arm[here, level], _positions(("CIT+BUP", "CIT+BUS", "CIT+CT")))
    of_way = np.array(p.finished)[np.where(level == L1, 0, np.where(adds, 2, 1))]
    least = np.floor(of_way + draws.uniform(f"finished {name}", number))
    finished = np.zeros(len(here), dtype=bool)
    finished[gone] = seen <= np.where(kind[gone] == LOST, least[gone], good[gone] - p.intolerant_margin)
    kind[finished] = WELL
    stays = np.zeros(len(c.entered), dtype=bool)
    stays[here[~finished]] = True

    at = np.arange(len(here))
    c.exit[here, level] = kind
    c.exit_visit[here, level] = visit
    c.end[here, level] = days[at, visit]
    c.exit_severity[here, level] = theta[at, visit]
    day, severity = c.end[:, level], c.exit_severity[:, level]

    moves = np.isin(c.exit[:, level], (NO_BENEFIT, INTOLERANCE))
    if level == L2:
        to_2a = moves & (c.arm[:, L2] == ARM_NAMES.index("CT"))
        _enter(c, L2A, to_2a, day, severity)
        _enter(c, L3, moves & ~to_2a, day, severity)
    elif level != L4:
        _enter(c, {L1: L2, L2A: L3, L3: L4}[level], moves, day, severity)
    # Who is well without having remitted is seen on sooner than who has remitted.
    remitted = np.zeros(len(c.entered), dtype=bool)
    remitted[here] = rated[at, when - _FIRST_DECISION] <= 5
    goes_on = np.where(remitted, *p.well_to_follow_up)
    well = (c.exit[:, level] == WELL) & stays & draws.chance(f"follow-up {name}", c.persons.number, goes_on)
    _enter(c, FU, well, day, severity)
    drift = own["FU.drift"] + own["FU.spread"] * draws.normal("follow-up severity", c.persons.number)
    c.exit_severity[well, FU] = (severity + drift)[well]


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
    for level in _TREATED:
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
    severity = c.theta[person, level_of, visit].astype(np.float64)
    return Visits(
        person=person,
        level=level_of,
        visit=visit,
        day=days[person, level_of, visit],
        source=source,
        copied=copied,
        boundary=boundary,
        severity=severity[source],
        key=number[person] * 64 + level_of * 8 + visit,
    )


def doses(c: Course, seed: int, p: Population = POPULATION) -> tuple[Ints, Ints]:
    """Drug (position in DRUGS, −1 none) and dose after each visit: persons × levels × visits × two drugs.

    A drug that was taken in the level before is kept at its last dose; the row that opens a level then agrees with
    the row that ends the one before. Some have less citalopram at the end of level 1 than before.
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
        if level == L1:
            _cut_last(c, dose, draws, p)
        last_drug[here] = drug[here, level]
        last_dose[here] = dose[here, level, c.exit_visit[here, level]]
    return drug, dose


def _cut_last(c: Course, dose: NDArray[np.int16], draws: Draws, p: Population) -> None:
    """Lower the dose of some at the visit that ends level 1."""
    last, at = c.exit_visit[:, L1], np.arange(len(dose))
    now = dose[at, L1, last, 0]
    u = draws.uniform("dose cut", c.persons.number)
    lower = now.copy()
    for share, high, low in zip(p.dose_cut, (60, 40, 20), (40, 20, 10), strict=True):
        lower[(now == high) & (u < share)] = low
    cut = c.entered[:, L1] & (last > 1)
    dose[at[cut], L1, last[cut], 0] = lower[cut]


def _highest_dose(drug: Ints, number: Ints, level: int, place: int, draws: Draws) -> Ints:
    u = draws.uniform(f"highest dose {level} {place}", number)
    highest = np.zeros(len(number), dtype=np.int16)
    for position, name in enumerate(DRUGS):
        _, stops, shares = TITRATION[name]
        pick = np.searchsorted(np.cumsum(shares)[:-1], u, side="right")
        highest = np.where(drug == position, np.array(stops, dtype=np.int16)[pick], highest)
    return highest


def weeks_in_study(c: Course) -> Floats:
    """Weeks from enrolment to the end of the last level of treatment."""
    return np.maximum(c.end[:, :FU].max(axis=1), 0) / 7


def was_genotyped(c: Course, seed: int, p: Population = POPULATION) -> Flags:
    """Who was genotyped."""
    own, step = step_numbers(c.world), c.steps[L1]
    entry = c.persons.persons.severity0
    early = 1 - step.severity(entry, 2.0) / np.maximum(entry, 4.0)
    return genotyped(c.persons.persons, weeks_in_study(c), early, own["genotyped"], Draws(seed), draw_week=p.draw_week)


def settled(n: int, seed: int, world: World | str = "W0") -> dict[str, float]:
    """Mean and spread of what drives each next step among those who enter it: numbers that follow from the others."""
    c = draw_course(0, n, seed, there=world)
    out: dict[str, float] = {}
    for level in (L2, L2A, L3, L4):
        here, (before, left) = c.entered[:, level], _before(c, level)
        value = driver_value(before, left, c.world)[here]
        if len(value) > 30:
            out[f"{LEVELS[level]}.driver_mean"], out[f"{LEVELS[level]}.driver_sd"] = value.mean(), max(value.std(), 0.1)
    entry, fled = c.entry_severity[c.entered[:, L2], L2], c.exit[c.entered[:, L2], L1] == INTOLERANCE
    spread = entry.std()
    return {**out, "2.entry_mean": entry.mean() + spread * fled.mean(), "2.entry_sd": spread}


def truth(n: int, seed: int, world: World | str = "W0") -> pd.DataFrame:
    """What was drawn for each person and stands in no form: kept apart from the data. One row per person."""
    c = draw_course(0, n, seed, there=world)
    level_names = np.array(LEVELS)
    treated = c.entered[:, :FU]
    reached = treated.shape[1] - 1 - np.argmax(treated[:, ::-1], axis=1)
    exits = np.array([*EXITS, None], dtype=object)
    arms = np.array([*ARM_NAMES, None], dtype=object)
    courses = np.array([*COURSES, None], dtype=object)
    who = c.persons.persons
    frame = pd.DataFrame(
        {
            "subjectkey": subject_keys(subject_numbers(c), seed).to_pandas(),
            "synthetic": True,
            "world": c.world.name,
            "first_level": level_names[c.first_level],
            "level_reached": level_names[reached],
            "entered_follow_up": c.entered[:, FU],
            "entry_severity": who.severity0,
            "returned": c.exit[:, L1] != NO_RETURN,
            "ancestry": np.array(ANCESTRIES)[who.ancestry],
            "education_years": who.education_years,
            "anxiety": who.anxiety,
            "chronicity": who.chronicity,
            "side_effects": who.side_effects,
            "score": who.score,
            "genotyped": was_genotyped(c, seed),
        }
    )
    for level in _TREATED:
        name, here, step = LEVELS[level].lower(), c.entered[:, level], c.steps[level]
        frame[f"arm_{name}"] = arms[c.arm[:, level]]
        frame[f"course_{name}"] = courses[np.where(here, step.course, -1)]
        frame[f"amplitude_{name}"] = np.where(here, step.amplitude, np.nan)
        frame[f"exit_{name}"] = exits[c.exit[:, level]]
        frame[f"exit_day_{name}"] = pd.array(np.maximum(c.end[:, level], 0), dtype="Int64")
        frame.loc[~here, f"exit_day_{name}"] = pd.NA
        frame[f"entry_severity_{name}"] = np.where(here, c.entry_severity[:, level], np.nan)
        frame[f"exit_severity_{name}"] = np.where(here, c.exit_severity[:, level], np.nan)
    return frame
