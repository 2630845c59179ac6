"""Standard errors, bands and tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.trajectories import GrowthMixture, Trajectories
from analysis.trajectories.inference import InferenceError
from analysis.trajectories.likelihood import solution
from analysis.trajectories.simulate import mixture

SPEC = GrowthMixture(2, "score ~ week", random="~ 1", cluster="site")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    found = mixture(300, seed=5)
    return found.assign(site=found["subject_id"] % 30)


@pytest.fixture(scope="module")
def result(frame: pd.DataFrame) -> Trajectories:
    return SPEC.fit(frame, starts=10, seed=0)


def test_the_sandwich_sums_outer_products_of_persons(result: Trajectories) -> None:
    scores = result.solution.scores
    assert np.abs(scores.sum(axis=1)).max() < 1e-3  # zero at the maximum
    bread = np.linalg.inv(result.information)
    by_hand = bread @ sum(np.outer(s, s) for s in scores.T) @ bread
    assert result.free_covariance("sandwich") == pytest.approx(by_hand, rel=1e-8)


def test_clusters_of_one_person_give_the_sandwich(frame: pd.DataFrame, result: Trajectories) -> None:
    alone = SPEC.fit(frame.assign(site=frame["subject_id"]), starts=10, seed=0)
    scale = alone.n / (alone.n - 1)
    assert alone.free_covariance("cluster") == pytest.approx(result.free_covariance("sandwich") * scale, rel=1e-6)
    assert not np.allclose(result.free_covariance("cluster"), result.free_covariance("sandwich"), rtol=0.05)


def test_few_clusters_are_refused(frame: pd.DataFrame) -> None:
    few = SPEC.fit(frame.assign(site=frame["subject_id"] % 19), starts=5, seed=0)
    with pytest.raises(InferenceError, match="19 clusters are too few"):
        few.parameters("cluster")


def test_bands_are_the_delta_method(result: Trajectories) -> None:
    band = result.courses([0.0, 6.0])
    table = result.parameters()
    cov = result.covariance()
    for g in (1, 2):
        rows = np.flatnonzero((table["part"] == "fixed") & (table["class"] == g))
        x = np.array([1.0, 6.0])
        mean = x @ table["estimate"].to_numpy()[rows]
        se = np.sqrt(x @ cov[np.ix_(rows, rows)] @ x)
        found = band[(band["class"] == g) & (band["week"] == 6.0)].iloc[0]
        assert [found["mean"], found["se"]] == pytest.approx([mean, se], rel=1e-9)
        assert found["upper"] - found["lower"] == pytest.approx(2 * 1.959964 * se, rel=1e-6)


def test_wald_of_one_parameter_is_its_z_squared(result: Trajectories) -> None:
    table = result.parameters()
    contrast = np.zeros(len(table))
    contrast[2] = 1.0
    found = result.wald(contrast)
    assert found.statistic == pytest.approx(table["z"].iloc[2] ** 2, rel=1e-9)
    assert found.p_value == pytest.approx(table["p_value"].iloc[2], rel=1e-6)
    with pytest.raises(InferenceError, match="not independent"):
        result.wald(np.vstack([contrast, 2 * contrast]))


def test_slopes_of_the_posterior_are_differences(result: Trajectories) -> None:
    slopes = result.log_posterior_slopes()

    def log_posterior(phi: np.ndarray) -> np.ndarray:
        joint = solution(result.design.st, result.design.data, phi).log_joint
        return (joint - np.logaddexp.reduce(joint, axis=0)).T

    h = 1e-6
    for j in range(len(result.phi)):
        step = np.zeros_like(result.phi)
        step[j] = h
        difference = (log_posterior(result.phi + step) - log_posterior(result.phi - step)) / (2 * h)
        assert slopes[:, :, j] == pytest.approx(difference, abs=1e-5)
