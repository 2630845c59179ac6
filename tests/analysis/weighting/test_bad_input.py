"""Bad input gives an error that names column, value and remedy, or a named warning; never a number that pretends."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.weighting import WeightingError, Weights, effect, genotyped, staying, treatment
from analysis.weighting.imputation import ImputedWeights, impute, pool
from analysis.weighting.transport import TransportRefused, assess, transport

REFUSED = [
    ({"x": np.nan}, "t ~ x", "x \\(1\\).*missing='category'"),
    ({}, "t ~ nowhere", "no column nowhere"),
    ({}, "nowhere ~ x", "no column nowhere"),
    ({}, "same ~ x", "everybody has same"),
    ({}, "t ~ zero", "nobody of the 50 with zero = 1"),
    ({}, "t ~ splits", "perfect separation"),
    ({"x": np.inf}, "t ~ x", "must be finite"),
]


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = 200
    t = rng.integers(0, 2, n)
    x = rng.normal(size=n)
    zero = np.zeros(n)
    zero[np.flatnonzero(t == 0)[:50]] = 1
    return pd.DataFrame(
        {
            "t": t, "x": x, "same": 1, "constant": 3.0, "twice": 2 * x, "zero": zero,
            "splits": t + rng.uniform(0, 0.9, n),
            "sex": rng.choice(["f", "m"], n), "y": x + t + rng.normal(size=n), "study": rng.choice(["a", "b"], n),
            "seen": (rng.random(n) < 0.8).astype(int), "w": 1.0,
        }
    )  # fmt: skip


@pytest.mark.parametrize(("change", "formula", "message"), REFUSED)
@pytest.mark.parametrize("method", ["logistic", "cbps", "entropy"])
def test_refused_by_name(frame: pd.DataFrame, change: dict, formula: str, message: str, method: str) -> None:
    for column, value in change.items():
        frame.loc[3, column] = value
    with pytest.raises(WeightingError, match=message):
        Weights(frame, treatment(formula, method=method)).fit()


def test_separation_is_finite_with_a_penalty_and_named(frame: pd.DataFrame) -> None:
    found = Weights(frame, treatment("t ~ zero + x", method="penalised")).fit()
    assert any("structural zero" in str(p) and p.grave for p in found.problems)
    assert np.isfinite(found.values).all()


def test_constant_and_superfluous_columns_are_left_out_and_named(frame: pd.DataFrame) -> None:
    found = Weights(frame, treatment("t ~ x + constant + twice + sex")).fit()
    plain = Weights(frame, treatment("t ~ x + sex")).fit()
    told = " ".join(map(str, found.problems))
    assert "constant is constant" in told
    assert "twice is a combination" in told
    assert found.values == pytest.approx(plain.values)


def test_other_refusals(frame: pd.DataFrame) -> None:
    with pytest.raises(WeightingError, match="more than one row"):
        Weights(frame.assign(person=1), treatment("t ~ x"), person="person").fit()
    with pytest.raises(WeightingError, match="row 4 is -1"):
        Weights(frame.assign(w=np.where(frame.index == 4, -1.0, 1.0)), treatment("t ~ x"), sampling="w").fit()
    with pytest.raises(WeightingError, match="none of"):
        treatment("t ~ x", method="magic")
    with pytest.raises(WeightingError, match="focal"):
        Weights(frame.assign(arm=[*"abcd"] * 50), treatment("arm ~ x", estimand="ATT")).fit()
    with pytest.raises(WeightingError, match="nobody meets"):
        Weights(frame, treatment("t ~ x", among="x > 99")).fit()
    w = Weights(frame, treatment("t ~ x")).fit()
    with pytest.raises(WeightingError, match="0 or 1"):
        effect(w, "y ~ t", family="binary")
    with pytest.raises(WeightingError, match="for everybody"):
        effect(w, "same ~ t")


def test_who_has_no_outcome_is_counted(frame: pd.DataFrame) -> None:
    frame.loc[frame["seen"] == 0, "y"] = np.nan
    n = int((frame["seen"] == 0).sum())
    plain = effect(Weights(frame, treatment("t ~ x")).fit(), "y ~ t")
    assert f"{n} of 200 weighted persons have no y" in " ".join(map(str, plain.problems))
    both = effect(Weights(frame, treatment("t ~ x"), staying("seen ~ t + x")).fit(), "y ~ t")
    assert "have no y" not in " ".join(map(str, both.problems))
    assert both.weights.flow()["kept"].tolist()[-1] == 200 - n


def test_missing_covariates_are_never_silent(frame: pd.DataFrame) -> None:
    rng = np.random.default_rng(2)
    frame.loc[rng.random(200) < 0.2, "x"] = np.nan
    frame.loc[rng.random(200) < 0.1, "sex"] = None
    node = treatment("t ~ x + sex")
    complete = Weights(frame, node, missing="complete").fit()
    assert len(complete.frame) == int(frame[["x", "sex"]].notna().all(axis=1).sum())
    assert "left out" in str(complete.problems[0])
    category = Weights(frame, node, missing="category").fit()
    assert len(category.frame) == 200
    assert "category of their own" in str(category.problems[0])
    assert {"x_missing", "sex_missing"} <= set(category.balance()["covariate"])
    many = Weights(frame, node, missing="impute", imputations=4, auxiliary=["y"], seed=3).fit()
    assert isinstance(many, ImputedWeights)
    assert "imputed 4 times" in str(many.problems[0])
    pooled = many.effect("y ~ t")
    again = Weights(frame, node, missing="impute", imputations=4, auxiliary=["y"], seed=3).fit().effect("y ~ t")
    assert pooled.equals(again)
    assert (pooled["fmi"] > 0).all()
    with pytest.raises(WeightingError, match="pooled by their own effect"):
        effect(many, "y ~ t")


def test_rubins_rules_by_hand() -> None:
    found = pool(np.array([[1.0], [2.0], [4.5]]), np.array([[0.4], [0.5], [0.6]]))
    between = np.var([1, 2, 4.5], ddof=1)
    assert found.estimate[0] == pytest.approx(2.5)
    assert found.se[0] ** 2 == pytest.approx(0.5 + 4 / 3 * between)
    r = 4 / 3 * between / 0.5
    assert found.df[0] == pytest.approx(2 * (1 + 1 / r) ** 2)


def test_imputation_repairs_what_complete_cases_bend() -> None:
    rng = np.random.default_rng(8)
    n = 3000
    z = rng.normal(size=n)
    x = z + rng.normal(size=n)
    kind = np.where(rng.random(n) < 1 / (1 + np.exp(-2 * z)), "u", "v").astype(object)
    gone = rng.random(n) < 1 / (1 + np.exp(-2 * z))
    frame = pd.DataFrame({"x": np.where(gone, np.nan, x), "kind": np.where(rng.permutation(gone), None, kind), "z": z})
    filled = impute(frame, ["x", "kind"], 3, seed=1, helpers=["z"])
    means = [f["x"].mean() for f in filled]
    assert abs(frame["x"].mean()) > 0.4
    assert np.mean(means) == pytest.approx(x.mean(), abs=0.08)
    assert filled[0]["x"].std() == pytest.approx(x.std(), rel=0.06)
    assert np.mean([(f["kind"] == "u").mean() for f in filled]) == pytest.approx((kind == "u").mean(), abs=0.03)


def test_transport_refuses_by_its_rule(frame: pd.DataFrame) -> None:
    rng = np.random.default_rng(5)
    frame["in_trial"] = (rng.random(200) < 1 / (1 + np.exp(-0.4 * frame["x"]))).astype(int)
    verdict, _ = assess(frame, "in_trial ~ x + sex")
    assert not verdict.refused
    frame["naive"] = np.where((frame["in_trial"] == 0) & (frame.index % 3 == 0), "yes", "no")
    with pytest.raises(TransportRefused, match="structural zero: nobody in the trial has naive = yes"):
        transport(frame, "in_trial ~ x + naive", "t ~ 1", "y ~ t * x")
    few = frame.assign(in_trial=(frame.index < 12).astype(int))
    assert "effective sample size" in " ".join(assess(few, "in_trial ~ sex")[0].reasons)
    many = pd.concat([frame, *[frame.assign(in_trial=0)] * 40], ignore_index=True)
    assert "below 0.05" in " ".join(assess(many, "in_trial ~ sex")[0].reasons)


def test_transport_finds_the_effect_of_the_target() -> None:
    rng = np.random.default_rng(6)
    n = 6000
    x = rng.normal(size=n)
    inside = (rng.random(n) < 1 / (1 + np.exp(-x))).astype(int)
    t = rng.integers(0, 2, n)
    y = 1 + x + t * (1 + x) + rng.normal(size=n)
    frame = pd.DataFrame(
        {"x": x, "s": inside, "t": np.where(inside == 1, t, np.nan), "y": np.where(inside == 1, y, np.nan)}
    )
    frame["t"] = frame["t"].fillna(0).astype(int)
    truth = 1 + x[inside == 0].mean()
    for formula in ("y ~ t * x", "y ~ t"):  # a right and a wrong outcome model
        found = transport(frame, "s ~ x", "t ~ 1", formula).contrast().iloc[-1]
        assert found["estimate"] == pytest.approx(truth, abs=3 * found["se"])
        assert abs((1 + x[inside == 1].mean()) - found["estimate"]) > 4 * found["se"]
    only = transport(frame, "s ~ x", "t ~ 1", "y ~ t", robust=False).contrast().iloc[-1]
    assert only["estimate"] == pytest.approx(truth, abs=3 * only["se"])


def test_truncation_counts_who_was_cut(frame: pd.DataFrame) -> None:
    w = Weights(frame, genotyped("seen ~ x + sex")).fit()
    cut = w.truncate(0.05, 0.95)
    assert cut.values[cut.kept].max() == pytest.approx(np.quantile(w.values[w.kept], 0.95))
    assert str(int(cut.cut.sum())) in str(cut.problems[0])
    assert cut.ess > w.ess


@pytest.mark.parametrize("kind", ["love", "weights", "overlap"])
def test_pictures_say_synthetic(frame: pd.DataFrame, kind: str) -> None:
    w = Weights(frame, treatment("t ~ x + sex"), staying("seen ~ t + x"), study="study").fit()
    drawn = w.plot(kind, synthetic=True).to_dict()
    assert "SYNTHETIC" in str(drawn["title"])
    assert set(w.balance(by="study")["study"]) == {"all", "a", "b"}
