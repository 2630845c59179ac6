"""What is read from a warehouse, who is asked at a landmark, and what is known then: cases by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.early import course, flow
from analysis.early.landmark import asked, cut, summaries, target
from analysis.early.material import EarlyError, Material, read_material
from analysis.early.run import Asked, predict_all, tabulate
from analysis.early.scale import fit_link, on_common_scale
from analysis.early.simulate import ONE, material
from analysis.early.verdict import verdict
from analysis.warehouse import connect
from tests.analysis import aims_kit


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Material:
    with connect(aims_kit.write(tmp_path_factory.mktemp("early"))) as warehouse:
        return read_material(warehouse, ["alpha", "mars", "other"])


def test_persons_as_the_rules_say(read: Material) -> None:
    found = read.persons.set_index("subject_id")
    assert found.index.tolist() == ["a", "b", "c"]  # d is followed on a scale without a link
    # days count from the start of treatment; the end is that of the step where it is later than that of the first drug
    assert found["end_day"].tolist() == [84, 23, 98]
    assert found["exit_day"].tolist() == [83, 10, 93]
    expected = pd.DataFrame(
        {
            "female": [1, 0, np.nan],
            "chronic": [1, 0, np.nan],
            "episodes": [3, np.nan, 2],
            "anxious": [1, np.nan, 0],
            "nonresponse": [1, 0, np.nan],
            "next_failure": [1, np.nan, np.nan],
        },
        index=found.index,
    )
    pd.testing.assert_frame_equal(found[list(expected)].astype(float), expected, check_names=False)


def test_scores_are_those_of_the_followed_scale_within_the_weeks_that_count(read: Material) -> None:
    assert read.scores.to_numpy().tolist() == [["a", 14.0, 12.0], ["b", 14.0, 9.0], ["c", 14.0, 20.0]]
    assert read.pairs.to_numpy().tolist() == [["a", 16.0, 22.0]]


def test_who_is_asked_and_what_counts_as_an_end(read: Material) -> None:
    assert cut(2) == 17
    who = dict(zip(read.persons["subject_id"], asked(read, 2.0), strict=True))
    assert who == {"a": True, "b": True, "c": True}
    assert dict(zip(read.persons["subject_id"], asked(read, 4.0), strict=True)) == {"a": True, "b": False, "c": True}
    # b's exit on day 10 was known before the landmark of day 17
    assert target(read, "nonresponse", 2.0).isna().to_dict() == {"a": False, "b": True, "c": True}


def test_what_is_known_at_a_landmark_by_hand() -> None:
    persons = pd.DataFrame(
        {"subject_id": ["p", "q"], "baseline": [20.0, 24.0], "baseline_measured": [10.0, 12.0], "hrsd17_baseline": 21.0}
        | dict.fromkeys(("age", "female", "chronic", "episodes", "anxious"), 1.0)
    )
    scores = pd.DataFrame(
        {
            "subject_id": ["p", "p", "p"],
            "day": [7.0, 17.0, 18.0],
            "score": [18.0, 14.0, 2.0],
            "measured": [9.0, 7.0, 1.0],
        }
    )
    found = summaries(persons, scores, 2.0)
    assert found.loc["p", ["last", "fall", "n_scores", "week_1", "week_2"]].tolist() == pytest.approx(
        [14, 0.3, 2, 18, 14]
    )
    # nothing seen yet: not improved
    assert found.loc["q", ["last", "fall", "n_scores"]].tolist() == [24, 0, 0]
    assert np.isnan(found.loc["q", "week_2"])


def test_an_absent_table_or_study_is_named(tmp_path: Path) -> None:
    with connect(aims_kit.write(tmp_path)) as warehouse, pytest.raises(EarlyError, match=r"no person of nowhere"):
        read_material(warehouse, ["nowhere"])


def test_the_link_of_a_fold_follows_its_pairs_and_never_falls() -> None:
    world, _ = material(800, seed=2)
    link = fit_link(world.pairs)
    slope = np.polyfit(link.equivalents(np.arange(4.0, 16.0)), np.arange(4.0, 16.0), 1)[0]
    assert slope == pytest.approx(0.72, abs=0.12)  # of the simulated instrument
    assert (np.diff(link.points) >= 0).all()
    persons, scores = on_common_scale(world, link)
    own = persons["instrument_id"] == "HRSD17"
    assert (persons.loc[own, "baseline"] == persons.loc[own, "baseline_measured"]).all()
    assert (persons.loc[~own, "baseline"] > persons.loc[~own, "baseline_measured"]).mean() > 0.9
    assert len(scores) == len(world.scores)
    few = world.pairs.head(60)
    with pytest.raises(EarlyError, match="50 are needed"):
        fit_link(few)
    with pytest.raises(EarlyError, match="no link was fitted"):
        on_common_scale(world, None)


@pytest.fixture(scope="module")
def run() -> tuple[Material, dict[str, pd.DataFrame]]:
    """A whole run on one distribution of change (W1), small."""
    world, _ = material(1000, seed=6, courses=ONE, next_on="severity")
    asking = Asked(bootstraps=60, folds=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(course, "CLASSES", (1, 2))
        patch.setattr(course, "STARTS", 4)
        found, _ = predict_all(world, ["alpha", "beta"], [], (4.0,), asking, lambda what: None)
    return world, tabulate(world, found, (4.0,), asking)


def test_where_there_are_no_classes_they_add_nothing(run: tuple[Material, dict[str, pd.DataFrame]]) -> None:
    said = verdict(run[1]["performance"], 4.0, "nonresponse")
    assert "the classes add nothing" in said or "the classes tell less" in said


def test_tables_of_a_run(run: tuple[Material, dict[str, pd.DataFrame]]) -> None:
    world, tables = run
    assert set(tables) == {"performance", "net_benefit", "calibration", "referral", "subgroups", "flow"}
    kinds = tables["performance"]["kind"].unique()
    assert set(kinds) == {"cross-validation", "leave one study out"}
    stages = tables["flow"].query("target == 'nonresponse'").groupby("stage", sort=False)["n_persons"].sum()
    assert stages[flow.ENTERED] == len(world.persons)
    assert stages.is_monotonic_decreasing
    inside = tables["performance"].query("kind == 'cross-validation' and target == 'nonresponse'")
    assert inside["n"].iloc[0] == stages[flow.KNOWN]
    assert inside["events"].iloc[0] == stages[flow.BAD]


def test_a_split_without_a_link_is_left_out_with_its_reason() -> None:
    """Only beta has both scales: with beta left out nothing links its scores, and the rest of the run stands."""
    world, _ = material(500, seed=8)
    beta = world.persons.loc[world.persons["study_id"] == "beta", "subject_id"]
    alone = Material(world.persons, world.scores, world.pairs[world.pairs["subject_id"].isin(beta)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(course, "CLASSES", (1,))
        found, about = predict_all(alone, ["alpha", "beta"], [], (4.0,), Asked(folds=2), lambda what: None)
    left_out = next(a for a in about if a["split"] == "beta")
    assert "50 are needed" in left_out["why"]
    assert set(found["split"]) == {"fold 1", "fold 2", "alpha"}
