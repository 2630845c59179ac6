"""How and when a level ends, and what follows: decisions on the clinician's QIDS16, and those lost or intolerant."""

from __future__ import annotations

import numpy as np

from harmonize.synthetic.draws import Draws, Floats
from harmonize.synthetic.instruments import administer, totals
from harmonize.synthetic.leaving import first_visit_missed, intolerant_visit, lost_driver, slope_of
from harmonize.synthetic.stard_arms import positions
from harmonize.synthetic.stard_levels import Course, enter, of_arm
from harmonize.synthetic.stard_population import (
    ARM_NAMES,
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
    WEEKS,
    WELL,
    Population,
)
from harmonize.synthetic.stard_visits import visit_days

_FIRST_DECISION = 3
_QIDS_CENTRE, _QIDS_SCALE = {L1: np.array([15.4, 12.8, 11.4, 10.5, 9.6, 9.0, 8.8])}, 5.0
"""Typical QIDS16 at the visits of a level, for worlds where being lost depends on it; after level 1 it is 11."""


def leave(c: Course, level: int, draws: Draws, p: Population, own: dict[str, float]) -> None:
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

    shares = np.outer(of_arm(c, level, own, "lost")[here], p.lost_when)
    if level == L1:
        # Who has no visit after entry is not found among the lost later.
        shares[:, 1] = own["1.no_return"]
    driver = None
    if c.world.leaving_on != "nothing":
        scores = observed("QIDS_SR16", range(len(WEEKS)))
        driver = lost_driver(c.world, who, step, scores, centre=_QIDS_CENTRE.get(level, 11.0), scale=_QIDS_SCALE)
    lost = first_visit_missed(f"lost {name}", number, shares, draws, driver, slope_of(c.world))
    intolerant = np.outer(of_arm(c, level, own, "intolerant")[here], p.intolerant_when)
    found = intolerant_visit(f"intolerant {name}", who, intolerant, draws)

    spread = own.get(f"{name}.decide_spread", p.decide_spread)
    good = own[f"{name}.good_enough"] + spread * draws.normal(f"good enough {name}", number)
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
    adds = np.isin(c.arm[here, level], positions(("CIT+BUP", "CIT+BUS", "CIT+CT")))
    of_way = np.array([p.finished[0], own.get("switch.finished", p.finished[1]), p.finished[2]])[
        np.where(level == L1, 0, np.where(adds, 2, 1))
    ]
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
        enter(c, L2A, to_2a, day, severity)
        enter(c, L3, moves & ~to_2a, day, severity)
    elif level != L4:
        enter(c, {L1: L2, L2A: L3, L3: L4}[level], moves, day, severity)
    # Who is well without having remitted is seen on sooner than who has remitted.
    remitted = np.zeros(len(c.entered), dtype=bool)
    remitted[here] = rated[at, when - _FIRST_DECISION] <= 5
    goes_on = np.where(remitted, *p.well_to_follow_up)
    well = (c.exit[:, level] == WELL) & stays & draws.chance(f"follow-up {name}", c.persons.number, goes_on)
    enter(c, FU, well, day, severity)
    drift = own["FU.drift"] + own["FU.spread"] * draws.normal("follow-up severity", c.persons.number)
    c.exit_severity[well, FU] = (severity + drift)[well]
