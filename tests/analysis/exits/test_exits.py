"""Time under observation, hazards and the joint likelihood: by hand, by differences, and against simulated truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from analysis.exits import PersonTime, exit_sensitivity, person_time
from analysis.exits.hazards import Hazards
from analysis.exits.joint import Joint, likelihood_ratio
from analysis.exits.simulate import leave
from analysis.trajectories import DesignError, GrowthMixture, Trajectories
from analysis.trajectories.simulate import mixture
from analysis.twostep.simulate import TWO

CAUSES, PLANNED = ("lost", "intolerance"), ("moved_on",)
SPEC = GrowthMixture(2, "score ~ week + I(week**2)", random="~ week")


def world(n: int, seed: int, lost: tuple[float, float] = (0.03, 0.15)) -> tuple[pd.DataFrame, pd.DataFrame]:
    """SYNTHETIC. Class 2 is lost five times as fast; intolerance and planned exits are free of the class."""
    scores = mixture(n, seed, TWO, observed=0.9)
    people = scores.drop_duplicates("subject_id")[["subject_id", "truth"]].reset_index(drop=True)
    return leave(scores, people, {"lost": lost, "intolerance": (0.02, 0.02), "moved_on": (0.02, 0.02)}, seed)


@pytest.fixture(scope="module")
def small() -> tuple[Trajectories, pd.DataFrame]:
    scores, people = world(300, 3)
    return SPEC.fit(scores, starts=10, seed=1), people


def rows(result: Trajectories, people: pd.DataFrame, **options: object) -> PersonTime:
    return person_time(result.design, people, CAUSES, PLANNED, (4.0, 8.0), **options)  # type: ignore[arg-type]


def test_person_time_by_hand() -> None:
    frame = pd.DataFrame(
        {"subject_id": [7, 7, 7, 9, 9], "week": [0.0, 6.0, 3.0, 0.0, 2.0], "score": [20.0, 8.0, 12.0, 22.0, 21.0]}
    )
    result = GrowthMixture(1, "score ~ week").fit(frame)
    exits = pd.DataFrame({"subject_id": [9, 7], "exit_week": [2.5, 9.0], "exit_cause": ["lost", "moved_on"]})
    found = rows(result, exits)
    assert list(found.first) == [0, 5]
    assert list(found.exposure) == [3, 1, 2, 2, 1, 2, 0.5]
    assert list(found.piece) == [0, 0, 1, 1, 2, 0, 0]
    assert found.events.tolist() == [[0, 0, 0, 0, 0, 0, 1], [0] * 7]
    # the first scores 20 and 22 have mean 21 and standard deviation 1
    assert list(found.score) == [-1, -9, -9, -13, -13, 1, 0]
    assert list(found.cause) == [-1, 0]


def test_what_does_not_fit_is_refused_by_name(small: tuple[Trajectories, pd.DataFrame]) -> None:
    result, people = small
    with pytest.raises(DesignError, match="1 persons have no row in exits, the first is 0"):
        rows(result, people.iloc[1:])
    with pytest.raises(DesignError, match="the exit of person 0 has the cause 'went home'"):
        rows(result, people.assign(exit_cause=["went home", *people["exit_cause"][1:]]))
    long = int(np.argmax(people["exit_week"]))
    with pytest.raises(DesignError, match=rf"person {long} leaves at week 0\.1 and has a score at week"):
        rows(result, people.assign(exit_week=people["exit_week"].where(people.index != long, 0.1)))
    with pytest.raises(DesignError, match="person 5 has more than one exit"):
        rows(result, pd.concat([people, people.iloc[5:6]]))
    with pytest.raises(DesignError, match="nobody left for intolerance in piece 1 of 3"):
        exit_sensitivity(
            result, people.assign(exit_cause=people["exit_cause"].replace({"intolerance": None})), planned=PLANNED
        )


def test_log_density_of_exits_by_hand(small: tuple[Trajectories, pd.DataFrame]) -> None:
    result, people = small
    time = rows(result, people, by_score=False)
    hazards = Hazards(CAUSES, 3, 2)
    theta = np.array([-2.0, -2.2, -1.9, -4.0, -3.8, -3.9, -1.5, 0.3])
    value, _ = hazards.terms(time, theta, result.n)
    for i in (0, 1, 2, 50):
        for g in range(2):
            total = 0.0
            for c in range(2):
                ratio = theta[6 + c] if g == 0 else 0.0
                h = np.exp(theta[3 * c : 3 * c + 3] + ratio)
                spent = np.clip(people["exit_week"][i] - np.array([0, 4, 8]), 0, [4, 4, 99])
                total -= h @ spent
                if people["exit_cause"][i] == CAUSES[c]:
                    total += np.log(h[min(int(people["exit_week"][i] // 4), 2)])
            assert value[g, i] == pytest.approx(total)


@pytest.mark.parametrize("by_score", [False, True])
def test_hazards_without_class_are_a_poisson_regression(
    small: tuple[Trajectories, pd.DataFrame], by_score: bool
) -> None:
    result, people = small
    time = rows(result, people)
    fit = Joint(result, time, Hazards(CAUSES, 3, 2, by_class=False, by_score=by_score)).fit()
    found = fit.hazard_table().set_index("cause")
    x = np.eye(3)[time.piece]
    if by_score:
        x = np.column_stack([x, time.score])
    for c, cause in enumerate(CAUSES):
        theirs = sm.GLM(time.events[c], x, sm.families.Poisson(), offset=np.log(time.exposure)).fit(tol=1e-12)
        assert list(found.loc[cause, "estimate"]) == pytest.approx(list(theirs.params), abs=1e-4)
        assert list(found.loc[cause, "se"]) == pytest.approx(list(theirs.bse), rel=1e-4)
    # exits that depend on what was seen alone leave the class model where it was
    assert fit.phi == pytest.approx(result.phi, abs=1e-3)
    assert fit.probabilities == pytest.approx(result.probabilities, abs=1e-3)


def test_gradient_by_differences(small: tuple[Trajectories, pd.DataFrame]) -> None:
    result, people = small
    model = Joint(result, rows(result, people), Hazards(CAUSES, 3, 2, by_class=True, by_score=True))
    theta = np.array([-2.0, -2.2, -1.9, -4.0, -3.8, -3.9, -1.5, 0.3, 0.4, -0.2])
    point = np.concatenate([result.phi + 0.1, theta])
    gradient = model.at(point).scores.sum(axis=1)
    h = 1e-5
    by_difference = [
        (model.at(point + s).loglik - model.at(point - s).loglik) / (2 * h) for s in h * np.eye(len(point))
    ]
    assert gradient == pytest.approx(np.array(by_difference), rel=1e-5, abs=1e-4)


def test_exits_by_class_bring_the_shares_back() -> None:
    """With class-dependent loss, missing at random loses some of the class that leaves."""
    scores, people = world(5000, 8)
    result = SPEC.fit(scores, starts=10, seed=1)
    found = exit_sensitivity(result, people, planned=PLANNED)
    truth = people["truth"].value_counts(normalize=True)[2]
    table = found.table(16.2, weeks=(8.0, 12.0)).set_index(["class", "model"]).loc[2]
    z = (table["share"] - truth) / table["share_se"]
    assert z["missing at random"] < -3
    assert abs(z["hazard by class"]) < 2.5
    assert abs(z["hazard by class and last score"]) < 2.5
    assert (table["share_se"] < 0.05).all()
    hazards = found.by_class.hazard_table()
    hazards = hazards[hazards["class"] == 1].set_index(["cause", "term"])
    ratio = hazards.loc["lost", "log hazard ratio"]
    assert ratio["estimate"] == pytest.approx(np.log(0.2), abs=3 * ratio["se"])
    none = hazards.loc["intolerance", "log hazard ratio"]
    assert abs(none["estimate"]) < 3 * none["se"]
    assert (found.tests["p_value"] < 1e-6).all()
    assert list(found.tests["df"]) == [2, 2]
    assert found.by_class.problems == ()
    band = found.by_class.courses([8.0])
    assert (band["lower"] < band["mean"]).all()


def test_exits_free_of_the_class_are_not_found_to_depend_on_it() -> None:
    scores, people = world(800, 4, lost=(0.07, 0.07))
    result = SPEC.fit(scores, starts=10, seed=1)
    time = rows(result, people)
    larger, smaller = (Joint(result, time, Hazards(CAUSES, 3, 2, by_class)).fit() for by_class in (True, False))
    statistic, df, p_value = likelihood_ratio(larger, smaller)
    assert df == 2
    assert statistic >= 0
    assert p_value > 0.01
