"""The class step can come out negative: no class is failure, one class describes all, a label that does not hold.

Courses are invented, 1, week and week squared; in words the answers are those of the plan.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analysis.trajectories import labels
from analysis.trajectories.simulate import Courses, mixture
from tests.analysis.trajectories.test_run import TWO
from tests.analysis.treatment_failure.cohorts import classes_of

RESPONSE = [16.0, -1.9, 0.08]


def courses(second: list[float]) -> Courses:
    return replace(TWO, means=np.array([RESPONSE, second]), shares=np.array([0.6, 0.4]))


def test_the_worse_of_two_classes_is_not_promoted_to_failure() -> None:
    """It loses 40 % by the last week: a partial response, however bad beside the other."""
    found = classes_of(mixture(300, 1, courses([16.0, -0.58, 0.0])), (2,))
    assert set(found.labels) == {labels.RAPID, labels.PR} or set(found.labels) == {labels.GRADUAL, labels.PR}
    assert found.verdict.startswith("no TF class: 2 classes")
    assert found.numbered(labels.TF) == []
    assert found.persons["p_tf"].max() == 0
    assert 0 < found.persons["q_one"].mean() < 1, "q is asked all the same"


def test_one_class_is_no_failure_but_a_continuum() -> None:
    one = replace(TWO, means=np.array([[16.0, -0.9, 0.02]]), shares=np.array([1.0]))
    found = classes_of(mixture(300, 1, one), (1, 2))
    assert found.verdict == "no TF class: one class describes the courses best, a continuum"


def test_a_label_at_the_border_is_called_uncertain_and_a_clear_one_is_not() -> None:
    """The second course loses 24 % of the baseline at T, beside the border of 25; in TWO it loses next to nothing."""
    border = classes_of(mixture(300, 3, courses([16.2, -0.36, 0.0])), (2,), replicates=20)
    assert labels.TF in border.labels
    assert "label uncertain, kept in" in border.verdict
    assert 0.3 < min(border.agreement) < 0.8
    clear = classes_of(mixture(300, 3, TWO), (2,), replicates=10)
    assert labels.TF in clear.labels
    assert "uncertain" not in clear.verdict
