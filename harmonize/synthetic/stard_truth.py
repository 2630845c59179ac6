"""What is true of the persons of a synthetic STAR*D and stands in no form; what follows from the solved numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from harmonize.synthetic.course import COURSES, driver_value
from harmonize.synthetic.draws import Draws, Floats
from harmonize.synthetic.genetics import genotyped
from harmonize.synthetic.persons import ANCESTRIES
from harmonize.synthetic.stard_course import draw_course
from harmonize.synthetic.stard_levels import TREATED, Course, Flags, came_from
from harmonize.synthetic.stard_persons import subject_keys, subject_numbers
from harmonize.synthetic.stard_population import (
    ARM_NAMES,
    EXITS,
    FU,
    INTOLERANCE,
    L1,
    L2,
    L2A,
    L3,
    L4,
    LEVELS,
    NO_RETURN,
    POPULATION,
    Population,
    step_numbers,
)
from harmonize.synthetic.worlds import World


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
        here, (before, left) = c.entered[:, level], came_from(c, level)
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
            "subjectkey": subject_keys(subject_numbers(c.persons.number), seed).to_pandas(),
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
    for level in TREATED:
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
