"""MARS in worlds where treatment failure goes with resistance, and where it does not. SYNTHETIC."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.plan import read_plan
from analysis.report.figures import svg
from analysis.resistance import later, run, verdict
from analysis.resistance.before import Failing, on_scores, on_trials, part_whole, share_with
from analysis.resistance.run import ClassStep, analyse
from analysis.resistance.section import section
from analysis.trajectories import labels
from analysis.trajectories.cohort import Cohort, specification
from analysis.trajectories.run import rule_of
from analysis.treatment_failure.section import check
from validate.mars_worlds import draw

N, SEED = 2500, 1
PLAN = read_plan()


def _world(name: str) -> tuple[Failing, pd.DataFrame, Cohort]:
    """Three classes, as enumeration chooses them in these worlds at this size (`validate/resistance.py` enumerates)."""
    drawn = draw(name, N, SEED)
    cohort = Cohort("mars", drawn.scores, "HRSD17", {}, ())
    fit = specification(PLAN, cohort).with_classes(3).fit(drawn.scores, starts=6, max_starts=6, seed=SEED)
    named = fit.labels(cohort.mean_baseline, rule_of(PLAN))
    failing = Failing(fit, tuple(g + 1 for g, label in enumerate(named) if label == labels.TF))
    people = drawn.people
    inside = people["is_evaluable"] & people["subject_id"].isin(fit.design.persons)
    return failing, people[inside].reset_index(drop=True), cohort


@pytest.fixture(scope="module")
def w0() -> tuple[Failing, pd.DataFrame, Cohort]:
    return _world("W0")


@pytest.fixture(scope="module")
def w2() -> tuple[Failing, pd.DataFrame, Cohort]:
    return _world("W2")


def test_where_failed_trials_go_with_the_course_it_is_said(w0: tuple) -> None:
    failing, people, _ = w0
    table = on_trials(failing, people)
    assert (table.loc[table["quantity"] == "per trial", "lower"] > 0).all()
    assert verdict.about_trials(table).endswith("treatment failure goes with resistance in the episode.")
    reverse = share_with(failing, people)
    assert (reverse["estimate"] > 0).all()


def test_where_they_go_with_severity_alone_the_answer_is_no(w2: tuple) -> None:
    """In W2 earlier failures follow the severity at entry: seen crude, not seen given it."""
    failing, people, _ = w2
    table = on_trials(failing, people)
    trend = table[table["quantity"] == "per trial"].set_index("model")
    assert trend.loc["B1", "lower"] < 0 < trend.loc["B1", "upper"]
    assert abs(trend.loc["B1", "estimate"]) < 0.03
    assert "treatment failure goes with resistance" not in verdict.about_trials(table)


def test_trials_dealt_out_anew_give_no_relation(w0: tuple) -> None:
    failing, people, _ = w0
    dealt = people.assign(n_failed=np.random.default_rng(7).permutation(people["n_failed"]))
    table = on_trials(failing, dealt)
    trend = table[table["quantity"] == "per trial"]
    assert (trend["estimate"].abs() < 3.3 * trend["se"]).all()


def test_scores_with_the_index_trial_are_shown_and_not_tested(w0: tuple) -> None:
    failing, people, _ = w0
    tested, shown = on_scores(failing, people), part_whole(failing, people)
    assert {"p_value", "lower"} <= set(tested.columns)
    assert not {"p_value", "se", "lower"} & set(shown.columns)
    assert shown["scope"].str.contains("part–whole").sum() == 4
    # a column over all trials can change what is shown, never what is tested
    changed = people.assign(msm_all=people["msm_all"] + 5, mgh_s_all=0.0)
    pd.testing.assert_frame_equal(on_scores(failing, changed), tested)
    assert not part_whole(failing, changed).equals(shown)


def test_without_a_failing_class_nothing_is_promoted(w0: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    failing, people, cohort = w0
    named = (labels.RAPID, labels.GRADUAL, labels.PR)
    step = ClassStep(cohort, failing.fit, failing.fit, named, "no TF class: 3 classes")
    monkeypatch.setattr(run, "LATER_NUMBERS", (1,))  # for speed
    found = analyse(PLAN, step, people, seed=1)
    assert found.verdicts[0].startswith("no TF class")
    assert "trials" not in found.tables
    assert len(found.tables["own_fall"])


def test_the_next_trial_is_judged_by_the_course_before_it(w0: tuple) -> None:
    """Scores from the first day of the next trial on do not reach the class; the score of that day does."""
    frame = pd.DataFrame({"subject_id": list("aaabb"), "week": [2.0, 5.0, 6.0, 2.0, 9.0], "score": 1.0})
    kept = later.first_trial(frame, pd.Series({"a": 5.0, "b": np.nan}))
    assert kept[["subject_id", "week"]].to_numpy().tolist() == [["a", 2.0], ["a", 5.0], ["b", 2.0], ["b", 9.0]]
    failing, people, _ = w0
    rng = np.random.default_rng(3)
    p = pd.Series(
        failing.fit.probabilities[:, [c - 1 for c in failing.classes]].sum(axis=1), failing.fit.design.persons
    )
    risk = 0.4 + 0.4 * p.reindex(people["subject_id"]).to_numpy()
    seen = rng.random(len(people)) < 0.5
    asked = people.assign(
        next_week=6.0, next_failed=np.where(seen, (rng.random(len(people)) < risk).astype(float), np.nan),
        next_entry=rng.normal(18, 5, len(people)),
    )  # fmt: skip
    table = later.next_trial(failing, asked)
    own = table[table["measure"] == "difference"].set_index(["model", "estimator"])
    for model in ("P0", "P1", "P2"):
        two, check = own.loc[(model, "two-step")], own.loc[(model, "BCH (check)")]
        assert two["lower"] > 0
        assert abs(two["estimate"] - check["estimate"]) < 2 * check["se"]
    assert "fails +" in verdict.about_next(table)
    none = later.next_trial(failing, people)
    assert none["estimate"].isna().all()
    assert "too few next trials" in verdict.about_next(none)


def test_the_part_of_the_report_shows_points_of_the_tables(w0: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    failing, people, cohort = w0
    monkeypatch.setattr(run, "LATER_NUMBERS", (1,))  # for speed
    named = [labels.RAPID, labels.PR, labels.PR]
    for c in failing.classes:
        named[c - 1] = labels.TF
    found = analyse(PLAN, ClassStep(cohort, failing.fit, failing.fit, tuple(named), "3 classes"), people, seed=1)
    part = section(found)
    check(part)
    trials = found.tables["trials"].query("model == 'B1' and quantity == 'per trial'").iloc[0]
    assert f"{100 * trials['estimate']:+.1f} points" in part.verdict
    shown = {t.name: t.frame for t in part.tables}
    assert not {"p_value", "n"} & set(shown["part-whole"].columns)
    assert f"{100 * trials['estimate']:+.1f}" in shown["trials"].to_string()
    for drawing in part.figures:
        assert svg(drawing.chart(860), "x").startswith("<svg")
