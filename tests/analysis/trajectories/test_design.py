"""From frame to matrices and back: errors that name things, and coordinates that change nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.trajectories import DesignError, GrowthMixture
from analysis.trajectories.design import build
from analysis.trajectories.simulate import mixture

LINE = "score ~ week + I(week**2)"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    found = mixture(200, seed=2)
    person = found["subject_id"]
    found["baseline"] = rng.normal(20, 4, 200)[person]
    found["study_id"] = np.array(["a", "b", "c"])[rng.integers(0, 3, 200)][person]
    found["site"] = rng.integers(0, 25, 200)[person]
    found["weight"] = rng.uniform(0.5, 2, 200)[person]
    return found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, "at least one class"),
        ({"covariance": "free"}, "none of common, proportional, class"),
        ({"residual": "person"}, "none of common, study, class"),
        ({"fixed": "~ week"}, "names no score"),
        ({"family": "censored"}, "needs a floor or a ceiling"),
    ],
)
def test_a_specification_that_cannot_be_meant_is_refused(change: dict, message: str) -> None:
    with pytest.raises(DesignError, match=message):
        GrowthMixture(**{"k": 2, "fixed": LINE} | change)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"fixed": "score ~ weeks"}, "no column weeks; it has subject_id"),
        (
            {"fixed": "score ~ week + I(2 * week)"},
            r"fixed column I\(2 \* week\) is a linear combination of those before",
        ),
        ({"class_specific": "~ study_id"}, r"class_specific has study_id\[T.b\], .* not in fixed"),
        ({"membership": "~ week"}, "column week belongs to the person but changes within subject_id 0 from 0.0 to"),
        ({"fixed": "score ~ week + 0 * "}, "the fixed formula .* cannot be read"),
        ({"fixed": "score ~ log1p(week - 1)"}, "log1p: -1 is not above -1"),
    ],
)
def test_a_frame_that_does_not_fit_is_refused(frame: pd.DataFrame, spec: dict, message: str) -> None:
    with pytest.raises(DesignError, match=message):
        build(GrowthMixture(**{"k": 2, "fixed": LINE} | spec), frame)


def test_a_missing_covariate_is_named_with_row_and_person(frame: pd.DataFrame) -> None:
    broken = frame.copy()
    broken.loc[7, "baseline"] = np.nan
    person = broken.loc[7, "subject_id"]
    with pytest.raises(DesignError, match=rf"baseline is missing in 1 of .* row 7, subject_id {person}\); fill it"):
        build(GrowthMixture(1, f"{LINE} + baseline"), broken)


def test_a_missing_score_only_takes_its_row_out(frame: pd.DataFrame) -> None:
    broken = frame.astype({"score": "Float64"})
    broken.loc[broken["subject_id"] == 3, "score"] = pd.NA
    broken.loc[0, "score"] = pd.NA
    design = build(GrowthMixture(1, LINE), broken)
    lost = int((frame["subject_id"] == 3).sum()) + 1
    assert design.counts["rows_without_score"] == lost
    assert design.counts["persons_without_score"] == 1
    assert design.n == 199


SHAPES = [
    {"random": "~ week"},
    {"random": "~ week", "class_specific": "~ 1"},
    {"random": "~ log1p(week)", "diagonal": True, "fixed": "score ~ log1p(week) + week"},
    {"random": "~ week", "residual": "study", "fixed": f"{LINE} + baseline + study_id", "class_specific": "~ week"},
    {"random": "~ week", "covariance": "proportional", "membership": "~ baseline"},
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_other_units_of_time_and_score_give_the_same_fit(frame: pd.DataFrame, shape: dict) -> None:
    spec = GrowthMixture(**{"k": 2, "fixed": LINE} | shape)
    ours = spec.fit(frame, starts=10, seed=1)
    other = frame.assign(score=frame["score"] * 40 + 1000)
    theirs = spec.fit(other, starts=10, seed=1)
    assert theirs.loglik == pytest.approx(ours.loglik - len(frame) * np.log(40), abs=1e-6)
    a, b = ours.parameters(), theirs.parameters()
    factor = np.where(a["part"] == "membership", 1, np.where(a["part"] == "covariance", 1600, 40))
    shift = np.where((a["part"] == "fixed") & (a["term"] == "Intercept"), 1000, 0)
    assert list(b["estimate"]) == pytest.approx(list(a["estimate"] * factor + shift), rel=1e-5, abs=1e-4)
    assert list(b["se"]) == pytest.approx(list(a["se"] * factor), rel=1e-5)


def test_errors_in_the_units_of_the_frame_are_those_of_a_direct_inverse(frame: pd.DataFrame) -> None:
    # the information in the units of the frame, by differences of the log-likelihood over the reported parameters
    result = GrowthMixture(1, "score ~ week", random="~ 1").fit(frame)
    table = result.parameters()
    x = np.column_stack([np.ones(len(frame)), frame["week"]])
    y, codes = frame["score"].to_numpy(), frame["subject_id"].to_numpy()
    visits = np.bincount(codes)

    def loglik(p: np.ndarray) -> float:
        r = y - x @ p[:2]
        s2, d = p[3] ** 2, p[2]
        inner = s2 + visits * d
        sums = np.bincount(codes, r)
        quadratic = (r @ r - (d / inner * sums**2).sum()) / s2
        return -0.5 * (len(y) * np.log(2 * np.pi) + ((visits - 1) * np.log(s2) + np.log(inner)).sum() + quadratic)

    at = table["estimate"].to_numpy()
    assert loglik(at) == pytest.approx(result.loglik, abs=1e-7)
    h = 1e-4
    information = np.zeros((4, 4))
    for i in range(4):
        for j in range(4):
            e, f = h * np.eye(4)[i], h * np.eye(4)[j]
            corners = loglik(at + e + f) - loglik(at + e - f) - loglik(at - e + f) + loglik(at - e - f)
            information[i, j] = -corners / (4 * h * h)
    assert list(table["se"]) == pytest.approx(list(np.sqrt(np.diag(np.linalg.inv(information)))), rel=1e-4)


def test_weights_that_repeat_persons_are_repeated_persons(frame: pd.DataFrame) -> None:
    spec = GrowthMixture(2, LINE, random="~ week", weights="times")
    twice = frame["subject_id"] % 2 == 0
    weighted = spec.fit(frame.assign(times=np.where(twice, 2.0, 1.0)), starts=10, seed=1)
    copies = pd.concat([frame, frame[twice].assign(subject_id=frame["subject_id"] + 1000)])
    plain = GrowthMixture(2, LINE, random="~ week").fit(copies, starts=10, seed=1)
    assert weighted.loglik == pytest.approx(plain.loglik, abs=1e-6)
    assert list(weighted.parameters()["estimate"]) == pytest.approx(list(plain.parameters()["estimate"]), rel=1e-4)


def test_order_of_rows_and_persons_changes_nothing(frame: pd.DataFrame) -> None:
    spec = GrowthMixture(1, LINE, random="~ week")
    shuffled = spec.fit(frame.sample(frac=1, random_state=1))
    assert shuffled.loglik == pytest.approx(spec.fit(frame).loglik, abs=1e-8)


@pytest.mark.parametrize("basis", ["ns(week, df=3)", "piecewise(week, 2, 6)", "poly(week, 3)", "log1p(week) + week"])
def test_bases_of_time_are_remembered_for_new_times(frame: pd.DataFrame, basis: str) -> None:
    result = GrowthMixture(1, f"score ~ {basis}").fit(frame)
    few = result.courses([0.0, 2.0, 12.0])["mean"].to_numpy()
    many = result.courses(np.arange(13.0))["mean"].to_numpy()
    assert few == pytest.approx(many[[0, 2, 12]], abs=1e-9)


def test_a_natural_spline_is_linear_beyond_its_ends(frame: pd.DataFrame) -> None:
    result = GrowthMixture(1, "score ~ ns(week, df=4)").fit(frame)
    beyond = result.courses([12.0, 13.0, 14.0, 15.0])["mean"].to_numpy()
    assert np.diff(beyond, 2) == pytest.approx(0, abs=1e-8)
    inside = result.courses([2.0, 3.0, 4.0, 5.0])["mean"].to_numpy()
    assert np.abs(np.diff(inside, 2)).max() > 1e-3
