"""The plan's labels at their borders."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.trajectories import labels
from analysis.trajectories.labels import GRADUAL, NONE, PR, RAPID, TF, TRANSIENT, VARIANT, label, last_week, weeks


def course(**at: float) -> list[float]:
    """A course of falls: `w8=0.3` says 30 % at week 8; straight between the weeks named; baseline 20."""
    known = {0: 0.0} | {int(w[1:]): fall for w, fall in at.items()}
    falls = np.interp(weeks(12), list(known), list(known.values()))
    return list(20 * (1 - falls))


@pytest.mark.parametrize(
    ("falls", "expected"),
    [
        ({"w4": 0.1, "w12": 0.24}, TF),
        ({"w1": 0.4, "w4": 0.24, "w12": 0.24}, TF),  # early fall, but none from week 4 on
        ({"w4": 0.1, "w12": 0.25}, PR),  # a quarter is not a failure
        ({"w4": 0.25, "w12": 0.24}, NONE),
        ({"w4": 0.45, "w12": 0.29}, TRANSIENT),
        ({"w4": 0.45, "w12": 0.31}, PR),
        ({"w2": 0.6, "w4": 0.3, "w12": 0.3}, TRANSIENT),
        ({"w4": 0.49, "w12": 0.5}, GRADUAL),
        ({"w4": 0.5, "w12": 0.5}, RAPID),
        ({"w4": 0.9, "w12": 0.55}, RAPID),  # falls back, but still responds
        ({"w4": 0.5, "w12": 0.49}, PR),
    ],
)
def test_borders(falls: dict[str, float], expected: str) -> None:
    assert label(course(**falls), 20.0, 12.0) == expected


def test_the_variant_moves_the_failure_border_only() -> None:
    assert label(course(w4=0.1, w12=0.29), 20.0, 12.0) == PR
    assert label(course(w4=0.1, w12=0.29), 20.0, 12.0, VARIANT) == TF


def test_a_course_that_ends_before_week_4_has_no_label() -> None:
    assert label([20.0] * 4, 20.0, 3.0) == NONE


def test_a_course_must_be_given_at_its_weeks() -> None:
    with pytest.raises(ValueError, match="3 values for 13 weeks"):
        label([1.0, 2.0, 3.0], 20.0, 12.0)


def test_last_week_needs_a_fifth_with_later_scores() -> None:
    seen = np.array([2.0] * 70 + [8.0] * 11 + [12.0] * 19)
    assert last_week(seen, np.ones(100)) == 7.0  # 30 % have a score after week 7, 19 % after week 8
    assert last_week(seen, np.r_[np.zeros(81), np.ones(19)]) == 11.0
    assert last_week(np.zeros(5), np.ones(5)) == 0.0


def test_the_plan_is_what_it_says() -> None:
    rule = labels.PLAN
    assert (rule.failure, rule.response, rule.relapse, rule.first_week, rule.last_week, rule.still_seen) == (
        0.25,
        0.5,
        0.15,
        4,
        12,
        0.2,
    )
