"""Starts, what is reported of them, and solutions that are not good ones."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from analysis.trajectories import GrowthMixture
from analysis.trajectories.simulate import continuum, mixture

SPEC = GrowthMixture(3, "score ~ week + I(week**2)", random="~ week")


@pytest.mark.parametrize("seed", range(2))
def test_the_default_search_finds_what_400_starts_find(seed: int) -> None:
    # twelve sets stand in validate/trajectories.py; these are its first two
    frame = mixture(300, seed=100 + seed)
    found = SPEC.fit(frame, seed=1)
    thorough = SPEC.fit(frame, starts=400, max_starts=400, seed=2)
    assert found.loglik >= thorough.loglik - 0.01


def test_the_same_seed_gives_the_same_numbers() -> None:
    frame = mixture(200, seed=1)
    first, second = SPEC.fit(frame, starts=12, seed=3), SPEC.fit(frame, starts=12, seed=3)
    assert np.array_equal(first.phi, second.phi)
    assert first.search.maxima.equals(second.search.maxima)


def test_the_number_of_threads_changes_nothing() -> None:
    frame = mixture(2500, seed=1)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(SPEC.fit(frame, starts=6, seed=3))
    assert np.array_equal(found[0].phi, found[1].phi)
    assert found[0].loglik == found[1].loglik
    assert np.array_equal(found[0].information, found[1].information)


def test_starts_are_doubled_until_three_agree_or_none_are_left() -> None:
    frame = continuum(150, seed=2)
    found = SPEC.with_classes(5).fit(frame, starts=2, max_starts=8, seed=0)
    assert found.search.n_starts in (4, 8)
    assert found.search.n_starts == 8 or found.search.replication >= 3
    once = SPEC.with_classes(5).fit(frame, starts=2, max_starts=2, seed=0)
    assert once.search.replication < 3
    assert any("starts" in p.what for p in once.problems)
    assert not once.admissible


def test_a_search_on_a_part_ends_at_the_maximum_of_all() -> None:
    frame = mixture(3000, seed=7)
    found = SPEC.with_classes(4).fit(frame, seed=1)
    assert found.search.persons == 2000
    assert found.problems == ()
    slope = found.solution.gradient
    assert slope @ np.linalg.solve(found.information, slope) / found.n_parameters < 1e-9


def test_classes_stand_in_the_order_of_their_last_mean() -> None:
    found = SPEC.with_classes(4).fit(mixture(400, seed=3), seed=1)
    last = found.courses([12.0])["mean"].to_numpy()
    assert (np.diff(last) > 0).all()


def test_an_estimated_truth_is_near_the_truth() -> None:
    from analysis.trajectories.simulate import FOUR

    found = GrowthMixture(4, "score ~ week + I(week**2)", random="~ week").fit(mixture(4000, seed=11), seed=1)
    order = np.argsort(FOUR.means @ np.array([1.0, 12.0, 144.0]))
    table = found.parameters()
    means = table[table["part"] == "fixed"]
    truth = FOUR.means[order].ravel()
    assert (np.abs(means["estimate"] - truth) < 4 * means["se"]).all()
    assert np.abs(found.classes["share"] - FOUR.shares[order]).max() < 0.05


def test_a_random_effect_without_variance_is_named() -> None:
    rng = np.random.default_rng(1)
    frame = continuum(200, seed=5)
    frame["score"] = 10 + frame["week"] + rng.normal(size=len(frame))
    found = GrowthMixture(1, "score ~ week", random="~ 1 + week").fit(frame)
    assert any("boundary" in p.what for p in found.problems)


def test_a_class_that_collapses_is_named() -> None:
    frame = mixture(120, seed=8)
    same = frame["subject_id"] < 8
    frame.loc[same, "score"] = 30.0
    found = GrowthMixture(2, "score ~ 1", residual="class").fit(frame, seed=1)
    assert any("goes to zero" in p.what and "class" in p.parameter for p in found.problems)
    assert not found.admissible
