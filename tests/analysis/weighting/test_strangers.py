"""Known answers by other means: scipy and statsmodels compute what a user of the public API asks for.

Lalonde (the subset of `cobalt`), all estimands, entropy balancing and covariate balancing by their own equations.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy.optimize import minimize, root
from scipy.special import expit

from analysis.weighting import WeightingError, Weights, effect, treatment

FORMULA = "age + educ + race + married + nodegree + re74 + re75"
OUTCOME = "re78 ~ treat"


@pytest.fixture(scope="module")
def lalonde(public_data: Path) -> pd.DataFrame:
    return pd.read_csv(public_data / "lalonde" / "lalonde_cobalt.csv")


def ours(frame: pd.DataFrame, **node: str) -> float:
    weights = Weights(frame, treatment(f"treat ~ {FORMULA}", **node)).fit()
    return float(effect(weights, OUTCOME).contrast()["estimate"].iloc[0])


def difference(frame: pd.DataFrame, w: np.ndarray) -> float:
    t, y = frame["treat"].to_numpy(), frame["re78"].to_numpy()
    return float(np.average(y[t == 1], weights=w[t == 1]) - np.average(y[t == 0], weights=w[t == 0]))


def columns(frame: pd.DataFrame) -> np.ndarray:
    x = pd.get_dummies(frame[FORMULA.split(" + ")], drop_first=True).astype(float)
    return ((x - x.mean()) / x.std()).to_numpy()


def test_every_estimand_of_logistic_weights(lalonde: pd.DataFrame) -> None:
    t = lalonde["treat"].to_numpy()
    p = smf.glm(f"treat ~ {FORMULA}", lalonde, family=sm.families.Binomial()).fit().predict(lalonde).to_numpy()
    own = np.where(t == 1, p, 1 - p)
    tilts = {"ATE": np.ones_like(p), "ATT": p, "ATC": 1 - p, "ATO": p * (1 - p), "ATM": np.minimum(p, 1 - p)}
    for estimand, tilt in tilts.items():
        assert ours(lalonde, estimand=estimand) == pytest.approx(difference(lalonde, tilt / own), abs=1e-3)


def test_entropy_balancing_by_its_dual(lalonde: pd.DataFrame) -> None:
    """Hainmueller 2012: minimise log sum exp of the columns off their target."""
    x, t = columns(lalonde), lalonde["treat"].to_numpy()
    for estimand, target in (("ATT", x[t == 1].mean(axis=0)), ("ATE", x.mean(axis=0))):
        w = np.ones(len(t))
        for arm in (0, 1):
            if estimand == "ATT" and arm == 1:
                continue
            off = x[t == arm] - target
            found = minimize(lambda b, off=off: np.log(np.exp(off @ b).sum()), np.zeros(x.shape[1]), tol=1e-10)
            w[t == arm] = np.exp(off @ found.x)
        assert ours(lalonde, estimand=estimand, method="entropy") == pytest.approx(difference(lalonde, w), abs=0.01)


def test_covariate_balancing_by_its_moments(lalonde: pd.DataFrame) -> None:
    """Imai & Ratkovic 2014, just identified."""
    t = lalonde["treat"].to_numpy()
    z = np.column_stack([np.ones(len(t)), columns(lalonde)])
    weights = {
        "ATE": lambda p: np.where(t == 1, 1 / p, 1 / (1 - p)),
        "ATT": lambda p: np.where(t == 1, 1, p / (1 - p)),
    }
    for estimand, weight in weights.items():
        found = root(lambda b, w=weight: z.T @ ((2 * t - 1) * w(expit(z @ b))) / len(t), np.zeros(z.shape[1]))
        assert found.success
        expected = difference(lalonde, weight(expit(z @ found.x)))
        assert ours(lalonde, estimand=estimand, method="cbps") == pytest.approx(expected, abs=0.01)


def test_three_categories_for_every_estimand(lalonde: pd.DataFrame) -> None:
    names = ["age", "educ", "married", "nodegree", "re74"]
    levels = sorted(lalonde["race"].unique())
    codes = lalonde["race"].map(levels.index).to_numpy()
    p = sm.MNLogit(codes, sm.add_constant(lalonde[names])).fit(disp=0).predict()
    own = p[np.arange(len(p)), codes]
    for estimand, tilt, more in (
        ("ATE", np.ones(len(p)), {}),
        ("ATO", 1 / (1 / p).sum(axis=1), {}),
        ("ATT", p[:, levels.index("hispan")], {"focal": "hispan"}),
    ):
        node = treatment(f"race ~ {' + '.join(names)}", estimand=estimand, **more)
        found = effect(Weights(lalonde, node).fit(), "re78 ~ race").means()["estimate"]
        expected = [np.average(lalonde["re78"][codes == k], weights=(tilt / own)[codes == k]) for k in range(3)]
        assert found.tolist() == pytest.approx(expected, abs=1e-2)


def test_splines_of_the_formula_language_and_other_frames(lalonde: pd.DataFrame) -> None:
    node = treatment("treat ~ bs(age, df=4) + educ")
    w = Weights(lalonde, node).fit()
    p = smf.glm("treat ~ bs(age, df=4) + educ", lalonde, family=sm.families.Binomial()).fit().predict(lalonde)
    assert w.nodes[0].factor.chance == pytest.approx(p.to_numpy(), abs=1e-6)
    with pytest.raises(WeightingError, match="covariates are missing: age"):
        Weights(lalonde.assign(age=lalonde["age"].where(lalonde["age"] > 18)), node).fit()
    assert Weights(pl.from_pandas(lalonde), node).fit().ess == pytest.approx(w.ess)
    with pytest.raises(WeightingError, match="the frame is a dict"):
        Weights({"treat": [1, 0]}, node)
