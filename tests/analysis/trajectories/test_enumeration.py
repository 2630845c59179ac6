"""The number of classes, tests by bootstrap, and how fits are shown."""

from __future__ import annotations

import joblib
import numpy as np
import pandas as pd
import pytest

from analysis.trajectories import GrowthMixture, labels
from analysis.trajectories.bootstrap import label_stability, likelihood_ratio, simulate_scores
from analysis.trajectories.enumeration import Enumeration, choose, enumerate_classes
from analysis.trajectories.simulate import continuum, mixture

SPEC = GrowthMixture(1, "score ~ week + I(week**2)", random="~ week")


@pytest.fixture(scope="module")
def found() -> Enumeration:
    return enumerate_classes(SPEC, mixture(500, seed=1), (1, 2, 3, 4), starts=20, seed=1, folds=3)


def test_the_table_has_every_criterion(found: Enumeration) -> None:
    table = found.table.set_index("k")
    fit = found.fits[3]
    assert table.loc[4, "bic"] == pytest.approx(-2 * fit.loglik + 19 * np.log(500))
    assert table.loc[4, "aic"] == pytest.approx(-2 * fit.loglik + 38)
    assert table.loc[4, "sabic"] == pytest.approx(-2 * fit.loglik + 19 * np.log(502 / 24))
    p = fit.probabilities
    uncertainty = -(p * np.log(p)).sum()
    assert table.loc[4, "icl"] == pytest.approx(table.loc[4, "bic"] + 2 * uncertainty)
    assert table.loc[4, "entropy"] == pytest.approx(1 - uncertainty / (500 * np.log(4)))
    assert table["loglik"].is_monotonic_increasing
    # scores of other persons are always harder to foresee than one's own
    assert (table["predictive"] < table["loglik"]).all()
    assert table.loc[3, "predictive"] > table.loc[1, "predictive"] + 20


@pytest.mark.parametrize(
    ("bic", "admissible", "expected"),
    [
        ([120, 109, 100, 105], [True, True, True, True], 2),
        ([120, 111, 100, 105], [True, True, True, True], 3),
        ([120, 109, 100, 105], [True, False, True, True], 3),
        ([120, 130, 100, 105], [True, True, False, False], 1),
        ([120, 130, 100, 105], [False, False, False, False], None),
    ],
)
def test_the_smallest_admissible_within_ten_points_is_chosen(bic: list, admissible: list, expected: int | None) -> None:
    chosen, why = choose(pd.DataFrame({"k": [1, 2, 3, 4], "bic": bic, "admissible": admissible}))
    assert chosen == expected
    assert why


def test_one_class_is_chosen_where_there_is_one() -> None:
    spec = GrowthMixture(1, "score ~ log1p(week) + week", random="~ log1p(week)")
    assert enumerate_classes(spec, continuum(400, seed=4), (1, 2, 3), starts=20, seed=1).chosen == 1


def test_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="unweighted"):
        enumerate_classes(GrowthMixture(1, "score ~ week", weights="w"), mixture(50, seed=1))


def test_the_bootstrap_test_tells_classes_from_none(found: Enumeration) -> None:
    said: list[str] = []
    one_two = likelihood_ratio(found.fits[0], found.fits[1], 12, starts=5, progress=said.append)
    assert one_two.p_value == pytest.approx(1 / 13)
    assert said[-1].endswith("12 of 12")
    spec = GrowthMixture(1, "score ~ week", random="~ week")
    frame = continuum(150, seed=4)
    frame["score"] = simulate_scores(spec.fit(frame).design, spec.fit(frame).phi, np.random.default_rng(1))
    small, large = spec.fit(frame), spec.with_classes(2).fit(frame, starts=10)
    under_null = likelihood_ratio(small, large, 12, starts=5)
    assert under_null.p_value > 1 / 13
    assert (under_null.drawn > -0.01).all()
    with pytest.raises(ValueError, match="one class more"):
        likelihood_ratio(found.fits[0], found.fits[2], 2)


def test_the_bootstrap_test_does_not_depend_on_the_number_of_workers(found: Enumeration) -> None:
    with joblib.parallel_config(backend="threading"):  # processes take seconds to start
        one, two = (likelihood_ratio(found.fits[0], found.fits[1], 4, starts=3, jobs=j).drawn for j in (1, 2))
    assert np.array_equal(one, two)


def test_scores_drawn_from_a_fit_look_like_it(found: Enumeration) -> None:
    fit = found.fits[3]
    rng = np.random.default_rng(2)
    drawn = np.stack([simulate_scores(fit.design, fit.phi, rng) for _ in range(40)])
    expected = (fit.prior @ (fit.design.to.beta(fit.natural.beta[0]) @ fit.design.x.T)).mean(axis=0)
    start = fit.design.time == 0
    assert drawn.mean(axis=0)[start].mean() == pytest.approx(expected[start].mean(), abs=0.1)
    assert drawn[:, start].std() == pytest.approx(fit.design.y[start].std(), rel=0.05)


def test_labels_are_applied_anew_in_every_refit(found: Enumeration) -> None:
    stable = label_stability(found.fits[3], baseline=15.5, replicates=20, seed=1)
    assert set(stable.labels) <= set(labels.LABELS)
    assert stable.labels[2] == labels.TF
    assert stable.replicates.shape == (20, 4)
    by_hand = [(stable.replicates[f"class {g + 1}"] == stable.labels[g]).mean() for g in range(4)]
    assert list(stable.agreement) == by_hand
    assert stable.uncertain == tuple(a < 0.8 for a in by_hand)


def test_a_fit_is_shown_without_small_counts(found: Enumeration, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = found.fits[3]
    text = fit.summary()
    assert f"{fit.loglik:.4f}" in text
    page = fit.to_html()
    assert "SYNTHETIC" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    sizes = [str(n) for n in fit.classes["persons"]]
    assert all(f"<td>{n}</td>" in page for n in sizes)
    monkeypatch.setenv("TRD_MIN_CELL", str(int(fit.classes["persons"].min()) + 1))
    hidden = fit.to_html()
    smallest = str(int(fit.classes["persons"].min()))
    assert f"<td>{smallest}</td>" not in hidden


def test_fits_of_other_scores_are_not_compared(found: Enumeration) -> None:
    assert list(found.fits[0].compare(*found.fits[1:])["k"]) == [1, 2, 3, 4]
    other = SPEC.fit(mixture(500, seed=2))
    with pytest.raises(ValueError, match="not of the same scores"):
        found.fits[0].compare(other)
