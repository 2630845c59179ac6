"""The whole chain against differences: what one more copy of a person does to every estimate of every step.

The influence of a person is the derivative of an estimate by the person's case weight. Here the class model, the
selection model, the outcome model, the error matrix and the standardised means are all refitted with the weight of one
person moved a little, and the change is compared with the analytic influence: every derivative between steps is tested.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from analysis.trajectories import GrowthMixture, Trajectories, newton
from analysis.trajectories.likelihood import objective
from analysis.trajectories.simulate import mixture
from analysis.twostep import ClassMembership, ClassOutcome, ClassStep, PersonWeights, bch, margins, selection


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Differences need maxima that are exact; a point moved by a weight of 0.0001 counts as converged otherwise."""
    monkeypatch.setattr(newton, "TOLERANCE", 1e-20)


SPEC = GrowthMixture(2, "score ~ week", random="~ 1")
STEP = 1e-4


@pytest.fixture(scope="module")
def result() -> Trajectories:
    return SPEC.fit(mixture(250, seed=6), starts=10, seed=1)


@pytest.fixture(scope="module")
def people(result: Trajectories) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = result.n
    frame = pd.DataFrame({"subject_id": result.design.persons, "x": rng.normal(size=n), "u": rng.normal(size=n)})
    truth = (rng.random(n) > result.probabilities[:, 0]).astype(float)
    linear = 1.5 * truth - 0.5 + 0.4 * frame["x"]
    frame["binary"] = (rng.random(n) < 1 / (1 + np.exp(-linear))).astype(float)
    frame["normal"] = 20 + 3 * (linear + rng.normal(size=n))
    frame["count"] = rng.poisson(np.exp(linear)).astype(float)
    frame["kept"] = (rng.random(n) < 1 / (1 + np.exp(-1 - frame["u"]))).astype(float)
    return frame


def reweighted(result: Trajectories, w: np.ndarray) -> Trajectories:
    """The class model with case weights `w`, climbed to from the old solution."""
    design = replace(result.design, panel=replace(result.design.panel, weight=w))
    ends = newton.maximise(objective(design.st, design.data), result.phi[None])
    assert ends.distance[0] < 1e-18
    return Trajectories(design, ends.phi[0], result.search, 0)


def weights_at(people: pd.DataFrame, w: np.ndarray) -> np.ndarray:
    """Inverse probabilities of being kept, from a logistic regression with case weights `w`."""
    x = sm.add_constant(people["u"].to_numpy())
    fit = sm.GLM(people["kept"], x, sm.families.Binomial(), var_weights=w).fit(tol=1e-14)
    return (people["kept"] / fit.predict(x)).to_numpy()


def moved(result: Trajectories, people: pd.DataFrame, i: int, what):
    """Derivative of `what(class model, case weights)` by the weight of person `i`."""
    ends = []
    for sign in (1, -1):
        w = np.ones(result.n)
        w[i] += sign * STEP
        ends.append(what(reweighted(result, w), w))
    return (ends[0] - ends[1]) / (2 * STEP)


