"""The gates of `make validate`, short: fixed seeds and few sets, so that only a gross fault shows."""

from __future__ import annotations

import numpy as np

from analysis.trajectories.enumeration import enumerate_classes
from analysis.trajectories.simulate import continuum
from validate.trajectories import APART, MODELS, accuracy_once, coverage_once


def test_intervals_hold_the_truth() -> None:
    found = [coverage_once(seed) for seed in range(30)]
    assert all(converged for _, _, converged in found)
    assert np.mean([entropy for _, entropy, _ in found]) > 0.7
    # 180 intervals, those of one set correlated: 95 % within about three standard errors
    assert 0.90 <= np.mean([inside for inside, _, _ in found]) <= 0.99


def test_classes_are_given_as_well_as_by_the_truth() -> None:
    ours, ideal = accuracy_once(0, APART)
    assert 0.8 < ideal < 0.95
    assert abs(ours - ideal) < 0.01


def test_models_without_a_random_slope_find_classes_where_there_are_none() -> None:
    frame = continuum(600, 30_001)
    chosen = {
        name: enumerate_classes(MODELS[name], frame, (1, 2, 3), starts=10, max_starts=10, seed=1).chosen
        for name in ("LCGA", "random intercept", "random slope")
    }
    assert chosen["LCGA"] == 3
    assert chosen["random intercept"] == 3
    assert chosen["random slope"] == 1
