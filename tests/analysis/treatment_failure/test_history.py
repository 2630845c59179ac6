"""Weights by history: against inverse probability weights where there is one visit, by hand where there are more."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.discrete.discrete_model import Logit

from analysis.trajectories.errors import DesignError
from analysis.treatment_failure.history import history_weights
from analysis.twostep import selection


@pytest.fixture
def people() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    x = rng.normal(size=400)
    gone = (rng.random(400) < 1 / (1 + np.exp(1.2 - 0.8 * x))).astype(float)
    return pd.DataFrame({"subject_id": [f"p{i}" for i in range(400)], "x": x, "gone": gone, "stays": 1 - gone})


def test_with_one_visit_they_are_inverse_probability_weights(people: pd.DataFrame) -> None:
    rated = people.set_index("subject_id")["stays"]
    mine, other = history_weights("gone ~ x", people, rated), selection("stays ~ x", people)
    assert np.allclose(mine.values, other.values, atol=1e-8)
    assert np.allclose(mine.slopes @ mine.influence, other.slopes @ other.influence, atol=1e-8)


def test_more_visits_multiply_and_who_was_never_at_risk_weighs_one(people: pd.DataFrame) -> None:
    first = people.assign(gone=0.0, x=people["x"] + 0.5)
    visits = pd.concat([first, people], ignore_index=True)
    rated = people.set_index("subject_id")["stays"]
    rated.loc["never"] = 1.0
    found = history_weights("gone ~ x", visits, rated)
    design = np.column_stack([np.ones(800), visits["x"]])
    h = np.asarray(Logit(visits["gone"].to_numpy(), design).fit(disp=0).predict())
    by_hand = people["stays"].to_numpy() / ((1 - h[:400]) * (1 - h[400:]))
    assert np.allclose(found.values[:400], by_hand, atol=1e-6)
    assert found.values[400] == 1.0


def test_slopes_are_derivatives_of_the_weights(people: pd.DataFrame) -> None:
    """One person's rows counted a little more move weights as slopes times influence say."""
    rated = people.set_index("subject_id")["stays"]
    found = history_weights("gone ~ x", people, rated)
    design = np.column_stack([np.ones(400), people["x"]])
    y, more = people["gone"].to_numpy(), np.ones(400)
    more[7] += 1e-4

    def weights(counts: np.ndarray) -> np.ndarray:
        fit = sm.GLM(y, design, family=sm.families.Binomial(), freq_weights=counts).fit(tol=1e-14)
        return people["stays"].to_numpy() / (1 - fit.predict(design))

    moved = (weights(more) - weights(np.ones(400))) / 1e-4
    assert np.allclose(moved, found.slopes @ found.influence[:, 7], atol=1e-4)


def test_missing_history_and_determined_leaving_are_refused(people: pd.DataFrame) -> None:
    rated = people.set_index("subject_id")["stays"]
    with pytest.raises(DesignError, match="missing for 1 visits, first of p3"):
        history_weights("gone ~ x", people.assign(x=people["x"].where(people.index != 3)), rated)
    with pytest.raises(DesignError, match="determined by the history"):
        history_weights("gone ~ z", people.assign(z=people["gone"] * 50 + 0.01 * people["x"]), rated)
    with pytest.raises(DesignError, match="not said if rated"):
        history_weights("gone ~ x", people, rated.iloc[1:])
