"""Posterior tables, residuals, halves."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.trajectories import GrowthMixture, Trajectories
from analysis.trajectories.adequacy import observed, posterior_table, residual_table, residuals, split_half
from analysis.trajectories.simulate import FOUR, mixture

SPEC = GrowthMixture(4, "score ~ week + I(week**2)", random="~ week")


@pytest.fixture(scope="module")
def result() -> Trajectories:
    return SPEC.fit(mixture(1500, seed=6), starts=10, seed=1)


def test_rows_of_the_posterior_table_are_means_of_posteriors(result: Trajectories) -> None:
    table = posterior_table(result)
    p, modal = result.probabilities, result.probabilities.argmax(axis=1)
    assert table.loc[1, ["p1", "p2", "p3", "p4"]].to_numpy(float) == pytest.approx(p[modal == 1].mean(axis=0))
    share, own = p.mean(axis=0)[1], p[modal == 1, 1].mean()
    assert table.loc[1, "odds"] == pytest.approx(own / (1 - own) / (share / (1 - share)))
    assert table["mismatch"].sum() == pytest.approx(0, abs=1e-12)


def test_residuals_of_the_right_model_are_centred_and_of_the_right_size(result: Trajectories) -> None:
    table = residual_table(result)
    assert len(table) == 9
    assert table["scores"].sum() == len(result.design.y)
    assert table["mean"].abs().max() < 0.35
    # about the own course they are smaller than the residual sd, as the own course has followed them
    assert 0.7 < residuals(result)["scaled"].std() < 1.0
    wrong = residual_table(GrowthMixture(1, "score ~ 1").fit(mixture(1500, seed=6)))
    assert wrong["mean"].abs().max() > 3


def test_what_is_seen_lies_on_the_fitted_courses(result: Trajectories) -> None:
    table = observed(result)
    assert (table["mean"] - table["fitted"]).abs().max() < 1.0
    assert table["persons"].min() >= 5


def test_halves_of_one_population_agree_and_say_by_how_much(result: Trajectories) -> None:
    halves = split_half(result, seed=3)
    assert halves.agreement > 0.75
    assert halves.largest == halves.courses["difference"].abs().max() > 0
    order = np.argsort(FOUR.means @ np.array([1.0, 12.0, 144.0]))
    assert np.abs(halves.shares - FOUR.shares[order]).max() < 0.1
