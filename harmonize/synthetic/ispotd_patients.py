"""What happens to the patients of a synthetic iSPOT-D: entry, arm, scores, dose, leaving. No file format here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonize.synthetic.course import Arm, Step, first_step
from harmonize.synthetic.draws import Draws, Floats, Ints
from harmonize.synthetic.genetics import genotyped
from harmonize.synthetic.instruments import administer, severity_at, totals
from harmonize.synthetic.leaving import first_visit_missed, intolerant_visit, lost_driver, slope_of
from harmonize.synthetic.parameters import parameters, solved
from harmonize.synthetic.persons import Flags, Persons, draw_persons
from harmonize.synthetic.worlds import World

WEEKS = np.array([0.0, 2.0, 4.0, 6.0, 8.0])
"""Contacts with a QIDS-SR16; the HRSD17 is rated at the first and the last."""
LAST = len(WEEKS) - 1
ARMS = ("ESC", "SER", "VEN")
LEFT = ("completed", "no_benefit", "intolerance", "lost", "withdrew")
ANXIOUS_ITEMS = np.array([10, 11, 12, 13, 15, 17]) - 1
ANXIOUS_FROM = 7
"""Anxious features: these HRSD17 items sum to so much or more (covariates.csv)."""
_ATTEMPTS = 200
_NEXT_CANDIDATE = 2**32
"""Between the numbers of the persons who are screened for one place."""


@dataclass(frozen=True)
class Patients:
    """Arrays of n patients, in the order of `number`. Scores are those of all contacts, held or not."""

    number: Ints
    """Place in the study, from 0; `persons.number` is that of the candidate who was eligible."""
    persons: Persons
    arm: Ints
    """Position in ARMS."""
    step: Step
    theta: Floats
    """(n, 5) latent severity at the contacts as held."""
    hrsd17: Ints
    """(n, 2) totals at weeks 0 and 8."""
    anxious: Flags
    qids: Ints
    """(n, 5) totals."""
    left: Ints
    """Position in LEFT."""
    last: Ints
    """The last contact at which the person was in treatment; LAST for those who completed."""
    weeks: Floats
    """Weeks on the drug, to a tenth, at most 8."""
    held: Flags
    """(n, 5) the contact took place and gave a QIDS-SR16."""
    rated: Flags
    """(n, 2) the HRSD17 was rated."""
    dose: Ints
    """(n, 4) position in the arm's doses at weeks 2, 4, 6, 8."""
    genotyped: Flags

    @property
    def completed(self) -> Flags:
        """In treatment at week 8."""
        return self.left == 0


def draw_patients(number: Ints, seed: int, there: World) -> Patients:
    """The patients with these numbers."""
    p, own, draws = parameters("ispotd"), solved("ispotd", there), Draws(seed)
    persons, items = _eligible(number, draws, there)
    arm = _randomised(number, draws)
    step = first_step(persons, Arm(own["lift"], own["spread"]), draws, there, weeks=float(WEEKS[-1]))
    theta = step.severity(persons.severity0, _held_at(number, draws))
    hrsd17 = np.stack(
        [
            totals("HRSD17", items),
            totals("HRSD17", _administered("HRSD17", theta[:, LAST], number, LAST, draws, there, persons)),
        ],
        axis=1,
    )
    qids = np.stack(
        [
            totals("QIDS_SR16", _administered("QIDS_SR16", theta[:, v], number, v, draws, there, persons))
            for v in range(len(WEEKS))
        ],
        axis=1,
    )
    left, last = _leaving(number, persons, step, qids, p, own, draws, there)
    weeks = _weeks_treated(number, left, last, draws)
    there_at = np.arange(len(WEEKS)) <= last[:, None]
    cells = number[:, None] * 64 + np.arange(len(WEEKS))
    held = there_at & ~draws.chance("ispotd contact missed", cells, np.array(p["visits"]["contact_missed"]))
    not_rated = draws.chance("ispotd no rating", number, p["visits"]["no_rating"])
    rated = np.stack([np.ones(len(number), dtype=bool), (left == 0) & ~not_rated], axis=1)
    fall = (theta[:, 0] - theta[:, 1]) / np.maximum(theta[:, 0], 1.0)
    return Patients(
        number=number,
        persons=persons,
        arm=arm,
        step=step,
        theta=theta,
        hrsd17=hrsd17,
        anxious=items[:, ANXIOUS_ITEMS].sum(axis=1) >= ANXIOUS_FROM,
        qids=qids,
        left=left,
        last=last,
        weeks=weeks,
        held=held,
        rated=rated,
        dose=_doses(number, persons, qids, draws, p),
        genotyped=genotyped(persons, weeks, fall, own["genotyped"], draws, draw_week=p["genetics"]["least_weeks"]),
    )


def _eligible(number: Ints, draws: Draws, there: World) -> tuple[Persons, NDArray[np.int8]]:
    """For each place the first candidate who is ill enough by the HRSD17, with the items of that rating.

    The candidates of a place are numbers of its own, so nobody depends on who else is drawn.
    """
    least = parameters("ispotd")["entry"]["hrsd17_least"]
    found = number.copy()
    open_ = np.arange(len(number))
    for attempt in range(_ATTEMPTS):
        candidate = number[open_] + attempt * _NEXT_CANDIDATE
        drawn = draw_persons("ispotd", candidate, draws, there)
        total = totals("HRSD17", _entry_items(drawn, draws, there))
        found[open_] = candidate
        open_ = open_[total < least]
        if not len(open_):
            break
    else:
        raise RuntimeError(f"no candidate of {_ATTEMPTS} has an HRSD17 of {least}: severity_mean is too low")
    persons = draw_persons("ispotd", found, draws, there)
    return persons, _entry_items(persons, draws, there)


