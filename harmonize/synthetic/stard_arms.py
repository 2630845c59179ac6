"""Which arm everybody gets at a level: what was acceptable, and what was drawn of that."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from harmonize.synthetic.draws import Draws, Ints
from harmonize.synthetic.stard_levels import Course
from harmonize.synthetic.stard_population import ARM_NAMES, INTOLERANCE, L1, L2, L2A, L3, LEVELS, Population


def accept(c: Course, draws: Draws, p: Population, own: dict[str, float]) -> None:
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


def assign(c: Course, level: int, draws: Draws, p: Population) -> None:
    """Draw the arm of everybody in the level."""
    number, name = c.persons.number, f"arm {LEVELS[level]}"
    if level == L1:
        arm = np.full(len(number), ARM_NAMES.index("CIT"))
    elif level == L2:
        columns = ("BUP", "SER", "VEN", "CIT+BUP", "CIT+BUS", "CT", "CIT+CT")
        of_strategy = np.array([0, 0, 0, 1, 1, 2, 3])
        pick = draws.choice(name, number, c.accepts[:, of_strategy].astype(float) + 1e-12)
        arm = positions(columns)[pick]
    elif level == L2A:
        arm = positions(("BUP", "VEN"))[draws.choice(name, number, (1, 1))]
    elif level == L3:
        pick = draws.choice(name, number, p.level3_shares)
        before = np.where(c.entered[:, L2A], c.arm[:, L2A], c.arm[:, L2])
        base = np.array([_base_drug(a) for a in ARM_NAMES])[before]
        kept = positions(("CIT", "BUP", "SER", "VEN"))
        added = {
            2: positions(("CIT+LI", "BUP+LI", "SER+LI", "VEN+LI")),
            3: positions(("CIT+THY", "BUP+THY", "SER+THY", "VEN+THY")),
        }
        # After cognitive therapy alone there is no drug to add to.
        pick = np.where((base < 0) & (pick >= 2), pick - 2, pick)
        arm = positions(("MIRT", "NTP"))[np.minimum(pick, 1)]
        for way, arms in added.items():
            arm = np.where(pick == way, arms[np.searchsorted(kept, np.maximum(base, 0))], arm)
    else:
        arm = positions(("TCP", "VEN+MIRT"))[draws.choice(name, number, p.level4_shares)]
    here = c.entered[:, level]
    c.arm[here, level] = arm[here]


def positions(arms: tuple[str, ...]) -> Ints:
    """Positions in ARM_NAMES."""
    return np.array([ARM_NAMES.index(a) for a in arms])


def _base_drug(arm: str) -> int:
    """The arm whose single drug is kept when lithium or T3 is added; −1 where there is none."""
    first = arm.split("+")[0]
    return ARM_NAMES.index(first) if first in ("CIT", "BUP", "SER", "VEN") else -1
