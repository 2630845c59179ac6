"""Persons by levels: what a synthetic STAR*D knows of everybody's way through the study."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harmonize.synthetic.course import Step, chosen
from harmonize.synthetic.draws import Floats, Ints
from harmonize.synthetic.stard_persons import Enrolled
from harmonize.synthetic.stard_population import ARM_NAMES, L1, L2, L2A, L3, L4, LEVELS
from harmonize.synthetic.worlds import World

Flags = NDArray[np.bool_]
TREATED = (L1, L2, L2A, L3, L4)


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


def enter(c: Course, level: int, who: Flags, day: Ints, severity: Floats) -> None:
    """Let some persons into the level; `day` and `severity` are of all."""
    c.entered[who, level] = True
    c.start[who, level] = day[who]
    c.entry_severity[who, level] = severity[who]


def came_from(c: Course, level: int) -> tuple[Step, Floats]:
    """The step from which people come into the level, and the severity at which they left it."""
    if level == L3:
        by_2a = c.entered[:, L2A]
        left = np.where(by_2a, c.exit_severity[:, L2A], c.exit_severity[:, L2])
        return chosen(by_2a.astype(np.int64), [c.steps[L2], c.steps[L2A]]), left
    of = {L2: L1, L2A: L2, L4: L3}[level]
    return c.steps[of], c.exit_severity[:, of]


def of_arm(c: Course, level: int, own: dict[str, float], what: str) -> Floats:
    """A solved number of everybody's arm in the level; 0 where an arm has none. Level 2A has its own."""
    if level == L2A:
        return np.full(len(c.arm), own[f"2A.{what}"])
    by_arm = np.array(
        [own.get(f"{_solved_name(arm)}.{what}", own.get(f"{LEVELS[level]}.{what}", 0.0)) for arm in ARM_NAMES]
    )
    found: Floats = by_arm[c.arm[:, level]]
    return found


def _solved_name(arm: str) -> str:
    """How an arm is called among the solved numbers: what is added counts, not to which drug."""
    return arm.split("+")[1] if arm.endswith(("+LI", "+THY")) else arm