def _entry_items(persons: Persons, draws: Draws, there: World) -> NDArray[np.int8]:
    return _administered("HRSD17", persons.severity0, persons.number, 0, draws, there, persons)


def _administered(
    instrument: str, theta: Floats, number: Ints, visit: int, draws: Draws, there: World, persons: Persons
) -> NDArray[np.int8]:
    return administer(instrument, theta, number * 64 + visit, draws, world=there, lean=persons.anxiety)


def _randomised(number: Ints, draws: Draws) -> Ints:
    """Permuted blocks of three: the arms are equal after every third patient."""
    block, place = np.divmod(number, len(ARMS))
    keys = np.stack([draws.uniform("ispotd arm", block * len(ARMS) + i) for i in range(len(ARMS))], axis=1)
    return np.argsort(keys, axis=1)[np.arange(len(number)), place].astype(np.int64)


def _held_at(number: Ints, draws: Draws) -> Floats:
    """Weeks (n, 5) at which the contacts were held; the file gives the planned ones."""
    cells = number[:, None] * 64 + np.arange(len(WEEKS))
    away = parameters("ispotd")["visits"]["jitter_days"] / 7.0
    moved = WEEKS + away * (2 * draws.uniform("ispotd jitter", cells) - 1)
    moved[:, 0] = 0.0
    return moved


def _leaving(
    number: Ints,
    persons: Persons,
    step: Step,
    qids: Ints,
    p: Mapping[str, Any],
    own: Mapping[str, float],
    draws: Draws,
    there: World,
) -> tuple[Ints, Ints]:
    """Kind of leaving (position in LEFT) and the last contact in treatment. The earliest event counts."""
    shares = np.array(p["leaving"]["lost"]) * np.array([1.0, 1.0, *[own["lost_later"]] * (LAST - 1)])
    standard = (qids - np.array(p["leaving"]["qids_centre"])) / np.array(p["leaving"]["qids_scale"])
    driver = lost_driver(there, persons, step, standard, centre=0.0, scale=1.0)
    lost = first_visit_missed("ispotd lost", number, shares, draws, driver, slope_of(there))
    intolerant = intolerant_visit("ispotd intolerant", persons, p["leaving"]["intolerant"], draws, key=number)
    # The doctor stops a drug that has not helped; decided on the score that was seen.
    little = qids > (1 - p["leaving"]["little_change"]) * qids[:, :1]
    cells = number[:, None] * 64 + np.arange(len(WEEKS))
    stopped = little & draws.chance("ispotd stopped", cells, np.array(p["leaving"]["stop_share"]))
    stop = np.where(stopped.any(axis=1), np.argmax(stopped, axis=1), LAST + 1)
    # Who is lost before a contact was last in treatment at the one before; the others are seen once more.
    events = np.stack([np.full(len(number), LAST + 0.0), stop + 0.2, intolerant + 0.1, lost - 1 + 0.3], axis=1)
    events[:, 1:][events[:, 1:] >= LAST] = np.inf
    first = np.argmin(events, axis=1)
    last = np.floor(events[np.arange(len(number)), first]).astype(np.int64)
    withdrew = draws.chance("ispotd withdrew", number, p["leaving"]["withdrew"])
    return np.where((first == 3) & withdrew, 4, first), last


def _weeks_treated(number: Ints, left: Ints, last: Ints, draws: Draws) -> Floats:
    """To a tenth of a week, rounded down: who has left before week 2 has less than 2.0."""
    start, end = WEEKS[last], WEEKS[np.minimum(last + 1, LAST)]
    between = start + (end - start) * draws.uniform("ispotd weeks", number)
    return np.where(left == 0, WEEKS[-1], np.where(left >= LEFT.index("lost"), np.floor(between * 10) / 10, start))


def _doses(number: Ints, persons: Persons, qids: Ints, draws: Draws, p: Mapping[str, Any]) -> Ints:
    """Open dosing: raised after a contact that shows little change, lowered where the drug is taken badly."""
    raise_, lower, top = p["dosing"]["raise"], p["dosing"]["lower"], len(p["dosing"]["mg"][ARMS[0]]) - 1
    now = np.zeros(len(number), dtype=np.int64)
    out = []
    for visit in range(1, len(WEEKS)):
        cells = number * 64 + visit
        little = qids[:, visit - 1] > p["dosing"]["little_change"] * qids[:, 0]
        up = little & draws.chance("ispotd dose up", cells, raise_) & (visit > 1)
        down = (persons.side_effects > 1.0) & draws.chance("ispotd dose down", cells, lower)
        now = np.clip(now + up - down, 0, top)
        out.append(now)
    return np.stack(out, axis=1)


def control_totals(number: Ints, draws: Draws, there: World) -> tuple[Ints, Ints]:
    """HRSD17 and QIDS-SR16 totals of healthy controls, at baseline only."""
    p = parameters("ispotd")["controls"]
    theta = severity_at("HRSD17", p["hrsd17_mean"]) + p["severity_sd"] * draws.normal("ispotd control severity", number)
    return tuple(totals(i, administer(i, theta, number * 64, draws, world=there)) for i in ("HRSD17", "QIDS_SR16"))  # type: ignore[return-value]
