"""Leaving a step: moved on for non-benefit, for intolerance, after benefit, or lost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harmonize.synthetic.course import Step
from harmonize.synthetic.draws import Draws, Floats, Ints
from harmonize.synthetic.parameters import parameters
from harmonize.synthetic.persons import Persons
from harmonize.synthetic.worlds import World

LEAVING = ("no_benefit", "intolerance", "benefit", "lost")
"""Kinds of leaving: moved on for non-benefit, moved on for intolerance, finished or followed up after benefit, lost."""


def lost_driver(
    world: World, persons: Persons, step: Step, scores: Floats, *, centre: float | Floats, scale: float
) -> Floats | None:
    """What being lost before each visit depends on: (n, visits), about standard normal; None in most worlds.

    `scores` (n, visits) are the scores of all planned visits, seen or not, entry first; `centre` (one number or one per
    visit) and `scale` are a typical score and its spread. In W4a the last seen score counts, in W4d the one that would
    have come next.
    """
    if world.leaving_on == "nothing":
        return None
    if world.leaving_on == "side_effects":
        return np.broadcast_to(persons.side_effects[:, None], scores.shape)
    if world.leaving_on == "course":
        of_course = np.array(parameters("model")["leaving"]["driver_of_course"])
        driver = np.where(step.course < 0, -step.propensity, of_course[step.course])
        return np.broadcast_to(driver[:, None], scores.shape)
    standard = (scores - centre) / scale
    if world.leaving_on == "next_score":
        return standard
    return np.concatenate([standard[:, :1], standard[:, :-1]], axis=1)


def first_visit_missed(
    name: str,
    key: Ints,
    shares: Sequence[float] | Floats,
    draws: Draws,
    driver: Floats | None = None,
    slope: float = 0.0,
) -> Ints:
    """The visit before which a person has left: 1 … visits − 1, or the number of visits for one who stays.

    `shares` (visits,) or (n, visits): share of all who leave before each visit; that of visit 0 is 0. They are turned
    into hazards, and a driver multiplies these by exp(slope · driver − slope² / 2), which is 1 on average.
    """
    share = np.atleast_2d(np.asarray(shares, dtype=np.float64))
    at_risk = 1 - np.cumsum(share, axis=1) + share
    hazard = np.broadcast_to(share / np.maximum(at_risk, 1e-9), (len(key), share.shape[1]))
    if driver is not None and slope:
        hazard = hazard * np.exp(slope * driver - slope**2 / 2)
    visits = hazard.shape[1]
    u = draws.uniform(name, key[:, None] * 64 + np.arange(visits)[None, :])
    gone = u < np.minimum(hazard, 0.95)
    return np.where(gone.any(axis=1), np.argmax(gone, axis=1), visits)


def slope_of(world: World) -> float:
    """How strongly the world's driver acts on the hazard of being lost, per standard deviation."""
    return 0.0 if world.leaving_on == "nothing" else float(parameters("model")["leaving"]["slope"])


def intolerant_visit(
    name: str, persons: Persons, shares: Sequence[float] | Floats, draws: Draws, key: Ints | None = None
) -> Ints:
    """The visit at which a person is found intolerant, as `first_visit_missed` gives it; sooner with side effects."""
    slope = float(parameters("model")["leaving"]["slope_side_effects"])
    number = persons.number if key is None else key
    width = np.shape(shares)[-1]
    driver = np.broadcast_to(persons.side_effects[:, None], (len(persons), width))
    return first_visit_missed(name, number, shares, draws, driver, slope)
