"""The stacked sandwich against delicatessen (numerical derivatives of the same equations), and against refits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from delicatessen import MEstimator

from analysis.trajectories.inference import InferenceError
from analysis.weighting import ESTIMATED, Weights, effect, staying, treatment
from analysis.weighting.bootstrap import refit
from analysis.weighting.effects import CLUSTER
from analysis.weighting.robust import aipw, tmle

EXPIT = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
METHODS = [
    ("logistic", "ATE"), ("logistic", "ATT"), ("logistic", "ATO"), ("cbps", "ATE"), ("cbps", "ATT"), ("entropy", "ATE"),
    ("entropy", "ATT"), ("ridge", "ATE"),
]  # fmt: skip


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 300
    data = pd.DataFrame({"x": rng.normal(size=n), "z": rng.integers(0, 2, n).astype(float)})
    data["a"] = (rng.random(n) < EXPIT(0.3 + 0.8 * data["x"] - 0.5 * data["z"])).astype(int)
    data["arm"] = rng.choice(["p", "q", "r"], n, p=[0.4, 0.35, 0.25])
    data["seen"] = (rng.random(n) < EXPIT(1 + 0.5 * data["z"] - 0.4 * data["a"])).astype(int)
    data["y"] = 1 + data["x"] + 0.7 * data["a"] + rng.normal(size=n)
    data["b"] = (rng.random(n) < EXPIT(data["x"] - 0.5 + 0.6 * data["a"])).astype(float)
    data["dose"] = data["x"] + rng.normal(size=n)
    data["w"] = rng.uniform(0.5, 2, n)
    return data


def test_two_nodes_and_a_regression_against_delicatessen(frame: pd.DataFrame) -> None:
    w = Weights(frame, treatment("a ~ x + z"), staying("seen ~ a + z")).fit()
    fit = effect(w, "y ~ a")
    x = np.column_stack([np.ones(len(frame)), frame["x"], frame["z"]])
    v = np.column_stack([np.ones(len(frame)), frame["a"], frame["z"]])
    d = np.column_stack([np.ones(len(frame)), frame["a"]])
    a, s, y = (frame[c].to_numpy(dtype=float) for c in ("a", "seen", "y"))

    def equations(theta):
        p, q, m, k = EXPIT(x @ theta[:3]), EXPIT(v @ theta[3:6]), theta[6], theta[7]
        weight = np.where(a == 1, m / p, (1 - m) / (1 - p)) * s * k / q
        own = weight * (y - d @ theta[8:])
        return np.vstack([(x * (a - p)[:, None]).T, (v * (s - q)[:, None]).T, a - m, s - k, (d * own[:, None]).T])

    start = [0.0] * 6 + [0.5, 0.8, 0.0, 0.0]
    oracle = MEstimator(equations, init=start)
    oracle.estimate(solver="lm", maxiter=20_000, deriv_method="exact")
    assert fit.b == pytest.approx(oracle.theta[-2:], abs=1e-6)
    assert fit.covariance(ESTIMATED) == pytest.approx(oracle.variance[-2:, -2:], abs=1e-6)


@pytest.mark.parametrize(("method", "estimand"), METHODS)
def test_influence_is_the_derivative_by_the_weight_of_a_person(frame: pd.DataFrame, method: str, estimand: str) -> None:
    spec = Weights(frame, treatment("a ~ x + z", method=method, estimand=estimand), sampling="w").fit()
    psi = effect(spec, "b ~ a + z", family="binary").influence(ESTIMATED)
    by_moving = moved(spec, lambda w: effect(w, "b ~ a + z", family="binary").b)
    assert psi[:, PERSONS] == pytest.approx(by_moving, rel=3e-4, abs=3e-7)


@pytest.mark.parametrize(
    "node",
    [
        treatment("arm ~ x + z"),
        treatment("arm ~ x + z", method="cbps"),
        treatment("arm ~ x", method="entropy", estimand="ATT", focal="q"),
        treatment("arm ~ x + z", estimand="ATO"),
        treatment("dose ~ x + z"),
        treatment("dose ~ x + z", method="entropy"),
        staying("seen ~ x + z", method="cbps"),
        staying("seen ~ x + z", method="entropy"),
        staying("seen ~ x + z", target="rest", method="entropy"),
        staying("seen ~ x + z", among="z == 1"),
    ],
    ids=lambda n: f"{n.column}-{n.method}-{n.estimand}-{n.target}",
)
def test_influence_through_other_nodes(frame: pd.DataFrame, node) -> None:
    spec = Weights(frame, node, sampling="w").fit()
    term = node.column if node.kind == "treatment" else "x"
    psi = effect(spec, f"y ~ {term}").influence(ESTIMATED)
    by_moving = moved(spec, lambda w: effect(w, f"y ~ {term}").b)
    assert psi[:, PERSONS] == pytest.approx(by_moving, rel=3e-4, abs=3e-7)


def test_clusters_of_one_person_are_persons(frame: pd.DataFrame) -> None:
    n = len(frame)
    w = Weights(frame.assign(site=np.arange(n), few=np.arange(n) % 5), treatment("a ~ x + z")).fit()
    one = effect(w, "y ~ a", cluster="site").contrast(errors=(ESTIMATED, CLUSTER))["se"].to_numpy()
    assert one[1] == pytest.approx(one[0] * np.sqrt(n / (n - 1)))
    with pytest.raises(InferenceError, match="too few"):
        effect(w, "y ~ a", cluster="few").contrast(errors=(CLUSTER,))


def test_influence_through_raking(frame: pd.DataFrame) -> None:
    spec = Weights(frame, staying("seen ~ x"), sampling="w").fit()
    fit = effect(spec.rake("~ x + z"), "y ~ a")
    assert fit.weights.total @ frame["z"] == pytest.approx(frame["w"] @ frame["z"])
    by_moving = moved(spec, lambda w: effect(w.rake("~ x + z"), "y ~ a").b)
    assert fit.influence(ESTIMATED)[:, PERSONS] == pytest.approx(by_moving, rel=3e-4, abs=3e-7)


PERSONS = [0, 7]


def moved(spec, estimate, step: float = 1e-4) -> np.ndarray:
    """Derivative of an estimate by the weight of each of PERSONS, by central differences: (coefficients, persons)."""
    found = []
    for i in PERSONS:
        ends = []
        for sign in (1, -1):
            counts = np.ones(len(spec.frame))
            counts[i] += sign * step
            ends.append(estimate(refit(spec, counts)))
        found.append((ends[0] - ends[1]) / (2 * step))
    return np.column_stack(found)


@pytest.mark.parametrize("estimator", [aipw, tmle])
@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
@pytest.mark.parametrize("outcome", ["y", "b"])
def test_influence_of_doubly_robust_means(frame: pd.DataFrame, estimator, estimand: str, outcome: str) -> None:
    family = "binary" if outcome == "b" else "normal"
    spec = Weights(frame, treatment("a ~ x", estimand=estimand), staying("seen ~ a + z"), sampling="w").fit()
    fit = estimator(spec, f"{outcome} ~ a * x", family)
    for i in (0, 7):
        ends = []
        for sign in (1, -1):
            counts = np.ones(len(frame))
            counts[i] += sign * 1e-4
            again = Weights(frame.assign(w=frame["w"] * counts), *spec.spec.nodes, sampling="w").fit()
            ends.append(estimator(again, f"{outcome} ~ a * x", family).values)
        assert fit.stacked[:, i] == pytest.approx((ends[0] - ends[1]) / 2e-4, rel=1e-3, abs=1e-6)
