"""What happens to the persons of a synthetic MARS: who they are, their stays in hospital, what was rated in them.

Severity falls along a latent course; the doctor sees ratings and decides on discharge by them. So discharge is an
informative end, and the last rating of a stay is better than the last planned one would have been.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from harmonize.synthetic.course import Arm, Step, driver_value, first_step, next_step
from harmonize.synthetic.draws import Draws, Floats, Ints
from harmonize.synthetic.genetics import genotyped
from harmonize.synthetic.instruments import Items, administer, totals
from harmonize.synthetic.leaving import first_visit_missed, lost_driver, slope_of
from harmonize.synthetic.parameters import parameters, solved
from harmonize.synthetic.persons import Flags, Persons, draw_persons
from harmonize.synthetic.worlds import World, world

WEEKS = np.array([0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16])
"""Planned ratings, in weeks from the admission."""
LAST_DAY = 7 * int(WEEKS[-1])
DISCHARGED, AGAINST_ADVICE, MOVED, STILL_IN = range(4)
"""How the observation of a stay ends."""
ENDS = ("discharge", "withdrew", "lost", "completed")
REMISSION = 10
STEPS = ("TAU", "E1", "E2")
_KEYS = 64
_AGAIN = range(48, 60)
"""Numbers of an entry rating that was below the limit and is made again."""


@dataclass(frozen=True)
class Stay:
    """One stay in hospital of some of the persons: `who` holds their positions; the other arrays follow it.

    `theta`, `days`, `items`, `total` have one column per planned rating; those after `last` were never made.
    """

    name: str
    who: Ints
    start: Ints
    """First day, from the person's first admission."""
    entry: Floats
    step: Step
    theta: Floats
    days: Ints
    """Day of each rating, from the admission."""
    items: Items
    total: NDArray[np.int64]
    last: Ints
    """Position of the last rating."""
    kind: Ints
    """Position in ENDS."""
    observed: Ints
    """Last day of observation, from the admission."""
    left: Ints
    """Day of leaving the hospital, from the admission."""

    @property
    def exit_severity(self) -> Floats:
        """Latent severity at the last rating."""
        found: Floats = self.theta[np.arange(len(self.who)), self.last]
        return found

    @property
    def exit_total(self) -> NDArray[np.int64]:
        """HRSD21 at the last rating."""
        found: NDArray[np.int64] = self.total[np.arange(len(self.who)), self.last]
        return found

    @property
    def responded(self) -> Flags:
        """Fell by half or more, and was rated again at all."""
        return (self.last > 0) & (2 * self.exit_total <= self.total[:, 0])

    @property
    def remitted(self) -> Flags:
        """HRSD21 below 10 at the last rating."""
        return (self.last > 0) & (self.exit_total < REMISSION)

    def at(self, week: int) -> Ints:
        """Position of the rating of a week, or of the last one before it."""
        return np.minimum(self.last, int(np.searchsorted(WEEKS, week)))


@dataclass(frozen=True)
class Cohort:
    """The persons of a chunk and their stays, the first admission first."""

    persons: Persons
    bipolar: Flags
    psychotic: Flags
    clinic: Ints
    genotyped: Flags
    stays: tuple[Stay, ...]


def draw(number: Ints, draws: Draws, name: str | World = "W0") -> Cohort:
    """The persons with these numbers and all that happens to them."""
    there = world(name)
    design = parameters("mars")["design"]
    own = solved("mars", there)
    who = draw_persons("mars", number, draws, there)
    step = first_step(who, Arm(own["TAU.lift"], own["TAU.spread"]), draws, there, weeks=float(WEEKS[-1]), name=STEPS[0])
    who = replace(who, n_failed_trials=_failed_trials(who, step, draws, there))
    everybody = np.arange(len(number))
    index = _stay(STEPS[0], everybody, who, who.severity0, step, np.zeros(len(number), np.int64), draws, there, 14)
    early = 1 - index.theta[everybody, index.at(2)] / who.severity0
    stays = [index]
    for place, name_ in enumerate(STEPS[1:]):
        stays.append(_readmission(name_, place, stays[-1], who, draws, there))
    return Cohort(
        persons=who,
        bipolar=draws.chance("bipolar", number, design["bipolar"]),
        psychotic=draws.chance("psychotic", number, design["psychotic"]),
        clinic=draws.choice("clinic", number, design["clinics"]),
        genotyped=genotyped(who, index.observed / 7.0, early, own["genotyped.intercept"], draws, draw_week=1.0),
        stays=tuple(stays),
    )


def of(what: Any, who: Ints) -> Any:
    """The same dataclass of arrays for some persons; single numbers stay."""
    chosen = {f.name: getattr(what, f.name) for f in fields(what)}
    return replace(what, **{k: v[who] for k, v in chosen.items() if isinstance(v, np.ndarray)})


def _failed_trials(who: Persons, step: Step, draws: Draws, there: World) -> Ints:
    """Ineffective trials before: like a next step, they go with the course, or with severity where that is all."""
    p = parameters("mars")["history"]
    if there.has_courses and there.next_step_on == "course":
        well = driver_value(step, who.severity0, there)
        driver = (p["course_mean"] - well) / p["course_sd"]
    else:
        persons = parameters("mars")["persons"]
        driver = (who.severity0 - persons["severity_mean"]) / persons["severity_sd"]
    rho = p["correlation"]
    z = rho * driver + np.sqrt(1 - rho**2) * draws.normal("failed trials before", who.number)
    upper = np.cumsum(parameters("mars")["persons"]["failed_trials"])[:-1]
    return np.searchsorted(ndtri(upper), z).astype(np.int64)


