"""Labels of mean courses by the plan's rules: treatment failure, transient, partial response, response.

Pure functions of a course m(t), the mean baseline b and the last week T that the data carry: p(t) = 1 - m(t) / b.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TF, TRANSIENT, PR = "treatment failure", "transient response", "partial response"
RAPID, GRADUAL, NONE = "rapid response", "gradual response", "unlabelled"
LABELS = (TF, TRANSIENT, PR, GRADUAL, RAPID, NONE)


@dataclass(frozen=True)
class TfRule:
    """Thresholds of the rule, shares of the baseline. The defaults are the plan's; its variant has `failure` 0.30."""

    failure: float = 0.25
    response: float = 0.50
    relapse: float = 0.15
    first_week: int = 4
    last_week: int = 12
    still_seen: float = 0.20


PLAN, VARIANT = TfRule(), TfRule(failure=0.30)


def weeks(last: float, rule: TfRule = PLAN) -> Array:
    """Weeks at which the course has to be known: 0, 1, … and `last`."""
    return np.unique(np.r_[np.arange(np.floor(last) + 1), float(rule.first_week), last])


def label(course: Sequence[float] | Array, baseline: float, last: float, rule: TfRule = PLAN) -> str:
    """The label of a course given at `weeks(last, rule)`; a course that ends before week 4 has none."""
    if last < rule.first_week:
        return NONE
    at = weeks(last, rule)
    if len(course) != len(at):
        raise ValueError(f"the course has {len(course)} values for {len(at)} weeks: give it at weeks(last, rule)")
    fall = 1 - np.asarray(course, dtype=float) / baseline
    end = float(fall[-1])
    if (fall[at >= rule.first_week] < rule.failure).all():
        return TF
    if end < rule.response and float(fall.max()) - end >= rule.relapse:
        return TRANSIENT
    if rule.failure <= end < rule.response:
        return PR
    if end >= rule.response:
        return RAPID if fall[at == rule.first_week][0] >= rule.response else GRADUAL
    return NONE


def last_week(last_seen: Array, weight: Array, rule: TfRule = PLAN) -> float:
    """T: the last whole week up to 12 at which at least 20 % of a class still have a later score.

    `last_seen` (N,) is each person's last time, `weight` (N,) the person's probability of the class. 0 where even week
    0 is followed by too few.
    """
    later = [weight[last_seen > w].sum() / weight.sum() for w in range(rule.last_week + 1)]
    found = [w for w, share in enumerate(later) if share >= rule.still_seen]
    return float(max(found, default=0))