def test_influence_through_a_censored_class_model(result: Trajectories, people: pd.DataFrame) -> None:
    frame = mixture(80, seed=6).assign(score=lambda f: f["score"].clip(lower=4.0))
    censored = GrowthMixture(2, "score ~ week", family="censored", floor=4.0).fit(frame, starts=5, seed=1)
    some = people.iloc[:80]
    spec = ClassOutcome("binary ~ x")

    def estimates(found: Trajectories, w: np.ndarray) -> np.ndarray:
        values = PersonWeights.fixed(pd.Series(w, index=some["subject_id"]))
        return spec.fit(found, some, values).reported[1]

    chain = spec.fit(censored, some)
    psi = chain.reported[2] @ chain.influence()
    assert psi[:, 3] == pytest.approx(moved(censored, some, 3, estimates), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("kind", ["two-step", "modal", "proportional"])
@pytest.mark.parametrize("family", ["binary", "normal", "count"])
def test_influence_of_a_person_on_the_whole_chain(
    result: Trajectories, people: pd.DataFrame, family: str, kind: str
) -> None:
    spec = ClassOutcome(f"{family} ~ x", family=family, class_specific="~ x", population="counts")

    def fit(step, frame, weights):
        return spec.fit(step, frame, weights) if kind == "two-step" else bch(spec, step, frame, weights, kind)

    def estimates(found: Trajectories, w: np.ndarray) -> np.ndarray:
        frame = people.assign(counts=w)
        values = pd.Series(w * weights_at(people, w), index=people["subject_id"])
        chain = fit(found, frame, PersonWeights.fixed(values))
        return np.concatenate([chain.reported[1], chain.margins()["mean"], chain.margins()["share"]])

    chain = fit(result, people.assign(counts=1.0), selection("kept ~ u", people))
    standard = margins.of(chain)
    psi = np.concatenate([chain.reported[2] @ chain.influence(), standard.of_means, standard.of_shares])
    assert len(chain.ready.persons) == result.n
    for i in (0, int(np.argmax(people["kept"] * people["x"]))):
        assert psi[:, i] == pytest.approx(moved(result, people, i, estimates), rel=2e-4, abs=2e-7)


def test_influence_on_what_predicts_the_class(result: Trajectories, people: pd.DataFrame) -> None:
    spec = ClassMembership("~ x + u")

    def estimates(found: Trajectories, w: np.ndarray) -> np.ndarray:
        values = pd.Series(w * weights_at(people, w), index=people["subject_id"])
        return spec.fit(found, people, PersonWeights.fixed(values)).parameters("naive")["estimate"].to_numpy()

    chain = spec.fit(result, people, selection("kept ~ u", people))
    psi = np.kron(np.eye(1), chain.inverse) @ chain.influence()
    for i in (0, 7):
        assert psi[:, i] == pytest.approx(moved(result, people, i, estimates), rel=2e-4, abs=2e-7)


def test_stabilised_weights_and_products(people: pd.DataFrame) -> None:
    """Slopes of the weights by differences in the data of one person, and a product is a product."""
    a = selection("kept ~ u", people)
    b = selection("kept ~ u + x", people, numerator="~ x")
    both = a * b
    assert both.values == pytest.approx(a.values * b.values)
    assert a.values[people["kept"] == 1].sum() == pytest.approx(len(people), rel=0.1)

    def refit(w: np.ndarray) -> np.ndarray:
        parts = []
        for columns in (["u"], ["u", "x"], ["x"]):
            x = sm.add_constant(people[columns].to_numpy())
            model = sm.GLM(people["kept"], x, sm.families.Binomial(), var_weights=w)
            parts.append(np.asarray(model.fit(tol=1e-14).predict(x)))
        return people["kept"].to_numpy() * parts[2] / (parts[0] * parts[1])

    w = np.ones(len(people))
    w[4] += STEP
    change = (refit(w) - refit(2 - w)) / (2 * STEP)
    assert both.slopes @ both.influence[:, 4] == pytest.approx(change, rel=1e-5, abs=1e-9)


def test_clusters_are_summed_before_squaring(result: Trajectories, people: pd.DataFrame) -> None:
    step = ClassStep.of(result)
    sites = pd.Series(np.arange(result.n) // 10, index=step.persons)
    fit = ClassOutcome("binary ~ x").fit(replace(step, clusters=sites), people)
    psi = fit.influence()
    by_hand = sum(np.outer(s, s) for s in (psi[:, g * 10 : (g + 1) * 10].sum(axis=1) for g in range(25))) * 25 / 24
    assert fit.free_covariance("cluster") == pytest.approx(by_hand)


def test_joined_classes_have_the_mean_of_their_shares(result: Trajectories, people: pd.DataFrame) -> None:
    found = margins.of(ClassOutcome("binary ~ x").fit(result, people))
    value, influence = found.pooled([1, 2])
    assert value == pytest.approx(float(found.shares @ found.means))
    # shares of all classes sum to 1, so they have no influence together
    assert found.of_shares.sum(axis=0) == pytest.approx(0.0, abs=1e-12)
    assert influence == pytest.approx(found.shares @ found.of_means + found.means @ found.of_shares)


def test_a_person_of_weight_0_counts_nowhere(result: Trajectories, people: pd.DataFrame) -> None:
    w = np.ones(result.n)
    w[:3] = 0.0
    found = reweighted(result, w)
    fit = ClassOutcome("binary ~ x").fit(found, people.iloc[3:])
    assert fit.influence()[:, :3] == pytest.approx(0.0, abs=1e-15)
    assert np.isfinite(fit.parameters()["se"]).all()
