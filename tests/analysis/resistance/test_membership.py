"""Standardised memberships: against statsmodels where classes are known, and against refits where they are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from analysis.resistance.before import Failing, on_trials, without_classes
from analysis.resistance.membership import standardise
from analysis.trajectories import GrowthMixture
from analysis.twostep import ClassMembership, ClassStep
from analysis.twostep.membership import Logit, MembershipFit
from analysis.twostep.simulate import APART, persons, refit

SPEC = GrowthMixture(2, "score ~ week + I(week**2)", random="~ week")


@pytest.fixture(scope="module")
def world() -> tuple[object, pd.DataFrame]:
    """Two classes apart; failed trials go with the second (SYNTHETIC)."""
    scores, people = persons(1000, seed=5, courses=APART)
    rng = np.random.default_rng(1)
    people["n_failed"] = np.minimum(rng.poisson(np.where(people["truth"] == 2, 1.4, 0.6)), 3).astype(float)
    people["baseline"] = people["x"]
    for name in ("age", "female", "chronic", "episodes", "anxious"):
        people[name] = rng.normal(size=len(people))
    people["is_evaluable"] = True
    return SPEC.fit(scores, starts=8, seed=1), people


def test_known_classes_give_the_multinomial_regression_of_statsmodels() -> None:
    """Three known classes: probabilities and their change per unit as MNLogit has them, errors as of the bootstrap."""
    rng = np.random.default_rng(3)
    n = 600
    x = rng.integers(0, 4, n).astype(float)
    z = rng.normal(size=n)
    logits = np.column_stack([0.3 - 0.5 * x + 0.4 * z, 0.2 - 0.2 * x, np.zeros(n)])
    klass = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    frame = pd.DataFrame({"subject_id": np.arange(n), "x": x, "z": z})
    fit = _known(klass, frame)
    # statsmodels counts against the first class: turned round it is the last
    theirs = sm.MNLogit(2 - klass, sm.add_constant(np.column_stack([x, z]))).fit(disp=0)
    found = standardise(fit, frame, [{"x": 0.0}, {"x": 2.0}, {"x": frame["x"] + 1}], [3])
    for place, value in enumerate((np.zeros(n), np.full(n, 2.0), x + 1)):
        expected = np.asarray(theirs.predict(np.column_stack([np.ones(n), value, z])))[:, 0].mean()
        assert found.value[place] == pytest.approx(expected, abs=1e-6)
    drawn = []
    for _ in range(100):
        rows = rng.integers(0, n, n)
        again = frame.iloc[rows].assign(subject_id=np.arange(n)).reset_index(drop=True)
        drawn.append(standardise(_known(klass[rows], again), again, [{"x": 0.0}, {"x": 2.0}], [3]).value)
    contrast = np.array([[1.0, 0.0, 0.0], [-1.0, 1.0, 0.0]])
    se = found.estimates(contrast)["se"].to_numpy()
    moved = np.array(drawn)
    bootstrap = np.array([moved[:, 0].std(ddof=1), (moved[:, 1] - moved[:, 0]).std(ddof=1)])
    assert se == pytest.approx(bootstrap, rel=0.25)  # 100 draws know an error to 7 %


def _known(klass: np.ndarray, frame: pd.DataFrame) -> MembershipFit:
    """A fit whose densities leave no doubt of the class."""
    x = np.column_stack([np.ones(len(frame)), frame["x"], frame["z"]])
    density = np.where(np.arange(3)[:, None] == klass, 0.0, -500.0)
    data = Logit(density, x, np.ones(len(frame)))
    gamma = np.zeros(data.n_parameters)
    for _ in range(30):
        gamma = gamma - np.linalg.solve(data.hessian(gamma), data.scores(gamma).sum(axis=1))
    step = ClassStep.known(pd.Index(frame["subject_id"]), np.eye(3)[klass])
    return MembershipFit(
        ClassMembership("~ x + z"), step, step.slopes, np.arange(len(frame)), ("Intercept", "x", "z"), np.eye(3), data,
        None, gamma, True, np.zeros(len(frame)),
    )  # fmt: skip


def test_errors_carry_the_class_model(world: tuple) -> None:
    """The error of P(failure | 3 trials) is that of refits of the whole chain on drawn persons (100 draws: 7 %)."""
    fit, people = world
    frame = people.assign(trend=people["n_failed"])
    member = ClassMembership("~ trend").fit(fit, frame)
    found = standardise(member, frame, [{"trend": 3.0}], [2]).estimates(np.eye(1))
    scores = _scores(fit)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(100):
        rows = rng.integers(0, len(people), len(people))
        again = frame.iloc[rows].reset_index(drop=True)
        parts = scores.reindex(again["subject_id"])
        number = np.repeat(np.arange(len(rows)), parts["week"].map(len))
        long = pd.DataFrame(
            {
                "subject_id": number,
                "week": np.concatenate(parts["week"].tolist()),
                "score": np.concatenate(parts["score"].tolist()),
            }
        )
        again["subject_id"] = np.arange(len(rows))
        refitted = refit(SPEC, long, fit)
        drawn.append(
            standardise(ClassMembership("~ trend").fit(refitted, again), again, [{"trend": 3.0}], [2]).value[0]
        )
    assert found["se"].iloc[0] == pytest.approx(np.std(drawn, ddof=1), rel=0.25)


def _scores(fit: object) -> pd.DataFrame:
    design = fit.design
    long = pd.DataFrame({"subject_id": design.persons[design.person], "week": design.time, "score": design.y})
    return long.groupby("subject_id").agg(list)


def test_trials_say_what_is_true_of_the_world(world: tuple) -> None:
    """P(failure | j trials) by Bayes from the truth; every estimate within 3.5 of its errors."""
    fit, people = world
    found = on_trials(Failing(fit, (2,)), people)
    own = found[(found["model"] == "B0") & (found["quantity"] == "probability")].set_index("at")
    truth = (people["truth"] == 2).groupby(people["n_failed"]).mean()
    for j, name in enumerate(("0", "1", "2", "≥ 3")):
        assert abs(own.loc[name, "estimate"] - truth[float(j)]) < 3.5 * own.loc[name, "se"]
        assert 0 < own.loc[name, "lower"] < own.loc[name, "estimate"] < own.loc[name, "upper"] < 1
    trend = found[found["quantity"] == "per trial"].set_index("model")
    assert (trend["lower"] > 0.05).all()
    assert found["problems"].eq("").all()


def test_q_is_regressed_as_statsmodels_does(world: tuple) -> None:
    _, people = world
    q = pd.DataFrame({"one class": np.random.default_rng(2).random(len(people))}, index=people["subject_id"])
    found = without_classes(q, people)
    fit = sm.OLS(q["one class"].to_numpy(), sm.add_constant(people["n_failed"].to_numpy())).fit(cov_type="HC3")
    crude = found[found["model"] == "B0"].iloc[0]
    assert crude["estimate"] == pytest.approx(fit.params[1])
    assert crude["se"] == pytest.approx(fit.bse[1])
