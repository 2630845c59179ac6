"""Randomised treatments against invented truth: how many fail in each arm, and whether treatment moves the courses.

Courses are those of the trajectory tests (30 % failure); the arm is drawn given the true class, or acts on the course.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.plan import read_plan
from analysis.trajectories.simulate import mixture
from analysis.treatment_failure.finding_section import treatment_tables
from analysis.treatment_failure.section import Classes
from analysis.treatment_failure.treatments import contrast, randomised, treatments
from tests.analysis.trajectories.test_run import TWO
from tests.analysis.treatment_failure.cohorts import classes_of

N = 500


def classes(snri_if_failing: float, slower: float) -> tuple[Classes, pd.DataFrame]:
    """Persons of iSPOT-D; P(SNRI) is one half, or `snri_if_failing`; on SNRI points are added by log(1 + t)."""
    drawn = mixture(N, 5, TWO)
    truth = drawn.groupby("subject_id", sort=False)["truth"].first()
    failing = truth == 2
    rng = np.random.default_rng(2)
    snri = pd.Series(rng.random(N) < np.where(failing, snri_if_failing, 0.5), index=truth.index)
    drawn["score"] += slower * drawn["subject_id"].map(snri) * np.log1p(drawn["week"])
    return classes_of(drawn, (2,), snri=snri), pd.DataFrame({"failing": failing, "snri": snri})


def test_the_contrast_is_that_of_the_true_classes() -> None:
    """Against the cross-table of true class and arm, which nobody sees; classes are far apart (entropy near 1)."""
    found, truth = classes(0.8, 0.0)
    people = randomised(found, "ispotd", "SSRI", "SNRI")
    row = contrast(found, people)
    share = 100 * truth.groupby("snri")["failing"].mean()
    assert row["first %"] == pytest.approx(share[False], abs=2.5)
    assert row["second %"] == pytest.approx(share[True], abs=2.5)
    assert row["difference"] == pytest.approx(float(row["first %"]) - float(row["second %"]))  # type: ignore[arg-type]
    assert float(row["to"]) < 0, "failures got SNRI more often"  # type: ignore[arg-type]
    assert row["p"] < 0.001  # type: ignore[operator]
    # the plain interval of two proportions, which knows the classes, is a little narrower
    n = truth.groupby("snri").size()
    half = 1.96 * np.sqrt(sum(share[s] * (100 - share[s]) / n[s] for s in (False, True)))
    assert (float(row["to"]) - float(row["from"])) / 2 == pytest.approx(half, rel=0.15)  # type: ignore[arg-type]
    assert row["persons"] == f"{n[False]} and {n[True]}"
    assert len(randomised(found, "predict", "CBT", "drug")) == 0


@pytest.mark.parametrize(("slower", "words"), [(0.0, "count as the same"), (1.5, "do not count as the same")])
def test_a_treatment_that_moves_courses_is_told_from_one_that_does_not(slower: float, words: str) -> None:
    """1.5 points by log(1 + 8) are 3.3 at week 8, above the border of 2; 0 are none."""
    found, _ = classes(0.5, slower)
    made = treatments(read_plan(), found, 1.0, lambda what: None)
    [said] = made.said
    assert f"the classes {words} in both arms" in said
    last = made.nested.set_index("model")
    assert last.loc["+ treatment × slope", "arms apart"] == pytest.approx(slower * np.log(9), abs=0.8)
    assert (last["LR p"].iloc[-1] < 0.001) == (slower > 0)
    assert (last["loglik"].diff().dropna() > -0.05).all(), "nested models do not get worse"
    tables = treatment_tables(made)
    assert [t.name for t in tables] == ["treatments", "treatment-models"]
