"""What a synthetic PReDICT person was given: daily mg from each visit on, and CBT sessions since the visit before.

Negative numbers are missing codes, as in `predict_forms`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harmonize.synthetic.draws import Draws, Ints
from harmonize.synthetic.parameters import parameters
from harmonize.synthetic.predict_course import ACUTE, SLOTS, WEEK_12, WEEKS, Course

NOT_APPLICABLE = -2
_PLANNED = np.array([0, 2, 2, 2, 2, 1, 1, 2, 2, 2])
"""Sessions between the visits of the first 12 weeks: twice a week for four weeks, then weekly; 16 in all."""
_PLANNED_2 = np.array([8, 4, 4])
"""The same 16 in the twelve weeks of the combination."""


def doses(course: Course, draws: Draws) -> NDArray[np.int64]:
    """(n, visits): daily mg; the dose is doubled in week 4, or at week 16 of an added drug, if not remitted."""
    p = parameters("predict")["doses"]
    drug = np.maximum(course.arm - 1, 0)
    first, high = np.array(p["first_mg"])[drug], np.array(p["raised_mg"])[drug]
    raised = draws.chance("dose raised", course.persons.number, p["raised"])
    turn = int(np.flatnonzero(p["raise_week"] == WEEKS)[0])
    up = raised & (course.hrsd[:, turn] > 7)
    place = np.arange(len(WEEKS))
    mg = np.where(up[:, None] & (place >= turn), high[:, None], first[:, None])
    up_2 = raised & (course.hrsd[:, ACUTE] > 7)
    added = np.where(up_2[:, None] & (place >= ACUTE), high[:, None], first[:, None])
    on_drug = (course.arm != 0)[:, None] & (place < ACUTE) | (course.combined & (course.arm != 0))[:, None]
    on_added = (course.combined & (course.arm == 0))[:, None] & (place >= WEEK_12)
    return np.where(on_drug, mg, np.where(on_added, added, NOT_APPLICABLE))


def sessions(course: Course, draws: Draws) -> NDArray[np.int64]:
    """(n, visits): sessions attended since the visit before that was held."""
    p = parameters("predict")
    cbt = course.arm == 0
    planned = np.zeros(course.seen.shape, dtype=np.int64)
    planned[cbt, :ACUTE] = _PLANNED
    planned[cbt & course.combined, ACUTE:] = p["combination"]["boosters"]
    planned[~cbt & course.combined, ACUTE:] = _PLANNED_2
    held = _attended(planned, course.persons.number, draws, p["doses"]["session_held"])
    # What was attended before a missed visit is counted at the next one.
    total = np.cumsum(held, axis=1)
    told = np.maximum.accumulate(np.where(course.seen, total, 0), axis=1)
    since = np.diff(told, axis=1, prepend=0)
    place = np.arange(len(WEEKS))
    in_cbt = cbt[:, None] & (place < ACUTE) | (
        course.combined[:, None] & (place >= np.where(cbt, WEEK_12, ACUTE)[:, None])
    )
    return np.where(in_cbt, since, NOT_APPLICABLE)


def _attended(planned: Ints, number: Ints, draws: Draws, share: float) -> NDArray[np.int64]:
    """How many of the planned sessions were attended."""
    keys = (number[:, None] * SLOTS + np.arange(planned.shape[1]))[:, :, None] * 8 + np.arange(8)
    return (draws.chance("session held", keys, share) & (np.arange(8) < planned[:, :, None])).sum(axis=2)
