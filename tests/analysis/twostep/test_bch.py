"""What BCH says when it fails, and when there is no error to undo."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.trajectories.inference import InferenceError
from analysis.twostep import ClassOutcome, ClassStep, bch, compare


def frame(n: int = 200) -> tuple[ClassStep, pd.DataFrame]:
    rng = np.random.default_rng(1)
    certain = np.clip(rng.beta(1, 1, n), 0.02, 0.98)
    p = np.column_stack([certain, 1 - certain])
    people = pd.DataFrame({"subject_id": np.arange(n), "x": rng.normal(size=n)})
    people["z"] = (rng.random(n) < 0.5).astype(float)
    return ClassStep.known(pd.Index(people["subject_id"]), p), people


def test_class_means_solve_the_error_equations_by_hand() -> None:
    step, people = frame()
    fit = bch(ClassOutcome("z ~ 1"), step, people)
    w = (step.p == step.p.max(axis=1, keepdims=True)).astype(float)
    joint = step.p.T @ w / len(w)
    d = joint / joint.sum(axis=1, keepdims=True)
    star = w @ np.linalg.inv(d)
    by_hand = star.T @ people["z"] / star.sum(axis=0)
    assert list(fit.margins()["mean"]) == pytest.approx(list(by_hand), abs=1e-9)
    assert star.sum(axis=1) == pytest.approx(1.0)
    assert np.isnan(fit.loglik)


@pytest.mark.parametrize("family", ["binary", "normal"])
def test_without_error_it_is_the_two_step_estimate(family: str) -> None:
    _, people = frame()
    known = ClassStep.known(pd.Index(people["subject_id"]), np.eye(2)[(people["x"] > 0).astype(int)])
    spec = ClassOutcome("z ~ x", family=family)
    a, b = spec.fit(known, people), bch(spec, known, people)
    mine = b.parameters()
    theirs = a.parameters().iloc[: len(mine)]
    assert list(mine["estimate"]) == pytest.approx(list(theirs["estimate"]), abs=1e-6)
    assert list(mine["se"]) == pytest.approx(list(theirs["se"]), rel=1e-5)


def test_a_probability_outside_0_to_1_is_named_and_not_shown() -> None:
    step, people = frame()
    people["z"] = (step.p[:, 0] > 0.45).astype(float)
    spec = ClassOutcome("z ~ 1")
    fit = bch(spec, step, people)
    assert not fit.admissible
    assert "inadmissible: its mean outcome" in " ".join(map(str, fit.problems))
    assert fit.parameters()["estimate"].isna().all()
    with pytest.raises(InferenceError, match="negative weights outweigh"):
        fit.contrast(1, 2)
    table = compare(spec, step, people, 1, 2, seed=1).set_index("estimator")
    assert table.loc["BCH (check)", "estimate"].isna().all()
    assert table.loc["BCH (check)", "problems"].str.contains("inadmissible").all()


def test_a_negative_variance_is_named() -> None:
    step, people = frame()
    # the outcome varies only where class 1 is likely, with means that cannot be of class 2
    people["z"] = np.where(step.p[:, 0] > 0.5, 4.0 * np.sign(people["x"]), 0.0)
    fit = bch(ClassOutcome("z ~ 1", family="normal"), step, people)
    assert "residual variance is -" in " ".join(map(str, fit.problems))
    assert not fit.admissible


def test_classes_that_assignments_do_not_tell_apart() -> None:
    _, people = frame()
    step = ClassStep.known(pd.Index(people["subject_id"]), np.full((200, 2), 0.5))
    fit = bch(ClassOutcome("z ~ 1"), step, people)
    assert "D: the error matrix is singular" in " ".join(map(str, fit.problems))
    assert not fit.converged


def test_assignment_is_one_of_two() -> None:
    step, people = frame()
    with pytest.raises(ValueError, match="assignment = 'soft' is none of modal, proportional"):
        bch(ClassOutcome("z ~ 1"), step, people, assignment="soft")
