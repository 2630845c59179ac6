"""What happens to the persons of a synthetic PReDICT: 12 weeks in one of three arms, then the combination for some.

Scores of all planned visits are drawn, seen or not: leaving may depend on one that nobody sees. HRSD17 of week 12 is
one administration that ends phase 1 and opens phase 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harmonize.synthetic.course import Arm, Step, driver_value, first_step, next_step
from harmonize.synthetic.draws import Draws, Floats, Ints
from harmonize.synthetic.genetics import genotyped
from harmonize.synthetic.instruments import Items, administer, totals
from harmonize.synthetic.leaving import first_visit_missed, intolerant_visit, lost_driver, slope_of
from harmonize.synthetic.parameters import parameters, solved
from harmonize.synthetic.persons import Flags, Persons, draw_persons
from harmonize.synthetic.worlds import World

ARMS = ("CBT", "ESC", "DUL")
COMBINATIONS = ("CBT+ESC", "ESC+CBT", "DUL+CBT")
WEEKS = np.array([0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24])
ACUTE = 10
"""Visits of phase 1, week 12 included."""
WEEK_10, WEEK_12 = 8, 9
STAYS = ACUTE
CLASSES = ("non_response", "partial_response", "response_no_remission", "remission")
LEAVING = ("no_benefit", "intolerance", "benefit", "lost", "declined")
"""Why a phase ended: as in `leaving.LEAVING`; `declined` the combination although not remitted."""
SLOTS = 64
"""Administrations of an instrument that a person can have: keys are person × SLOTS + visit."""
_ORDERS = np.array([[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
_LAST_BLOCK = 114
_SCREENINGS = 14


@dataclass(frozen=True)
class Course:
    """Arrays over persons (n,), or persons × visits (n, 13) in the order of WEEKS."""

    persons: Persons
    arm: Ints
    """Position in ARMS."""
    day: Ints
    theta: Floats
    """Latent severity at each planned visit; beyond week 12 without meaning for who is not in the combination."""
    hrsd_items: Items
    """(n, 13, 17)"""
    hrsd: Ints
    seen: Flags
    """The visit was held."""
    step: Step
    completer: Flags
    outcome: Ints
    """Position in CLASSES, −1 for those who did not complete."""
    combined: Flags
    step_2: Step
    left: Ints
    """Position in LEAVING of the reason why phase 1 ended."""
    left_2: Ints
    """The same of phase 2; −1 for those not in it."""
    dna: Flags


def draw_course(number: Ints, draws: Draws, world: World) -> Course:
    """The persons with these numbers, from randomisation to week 24."""
    p, own = parameters("predict"), solved("predict", world)
    who = draw_persons("predict", number, draws, world)
    arm = randomised(number, draws)
    lift, spread = (np.array([own[f"{a}.{k}"] for a in ARMS])[arm] for k in ("lift", "spread"))
    step = first_step(who, Arm(lift, spread), draws, world, weeks=12, name="1")
    keys = number[:, None] * SLOTS + np.arange(len(WEEKS))
    day = _days(keys, draws)
    theta_1 = step.severity(who.severity0, day[:, :ACUTE] / 7)
    items_1 = _rated(theta_1, keys[:, :ACUTE], who, draws, world)
    items_1[:, 0] = _entry(items_1[:, 0], who, p["entry"]["least_score"], draws, world)
    hrsd_1 = _totals(items_1)

    gone, left = _phase_1_left(who, arm, step, hrsd_1, draws, world)
    held = ~draws.chance("visit missed", keys, p["visits"]["missed"])
    held[:, [0, WEEK_12]] = True
    seen_1 = held[:, :ACUTE] & (np.arange(ACUTE) < gone[:, None])
    completer = gone == STAYS
    outcome = np.where(completer, classed(hrsd_1, seen_1), -1)

    c = p["combination"]
    entered = np.array([c["entered_others"], c["entered_others"], c["entered_responders"], 0.0])[np.maximum(outcome, 0)]
    combined = completer & draws.chance("combination", number, entered)
    left = np.where(~completer, left, np.where(outcome == 3, 2, np.where(combined, 0, 4)))
    exit_severity = theta_1[:, WEEK_12]
    step_2 = next_step(
        who, step, exit_severity, _combination(arm, outcome, own), draws, world,
        weeks=12, name="2", driver=tuple(c["driver"][world.family]),
    )  # fmt: skip
    theta_2 = step_2.severity(exit_severity, (day[:, ACUTE:] - day[:, [WEEK_12]]) / 7)
    items_2 = _rated(theta_2, keys[:, ACUTE:], who, draws, world)
    hrsd = np.concatenate([hrsd_1, _totals(items_2)], axis=1)
    driver = lost_driver(world, who, step_2, hrsd[:, WEEK_12:].astype(np.float64), centre=_CENTRE, scale=_SCALE)
    gone_2 = first_visit_missed("lost 2", number, c["lost"], draws, driver, slope_of(world))
    seen_2 = held[:, ACUTE:] & (np.arange(1, 4) < gone_2[:, None]) & combined[:, None]
    # Who stays is seen at week 24.
    seen_2[:, -1] = combined & (gone_2 == 4)
    last_2 = _last(hrsd[:, WEEK_12:], np.concatenate([combined[:, None], seen_2], axis=1))
    left_2 = np.where(gone_2 < 4, 3, np.where(last_2 <= 7, 2, 0))
    return Course(
        persons=who,
        arm=arm,
        day=day,
        theta=np.concatenate([theta_1, theta_2], axis=1),
        hrsd_items=np.concatenate([items_1, items_2], axis=1),
        hrsd=hrsd,
        seen=np.concatenate([seen_1, seen_2], axis=1),
        step=step,
        completer=completer,
        outcome=outcome,
        combined=combined,
        step_2=step_2,
        left=left,
        left_2=np.where(combined, left_2, -1),
        # DNA was taken before randomisation: it cannot depend on staying or on response.
        dna=genotyped(
            who, np.full(len(who), 12.0), np.zeros(len(who)), p["entry"]["genotyped_intercept"], draws, draw_week=0
        ),
    )


def randomised(number: Ints, draws: Draws) -> Ints:
    """Arms in blocks of three; the block that a trial of 344 leaves open begins with CBT and duloxetine."""
    block, place = np.divmod(number, 3)
    order = np.where(block == _LAST_BLOCK, 1, draws.below("arm", block, len(_ORDERS)))
    # Order 1 is CBT, duloxetine, escitalopram.
    arm: Ints = _ORDERS[order, place]
    return arm


def classed(hrsd: Ints, seen: Flags) -> Ints:
    """The class of a completer: remission asks weeks 10 and 12, so who missed week 10 cannot remit."""
    first, last = hrsd[:, 0], hrsd[:, WEEK_12]
    remitted = (last <= 7) & (hrsd[:, WEEK_10] <= 7) & seen[:, WEEK_10]
    fall = 100 * (first - last)
    return np.where(remitted, 3, np.where(fall >= 50 * first, 2, np.where(fall >= 30 * first, 1, 0)))


def _combination(arm: Ints, outcome: Ints, own: Mapping[str, float]) -> Arm:
    """The combination's two numbers. Responders, who have little left to lose, have their own: by what was added."""
    responder = outcome == 2
    after = np.where(arm == 0, own["2.responders.CBT.lift"], own["2.responders.drug.lift"])
    return Arm(
        np.where(responder, after, own["2.lift"]), np.where(responder, own["2.responders.spread"], own["2.spread"])
    )