def _readmission(name: str, place: int, before: Stay, who: Persons, draws: Draws, there: World) -> Stay:
    """The next stay of those who come back after a planned discharge."""
    p, own = parameters("mars")["readmission"], solved("mars", there)
    number = who.number[before.who]
    back = draws.chance(f"{name} back", number, p["share"][place]) & (before.kind == DISCHARGED)
    away = 30 + (-np.log1p(-draws.uniform(f"{name} away", number)) * p["days_mean"]).astype(np.int64)
    # Beyond ten years nobody is looked at.
    start = before.start + before.left + np.minimum(away, 1400)
    entry = np.maximum(p["entry_mean"] + p["entry_sd"] * draws.normal(f"{name} entry", number), 9.0)
    courses = there.has_courses and there.next_step_on == "course"
    step = next_step(
        of(who, before.who),
        before.step,
        before.exit_severity,
        Arm(own["TAU.lift"], own["TAU.spread"]),
        draws,
        there,
        weeks=float(WEEKS[-1]),
        name=name,
        driver=tuple(p["driver_course" if courses else "driver_severity"]),
    )
    return _stay(
        name, before.who[back], of(who, before.who[back]), entry[back], of(step, back), start[back], draws, there
    )


def _stay(
    name: str,
    where: Ints,
    who: Persons,
    entry: Floats,
    step: Step,
    start: Ints,
    draws: Draws,
    there: World,
    least_entry: int = 0,
) -> Stay:
    """A stay from its course: ratings, then the end that they lead to."""
    p, own = parameters("mars")["discharge"], solved("mars", there)
    visits = np.arange(len(WEEKS))
    key = (who.number[:, None] * len(STEPS) + STEPS.index(name)) * _KEYS + visits[None, :]
    days = _rating_days(name, key, draws)
    theta = step.severity(entry, days / 7.0)
    items = np.stack([_rated(theta[:, v], key[:, v], who, draws, there) for v in visits], axis=1)
    if least_entry:
        items[:, 0] = _rated_again(items[:, 0], theta[:, 0], key[:, 0], who, draws, there, least_entry)
    flat = totals("HRSD21", items.reshape(-1, items.shape[2])) if len(where) else np.zeros(0, np.int64)
    total = flat.reshape(len(where), len(WEEKS))

    state = np.where(total < REMISSION, 2, np.where(2 * total <= total[:, :1], 1, 0))
    logit = own["discharge.intercept"] + np.array(p["by_state"])[state] + p["per_week"] * (WEEKS - WEEKS[-1] / 2)
    between = np.diff(WEEKS, prepend=0)
    chance = np.where(p["first_week"] <= WEEKS, 1 - (1 - expit(logit)) ** between, 0.0)
    goes = draws.uniform(f"{name} discharge", key) < chance
    goes_at = np.where(goes.any(axis=1), goes.argmax(axis=1), len(WEEKS))
    driver = lost_driver(there, who, step, total.astype(np.float64), centre=15.0, scale=9.0)
    moved_at = first_visit_missed(f"{name} moved", who.number, p["lost"], draws, driver, slope_of(there))
    quits_at = first_visit_missed(f"{name} against advice", who.number, p["against_advice"], draws)

    # Whoever leaves before a rating does so before the decision that follows it.
    unplanned = np.minimum(moved_at, quits_at)
    left_unplanned = (unplanned <= goes_at) & (unplanned < len(WEEKS))
    kind = np.where(
        left_unplanned,
        np.where(moved_at <= quits_at, MOVED, AGAINST_ADVICE),
        np.where(goes_at < len(WEEKS), DISCHARGED, STILL_IN),
    )
    last = np.where(left_unplanned, unplanned - 1, np.minimum(goes_at, len(WEEKS) - 1))
    last_day = days[np.arange(len(where)), last]
    packing = draws.below(f"{name} days to leaving", who.number, 5)
    left = np.minimum(last_day + np.where(left_unplanned, 1, 0) + packing, LAST_DAY)
    longer = 1 + (-np.log1p(-draws.uniform(f"{name} longer", who.number)) * 7 * p["longer_weeks"]).astype(np.int64)
    return Stay(
        name=name,
        who=where,
        start=start,
        entry=entry,
        step=step,
        theta=theta,
        days=days,
        items=items,
        total=total,
        last=last,
        kind=kind,
        observed=np.where(kind == STILL_IN, LAST_DAY, left),
        left=np.where(kind == STILL_IN, LAST_DAY + np.minimum(longer, 200), left),
    )


def _rating_days(name: str, key: Ints, draws: Draws) -> Ints:
    """Within three days of the admission, then within two days of the planned one, never after week 16."""
    late = draws.below(f"{name} day of rating", key, 5) - 2
    days = 7 * WEEKS[None, :] + late
    days[:, 0] = np.abs(late[:, 0]) + (late[:, 0] == 2)
    return np.minimum(days, LAST_DAY)


def _rated(theta: Floats, key: Ints, who: Persons, draws: Draws, there: World) -> Items:
    return administer("HRSD21", theta, key, draws, shift=there.link_shift, world=there, lean=who.anxiety)


def _rated_again(items: Items, theta: Floats, key: Ints, who: Persons, draws: Draws, there: World, least: int) -> Items:
    """Entry ratings of 14 or more: only such patients were taken in, so the error of their rating is not even."""
    out = items.copy()
    low = np.flatnonzero(totals("HRSD21", out) < least)
    for turn in _AGAIN:
        if not len(low):
            break
        # Points are added, few at first, for those whom no error would take over the limit.
        lifted = theta[low] + max(0, turn - _AGAIN[6])
        out[low] = _rated(lifted, key[low] + turn, of(who, low), draws, there)
        low = low[totals("HRSD21", out[low]) < least]
    return out
