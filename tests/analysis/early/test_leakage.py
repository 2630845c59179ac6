"""Nothing of the future and nothing of a test person's end can reach a prediction: tried, and shown to be seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from analysis.early import course, judge, measures
from analysis.early.folds import Split, cross_validation, leave_one_study_out, predict_split
from analysis.early.landmark import cut
from analysis.early.material import NONRESPONSE, EarlyError, Material
from analysis.early.models import BOOSTED, CLASSES, LAST, PREDICTORS
from analysis.early.simulate import material

WEEK = 4.0
KEYS = ["predictor", "subject_id"]


@pytest.fixture(scope="module", autouse=True)
def _few_starts() -> object:
    """Fewer classes and starts, for speed; what may leak is the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(course, "CLASSES", (1, 2))
        patch.setattr(course, "STARTS", 4)
        yield


@pytest.fixture(scope="module")
def world() -> Material:
    return material(900, seed=3)[0]


@pytest.fixture(scope="module")
def split(world: Material) -> Split:
    return cross_validation(world, 3, seed=1)[0]


@pytest.fixture(scope="module")
def predicted(world: Material, split: Split) -> pd.DataFrame:
    return _predict(world, split)


def _predict(world: Material, split: Split) -> pd.DataFrame:
    return predict_split(world, split, landmarks=[WEEK], targets=[NONRESPONSE], seed=1)[0].set_index(KEYS)


def test_scores_after_the_landmark_do_not_touch_a_prediction(
    world: Material, split: Split, predicted: pd.DataFrame
) -> None:
    """Test persons' later scores, exits, next steps and pairs changed: every prediction the same to the byte."""
    ours = world.scores["subject_id"].isin(split.test)
    later = ours & (world.scores["day"] > cut(WEEK))
    assert later.sum() > 500
    scores = world.scores.assign(score=world.scores["score"].where(~later, 27 - world.scores["score"].clip(upper=27)))
    persons = world.persons.copy()
    tested = persons["subject_id"].isin(split.test)
    persons.loc[tested, "nonresponse"] = 1 - persons.loc[tested, "nonresponse"]
    persons.loc[tested, "next_failure"] = 1.0
    pairs = world.pairs.copy()
    pairs.loc[pairs["subject_id"].isin(split.test), "y"] = 0.0
    again = _predict(Material(persons, scores, pairs), split)
    assert set(predicted.index.get_level_values("predictor")) == set(PREDICTORS)
    assert again["p"].to_numpy().tobytes() == predicted["p"].to_numpy().tobytes()
    assert again.index.equals(predicted.index)


def test_a_score_before_the_landmark_does(world: Material, split: Split, predicted: pd.DataFrame) -> None:
    """The test above could fail: an earlier score moves the prediction of its person, and of nobody else."""
    one = split.test[world.persons.set_index("subject_id").loc[split.test, "end_day"] > cut(WEEK)][0]
    mine = (world.scores["subject_id"] == one) & (world.scores["day"] <= cut(WEEK))
    assert mine.any()
    changed = replace(world, scores=world.scores.assign(score=world.scores["score"].where(~mine, 0.0)))
    moved = (_predict(changed, split)["p"] != predicted["p"]).groupby("subject_id").any()
    assert moved[one]
    assert moved.sum() == 1


def test_permuted_targets_give_an_auc_of_one_half(world: Material) -> None:
    """Ends dealt out anew: no predictor tells anything, over all folds. Limits: 4 standard errors of an AUC at 0.5."""
    rng = np.random.default_rng(5)
    persons = world.persons.copy()
    known = persons["nonresponse"].notna()
    persons.loc[known, "nonresponse"] = rng.permutation(persons.loc[known, "nonresponse"])
    dealt = replace(world, persons=persons)
    parts = [_predict(dealt, s).reset_index() for s in cross_validation(dealt, 3, seed=1)]
    rows = pd.concat(parts).dropna(subset="bad")
    ends = rows.drop_duplicates("subject_id")["bad"]
    se = np.sqrt((len(ends) + 1) / (12 * ends.sum() * (len(ends) - ends.sum())))
    for predictor, part in rows.groupby("predictor"):
        assert abs(roc_auc_score(part["bad"], part["p"]) - 0.5) < 4 * se, predictor


def test_in_this_world_there_is_something_to_tell(predicted: pd.DataFrame) -> None:
    rows = predicted.dropna(subset="bad").reset_index()
    areas = {k: roc_auc_score(part["bad"], part["p"]) for k, part in rows.groupby("predictor")}
    assert min(areas[LAST], areas[BOOSTED], areas[CLASSES]) > 0.65


def test_who_is_asked_does_not_depend_on_the_end(world: Material, split: Split, predicted: pd.DataFrame) -> None:
    blank = replace(world, persons=world.persons.assign(nonresponse=world.persons["nonresponse"].where(
        ~world.persons["subject_id"].isin(split.test))))  # fmt: skip
    again = _predict(blank, split)
    assert again.index.equals(predicted.index)
    assert again["bad"].isna().all()


def test_nobody_is_trained_on_and_tested(world: Material) -> None:
    ids = pd.Index(world.persons["subject_id"])
    with pytest.raises(EarlyError, match="trained on and tested"):
        Split("cross-validation", "fold 1", ids[:10], ids[9:20])
    parts = cross_validation(world, 5, seed=1)
    assert sorted(np.concatenate([p.test for p in parts])) == sorted(ids)
    study = world.persons.set_index("subject_id")["study_id"]
    for part in leave_one_study_out(world):
        assert set(study[part.test]) == {part.name}
        assert part.name not in set(study[part.train])


def test_tables_of_a_run_have_all_measures(predicted: pd.DataFrame) -> None:
    rows = judge.validations(predicted.reset_index())
    [(key, wide, weight)] = list(judge.groups(rows, 20, 1))
    found = judge.performance(wide, weight, 5)
    assert key == ("cross-validation", "all folds", WEEK, NONRESPONSE)
    assert set(found["measure"]) == {"auc", "auc_gain", "auc_classes", "brier", "brier_gain", "intercept", "slope"}
    own = found.set_index(["predictor", "measure"])
    assert own.loc[(LAST, "auc_gain"), "estimate"] == 0
    assert (found["lower"] <= found["upper"] + 1e-12).all()
    assert measures.auc(wide["bad"].to_numpy(), wide[CLASSES].to_numpy(), weight)[0] == pytest.approx(
        own.loc[(CLASSES, "auc"), "estimate"]
    )
