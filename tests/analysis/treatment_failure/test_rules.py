"""Rule-based categories and who can be called a failure; small counts do not come out."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from analysis.trajectories import labels
from analysis.treatment_failure import cells, rules
from analysis.treatment_failure.aim_a_section import SHARES, published
from analysis.treatment_failure.head_to_head import _auc, head_to_head


@pytest.fixture
def persons() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "baseline": [20.0, 20, 20, 20, 20, 0, 20, 20],
            "last_score": [20.0, 15.1, 15.0, 14.0, 10.0, 3, None, 2],
            "is_evaluable": [True, True, True, False, False, True, False, True],
            "left_early": [False, False, False, True, False, False, False, False],
            "intolerant": [False, False, False, False, True, False, False, False],
            "adequate": ["yes", "no", "yes", "yes", "yes", None, "unknown", "yes"],
            "label": [labels.TF, labels.PR, labels.TF, labels.PR, labels.PR, labels.PR, labels.TF, labels.RAPID],
            "modal": [3, 2, 3, 2, 2, 2, 3, 1],
            "q_one": [0.9, 0.6, 0.4, 0.1, 0.1, 0.1, 0.9, 0.0],
        }
    )


def test_categories_at_their_borders(persons: pd.DataFrame) -> None:
    low, mid, high = "fall below 25 %", "fall 25 % to below 50 %", "fall 50 % or more"
    assert rules.categories(persons, 0.25).tolist() == [low, low, mid, mid, high, rules.NO_SCORE, rules.NO_SCORE, high]
    by_30 = rules.categories(persons, 0.30)
    assert by_30.iloc[2] == "fall below 30 %"
    assert by_30.iloc[3] == "fall 30 % to below 50 %"


def test_leaving_intolerance_and_dose_stand_apart(persons: pd.DataFrame) -> None:
    assert rules.standing(persons).tolist() == [
        "evaluable", "evaluable, dose inadequate", "evaluable", "left early", "intolerant", "evaluable",
        "not scored from week 4", "evaluable",
    ]  # fmt: skip


def test_agreement_by_hand(persons: pd.DataFrame) -> None:
    """Evaluable with a score: class says 1 0 1 0, rule says 1 1 0 0. Two of four agree, half expected: kappa 0."""
    found = rules.agreement(SimpleNamespace(persons=persons, population="trials"), 0.25)  # type: ignore[arg-type]
    assert found["persons"] == 4
    assert found["kappa"] == pytest.approx(0.0)
    assert found["kappa_q"] == pytest.approx(1.0)


def test_cross_table_withholds_small_cells_and_what_gives_them_away() -> None:
    rows = pd.Series(["a"] * 50 + ["b"] * 40, name="row")
    columns = pd.Series(["x"] * 47 + ["y"] * 3 + ["x"] * 20 + ["y"] * 20)
    shown = cells.cross(rows, columns, 5).set_index("row")
    assert shown.loc["a", "y"] == "<5"
    assert shown.loc["all", "all"] == "90"
    hidden = (shown == "withheld").to_numpy().sum()
    assert hidden >= 3, "the sums would give the small count away"
    open_ = cells.cross(rows, pd.Series(["x"] * 40 + ["y"] * 10 + ["x"] * 20 + ["y"] * 20), 5)
    assert open_.set_index("row").loc["a", "y"] == "10"


def test_funnel_hides_small_losses() -> None:
    flow = pd.DataFrame(
        {"study": "s", "stage_no": [0, 1, 2], "stage": ["in", "seen", "rated"], "persons": [100, 98, 60]}
    )
    shown = cells.funnel(flow, 5)
    assert "100" not in shown["shown"].tolist()[:1] or shown["shown"].tolist()[1] != "98"


def test_area_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    y, p = (rng.random(200) < 0.3).astype(float), np.round(rng.random(200), 1)
    assert _auc(y, p) == pytest.approx(roc_auc_score(y, p))


def test_head_to_head_sees_which_label_is_better() -> None:
    """An outcome drawn from q alone: q beats the endpoint label; labels of noise do not."""
    rng = np.random.default_rng(1)
    n = 1_500
    q = rng.random(n)
    frame = pd.DataFrame({c: rng.normal(size=n) for c in ("baseline", "age", "episodes")})
    frame = frame.assign(female=0.0, chronic=0.0, anxious=0.0, study_id="s", q_one=q, p_tf=rng.random(n))
    frame["fall"] = rng.random(n) * 0.5
    frame["remitted"] = (rng.random(n) < 0.6 - 0.5 * q).astype(float)
    found = head_to_head(frame).set_index("label")
    assert found.loc["own fall, q", "log score low"] > 0
    assert found.loc["own fall, q", "AUC low"] > 0
    assert found.loc["class, P(failure)", "log score low"] < 0


def test_sums_over_studies_do_not_give_a_withheld_count_away() -> None:
    """One of 77 not rated is small; 892 less 816 would tell the 76."""
    base = {"analysis": "primary", "basis": "classes", "model": "M0"} | dict.fromkeys(SHARES, 0.1)
    rows = pd.DataFrame(
        [
            base | {"study": "predict", "n": 77, "seen": 76, "events": 27},
            base | {"study": "stard", "n": 1064, "seen": 816, "events": 211},
            base | {"study": "pooled", "n": 1141, "seen": 892, "events": 238},
        ]
    )
    shown = published(rows, 5).set_index("study")
    assert shown["seen"].tolist() == ["withheld", "816", "withheld"]
    assert shown["events"].tolist() == ["withheld", "211", "withheld"]
    assert published(rows, 1)["seen"].tolist() == ["76", "816", "892"]
    assert shown["estimate"].tolist() == [10.0] * 3
