"""Measures of predictions: against scikit-learn, statsmodels, published decision curves, and cases done by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.metrics import brier_score_loss, roc_auc_score

from analysis.early import judge, measures, referral


@pytest.fixture(scope="module")
def rated() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    x = rng.normal(size=900)
    p = np.clip(np.round(1 / (1 + np.exp(-x)), 2), 0.01, 0.99)  # rounded: there are ties
    bad = (rng.random(900) < 1 / (1 + np.exp(-0.6 * x - 0.4))).astype(float)
    study = np.repeat(np.array(["a", "b"], dtype=object), [300, 600])
    return bad, p, measures.draws(study, 40, seed=1)


def test_draws_keep_the_size_of_each_study_and_the_first_is_everybody(rated: tuple) -> None:
    weight = rated[2]
    assert (weight[0] == 1).all()
    assert (weight[:, :300].sum(axis=1) == 300).all()
    assert (weight[:, 300:].sum(axis=1) == 600).all()


def test_auc_and_brier_are_those_of_scikit_learn_with_ties_and_weights(rated: tuple) -> None:
    bad, p, weight = rated
    assert measures.auc(bad, p, weight) == pytest.approx(
        [roc_auc_score(bad, p, sample_weight=w) for w in weight], abs=1e-12
    )
    assert measures.brier(bad, p, weight) == pytest.approx(
        [brier_score_loss(bad, p, sample_weight=w) for w in weight], abs=1e-12
    )


def test_calibration_is_that_of_statsmodels(rated: tuple) -> None:
    bad, p, weight = rated
    x = np.log(p / (1 - p))
    level, slope = measures.calibration(bad, p, weight)
    for d in (0, 7):
        binomial = sm.families.Binomial()
        free = sm.GLM(bad, sm.add_constant(x), family=binomial, freq_weights=weight[d]).fit(tol=1e-12)
        held = sm.GLM(bad, np.ones_like(x), family=binomial, offset=x, freq_weights=weight[d]).fit(tol=1e-12)
        assert slope[d] == pytest.approx(free.params[1], abs=1e-7)
        assert level[d] == pytest.approx(held.params[0], abs=1e-7)


def test_calibration_finds_its_slope_where_probabilities_are_extreme() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(scale=6, size=2000)
    bad = (rng.random(2000) < 1 / (1 + np.exp(-0.2 * x))).astype(float)
    _, slope = measures.calibration(bad, 1 / (1 + np.exp(-x)), np.ones((1, 2000)))
    fit = sm.Logit(bad, sm.add_constant(np.clip(x, -13.815, 13.815))).fit(disp=0)
    assert slope[0] == pytest.approx(fit.params[1], abs=1e-4)


# The example of R dcurves (dca(cancer ~ famhistory, df_binary), kept as r_dca_famhistory.csv in the tests of the Python
# dcurves, MSKCC-Epi-Bio/dcurves): 750 men, 105 cancers, 24 true and 91 false positives of a family history.
PUBLISHED = {
    0.05: (0.09473684210526317, 0.025614035087719297),
    0.10: (0.04444444444444445, 0.018518518518518517),
    0.15: (-0.011764705882352927, 0.010588235294117645),
    0.30: (-0.2285714285714286, -0.02000000000000001),
    0.50: (-0.72, -0.08933333333333335),
}


def test_net_benefit_is_that_of_the_published_example() -> None:
    bad = np.repeat([1.0, 1.0, 0.0, 0.0], [24, 81, 91, 554])
    history = np.repeat([1.0, 0.0, 1.0, 0.0], [24, 81, 91, 554])
    at, one = np.array(list(PUBLISHED)), np.ones((1, 750))
    assert measures.refer_all(bad, one, at)[0] == pytest.approx([v[0] for v in PUBLISHED.values()], abs=1e-12)
    assert measures.net_benefit(bad, history, one, at)[0] == pytest.approx(
        [v[1] for v in PUBLISHED.values()], abs=1e-12
    )


def test_referral_of_ten_persons_by_hand() -> None:
    """Threshold 0.5 refers five: three fail and would have stayed 8, 6 and 4 weeks, two would have responded."""
    p = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.1])
    bad = np.array([1, 1, 0, 1, 0, 1, 0, 0, 0, 0], dtype=float)
    weeks = np.array([8, 6, 9, 4, 9, 7, 1, 1, 1, 1], dtype=float)
    found = referral.table(bad, p, weeks, np.ones((1, 10)), minimum=1)
    at = found[found["threshold"] == 0.5].set_index("quantity")["estimate"]
    assert at.to_dict() == pytest.approx(
        {
            "referred": 500, "true_referred": 300, "good_referred": 200, "true_missed": 100,
            "weeks_saved": 1800, "per_true": 5 / 3, "weeks_per_true": 6,
        }
    )  # fmt: skip


def test_thresholds_that_would_give_away_few_persons_are_not_shown() -> None:
    p = np.repeat([0.2, 0.5, 0.52, 0.9], [40, 20, 4, 20])
    bad = np.tile([1.0, 0.0], 42)
    may = referral.shown(bad, p, np.array([0.1, 0.3, 0.51, 0.8]), minimum=5)
    # between 0.51 and 0.8 lie four persons: one of the two must go
    assert may.tolist() == [True, True, True, False]
    table = referral.table(bad, p, np.ones(84), np.ones((1, 84)), minimum=5)
    assert table.loc[~table["is_shown"], "estimate"].isna().all()
    assert table.loc[table["is_shown"] & (table["quantity"] == "referred"), "estimate"].notna().all()


def test_groups_of_a_calibration_table_are_large_enough_and_hold_everybody() -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(0.3, 3, 400)
    wide = pd.DataFrame({"logistic": p, "bad": (rng.random(400) < p).astype(float)})
    found = judge.calibration(wide, minimum=5)
    events = found["n"] * found["observed"]
    assert found["n"].sum() == 400
    assert events.sum() == pytest.approx(wide["bad"].sum())
    assert ((events.round() == 0) | (events.round() >= 5)).all()
    assert found["lower"].lt(found["upper"]).all()


def test_interval_is_of_the_draws_and_the_estimate_of_everybody() -> None:
    assert measures.interval(np.array([3.0, *np.arange(101)])) == pytest.approx((3.0, 2.5, 97.5))
    assert np.isnan(measures.interval(np.array([3.0]))[1])
