"""Who does what when: synthetic STAR*D persons through the levels, in the order of the study.

Severity, leaving and what leads from one level to the next come from the population model. The design of the study is
put around it, an idea per module: `stard_arms`, `stard_leaving`, `stard_visits`, `stard_doses`; `stard_levels` holds
what comes out.
"""

from __future__ import annotations

import numpy as np

from harmonize.synthetic.course import Arm, first_step, next_step
from harmonize.synthetic.draws import Draws
from harmonize.synthetic.stard_arms import accept, assign
from harmonize.synthetic.stard_leaving import leave
from harmonize.synthetic.stard_levels import TREATED, Course, came_from, enter, of_arm
from harmonize.synthetic.stard_persons import enrolled
from harmonize.synthetic.stard_population import L1, L2, LEVELS, POPULATION, WEEKS, Population, step_numbers
from harmonize.synthetic.worlds import World
from harmonize.synthetic.worlds import world as world_named


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
    enter(c, L1, ~at_level2, day=np.zeros(count, dtype=np.int64), severity=who.persons.severity0)
    enter(c, L2, at_level2, day=np.zeros(count, dtype=np.int64), severity=who.persons.severity0)
    for level in TREATED:
        if level == L2:
            accept(c, draws, p, own)
        assign(c, level, draws, p)
        _respond(c, level, draws, own)
        leave(c, level, draws, p, own)
    return c


def _respond(c: Course, level: int, draws: Draws, own: dict[str, float]) -> None:
    """The step of the level: the first, or one that follows from the step before."""
    who = c.persons.persons
    arm = Arm(of_arm(c, level, own, "lift"), of_arm(c, level, own, "spread"))
    end, name = float(WEEKS[-1]), LEVELS[level]
    if level == L1:
        c.steps[level] = first_step(who, arm, draws, c.world, weeks=end, name=name)
        return
    before, left = came_from(c, level)
    c.steps[level] = next_step(
        who, before, left, arm, draws, c.world, weeks=end, name=name,
        driver=(own[f"{name}.driver_mean"], own[f"{name}.driver_sd"]),
    )  # fmt: skip
