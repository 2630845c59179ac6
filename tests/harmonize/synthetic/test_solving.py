"""The two aims of calibration on a problem whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from harmonize.synthetic.draws import Floats
from harmonize.synthetic.solving import FewestOff, Knobs, LeastSquares


def problem(slopes: Floats, at_zero: Floats) -> Knobs:
    """One knob from −5 to 5 and misses that are linear in it."""

    def misses(x: Floats) -> Floats:
        return np.asarray(slopes * x[0] + at_zero)

    one = np.ones(1)
    return Knobs(0 * one, -5 * one, 5 * one, misses, misses, lambda x: None, lambda line: None)


def test_least_squares_meets_what_can_be_met() -> None:
    knobs = problem(np.array([1.0, 1.0]), np.array([-2.0, -2.4]))
    knobs.turn(LeastSquares(), 12)
    assert knobs.at[0] == pytest.approx(2.2, abs=0.02)


def test_fewest_off_gives_up_a_target_that_stands_against_three() -> None:
    """Three figures want the knob at 0, one wants it at 2.2: the middle would leave the three at their border."""
    knobs = problem(np.ones(4), np.array([0.0, 0.0, 0.0, -2.2]))
    knobs.turn(LeastSquares(), 12)
    halfway = knobs.at[0]
    aim = FewestOff(np.full(4, 0.3))
    before = aim.cost(knobs.misses)
    knobs.turn(aim, 12)
    assert aim.cost(knobs.misses) <= before
    assert 0 < knobs.at[0] <= halfway
    assert (np.abs(knobs.misses) < 0.6).sum() == 3


def test_the_slope_of_the_cost_is_that_of_its_differences() -> None:
    aim, misses, step = FewestOff(np.array([0.1, 0.3, 0.5])), np.array([0.95, -1.4, 0.2]), 1e-6
    for place in range(3):
        moved = misses.copy()
        moved[place] += step
        slope = (aim.cost(moved) - aim.cost(misses)) / step
        assert aim._with_slope(misses)[1][place] == pytest.approx(slope, rel=1e-3)
