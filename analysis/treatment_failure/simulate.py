"""STAR*D persons of the named worlds as arrays, for tests and `validate/treatment_failure.py`: no files, no dbt.

SYNTHETIC: nobody was measured. The population model is that of the synthetic study (`harmonize.synthetic`); forms,
blanks and misspellings are left out. Columns are those that the aims read from the warehouse, so the real estimators
run on them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from harmonize.synthetic.draws import Draws
from harmonize.synthetic.instruments import administer, totals
from harmonize.synthetic.stard_course import draw_course
from harmonize.synthetic.stard_levels import Course
from harmonize.synthetic.stard_population import (
    INTOLERANCE,
    L1,
    L2,
    LOST,
    NO_BENEFIT,
    NO_RETURN,
    POPULATION,
    WEEKS,
    WELL,
    step_numbers,
)
from harmonize.synthetic.stard_visits import visit_days
from harmonize.synthetic.worlds import world as named

EXIT_KINDS = {NO_BENEFIT: "no_benefit", INTOLERANCE: "intolerance", WELL: "benefit", LOST: "lost", NO_RETURN: "lost"}


@dataclass(frozen=True)
class Drawn:
    """`scores`: QIDS-SR16 of level 1, one row per visit after entry, as `trajectories.cohort` gives them. `persons`:
    one row per person as `aim_a_frame` gives it, with `course` (position of the true course; -1 in worlds without) and
    `remission_chance`, what nobody sees.
    """

    scores: pd.DataFrame
    persons: pd.DataFrame
    course: Course


def draw(name: str, n: int, seed: int, *, calls_missed: bool = True) -> Drawn:
    """`n` persons of world `name`. With `calls_missed` false the rater reaches everybody who was not lost."""
    there, draws = named(name), Draws(seed)
    c = draw_course(0, n, seed, there=there)
    number, who = c.persons.number, c.persons.persons
    ids = np.array([f"s{i:06d}" for i in number])
    days = visit_days(c, L1, draws)
    slot = np.arange(len(WEEKS))
    key = number[:, None] * 64 + slot
    last = c.exit_visit[:, L1, None]
    missed = draws.chance("missed", key, POPULATION.missed_visit) & (slot > 0) & (slot < last)
    seen = c.entered[:, L1, None] & (slot <= last) & ~missed
    i, v = np.nonzero(seen)
    score = totals("QIDS_SR16", administer("QIDS_SR16", c.theta[i, L1, v].astype(float), key[i, v], draws, world=there))
    baseline = np.full(len(number), np.nan)
    baseline[i[v == 0]] = score[v == 0]
    after = v > 0
    scores = pd.DataFrame(
        {
            "subject_id": ids[i[after]],
            "study_id": "stard",
            "site": [f"stard:{s}" for s in who.site[i[after]]],
            "week": (days[i, v] - days[i, 0])[after] / 7.0,
            "score": score[after].astype(float),
            "baseline": baseline[i[after]],
        }
    )
    exit_score = np.full(len(number), np.nan)
    exit_score[i] = score  # rows go in order of time, so that the last stands
    weeks = (days[np.arange(len(number)), c.exit_visit[:, L1]] - days[:, 0]) / 7.0
    calls = {level: _call(c, level, draws, calls_missed) for level in (-1, L1, L2)}
    frame = pd.DataFrame(
        {
            "subject_id": ids,
            "study_id": "stard",
            "baseline": baseline,
            "exit_score": np.where(weeks > 0, exit_score, np.nan),
            "weeks": weeks,
            "age": who.age,
            "female": who.female.astype(float),
            "chronic": who.chronic.astype(float),
            "episodes": np.log(who.n_episodes),
            "anxious": who.anxious.astype(float),
            "side_effects": who.side_effects,
            "site": [f"stard:{s}" for s in who.site],
            "strategy": c.arm[:, L2].astype(str),
            "evaluable": weeks >= 4,
            "exit_kind": [EXIT_KINDS[int(e)] if e >= 0 else "unknown" for e in c.exit[:, L1]],
            "entered": c.entered[:, L1] & c.entered[:, L2],
            "entry_hrsd17": calls[L1],
            "exit_hrsd17": calls[L2],
            "lost_next": np.isin(c.exit[:, L2], (LOST, NO_RETURN)).astype(float),
            "course": c.steps[L1].course,
            "exit_theta": c.exit_severity[:, L1],
        }
    )
    frame["fall"] = 1 - frame["exit_score"] / frame["baseline"]
    return Drawn(scores, frame, c)


def _call(c: Course, level: int, draws: Draws, missed: bool) -> np.ndarray:
    """HRSD17 of the blinded rater after a level (-1: before level 1); missing where there was no call."""
    number, own = c.persons.number, step_numbers(c.world)
    theta = c.persons.persons.severity0 if level < 0 else c.exit_severity[:, level]
    made = administer(
        "HRSD17",
        theta,
        number * 8 + level + 1,
        draws,
        world=c.world,
        lean=c.persons.persons.anxiety,
        extra_sd=POPULATION.hrsd_rater_sd,
    )
    score = totals("HRSD17", made).astype(float)
    if level < 0:
        return score
    name = {L1: "1", L2: "2"}[level]
    gone = c.exit[:, level] == LOST
    share = np.where(gone, POPULATION.lost_call_missing, own[f"{name}.call_missing"] if missed else 0.0)
    absent = draws.chance(f"call missing {name}", number, share) | (c.exit[:, level] == NO_RETURN)
    return np.where(c.entered[:, level] & ~absent, score, np.nan)
