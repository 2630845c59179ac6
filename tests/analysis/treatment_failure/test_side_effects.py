"""Side effects in the history of the weights: as last told, only where a study asked, and only by what they change.

Visits and ratings are invented; expected weights are those of `history_weights` with the formula written out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.plan import read_plan
from analysis.treatment_failure.aim_a_run import HISTORY, at_risk, history_of, weigh
from analysis.treatment_failure.history import history_weights
from analysis.treatment_failure.next_step import read_next_step, seen_by_then
from analysis.warehouse import connect
from tests.analysis.treatment_failure.houses import warehouse_of
from validate.stard_worlds import draw, next_visits

NONE = float("nan")


def test_side_effects_are_those_last_told() -> None:
    visits = pd.DataFrame(
        {
            "subject_id": ["a", "a", "a", "a", "b", "c"],
            "score": 9.0,
            "side_effects": [NONE, 2.0, NONE, 3.0, NONE, NONE],
            "distressing": [NONE, NONE, 1.0, NONE, NONE, NONE],
        }
    )
    found = seen_by_then(visits, pd.Series({"a": "asks", "b": "asks", "c": "never"}))
    assert found["side_effects"].tolist()[:5] == [0, 2, 2, 3, 0]
    assert found["distressing"].tolist()[:5] == [0, 0, 1, 1, 0]
    assert found.loc[found["subject_id"] == "c", ["side_effects", "distressing"]].isna().all().all()


def leavers(n: int = 1_500) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Persons of the next step with up to four visits, and these: 5 % leave at the first, at the second and third the
    log odds of leaving are 0.8 per point of side effects less 3.5, the fourth is a finish.
    """
    rng = np.random.default_rng(5)
    ids = np.array([f"s{i:04d}" for i in range(n)])
    burden = rng.integers(0, 5, n).astype(float)
    odds = np.stack([np.full(n, np.log(0.05 / 0.95)), 0.8 * burden - 3.5, 0.8 * burden - 3.5], axis=1)
    leaves = rng.random((n, 3)) < 1 / (1 + np.exp(-odds))
    left = leaves.any(axis=1)
    seen = np.where(left, leaves.argmax(axis=1) + 1, 4)
    people = pd.DataFrame(
        {
            "subject_id": ids,
            "study_id": "stard",
            "baseline": rng.normal(16, 3, n),
            "exit_score": 10.0,
            "next_arm": "BUP",
            "next_exit_reason": np.where(left, "withdrew", "no_benefit"),
            "remitted": np.where(left, np.nan, 1.0),
        }
    )
    visits = pd.DataFrame({"subject_id": np.repeat(ids, seen), "score": rng.integers(3, 20, seen.sum()).astype(float)})
    first = ~visits["subject_id"].duplicated()
    visits["side_effects"] = np.where(first, 0.0, np.repeat(burden, seen))
    return people, visits.assign(distressing=0.0)


def test_who_stays_with_side_effects_stands_for_who_left_with_them() -> None:
    people, visits = leavers()
    notes: list[str] = []
    found = weigh(people, visits, notes, "stard")
    assert not notes
    assert found is not None
    last = visits.drop_duplicates("subject_id", keep="last").set_index("subject_id")["side_effects"]
    by = pd.Series(found.values, index=found.persons)
    by = by[by > 0].groupby(last).mean()
    assert by[4.0] > by[2.0] > by[0.0]
    assert by[4.0] == pytest.approx((1 + np.exp(-3.5 + 3.2)) ** 2 / 0.95, rel=0.2)
    left = people.set_index("subject_id")["remitted"].isna()
    mine = at_risk(visits, left)
    mine["baseline"], mine["arm"] = mine["subject_id"].map(people.set_index("subject_id")["baseline"]), "BUP"
    # distressing is 0 for everybody and falls away; the rest is the formula written out
    assert history_of(mine) == f"{HISTORY} + side_effects + I(side_effects**2)"
    alone = history_weights(f"{HISTORY} + side_effects + I(side_effects**2)", mine, (~left).astype(float))
    assert found.values == pytest.approx(alone.on(found.persons).values)


def test_a_study_that_never_asked_has_the_weights_of_its_scores() -> None:
    people, visits = leavers()
    never = visits.assign(side_effects=NONE, distressing=NONE)
    notes: list[str] = []
    found = weigh(people, never, notes, "predict")
    without = weigh(people, visits.drop(columns=["side_effects", "distressing"]), notes, "predict")
    assert not notes
    assert found is not None
    assert without is not None
    assert found.values == pytest.approx(without.values)


def test_fibser_is_read_at_the_visit(tmp_path: Path) -> None:
    drawn = draw("W4b", 300, 2)
    with connect(warehouse_of(drawn, 2, tmp_path)) as warehouse:
        visits = read_next_step(warehouse, read_plan(), "QIDS_SR16").visits
    known = next_visits(drawn, 2)
    number = known.groupby("subject_id").cumcount().to_numpy()
    expected = np.where(number > 0, np.clip(np.rint(2 + 1.5 * known["side_effects"]), 0, 6), 0.0)
    assert visits["side_effects"].to_numpy() == pytest.approx(expected)
    assert visits["distressing"].isna().all(), "nobody was asked for PRISE"
