"""Aim A's rows against statsmodels where classes are known, merged states against differences, pooling by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from analysis.treatment_failure.aim_a import (
    EVENTS_PER_PARAMETER,
    M1,
    Contrast,
    contrast,
    half_width,
    pooled,
    three_rows,
    three_states,
)
from analysis.twostep import ClassStep


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 1_200
    frame = pd.DataFrame({c: rng.normal(size=n) for c in (*M1, "entry_hrsd17", "exit_one")})
    frame["subject_id"], frame["study_id"] = [f"p{i}" for i in range(n)], "stard"
    frame["course"] = rng.integers(0, 3, n)
    eta = -0.5 - 0.7 * (frame["course"] == 0) + 0.4 * frame["age"] - 0.3 * frame["entry_hrsd17"]
    frame["remitted"] = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float)
    frame.loc[rng.random(n) < 0.1, "remitted"] = np.nan
    return frame


def known(people: pd.DataFrame) -> ClassStep:
    return ClassStep.known(pd.Index(people["subject_id"]), np.eye(3)[people["course"]])


@pytest.mark.parametrize("model", ["M0", "M1", "M2"])
def test_known_classes_give_the_standardised_difference_of_a_logistic_regression(
    people: pd.DataFrame, model: str
) -> None:
    found = contrast(model, known(people), people, [1], [2])
    terms = {"M0": [], "M1": list(M1), "M2": [*M1, "entry_hrsd17", "exit_one"]}[model]
    dummies = np.eye(3)[people["course"]]
    x = np.column_stack([dummies, people[terms]])
    seen = people["remitted"].notna().to_numpy()
    fit = sm.GLM(people["remitted"][seen], x[seen], family=sm.families.Binomial()).fit()
    risk = []
    for g in (0, 1):
        put = x.copy()
        put[:, :3] = np.eye(3)[g]
        risk.append(fit.predict(put).mean())
    assert found.estimate == pytest.approx(risk[0] - risk[1], abs=1e-7)
    assert found.ratio == pytest.approx(risk[0] / risk[1], abs=1e-6)
    assert (found.n, found.seen) == (1_200, int(seen.sum()))


def test_crude_error_is_that_of_two_proportions(people: pd.DataFrame) -> None:
    found = contrast("M0", known(people), people, [1], [2])
    by = people[people["remitted"].notna()].groupby("course")["remitted"]
    variance = by.mean() * (1 - by.mean()) / by.size()
    assert found.se == pytest.approx(float(np.sqrt(variance[0] + variance[1])), rel=1e-6)
    assert found.lower < found.estimate < found.upper


def test_merged_states_have_summed_probabilities_and_their_slopes() -> None:
    rng = np.random.default_rng(2)
    direction, phi = rng.normal(size=(5, 2)), np.array([0.3, -0.2])
    base = rng.normal(size=(4, 5))

    def p_at(value: np.ndarray) -> np.ndarray:
        e = np.exp(base + direction @ value)
        return e / e.sum(axis=1, keepdims=True)

    p = p_at(phi)
    slopes = direction[None] - np.einsum("nk,kf->nf", p, direction)[:, None]
    step = ClassStep(pd.Index(list("abcd")), p, slopes, np.zeros((2, 4)), np.eye(2))
    merged = three_states(step, [5, 4], [3])
    groups = [[4, 3], [2], [0, 1]]
    assert np.allclose(merged.p, np.stack([p[:, g].sum(axis=1) for g in groups], axis=1))
    h = 1e-6
    for f in range(2):
        e = np.zeros(2)
        e[f] = h
        up, down = (np.stack([p_at(phi + s * e)[:, g].sum(axis=1) for g in groups], axis=1) for s in (1, -1))
        assert np.allclose(merged.slopes[:, :, f], (np.log(up) - np.log(down)) / (2 * h), atol=1e-7)
    with pytest.raises(ValueError, match="partial response"):
        three_states(step, [5], [])


def test_pooled_is_the_mean_by_inverse_variance_and_shared_people_count_once() -> None:
    nan = float("nan")
    rows = [
        Contrast("M0", e, se, 9, 9, 4, 0.2, 0.3, nan, nan, nan, "", pd.Series([se / 2**0.5, -se / 2**0.5], index=ids))
        for e, se, ids in ((-0.1, 0.1, ["a", "b"]), (-0.3, 0.2, ["c", "d"]))
    ]
    whole = pooled(rows, "M0")
    assert whole is not None
    assert whole.estimate == pytest.approx((-0.1 * 100 - 0.3 * 25) / 125)
    assert whole.se == pytest.approx((1 / 125) ** 0.5)
    assert pooled(rows[:1], "M0") is None
    shared = [rows[0], replace(rows[1], influence=rows[1].influence.set_axis(["a", "b"]))]
    together = pooled(shared, "M0")
    assert together is not None
    assert together.se > whole.se


def test_few_events_are_said_and_not_pooled(people: pd.DataFrame) -> None:
    few = people.iloc[:60]
    row = contrast("M2", known(people), few, [1], [2])
    assert row.events_per_parameter < EVENTS_PER_PARAMETER
    assert "overfitted" in row.problems
    whole = contrast("M2", known(people), people, [1], [2])
    assert "overfitted" not in whole.problems
    assert pooled([row, whole], "M2") is None


def test_an_outcome_nobody_has_leaves_a_row_with_its_reason(people: pd.DataFrame) -> None:
    row = contrast("M1", known(people), people.assign(remitted=np.nan), [1], [2])
    assert np.isnan(row.estimate)
    assert row.problems


def test_studies_enter_adjusted_models_only(people: pd.DataFrame) -> None:
    two = people.assign(study_id=np.where(people.index % 2, "stard", "predict"))
    fits = [c.fit for c in three_rows(known(people), two, [1], [2])]
    names = [f.ready.rows.names for f in fits if f is not None]
    assert [any("study_id" in n for n in x) for x in names] == [False, True, True]


def test_width_expected_beforehand_is_that_of_two_proportions(people: pd.DataFrame) -> None:
    step = known(people)
    sizes = people["course"].value_counts()
    by_hand = 1.96 * (0.25 * 0.75 * (1 / sizes[0] + 1 / sizes[1])) ** 0.5
    assert half_width(step, pd.Index(people["subject_id"]), [1], [2]) == pytest.approx(by_hand)