def driver_of(n: int, draws: Draws, world: World) -> tuple[float, float]:
    """Mean and SD, among those who enter the combination, of what its response depends on in this world."""
    course = draw_course(np.arange(n), draws, world)
    value = driver_value(course.step, course.theta[:, WEEK_12], world)[course.combined]
    return float(value.mean()), float(value.std())


_CENTRE, _SCALE = 12.0, 6.0
"""A typical HRSD17 in treatment, and its spread: what a score is measured by where leaving depends on scores."""


def _days(keys: Ints, draws: Draws) -> Ints:
    """Days of the visits: weekly ones two days to either side, later ones three; the first on day 0."""
    width = np.where(WEEKS == 0, 0, np.where(WEEKS <= 6, 2, 3))
    return 7 * WEEKS + draws.below("visit day", keys, 2 * width + 1) - width


def _rated(theta: Floats, keys: Ints, who: Persons, draws: Draws, world: World) -> Items:
    lean = np.repeat(who.anxiety, theta.shape[1])
    items = administer("HRSD17", theta.ravel(), keys.ravel(), draws, world=world, lean=lean)
    return items.reshape(*theta.shape, items.shape[-1])


def _totals(items: Items) -> NDArray[np.int64]:
    return totals("HRSD17", items.reshape(-1, items.shape[-1])).reshape(items.shape[:2])


