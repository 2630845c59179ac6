"""The plan's primary model: study in membership and intercept, baseline on the course, residual variance by study."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.trajectories import GrowthMixture, Trajectories

SPEC = GrowthMixture(
    2,
    "score ~ log1p(week) + week + base * log1p(week) + study_id",
    class_specific="~ log1p(week) + week",
    random="~ log1p(week)",
    membership="~ study_id",
    residual="study",
)
TRUE = {
    ("membership", 1, "Intercept"): 0.4,
    ("membership", 1, "study_id[T.b]"): -0.8,
    ("fixed", 1, "Intercept"): 15.0,
    ("fixed", 1, "log1p(week)"): -5.0,
    ("fixed", 1, "week"): 0.2,
    ("fixed", 2, "Intercept"): 16.0,
    ("fixed", 2, "log1p(week)"): -0.5,
    ("fixed", 2, "week"): 0.0,
    ("fixed", 0, "base"): 0.6,
    ("fixed", 0, "base:log1p(week)"): -0.1,
    ("fixed", 0, "study_id[T.b]"): 1.5,
    ("covariance", 0, "var Intercept"): 4.0,
    ("covariance", 0, "cov Intercept, log1p(week)"): -0.3,
    ("covariance", 0, "var log1p(week)"): 0.8,
    ("residual", 0, "sd a"): 1.5,
    ("residual", 0, "sd b"): 2.5,
}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(12)
    n, weeks = 2000, np.array([1.0, 2.0, 4.0, 6.0, 9.0, 12.0])
    study = rng.integers(0, 2, n)
    base = rng.normal(0, 4, n)
    first = rng.random(n) < 1 / (1 + np.exp(-(0.4 - 0.8 * study)))
    b = np.where(first[:, None], [15.0, -5.0, 0.2], [16.0, -0.5, 0.0])
    u = rng.multivariate_normal([0, 0], [[4.0, -0.3], [-0.3, 0.8]], n)
    t = np.log1p(weeks)
    level = b[:, :1] + 0.6 * base[:, None] + 1.5 * study[:, None] + u[:, :1] + b[:, 2:] * weeks
    level = level + (b[:, 1:2] - 0.1 * base[:, None] + u[:, 1:]) * t
    score = level + np.where(study, 2.5, 1.5)[:, None] * rng.normal(size=level.shape)
    person, visit = np.nonzero(rng.random(level.shape) < 0.8)
    return pd.DataFrame(
        {
            "subject_id": person,
            "week": weeks[visit],
            "score": score[person, visit],
            "base": base[person],
            "study_id": np.array(["a", "b"])[study[person]],
            "truth": np.where(first, 1, 2)[person],
        }
    )


@pytest.fixture(scope="module")
def result(frame: pd.DataFrame) -> Trajectories:
    return SPEC.fit(frame, starts=20, seed=1)


def test_the_truth_is_found_with_honest_errors(result: Trajectories) -> None:
    assert result.problems == ()
    table = result.parameters().set_index(["part", "class", "term"])
    assert set(table.index) == set(TRUE)
    z = (table["estimate"] - pd.Series(TRUE).rename_axis(["part", "class", "term"])) / table["se"]
    assert (z.abs() < 3.5).all()
    assert 0.5 < (z**2).mean() < 2.0


def test_robust_errors_agree_where_the_model_is_right(result: Trajectories) -> None:
    ratio = result.parameters("sandwich")["se"] / result.parameters()["se"]
    assert ratio.between(0.85, 1.15).all()


def test_mean_courses_average_over_studies_and_baselines(result: Trajectories, frame: pd.DataFrame) -> None:
    table = result.parameters().set_index(["part", "class", "term"])["estimate"]
    people = frame.groupby("subject_id").first()
    share, base = (people["study_id"] == "b").mean(), people["base"].mean()
    t = np.log1p(8.0)
    by_hand = [
        table["fixed", g, "Intercept"]
        + table["fixed", g, "log1p(week)"] * t
        + table["fixed", g, "week"] * 8
        + (table["fixed", 0, "base"] + table["fixed", 0, "base:log1p(week)"] * t) * base
        + table["fixed", 0, "study_id[T.b]"] * share
        for g in (1, 2)
    ]
    assert list(result.courses([8.0])["mean"]) == pytest.approx(by_hand, abs=1e-8)
    moved = result.courses([8.0], at={"base": base + 5, "study_id": "b"})["mean"].to_numpy()
    step = (table["fixed", 0, "base"] + table["fixed", 0, "base:log1p(week)"] * t) * 5
    expected = np.array(by_hand) + step + table["fixed", 0, "study_id[T.b]"] * (1 - share)
    assert moved == pytest.approx(expected, abs=1e-8)
    with pytest.raises(KeyError, match="age is not in the model; it has base, study_id"):
        result.courses([8.0], at={"age": 40})


def test_membership_differs_by_study(result: Trajectories, frame: pd.DataFrame) -> None:
    study = frame.groupby("subject_id")["study_id"].first()
    for name, logit in (("a", 0.4), ("b", -0.4)):
        prior = result.prior[(study == name).to_numpy(), 0]
        assert prior == pytest.approx(prior[0], abs=1e-12)
        assert prior[0] == pytest.approx(1 / (1 + np.exp(-logit)), abs=0.06)
