"""STAR*D persons of the named worlds as arrays, for tests and `validate/treatment_failure.py`: no files, no dbt.

SYNTHETIC: nobody was measured. The population model is that of the synthetic study (`harmonize.synthetic`); forms,
blanks and misspellings are left out. Columns are those that the aims read from the warehouse, so the real estimators
run on them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from harmonize.synthetic.draws import Draws, Floats
from harmonize.synthetic.instruments import administer, totals
from harmonize.synthetic.parameters import trying
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


def draw(name: str, n: int, seed: int, *, rated: str = "observed") -> Drawn:
    """`n` persons of world `name`.

    rated: `observed`, some calls of the rater are not made; `reached`, all but those lost in level 2 are reached;
    `all`, everybody is rated at exit, as if nobody had been lost in level 2.
    """
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
    entry = _call(c, L1, draws, missed=rated == "observed")
    gone = np.isin(c.exit[:, L2], (LOST, NO_RETURN))
    after_next = _call(c, L2, draws, missed=rated == "observed")
    if rated == "all":
        after_next = np.where(gone, _call(unlost(name, n, seed), L2, draws, missed=False, anybody=True), after_next)
    elif rated == "reached":
        after_next = np.where(gone, np.nan, after_next)
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
            "entry_hrsd17": entry,
            "exit_hrsd17": after_next,
            "lost_next": gone.astype(float),
            "course": c.steps[L1].course,
            "exit_theta": c.exit_severity[:, L1],
        }
    )
    frame["fall"] = 1 - frame["exit_score"] / frame["baseline"]
    return Drawn(scores, frame, c)


def unlost(name: str, n: int, seed: int) -> Course:
    """The same persons, had nobody been lost in level 2."""
    there = named(name)
    kept = {k: 0.0 for k in step_numbers(there) if k.endswith(".lost") and k not in ("1.lost", "CIT.lost")}
    with trying("stard", kept):
        return draw_course(0, n, seed, there=there)


def next_visits(drawn: Drawn, seed: int) -> pd.DataFrame:
    """QIDS by the clinician of level 2 up to the exit, in order of time: subject_id, score, side_effects."""
    c, draws = drawn.course, Draws(seed)
    number, slot = c.persons.number, np.arange(len(WEEKS))
    i, v = np.nonzero(c.entered[:, [L2]] & (slot <= c.exit_visit[:, [L2]]))
    key = number[i] * 64 + L2 * 8 + v
    score = totals("QIDS_C16", administer("QIDS_C16", c.theta[i, L2, v].astype(float), key, draws, world=c.world))
    ids, side = drawn.persons["subject_id"].to_numpy(), drawn.persons["side_effects"].to_numpy()
    return pd.DataFrame({"subject_id": ids[i], "score": score.astype(float), "side_effects": side[i]})


def _call(c: Course, level: int, draws: Draws, *, missed: bool, anybody: bool = False) -> Floats:
    """HRSD17 of the blinded rater after a level; missing where there was no call. `anybody`: all are rated."""
    number, own = c.persons.number, step_numbers(c.world)
    made = administer(
        "HRSD17",
        c.exit_severity[:, level],
        number * 8 + level + 1,
        draws,
        world=c.world,
        lean=c.persons.persons.anxiety,
        extra_sd=POPULATION.hrsd_rater_sd,
    )
    score = totals("HRSD17", made).astype(float)
    if anybody:
        return score
    name = {L1: "1", L2: "2"}[level]
    share = own[f"{name}.call_missing"] if missed else 0.0
    absent = draws.chance(f"call missing {name}", number, share) | (c.exit[:, level] == NO_RETURN)
    found: Floats = np.where(c.entered[:, level] & ~absent, score, np.nan)
    return found