def _entry(items: Items, who: Persons, least: int, draws: Draws, world: World) -> Items:
    """Baseline ratings high enough to enter: who scores below was rated again, as those who came had scored enough."""
    items = items.copy()
    for turn in range(_SCREENINGS):
        low = np.flatnonzero(totals("HRSD17", items) < least)
        # At last in a worse week, so that the last of them enter as well.
        theta = who.severity0[low] + 4.0 * max(0, turn - _SCREENINGS // 2)
        keys = who.number[low] * SLOTS + SLOTS - 1 - turn
        items[low] = administer("HRSD17", theta, keys, draws, world=world, lean=who.anxiety[low])
    return items


def _phase_1_left(
    who: Persons, arm: Ints, step: Step, hrsd: Ints, draws: Draws, world: World
) -> tuple[Ints, NDArray[np.int64]]:
    """The visit before which phase 1 was left, STAYS for completers, and the position of the reason in LEAVING."""
    p, own = parameters("predict")["leaving"], solved("predict", world)
    profile = np.array(p["profile"])
    share = np.array([own[f"{a}.lost"] for a in ARMS])[arm]
    driver = lost_driver(world, who, step, hrsd.astype(np.float64), centre=_CENTRE, scale=_SCALE)
    lost = first_visit_missed("lost 1", who.number, share[:, None] * profile, draws, driver, slope_of(world))
    intolerant = intolerant_visit("intolerant", who, np.array(p["intolerance"])[arm][:, None] * profile, draws)
    little = hrsd[:, 0, None] - hrsd < p["no_benefit_fall"] * hrsd[:, 0, None]
    little[:, : p["no_benefit_from"]] = False
    little[:, WEEK_12] = False
    keys = who.number[:, None] * SLOTS + np.arange(ACUTE)
    gives_up = little & draws.chance("no benefit", keys, p["no_benefit"])
    no_benefit = np.where(gives_up.any(axis=1), gives_up.argmax(axis=1) + 1, STAYS)
    when = np.stack([no_benefit, intolerant, np.full(len(who), STAYS), lost], axis=1)
    return when.min(axis=1), when.argmin(axis=1)


def _last(scores: Ints, seen: Flags) -> Ints:
    """The last seen score; the first where nothing was seen."""
    place = seen.shape[1] - 1 - seen[:, ::-1].argmax(axis=1)
    place = np.where(seen.any(axis=1), place, 0)
    return scores[np.arange(len(scores)), place]


def last_acute(course: Course) -> Ints:
    """The last HRSD17 seen in phase 1, the baseline where there is no other (last observation carried forward)."""
    return _last(course.hrsd[:, :ACUTE], course.seen[:, :ACUTE])


def last_combined(course: Course) -> Ints:
    """The last HRSD17 seen in phase 2, that of week 12 where there is no other."""
    return _last(course.hrsd[:, WEEK_12:], np.concatenate([course.combined[:, None], course.seen[:, ACUTE:]], axis=1))
