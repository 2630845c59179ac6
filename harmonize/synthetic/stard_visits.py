"""Clinic visits: when each is planned and held, and its copy where it opens the next level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harmonize.synthetic.draws import Draws, Floats, Ints
from harmonize.synthetic.stard_levels import TREATED, Course, Flags
from harmonize.synthetic.stard_population import FU, LEVELS, POPULATION, WEEKS, Population


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
    for level in TREATED:
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
