"""Known answers: NHEFS (What If, WeightIt 2.0.0, zEpid), Lalonde and msmdata (WeightIt's own pages, printed there).

Figures of WeightIt are those of its reference pages and first vignette (ngreifer/WeightIt, version 2.0), to the digits
they print.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from formulaic import model_matrix

from analysis.weighting import ESTIMATED, KNOWN, Weights, effect, staying, treatment
from analysis.weighting.bootstrap import Climber, _batch, _one, bootstrap, draw
from analysis.weighting.robust import EFFICIENT, aipw, tmle

NHEFS = (
    "sex + race + age + I(age**2) + C(education) + smokeintensity + I(smokeintensity**2) + smokeyrs + I(smokeyrs**2)"
    " + C(exercise) + C(active) + wt71 + I(wt71**2)"
)
LALONDE = "treat ~ age + educ + race + married + nodegree + re74 + re75"
RACE = "race ~ age + educ + married + nodegree + re74"


@pytest.fixture(scope="module")
def nhefs(public_data: Path) -> pd.DataFrame:
    return pd.read_csv(public_data / "nhefs" / "nhefs.csv").assign(seen=lambda d: d["wt82_71"].notna().astype(int))


@pytest.fixture(scope="module")
def lalonde(public_data: Path) -> pd.DataFrame:
    return pd.read_csv(public_data / "lalonde" / "lalonde_cobalt.csv")


@pytest.fixture(scope="module")
def nhefs_fit(nhefs: pd.DataFrame):
    seen = nhefs.dropna(subset=["wt82_71"])
    return effect(Weights(seen, treatment(f"qsmk ~ {NHEFS}"), person="seqn").fit(), "wt82_71 ~ qsmk")


def test_nhefs_with_both_errors_by_name(nhefs_fit) -> None:
    found = nhefs_fit.contrast().set_index("errors")
    assert found["estimate"].to_numpy() == pytest.approx([3.4405, 3.4405], abs=5e-5)
    assert found.loc[KNOWN, ["se", "lower", "upper"]].tolist() == pytest.approx([0.5255, 2.41, 4.47], abs=5e-3)
    assert found.loc[ESTIMATED, ["se", "lower", "upper"]].tolist() == pytest.approx([0.4871, 2.49, 4.40], abs=5e-3)
    assert KNOWN in nhefs_fit.describe()
    assert ESTIMATED in nhefs_fit.describe()
    w = nhefs_fit.weights.values
    assert [w.mean(), w.min(), w.max()] == pytest.approx([1.00, 0.33, 4.30], abs=5e-3)  # What If, chapter 12


def test_nhefs_unstabilised_weights(nhefs: pd.DataFrame) -> None:
    seen = nhefs.dropna(subset=["wt82_71"])
    w = Weights(seen, treatment(f"qsmk ~ {NHEFS}", stabilised=False)).fit().values
    assert [w.mean(), w.min(), w.max()] == pytest.approx([2.00, 1.05, 16.70], abs=5e-3)


def test_nhefs_with_censoring_weights(nhefs: pd.DataFrame) -> None:
    nodes = (treatment(f"qsmk ~ {NHEFS}"), staying(f"seen ~ qsmk + {NHEFS}"))
    found = effect(Weights(nhefs, *nodes, person="seqn").fit(), "wt82_71 ~ qsmk").contrast().set_index("errors")
    assert found["estimate"].iloc[0] == pytest.approx(3.4965, abs=5e-5)
    assert found["se"].tolist() == pytest.approx([0.5256, 0.4855], abs=1e-4)


def test_nhefs_doubly_robust(nhefs_fit) -> None:
    formula = f"wt82_71 ~ qsmk + qsmk:smokeintensity + {NHEFS}"
    found = aipw(nhefs_fit.weights, formula).contrast().set_index("errors")
    assert found.loc[EFFICIENT, ["estimate", "se"]].tolist() == pytest.approx([3.4573, 0.4888], abs=3e-4)
    assert found.loc[ESTIMATED, "se"] == pytest.approx(0.4888, abs=0.01)
    targeted = tmle(nhefs_fit.weights, formula).contrast().set_index("errors")
    assert targeted["estimate"].iloc[0] == pytest.approx(3.4573, abs=5e-3)


def test_nhefs_doubly_robust_with_a_missing_outcome(nhefs: pd.DataFrame) -> None:
    nodes = (treatment(f"qsmk ~ {NHEFS}"), staying(f"seen ~ qsmk + {NHEFS}"))
    found = aipw(Weights(nhefs, *nodes).fit(), f"wt82_71 ~ qsmk + qsmk:smokeintensity + {NHEFS}")
    whole = found.contrast(errors=(EFFICIENT,))
    assert whole[["estimate", "se"]].iloc[0].tolist() == pytest.approx(_doubly_robust(nhefs), abs=1e-5)
    # zEpid 0.9 (AIPTW with missing_model): a mean over those seen, the variance over n - 1 and by all 1,629
    pseudo = found.pseudo_outcomes()
    assert pseudo.sum(axis=1) / len(nhefs) == pytest.approx(found.values, abs=1e-12)
    own = (pseudo[1] - pseudo[0])[nhefs["seen"] == 1]
    assert own.mean() == pytest.approx(3.4650, abs=5e-5)
    assert np.sqrt(own.var(ddof=1) / len(nhefs)) == pytest.approx(0.4914, abs=5e-5)


def _doubly_robust(data: pd.DataFrame) -> tuple[float, float]:
    """Augmented weighting written out on statsmodels: difference over everybody, error by the influence function."""
    t, seen, y = (data[c].to_numpy(float) for c in ("qsmk", "seen", "wt82_71"))
    x, smoke = np.asarray(model_matrix(NHEFS, data), dtype=float), data["smokeintensity"].to_numpy(float)
    one = np.ones(len(t))
    chance = sm.GLM(t, x, family=sm.families.Binomial()).fit().fittedvalues
    staying_model = sm.GLM(seen, np.column_stack([x, t]), family=sm.families.Binomial()).fit()
    here = seen == 1
    outcome = sm.OLS(y[here], np.column_stack([x, t, t * smoke])[here]).fit()
    parts = []
    for level, p in ((0, 1 - chance), (1, chance)):
        m = outcome.predict(np.column_stack([x, level * one, level * smoke]))
        stays = staying_model.predict(np.column_stack([x, level * one]))
        parts.append(m + (t == level) * here / (p * stays) * (np.nan_to_num(y) - m))
    own = parts[1] - parts[0]
    return float(own.mean()), float(own.std(ddof=0) / np.sqrt(len(own)))


def test_nhefs_bootstrap_error_is_that_of_m_estimation(nhefs_fit) -> None:
    many = bootstrap(nhefs_fit, 800, seed=3)
    assert many.failed == 0
    assert many.table()["se"].iloc[1] == pytest.approx(0.4871, rel=0.05)
    counts = draw(np.random.default_rng(9), len(nhefs_fit.weights.total), 2)
    climbers = [Climber.of(f, nhefs_fit.weights.case) for f in nhefs_fit.weights.nodes]
    together = _batch(nhefs_fit, counts, climbers)
    for r in range(2):  # the same draws one by one, through the whole chain
        assert _one(nhefs_fit, counts[r]) == pytest.approx(together[r], abs=1e-5)


def test_a_separated_replicate_has_its_limit(nhefs: pd.DataFrame) -> None:
    """Nobody unseen in one level: the index runs off there, and all other probabilities are those of statsmodels."""
    weights = Weights(nhefs, staying(f"seen ~ qsmk + {NHEFS}")).fit()
    counts = draw(np.random.default_rng(2), len(nhefs), 3)
    gone = ((nhefs["education"] == 1) & (nhefs["seen"] == 0)).to_numpy()  # the reference level, the hardest
    counts[0, gone] = 0
    found = Climber.of(weights.nodes[0], weights.case).other(counts)
    x, seen = np.asarray(model_matrix(f"qsmk + {NHEFS}", nhefs), dtype=float), nhefs["seen"].to_numpy()
    for r in (0, 1):
        drawn = counts[r] > 0
        family, weights_of = sm.families.Binomial(), counts[r][drawn]
        p = sm.GLM(seen[drawn], x[drawn], family=family, freq_weights=weights_of).fit(maxiter=40).fittedvalues
        own = np.where(seen[drawn] == 1, p, 1 - p)
        assert 1 / (1 + found[r][drawn]) == pytest.approx(own, abs=2e-5)


def test_lalonde_att_by_logistic_weights(lalonde: pd.DataFrame) -> None:
    w = Weights(lalonde, treatment(LALONDE, estimand="ATT")).fit()
    found = effect(w, "re78 ~ treat").contrast()
    assert found["estimate"].iloc[0] == pytest.approx(1214, abs=0.5)
    table = w.summary().set_index("group")
    assert table.loc["treat = 0", ["ess", "min", "max"]].tolist() == pytest.approx([99.82, 0.009, 3.743], abs=5e-3)
    balance = w.balance().set_index("covariate")
    assert balance.loc["age", "smd_before"] == pytest.approx(-0.309, abs=5e-4)
    assert balance.loc["age", ["smd_after", "variance_ratio_after"]].tolist() == pytest.approx([0.119, 0.458], abs=5e-4)
    assert balance.loc["re74", ["smd_after", "variance_ratio_after"]].tolist() == pytest.approx(
        [-0.002, 1.321], abs=5e-4
    )
    assert balance.loc["race_black", ["diff_before", "diff_after"]].tolist() == pytest.approx([0.640, -0.002], abs=5e-4)
    small = Weights(lalonde, treatment("treat ~ age + educ + married + re74", estimand="ATT")).fit()
    se = [effect(small, "re78 ~ treat").parameters(e)["se"].tolist() for e in (ESTIMATED, KNOWN)]
    assert se == [pytest.approx([376.5, 669.1], abs=0.06), pytest.approx([353.5, 676.6], abs=0.06)]


def test_lalonde_att_by_balancing(lalonde: pd.DataFrame) -> None:
    for method in ("entropy", "cbps"):  # identical for the ATT
        w = Weights(lalonde, treatment(LALONDE, estimand="ATT", method=method)).fit()
        assert w.summary().set_index("group").loc["treat = 0", "ess"] == pytest.approx(98.46, abs=5e-3)
        assert w.balance()["smd_after"].abs().max() < 1e-8
        adjusted = effect(w, "re78 ~ treat * (age + educ + race + married + nodegree + re74 + re75)")
        assert adjusted.contrast()["estimate"].iloc[0] == pytest.approx(1273, abs=0.5)


@pytest.mark.parametrize(
    ("method", "sizes"),
    [("logistic", (135.8, 55.86, 261.02)), ("cbps", (173.37, 53.95, 259.76)), ("entropy", (180.47, 52.71, 262.93))],
)
def test_three_categories(lalonde: pd.DataFrame, method: str, sizes: tuple[float, ...]) -> None:
    w = Weights(lalonde, treatment(RACE, method=method)).fit()
    table = w.summary().set_index("group")
    found = [table.loc[f"race = {r}", "ess"] for r in ("black", "hispan", "white")]
    assert found == pytest.approx(sizes, abs=6e-3)
    if method != "logistic":
        assert w.balance()["smd_after"].abs().max() < 1e-5


def test_a_continuous_treatment_by_entropy_balancing(lalonde: pd.DataFrame) -> None:
    node = treatment("re75 ~ age + educ + married + nodegree + re74", method="entropy", moments=2, d_moments=3)
    w = Weights(lalonde, node).fit()
    assert [w.ess, w.values.max()] == pytest.approx([239.19, 17.664], abs=6e-3)
    assert w.balance()["smd_after"].abs().max() < 1e-8


def test_marginal_structural_model(public_data: Path) -> None:
    data = pd.read_csv(public_data / "msm_weightit" / "msmdata.csv")
    w = Weights(
        data,
        treatment("A_1 ~ X1_0 + X2_0"),
        treatment("A_2 ~ X1_1 + X2_1 + A_1 + X1_0 + X2_0", numerator="~ A_1"),
        treatment("A_3 ~ X1_2 + X2_2 + A_2 + X1_1 + X2_1 + A_1 + X1_0 + X2_0", numerator="~ A_1 * A_2"),
    ).fit()
    table = w.summary().set_index("group")
    sizes = [table.loc[f"A_{t} = {a}", "ess"] for t in (1, 2, 3) for a in (0, 1)]
    assert sizes == pytest.approx([1193, 1007, 1300, 898.2, 1871, 519.8], abs=0.5)
    fit = effect(w, "Y_B ~ A_1 * A_2 * A_3 * (X1_0 + X2_0)", family="binary")
    means = fit.means()
    published = [0.687, 0.521, 0.491, 0.438, 0.602, 0.544, 0.378, 0.422]
    assert means["estimate"].tolist() == pytest.approx(published, abs=6e-4)
    errors = [0.0166, 0.0379, 0.0213, 0.0295, 0.0211, 0.0314, 0.0163, 0.0261]
    assert means["se"].tolist() == pytest.approx(errors, abs=2.5e-4)  # ours hold the population's own variation too
    last = fit.contrast(7, 0, errors=(ESTIMATED,)).set_index("measure").loc["difference"]
    assert last[["estimate", "se"]].tolist() == pytest.approx([-0.265, 0.0308], abs=5e-4)
