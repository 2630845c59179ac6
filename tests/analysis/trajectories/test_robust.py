"""Awkward data: units, few persons, one visit, floors, errors in the scores. Nothing crashes, everything is named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.trajectories import DesignError, GrowthMixture, Trajectories
from analysis.trajectories.simulate import mixture

LINE = "score ~ week + I(week**2)"
FEW = {"starts": 6, "max_starts": 6, "seed": 1}


def fit(
    frame: pd.DataFrame, k: int = 2, fixed: str = LINE, random: str | None = "~ week", **more: object
) -> Trajectories:
    found = GrowthMixture(k, fixed, random=random, **more).fit(frame, **FEW)  # type: ignore[arg-type]
    # whatever the solution is worth, it can be shown
    found.parameters("sandwich")
    found.courses()
    assert found.summary()
    return found


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return mixture(120, seed=1)


@pytest.mark.parametrize("k", [1, 2])
def test_scales_and_origins_change_nothing(frame: pd.DataFrame, k: int) -> None:
    base, rows = fit(frame, k), len(frame)
    others = {
        "score x 1000": (frame.assign(score=frame["score"] * 1000), np.log(1000)),
        "score x 1e-6": (frame.assign(score=frame["score"] * 1e-6), np.log(1e-6)),
        "score + 1e6": (frame.assign(score=frame["score"] + 1e6), 0.0),
        "days since 1900": (frame.assign(week=frame["week"] * 7 + 45_000), 0.0),
        "seconds": (frame.assign(week=frame["week"] * 604_800), 0.0),
    }
    for name, (other, shift) in others.items():
        found = fit(other, k)
        assert found.loglik == pytest.approx(base.loglik - rows * shift, abs=1e-5), name
        assert found.probabilities == pytest.approx(base.probabilities, abs=1e-5), name
        assert found.admissible == base.admissible, name


@pytest.mark.parametrize("persons", [1, 2, 8])
def test_a_handful_of_persons_is_not_admissible(frame: pd.DataFrame, persons: int) -> None:
    found = fit(frame[frame["subject_id"] < persons])
    assert not found.admissible
    assert any(p.parameter.startswith("class") and "take fewer classes" in p.remedy for p in found.problems)


def test_one_visit_each_leaves_no_random_effects(frame: pd.DataFrame) -> None:
    once = frame.groupby("subject_id").sample(1, random_state=1)
    found = fit(once, 1)
    assert not found.admissible
    assert any("nobody has two scores" in p.what and "random=None" in p.remedy for p in found.problems)
    assert fit(once, 1, random=None).admissible
    first = frame.groupby("subject_id").head(1)
    with pytest.raises(DesignError, match="fixed column week is zero everywhere; leave it out"):
        fit(first, 1)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.inf, r"column score, row 5, subject_id 0: inf is no score; correct it"),
        ("severe", r"column score, row 5, subject_id 0: 'severe' is no score"),
    ],
)
def test_a_score_that_is_none_is_named(frame: pd.DataFrame, value: object, message: str) -> None:
    broken = frame.astype({"score": object})
    broken.loc[5, "score"] = value
    with pytest.raises(DesignError, match=message):
        fit(broken, 1)


def test_a_code_for_missing_among_the_scores_is_pointed_at_but_not_on_a_page(frame: pd.DataFrame) -> None:
    broken = frame.copy()
    broken.loc[5, "score"] = 999.0
    found = fit(broken, 1)
    [told] = [p for p in found.problems if p.parameter == "scores score"]
    assert "the farthest 999 of subject_id 0, week" in str(told)
    assert found.admissible  # a reader decides
    page = found.to_html()
    assert "1 lie more than 12 standard deviations from the pooled course; correct" in page
    assert "farthest" not in page


def test_rows_that_repeat_a_time_are_pointed_at(frame: pd.DataFrame) -> None:
    assert not any(p.parameter == "rows" for p in fit(frame, 1).problems)
    found = fit(pd.concat([frame, frame.iloc[[3]]]), 1)
    assert any(p.parameter == "rows" and "1 repeat a person's time" in p.what for p in found.problems)


def test_too_rich_a_curve_names_the_column(frame: pd.DataFrame) -> None:
    nine = " + ".join(f"I(week**{j})" for j in range(1, 10))
    with pytest.raises(DesignError, match=r"fixed column I\(week \*\* 9\) is a linear combination"):
        fit(frame, 1, f"score ~ {nine}")
    with pytest.raises(DesignError, match="nothing left to model"):
        fit(frame.assign(score=5.0), 1)
    six = " + ".join(f"I(week**{j})" for j in range(1, 7))
    assert fit(frame, 1, f"score ~ {six}").admissible


def test_scores_censored_on_both_sides_converge(frame: pd.DataFrame) -> None:
    clipped = frame.assign(score=frame["score"].clip(0, 15))
    found = fit(clipped, 2, family="censored", floor=0.0, ceiling=15.0)
    assert not any("not converged" in p.what for p in found.problems)
    assert found.search.replication >= 3
