"""An ordinal item beyond its fit: new persons, number of classes, bootstrap test, halves, page, two-step."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import norm

from analysis.trajectories import DesignError, GrowthMixture, Trajectories
from analysis.trajectories.adequacy import observed, posterior_table, split_half
from analysis.trajectories.bootstrap import likelihood_ratio
from analysis.trajectories.enumeration import Enumeration, enumerate_classes
from analysis.trajectories.ordinal import OrdinalGrowth, OrdinalTrajectories
from analysis.trajectories.ordinal.simulate import classes
from analysis.twostep import ClassMembership, ClassOutcome

THRESHOLDS = np.array([-1.0, 0.5, 2.0])
APART = np.array([[3.5, 0.0], [2.0, -2.0]])


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    found = classes(260, 3, THRESHOLDS, APART, np.array([0.4, 0.6]))
    return found.assign(sex=np.where(found["subject_id"] % 2, "f", "m"))


@pytest.fixture(scope="module")
def found(frame: pd.DataFrame) -> Enumeration:
    spec = OrdinalGrowth(1, "~ log1p(week) + sex", class_specific="~ log1p(week)")
    return enumerate_classes(spec, frame, (1, 2, 3), starts=6, max_starts=6, seed=1, folds=2)


def by_hand(fit: OrdinalTrajectories, rows: pd.DataFrame, times: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Posterior (k,) and probabilities (k, times, categories) from the reported parameters."""
    table = fit.parameters().set_index(["part", "class", "term"])["estimate"]
    cuts = np.r_[-np.inf, table["threshold"].to_numpy(), np.inf]
    cumulative = expit if fit.spec.link == "logit" else norm.cdf
    logits = np.array([table["membership", 1, "Intercept"], 0.0])
    joint, shares = [], []
    shift = float(table["fixed", 0, "sex[T.m]"]) * (rows["sex"].iloc[0] == "m")
    for g in (1, 2):
        level = float(table["fixed", 1, "Intercept"]) if g == 1 else 0.0
        slope = float(table["fixed", g, "log1p(week)"])

        def probability(week: np.ndarray, level: float = level, slope: float = slope) -> np.ndarray:
            at = level + slope * np.log1p(week) + shift
            return np.diff(cumulative(cuts[None] - at[:, None]), axis=1)

        known = rows.dropna(subset="item")
        p = probability(known["week"].to_numpy())
        joint.append(logits[g - 1] + np.log(p[np.arange(len(known)), known["item"].to_numpy(dtype=int)]).sum())
        shares.append(probability(np.asarray(times)))
    w = np.exp(joint - np.logaddexp.reduce(joint))
    return w, np.array(shares)


@pytest.mark.parametrize("visits", [0, 1, 3])
@pytest.mark.parametrize("link", ["logit", "probit"])
def test_new_persons_are_classified_from_the_items_they_have(frame: pd.DataFrame, visits: int, link: str) -> None:
    spec = OrdinalGrowth(2, "~ log1p(week) + sex", class_specific="~ log1p(week)", link=link)
    fit = spec.fit(frame, starts=4, max_starts=4)
    rows = frame[frame["subject_id"] == 8].astype({"item": float}).assign(subject_id=999)
    rows.iloc[visits:, rows.columns.get_loc("item")] = np.nan
    times = [0.0, 4.0, 12.0]
    w, shares = by_hand(fit, rows, times)
    told = fit.predict(rows)
    assert told.posterior[["p1", "p2"]].to_numpy()[0] == pytest.approx(w, abs=1e-7)
    mixed = np.einsum("k,ktc->tc", w, shares)
    course = told.course(times, new_score=True)
    assert course[["p_0", "p_1", "p_2", "p_3"]].to_numpy() == pytest.approx(mixed, abs=1e-7)
    mean = mixed @ np.arange(4)
    assert course["mean"].to_numpy() == pytest.approx(mean, abs=1e-6)
    assert course["sd"].to_numpy() ** 2 == pytest.approx(mixed @ np.arange(4) ** 2 - mean**2, abs=1e-6)
    cumulated = mixed.cumsum(axis=1)
    assert list(course["upper"]) == [int((c < 0.975 - 1e-12).sum()) for c in cumulated]
    assert list(course["lower"]) == [int((c < 0.025 - 1e-12).sum()) for c in cumulated]
    latent = told.course(times)
    assert (latent["sd"] < course["sd"]).all()
    assert latent["mean"].to_numpy() == pytest.approx(mean, abs=1e-6)
    assert told.at_most(1, times).to_numpy()[0] == pytest.approx(cumulated[:, 1], abs=1e-7)


def test_persons_of_the_fit_get_their_own_posterior(found: Enumeration, frame: pd.DataFrame) -> None:
    fit = found.fits[1]
    assert fit.predict(frame).probabilities == pytest.approx(fit.probabilities, abs=1e-12)
    assert fit.predict().posterior.equals(fit.posterior)


