"""The shift of the unseen scores of the lost: by hand, and at the border where a label turns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.exits import person_time, tipping, tipping_points
from analysis.exits.sensitivity import lost_before
from analysis.trajectories import GrowthMixture, Trajectories
from analysis.trajectories.labels import PR, TF

WEEKS = np.arange(0.0, 13.0)


def world(n: int = 60) -> tuple[Trajectories, pd.DataFrame]:
    """SYNTHETIC. One class that falls from 20 to 14 (30 %); every second person is lost after week 6, in a line."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"subject_id": np.repeat(np.arange(n), 13), "week": np.tile(WEEKS, n)})
    frame["score"] = 20 - 0.5 * frame["week"] + 0.01 * rng.normal(size=len(frame))
    exits = pd.DataFrame({"subject_id": np.arange(n), "exit_week": 12.0, "exit_cause": None})
    exits["exit_cause"] = exits["exit_cause"].astype(object)
    exits.loc[::2, ["exit_week"]] = 6.5
    exits.loc[::2, "exit_cause"] = "lost"
    kept = frame["week"].to_numpy() <= exits["exit_week"].to_numpy()[frame["subject_id"]]
    return GrowthMixture(1, "score ~ week").fit(frame[kept]), exits


def test_the_mean_moves_by_delta_times_the_share_lost() -> None:
    result, exits = world()
    time = person_time(result.design, exits, ("lost",), (), ())
    assert lost_before(time, np.ones(60), np.array([6.0, 6.5, 7.0])).tolist() == [0.0, 0.0, 0.5]
    sweep = tipping(result, time, 20.0, deltas=[-2.0, 0.0, 2.0])
    # half still have a score after week 11, so the class is carried to week 11: 20 - 5.5
    assert list(sweep["lost"]) == [0.5] * 3
    assert list(sweep["mean"]) == pytest.approx([13.5, 14.5, 15.5], abs=0.02)
    assert not sweep.loc[sweep["delta"] == 0, "changed"].any()


def test_a_label_turns_where_the_shift_reaches_its_border() -> None:
    result, exits = world()
    time = person_time(result.design, exits, ("lost",), (), ())
    # fall at week 11 is 27.5 %: partial response; failure needs a mean above 15, that is delta x 0.5 > 0.5
    sweep = tipping(result, time, 20.0, deltas=np.arange(-4.0, 4.1, 0.25))
    found = tipping_points(sweep).set_index("direction")
    assert found.loc["worse", "label"] == PR
    assert found.loc["worse", "becomes"] == TF
    assert found.loc["worse", "delta"] == pytest.approx(1.25, abs=0.26)
    assert np.isnan(found.loc["better", "delta"])


def test_planned_exits_are_not_shifted() -> None:
    result, exits = world()
    planned = exits.assign(exit_cause=exits["exit_cause"].replace({"lost": "moved_on"}))
    time = person_time(result.design, planned, ("lost",), ("moved_on",), ())
    sweep = tipping(result, time, 20.0, deltas=[-10.0, 10.0])
    assert (sweep["lost"] == 0).all()
    assert not sweep["changed"].any()
