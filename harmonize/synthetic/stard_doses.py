"""Drugs and doses of a synthetic STAR*D after each visit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harmonize.synthetic.draws import Draws, Ints
from harmonize.synthetic.stard_levels import Course
from harmonize.synthetic.stard_population import (
    ARM_NAMES,
    ARMS,
    DRUGS,
    FU,
    L1,
    LEVELS,
    POPULATION,
    TITRATION,
    WEEKS,
    Population,
)

_DOSE_STEPS = np.array([TITRATION[d][0] for d in DRUGS], dtype=np.int16)
_ARM_DRUGS = np.array(
    [[DRUGS.index(ARMS[a][i]) if i < len(ARMS[a]) else -1 for i in range(2)] for a in ARM_NAMES], dtype=np.int8
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
