"""What Aim B reads from a warehouse: cases by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.resistance.people import ResistanceError, read_people
from analysis.resistance.run import _apart, flow
from analysis.warehouse import connect
from tests.analysis import aims_kit


def test_before_and_after_the_index_trial_are_kept_apart(tmp_path: Path) -> None:
    """One failed trial before the index trial, two perhaps; nine with everything. The next trial begins on day 28 of
    the treatment or later: the one on day 29 began on day 27 of it.
    """
    with connect(aims_kit.write(tmp_path)) as warehouse:
        [row] = read_people(warehouse, ["mars"]).to_dict("records")
    assert (row["n_failed"], row["n_possible"], row["n_athf_sf"]) == (1, 2, 0)
    assert (row["msm_before"], row["msm_all"]) == (6, 8)
    assert np.isnan(row["mgh_s_before"])
    assert (row["next_week"], row["next_failed"], row["next_entry"]) == (4, 1, 21)
    assert (row["age"], row["episodes"], row["anxious"]) == (61, 2, 0)


def test_an_absent_study_is_named(tmp_path: Path) -> None:
    with connect(aims_kit.write(tmp_path)) as warehouse, pytest.raises(ResistanceError, match="no person of nowhere"):
        read_people(warehouse, ["nowhere"])


def test_small_numbers_of_persons_are_withheld(tmp_path: Path) -> None:
    with connect(aims_kit.write(tmp_path)) as warehouse:
        one = read_people(warehouse, ["mars"])
    found = flow(one, one, one, minimum=5).set_index("stage")
    assert found.loc["evaluable", "shown"] == "<5"
    assert found.loc["adequate failed trials: 0", "shown"] == "0"
    assert found["n_persons"].dropna().eq(0).all()


def test_columns_have_one_type_whatever_was_found() -> None:
    """Runs stand in one table: one without numbers has the columns of one with; a number a little smaller is hidden."""
    full = _apart(pd.DataFrame({"model": ["B0", "B1"], "estimate": [1, 2], "n": [693, 691], "problems": ""}), 5)
    bare = _apart(pd.DataFrame({"model": ["B0"], "estimate": [np.nan], "n": [np.nan], "problems": [None]}), 5)
    assert full.dtypes.equals(bare.dtypes)
    assert full["n"].isna().tolist() == [False, True]