def test_what_a_prediction_cannot_use_is_named(found: Enumeration, frame: pd.DataFrame) -> None:
    fit = found.fits[1]
    with pytest.raises(DesignError, match=r"column item, subject_id 5: 7 is none of the categories .* \(0, 1, 2, 3\)"):
        fit.predict(frame.assign(item=np.where(frame["subject_id"] == 5, 7, frame["item"])))
    with pytest.raises(DesignError, match="sex has x, which the model was not fitted to"):
        fit.predict(frame.assign(sex="x"))
    with pytest.raises(DesignError, match="no column item"):
        fit.predict(frame.drop(columns="item"))
    with pytest.raises(ValueError, match="category 9 is not within 0 to 3"):
        fit.predict().at_most(9, [1.0])


def test_two_classes_are_chosen_and_the_truth_is_found(found: Enumeration, frame: pd.DataFrame) -> None:
    assert found.chosen == 2, found.why
    assert {"bic", "sabic", "aic", "icl", "entropy", "predictive", "link"} <= set(found.table.columns)
    assert found.table.set_index("k").loc[2, "predictive"] > found.table.set_index("k").loc[1, "predictive"] + 20
    truth = frame.drop_duplicates("subject_id")["truth"].to_numpy()
    modal = found.best.posterior["modal"].to_numpy()
    assert (modal == np.where(truth == 2, 1, 2)).mean() > 0.85  # the class with the lower items is the first


def test_one_class_is_chosen_where_there_is_one() -> None:
    """No classes: everybody has the same course."""
    same = classes(260, 4, THRESHOLDS, np.array([[2.0, -1.0]]), np.ones(1))
    assert enumerate_classes(OrdinalGrowth(1, "~ log1p(week)"), same, (1, 2), starts=6, max_starts=6).chosen == 1


def test_the_bootstrap_test_tells_classes_from_none(found: Enumeration) -> None:
    tested = likelihood_ratio(found.fits[0], found.fits[1], 8, starts=2)
    assert tested.p_value == pytest.approx(1 / 9)
    assert (tested.drawn > -0.01).all()
    gaussian = GrowthMixture(2, "score ~ week").fit(_scores(), starts=3)
    with pytest.raises(ValueError, match="models of one kind"):
        likelihood_ratio(found.fits[0], gaussian, 2)


def test_halves_find_the_same_classes(found: Enumeration) -> None:
    halves = split_half(found.fits[1], seed=1)
    assert halves.agreement > 0.85
    assert halves.largest < 1.0
    assert posterior_table(found.fits[1])["odds"].min() > 3
    table = observed(found.fits[1])
    assert np.average(np.abs(table["mean"] - table["fitted"]), weights=table["persons"]) < 0.15


def test_a_page_without_small_counts(found: Enumeration) -> None:
    page = found.fits[1].to_html()
    assert "SYNTHETIC" in page
    assert "2 latent courses of item" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "cumulative logit" in found.fits[1].summary()


def test_kinds_of_models_are_not_compared_nor_mixed_up(found: Enumeration, tmp_path: Path) -> None:
    gaussian = GrowthMixture(1, "score ~ week").fit(_scores())
    with pytest.raises(ValueError, match="cumulative logit against gaussian"):
        found.fits[1].compare(gaussian)
    found.fits[1].save(tmp_path / "item")
    with pytest.raises(TypeError, match="holds OrdinalTrajectories, not Trajectories"):
        Trajectories.load(tmp_path / "item")
    again = OrdinalTrajectories.load(tmp_path / "item")
    assert json.dumps(again.criteria()) == json.dumps(found.fits[1].criteria())


def test_outcomes_and_predictors_of_classes_of_an_item(found: Enumeration, frame: pd.DataFrame) -> None:
    """Two-step with an item: the outcome's risks are 0.8 and 0.2, sex has nothing to do with the class."""
    fit = found.fits[1]
    people = frame.drop_duplicates("subject_id")[["subject_id", "truth", "sex"]]
    rng = np.random.default_rng(0)
    people = people.assign(relapsed=(rng.random(len(people)) < np.where(people["truth"] == 1, 0.8, 0.2)).astype(float))
    contrast = ClassOutcome("relapsed ~ 1", family="binary").fit(fit, people).contrast(2, 1).set_index("measure")
    difference = contrast.loc["difference"]
    assert difference["lower"] < 0.6 < difference["upper"]
    assert difference["lower"] > 0.3
    table = ClassMembership("~ sex").fit(fit, people).parameters()
    row = table[table["term"].str.contains("sex")].iloc[0]
    assert abs(row["estimate"]) < 3 * row["se"]


def _scores() -> pd.DataFrame:
    from analysis.trajectories.simulate import mixture

    return mixture(80, seed=1)
