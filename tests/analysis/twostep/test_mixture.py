"""The likelihood of an outcome with fixed class probabilities: its value by hand, its derivatives by differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analysis.twostep.mixture import Mixture, evaluate, maximise

CASES = [("binary", False), ("count", False), ("normal", False), ("normal", True)]


def case(family: str, own_sd: bool, n: int = 60) -> tuple[Mixture, np.ndarray]:
    rng = np.random.default_rng(2)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    z = {"binary": rng.integers(0, 2, n), "count": rng.poisson(2, n), "normal": rng.normal(size=n)}[family]
    data = Mixture(family, z.astype(float), x, rng.dirichlet([1, 1, 2], n), rng.uniform(0.5, 2, n), 2, own_sd)
    return data, 0.5 * rng.normal(size=data.n_parameters)


@pytest.mark.parametrize(("family", "own_sd"), CASES)
def test_value_by_hand(family: str, own_sd: bool) -> None:
    data, eta = case(family, own_sd)
    b, common = eta[:6].reshape(3, 2), eta[6]
    sd = np.exp(eta[7:])
    total = 0.0
    for i in range(len(data.z)):
        value = 0.0
        for g in range(3):
            linear = data.x[i, :2] @ b[g] + data.x[i, 2] * common
            if family == "binary":
                f = stats.bernoulli.pmf(data.z[i], 1 / (1 + np.exp(-linear)))
            elif family == "count":
                f = stats.poisson.pmf(data.z[i], np.exp(linear))
            else:
                f = stats.norm.pdf(data.z[i], linear, sd[g] if own_sd else sd[0])
            value += data.p[i, g] * f
        total += data.weight[i] * np.log(value)
    assert evaluate(data, eta).loglik == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize(("family", "own_sd"), CASES)
def test_gradient_and_hessian_by_differences(family: str, own_sd: bool) -> None:
    data, eta = case(family, own_sd)
    at = evaluate(data, eta)
    h = 1e-5
    steps = h * np.eye(len(eta))
    slope = [(evaluate(data, eta + s).loglik - evaluate(data, eta - s).loglik) / (2 * h) for s in steps]
    curve = [(evaluate(data, eta + s).gradient - evaluate(data, eta - s).gradient) / (2 * h) for s in steps]
    assert at.gradient == pytest.approx(np.array(slope), abs=1e-6)
    assert at.hessian == pytest.approx(np.array(curve), abs=1e-6)
    assert at.scores @ data.weight == pytest.approx(at.gradient, abs=1e-12)


@pytest.mark.parametrize(("family", "own_sd"), CASES)
def test_the_end_is_a_maximum(family: str, own_sd: bool) -> None:
    data, _ = case(family, own_sd, n=400)
    ends = maximise(data)
    assert ends.converged[0]
    best = ends.loglik[0]
    rng = np.random.default_rng(0)
    near = [evaluate(data, ends.phi[0] + 0.05 * rng.normal(size=data.n_parameters)).loglik for _ in range(20)]
    assert max(near) < best
