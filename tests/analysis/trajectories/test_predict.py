"""Persons given their scores: posterior, own course, probability of no fall."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal, norm

from analysis.trajectories import DesignError, GrowthMixture, Trajectories
from analysis.trajectories.normal import both_above, mixture_quantile
from analysis.trajectories.simulate import mixture

TIMES = [4.0, 12.0]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    found = mixture(250, seed=9)
    start = found.groupby("subject_id")["score"].transform("first")
    group = np.where(found["subject_id"] % 2, "b", "a")
    return found.assign(baseline=start, study_id=group)


@pytest.fixture(scope="module")
def result(frame: pd.DataFrame) -> Trajectories:
    return GrowthMixture(2, "score ~ week + study_id", class_specific="~ week", random="~ week").fit(frame, starts=10)


def by_hand(result: Trajectories, rows: pd.DataFrame, study: str, times: list[float]) -> tuple[np.ndarray, list, list]:
    """Posterior, and per class mean and covariance of the latent course, by conditioning a joint normal."""
    table = result.parameters().set_index(["part", "class", "term"])["estimate"]
    d = np.array([[0.0, 0.0], [0.0, 0.0]])
    d[np.triu_indices(2)] = table["covariance"].to_numpy()
    d = np.triu(d) + np.triu(d, 1).T
    s2 = float(table["residual"].iloc[0]) ** 2
    shift = float(table["fixed", 0, "study_id[T.b]"]) * (study == "b")
    logit = float(table["membership", 1, "Intercept"])
    prior = np.exp([logit, 0.0]) / np.exp([logit, 0.0]).sum()
    z = np.column_stack([np.ones(len(rows)), rows["week"]])
    at = np.column_stack([np.ones(len(times)), times])
    joint, means, covs = [], [], []
    for g in (1, 2):
        b = np.array([table["fixed", g, "Intercept"] + shift, table["fixed", g, "week"]])
        v = z @ d @ z.T + s2 * np.eye(len(z))
        r = rows["score"].to_numpy() - z @ b
        joint.append(np.log(prior[g - 1]) + (multivariate_normal.logpdf(r, cov=v) if len(r) else 0.0))
        gain = at @ d @ z.T @ np.linalg.inv(v)
        means.append(at @ b + gain @ r)
        covs.append(at @ d @ at.T - gain @ z @ d @ at.T)
    p = np.exp(joint - np.logaddexp.reduce(joint))
    return p, means, covs


@pytest.mark.parametrize("visits", [0, 1, 3])
def test_new_persons_are_conditioned_on_the_scores_they_have(
    result: Trajectories, frame: pd.DataFrame, visits: int
) -> None:
    rows = frame[frame["subject_id"] == 5].copy()
    rows["subject_id"] = 999
    assert set(rows["study_id"]) == {"b"}
    rows.iloc[visits:, rows.columns.get_loc("score")] = np.nan
    found = result.predict(rows)
    seen = rows.iloc[:visits] if visits else rows.iloc[:0]
    p, means, covs = by_hand(result, seen, "b", TIMES)
    assert found.posterior[["p1", "p2"]].to_numpy()[0] == pytest.approx(p, abs=1e-9)
    course = found.course(TIMES)
    assert course["mean"].to_numpy() == pytest.approx(p @ np.array(means), abs=1e-8)
    second = sum(w * (np.diag(c) + m**2) for w, c, m in zip(p, covs, means, strict=True))
    assert course["sd"].to_numpy() ** 2 == pytest.approx(second - (p @ np.array(means)) ** 2, rel=1e-7)


def test_persons_of_the_fit_get_their_own_posterior(result: Trajectories, frame: pd.DataFrame) -> None:
    assert result.predict(frame).posterior[["p1", "p2"]].to_numpy() == pytest.approx(result.probabilities, abs=1e-10)


def test_no_fall_is_an_orthant_of_the_latent_course(frame: pd.DataFrame) -> None:
    spec = GrowthMixture(2, "score ~ week + baseline", class_specific="~ week", random="~ week")
    result = spec.fit(frame[frame["week"] > 0], starts=10)
    prediction = result.predict()
    found = prediction.no_fall([8.0, 12.0], baseline="baseline")
    mean, cov = prediction.given.levels([8.0, 12.0])
    start = result.design.covariates["baseline"].to_numpy()
    for i in (0, 17, 101):
        parts = [
            result.probabilities[i, g] * multivariate_normal.cdf(mean[g, i] - 0.75 * start[i], np.zeros(2), cov[g, i])
            for g in range(2)
        ]
        assert found.iloc[i] == pytest.approx(sum(parts), abs=1e-6)
    # one week alone is less demanding than both
    assert (prediction.no_fall([8.0], baseline="baseline").to_numpy() >= found.to_numpy() - 1e-9).all()


def test_no_fall_against_the_own_latent_start_agrees_with_draws(result: Trajectories) -> None:
    prediction = result.predict()
    found = prediction.no_fall([8.0, 12.0])
    rng = np.random.default_rng(0)
    mean, cov = prediction.given.levels([0.0, 8.0, 12.0])
    for i in (3, 40):
        total = 0.0
        for g in range(2):
            draws = rng.multivariate_normal(mean[g, i], cov[g, i], 40_000, method="svd")
            total += result.probabilities[i, g] * (draws[:, 1:] > 0.75 * draws[:, :1]).all(axis=1).mean()
        assert found.iloc[i] == pytest.approx(total, abs=0.01)


def test_an_interval_of_new_scores_covers_what_is_seen(result: Trajectories, frame: pd.DataFrame) -> None:
    early, late = frame[frame["week"] <= 3], frame[frame["week"] == 8.0].set_index("subject_id")["score"]
    course = result.predict(early).course([8.0], level=0.9, new_score=True).set_index("subject_id")
    seen = course.loc[late.index]
    covered = ((late >= seen["lower"]) & (late <= seen["upper"])).mean()
    assert 0.83 < covered < 0.96


def test_levels_that_were_not_fitted_are_refused(result: Trajectories, frame: pd.DataFrame) -> None:
    with pytest.raises(DesignError, match="study_id has z, which the model was not fitted to"):
        result.predict(frame.assign(study_id="z"))
    with pytest.raises(DesignError, match="no column study_id"):
        result.predict(frame.drop(columns="study_id"))


def test_a_saved_result_comes_back(result: Trajectories, tmp_path: Path) -> None:
    result.save(tmp_path / "fit.bin")
    again = Trajectories.load(tmp_path / "fit.bin")
    assert again.loglik == result.loglik
    assert again.parameters().equals(result.parameters())


def test_bivariate_normal_corners_are_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    h, k = 1.5 * rng.normal(size=(2, 60))
    rho = np.tanh(2 * rng.normal(size=60))
    rho[:6], k[:6] = 0.9999, h[:6] + 0.01 * rng.normal(size=6)
    rho[6:8] = [-0.999, 1.0]
    theirs = [
        multivariate_normal.cdf([-a, -b], np.zeros(2), [[1, c], [c, 1]], allow_singular=True)
        for a, b, c in zip(h, k, rho, strict=True)
    ]
    assert both_above(h, k, rho) == pytest.approx(theirs, abs=1e-6)


def test_quantiles_of_a_mixture() -> None:
    weight, mean, sd = np.array([[0.3], [0.7]]), np.array([[0.0], [5.0]]), np.array([[1.0], [2.0]])
    at = mixture_quantile(0.9, weight, mean, sd)
    assert 0.3 * norm.cdf(at) + 0.7 * norm.cdf((at - 5) / 2) == pytest.approx(0.9, abs=1e-9)
