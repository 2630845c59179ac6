"""Log-linear presmoothing against an independent implementation, and what it must keep."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from analysis.linking.smoothing import Degrees, SmoothingError, choose, choose_degree, fit, joint_design, powers
from tests.analysis.linking.kit import population
from tests.analysis.linking.test_equating import ACT_X


def table(n: int = 1500) -> np.ndarray:
    frame = population(n)
    return np.histogram2d(frame["x"], frame["y"], bins=(28, 53), range=((-0.5, 27.5), (-0.5, 52.5)))[0]


@pytest.mark.parametrize("degree", [2, 4, 6])
def test_margin_is_the_poisson_regression_on_plain_powers(degree: int) -> None:
    """statsmodels' GLM on powers of the score gives the same fitted counts and so the same moments."""
    counts = np.array(ACT_X, dtype=float)
    score = np.arange(41) / 40
    plain = np.column_stack([score**k for k in range(degree + 1)])
    expected = sm.GLM(counts, plain, family=sm.families.Poisson()).fit(tol=1e-12).fittedvalues
    found = fit(counts, powers(41, degree)).probabilities[0] * counts.sum()
    np.testing.assert_allclose(found, expected, atol=2e-4)
    for k in range(degree + 1):
        np.testing.assert_allclose(found @ score**k, counts @ score**k, rtol=1e-7)


def test_joint_table_is_the_poisson_regression_and_a_batch_is_its_tables() -> None:
    # scores in groups, as iterated least squares do not converge on a thousand empty cells
    counts = table().reshape(7, 4, 53)[:, :, :52].reshape(7, 4, 13, 4).sum(axis=(1, 3))
    design = joint_design(7, 13, Degrees(4, 3, 1))
    plain = np.column_stack([np.ones(len(design)), design])
    expected = sm.GLM(counts.ravel(), plain, family=sm.families.Poisson()).fit(tol=1e-13, maxiter=200)
    assert expected.converged
    single = fit(counts.ravel(), design)
    np.testing.assert_allclose(single.probabilities[0] * counts.sum(), expected.fittedvalues, atol=1e-4)
    other = np.roll(counts, 1, axis=0).ravel()
    batch = fit(np.stack([counts.ravel(), other]), design, start=single.coefficients[0])
    np.testing.assert_allclose(batch.probabilities[0], single.probabilities[0], atol=1e-9)
    np.testing.assert_allclose(batch.probabilities[1], fit(other, design).probabilities[0], atol=1e-8)


def test_criterion_finds_the_degree_that_made_the_counts() -> None:
    """Counts drawn from a log-linear model of degree 4; the cross product that is there is found, too."""
    design = powers(41, 4)
    p = np.exp(design @ np.array([-0.6, -2.0, 0.5, -0.8]))
    counts = np.random.default_rng(2).multinomial(20_000, p / p.sum())
    assert choose_degree(counts, "bic") == 4
    assert choose_degree(counts, "aic") >= 4
    assert choose(table()).cross in (1, 2)


def test_what_cannot_be_smoothed_is_refused() -> None:
    with pytest.raises(SmoothingError, match="too few"):
        choose_degree(np.array([0, 9, 0, 7, 0]))
    with pytest.raises(SmoothingError, match="without observations"):
        fit(np.zeros(5), powers(5, 2))
