"""One class against statsmodels' MixedLM on simulated courses."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.formula.api as smf

from analysis.trajectories import GrowthMixture
from analysis.trajectories.simulate import continuum


@pytest.mark.parametrize("random", ["1", "1 + week"])
def test_a_linear_mixed_model_is_that_of_statsmodels(random: str) -> None:
    frame = continuum(150, seed=3)
    theirs = smf.mixedlm("score ~ week + I(week**2)", frame, groups="subject_id", re_formula=f"~ {random}").fit(
        reml=False
    )
    ours = GrowthMixture(1, "score ~ week + I(week**2)", random=f"~ {random}").fit(frame)
    assert ours.loglik == pytest.approx(theirs.llf, abs=1e-4)
    table = ours.parameters().set_index("part")
    assert list(table.loc["fixed", "estimate"]) == pytest.approx(list(theirs.fe_params), abs=1e-3)
    assert float(table.loc["residual", "estimate"]) ** 2 == pytest.approx(theirs.scale, rel=1e-3)
    cov = np.asarray(theirs.cov_re)
    covariances = np.atleast_1d(table.loc["covariance", "estimate"])
    assert list(covariances) == pytest.approx(list(cov[np.triu_indices(len(cov))]), rel=2e-3)
    # the fixed effects' block of the information is free of the variances in a linear model
    assert list(table.loc["fixed", "se"]) == pytest.approx(list(theirs.bse_fe), rel=1e-3)


def test_without_random_effects_it_is_least_squares() -> None:
    frame = continuum(80, seed=4)
    theirs = smf.ols("score ~ week", frame).fit()
    ours = GrowthMixture(1, "score ~ week").fit(frame)
    assert ours.loglik == pytest.approx(theirs.llf, abs=1e-8)
    table = ours.parameters().set_index("part")
    assert list(table.loc["fixed", "estimate"]) == pytest.approx(list(theirs.params), abs=1e-9)
    shrink = np.sqrt((len(frame) - 2) / len(frame))
    assert list(table.loc["fixed", "se"]) == pytest.approx(list(theirs.bse * shrink), rel=1e-9)
