"""The score's effect: against delicatessen, statsmodels, refits with one person's weight moved, and known truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from delicatessen import MEstimator

from analysis.biomarkers import evidence
from analysis.biomarkers.estimate import ADJUSTED, DIFFERENCE, MARGINAL, RISK, score_effect
from analysis.trajectories import GrowthMixture, Trajectories, newton
from analysis.trajectories.likelihood import objective
from analysis.trajectories.simulate import mixture
from analysis.weighting import WeightingError, Weights, genotyped
from analysis.weighting.bootstrap import refit


def expit(z):
    return 1 / (1 + np.exp(-z))


SPEC = GrowthMixture(3, "score ~ week", random="~ 1", membership="~ u")


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = 400
    frame = pd.DataFrame({"u": rng.normal(size=n), "sex": rng.integers(0, 2, n).astype(float)})
    frame["typed"] = (rng.random(n) < expit(0.5 + 0.7 * frame["u"])).astype(int)
    frame["s"] = np.where(frame["typed"] == 1, rng.normal(size=n) * 3 + 0.5 * frame["sex"], np.nan)
    linear = -0.8 + 0.2 * frame["s"].fillna(0) + 0.4 * frame["sex"] + 0.5 * frame["u"]
    frame["failed"] = (rng.random(n) < expit(linear)).astype(float)
    frame["case"] = 1.0
    return frame


def test_a_seen_outcome_against_delicatessen(people: pd.DataFrame) -> None:
    w = Weights(people, genotyped("typed ~ u")).fit()
    fit = score_effect(w, evidence.seen(people["failed"]), "s", "~ sex")
    table = fit.table().set_index("measure")
    v = np.column_stack([np.ones(len(people)), people["u"]])
    t, y = people["typed"].to_numpy(float), people["failed"].to_numpy()
    s, sex = people["s"].fillna(0).to_numpy(), people["sex"].to_numpy()

    def equations(theta):
        q, weight = expit(v @ theta[:2]), 0
        weight = t * theta[2] / q
        x = np.column_stack([np.ones(len(s)), s, sex])
        p = expit(x @ theta[3:6])
        sd = np.sqrt(theta[7])
        high = expit(x @ theta[3:6] + theta[4] * sd)
        return np.vstack(
            [(v * (t - q)[:, None]).T, t - theta[2], (x * (weight * (y - p))[:, None]).T, weight * (s - theta[6]),
             weight * ((s - theta[6]) ** 2 - theta[7]), weight * (p - theta[8]), weight * (high - theta[9]),
             np.ones(len(s)) * (theta[9] - theta[8] - theta[10]),
             np.ones(len(s)) * (np.log(theta[9] / (1 - theta[9]) / (theta[8] / (1 - theta[8]))) - theta[11]),
             np.ones(len(s)) * (theta[4] * sd - theta[12])]
        )  # fmt: skip

    oracle = MEstimator(equations, init=[0, 0, 0.6, -0.5, 0.1, 0, 0, 9.0, 0.3, 0.33, 0.03, 0.1, 0.1])
    oracle.estimate(solver="lm", maxiter=50_000, deriv_method="exact")
    found = [table.loc[RISK, "estimate"], table.loc[DIFFERENCE, "estimate"],
             np.log(table.loc[MARGINAL, "estimate"]), np.log(table.loc[ADJUSTED, "estimate"])]  # fmt: skip
    assert found == pytest.approx(oracle.theta[[8, 10, 11, 12]], abs=1e-6)
    se = table.loc[[RISK, DIFFERENCE, MARGINAL, ADJUSTED], "se"].tolist()
    assert se == pytest.approx(np.sqrt(np.diag(oracle.variance))[[8, 10, 11, 12]], abs=1e-6)


def test_without_weights_it_is_a_logistic_regression(people: pd.DataFrame) -> None:
    typed = people[people["typed"] == 1].assign(all_of_them=lambda d: (np.arange(len(d)) > 0).astype(int))
    w = Weights(typed, genotyped("all_of_them ~ 1", stabilised=False)).fit()
    fit = score_effect(w, evidence.seen(typed["failed"]), "s", "~ sex + u")
    used = typed.iloc[1:]
    model = sm.Logit(used["failed"], sm.add_constant(used[["s", "sex", "u"]])).fit(disp=0)
    assert np.log(fit.values[ADJUSTED]) == pytest.approx(model.params["s"] * used["s"].std(ddof=0), abs=1e-8)


@pytest.fixture(scope="module")
def classes() -> tuple[Trajectories, pd.DataFrame]:
    scores = mixture(400, seed=6)
    rng = np.random.default_rng(1)
    covariate = pd.Series(rng.normal(size=400))
    scores["u"] = scores["subject_id"].map(covariate)
    return SPEC.fit(scores, starts=10, seed=1), scores


def test_influence_through_the_class_model(classes, people: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newton, "TOLERANCE", 1e-20)
    result, _ = classes

    def chain(fit: Trajectories, counts: np.ndarray):
        weights = Weights(people, genotyped("typed ~ u"), sampling="case").fit()
        return score_effect(refit(weights, counts), evidence.two_step(fit, [2, 3]), "s", "~ sex")

    psi = chain(result, np.ones(400)).influence()
    for i in (0, int(np.argmax(people["typed"]))):
        ends = []
        for sign in (1, -1):
            counts = np.ones(400)
            counts[i] += sign * 1e-4
            design = replace(result.design, panel=replace(result.design.panel, weight=counts))
            moved = newton.maximise(objective(design.st, design.data), result.phi[None])
            ends.append(chain(Trajectories(design, moved.phi[0], result.search, 0), counts).values)
        for measure in psi:
            a, b = (np.log(e[measure]) if measure in (MARGINAL, ADJUSTED) else e[measure] for e in ends)
            assert psi[measure][i] == pytest.approx((a - b) / 2e-4, rel=2e-3, abs=2e-7)


def test_two_step_is_not_attenuated_and_probabilities_are() -> None:
    scores = mixture(6000, seed=2)
    fit = GrowthMixture(4, "score ~ week + I(week**2)", random="~ week").fit(scores, starts=6, seed=1)
    truth = scores.drop_duplicates("subject_id").set_index("subject_id")["truth"]
    worst = int(truth.max())
    rng = np.random.default_rng(4)
    # the score's distribution given the class: an odds ratio of exp(0.5) for the worst against the others
    s = pd.Series(rng.normal(size=len(truth)) + 0.5 * (truth == worst).to_numpy(), index=truth.index)
    people = pd.DataFrame({"s": s, "typed": (rng.random(len(s)) < 0.9).astype(int)}, index=truth.index)
    w = Weights(people, genotyped("typed ~ 1")).fit()
    modal = fit.posterior.set_index("subject_id")["modal"]
    found = evidence.two_step(fit, [int(modal[truth[truth == worst].index].mode()[0])])
    assert 0.75 < found.certainty < 0.97
    known = score_effect(w, evidence.seen((truth == worst).astype(float)), "s")
    probable, naive = score_effect(w, found, "s"), score_effect(w, evidence.probability(found), "s")
    table = probable.table().set_index("measure")
    for measure in (DIFFERENCE, ADJUSTED):
        near = np.log(known.values[measure] / probable.values[measure]) if measure == ADJUSTED else (
            known.values[measure] - probable.values[measure])  # fmt: skip
        assert abs(near) < 3 * table.loc[measure, "se"]
    assert naive.values[DIFFERENCE] < 0.85 * known.values[DIFFERENCE]
    assert table.loc[DIFFERENCE, "se"] > known.table().set_index("measure").loc[DIFFERENCE, "se"]


def test_what_cannot_be_estimated_is_refused(people: pd.DataFrame) -> None:
    w = Weights(people, genotyped("typed ~ u")).fit()
    seen = evidence.seen(people["failed"])
    with pytest.raises(WeightingError, match="no column"):
        score_effect(w, seen, "nowhere")
    with pytest.raises(WeightingError, match="for everybody"):
        score_effect(Weights(people.assign(s=1.0), genotyped("typed ~ u")).fit(), seen, "s")
    hurt = people.assign(sex=people["sex"].where(people.index != int(np.argmax(people["typed"]))))
    gaps = Weights(hurt, genotyped("typed ~ u")).fit()
    with pytest.raises(WeightingError, match="covariate sex is missing"):
        score_effect(gaps, seen, "s", "~ sex")
