"""What a run may write: no small count, none that the others give away. Figures are made up and counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.report.biomarker_counts import PASSED, SCORED, balance, masked, may_be_shown, overlap

LEVELS = {"White": (60, 30), "Black": (21, 12), "Asian": (19, 10), "Other": (10, 3)}


def _balance(levels: dict[str, tuple[int, int]]) -> pd.DataFrame:
    """Levels with persons of the target (b) and chosen of them (a)."""
    b, a = (sum(v[k] for v in levels.values()) for k in (0, 1))
    rows = [
        {"study": "stard", "contrast": "c", "variable": "race", "covariate": f"race_{name}", "kind": "binary", "n_a": a,
         "n_b": b, "mean_a_before": mine / a, "mean_b_before": whole / b}
        for name, (whole, mine) in levels.items()
    ]  # fmt: skip
    age = {**rows[0], "variable": "age", "covariate": "age", "kind": "continuous", "mean_a_before": 40.0}
    return pd.DataFrame([*rows, {**age, "mean_b_before": 41.0}])


def test_a_rare_level_takes_another_with_it() -> None:
    found = set(balance(_balance(LEVELS), 5)["covariate"])
    assert "race_Other" not in found
    assert "age" in found
    # with one level hidden its share would be what the others leave
    assert len(found & {"race_White", "race_Black", "race_Asian"}) == 2
    assert len(balance(_balance(LEVELS | {"Other": (10, 5)}), 5)) == 5
    few_unchosen = balance(_balance({"yes": (50, 47), "no": (50, 30)}), 5)
    assert set(few_unchosen["covariate"]) == {"age"}


def test_intervals_are_widened_until_they_hold_enough() -> None:
    n = [0, 2, 4, 30, 0, 3, 0, 9, 1, 0]
    edges = np.linspace(0, 1, 11)
    table = pd.DataFrame({"study_id": "s", "node": "n", "what": "p", "group": "1", "lower": edges[:-1],
                          "upper": edges[1:], "n": n})  # fmt: skip
    found = overlap(table, 5)
    assert found["n"].sum() == sum(n)
    assert not found["n"].between(1, 4).any()
    assert found["lower"].tolist()[0] == 0.0
    assert found["upper"].tolist()[-1] == 1.0
    assert (found["lower"].to_numpy()[1:] == found["upper"].to_numpy()[:-1]).all()
    assert overlap(table.assign(n=[0, 2, 0, 0, 1, 0, 0, 0, 0, 0]), 5).empty


def test_no_table_of_a_run_gives_a_small_count_away() -> None:
    flow = pd.DataFrame(
        {
            "study_id": "stard",
            "stage": ["enrolled with a treatment", "severity", SCORED, PASSED],
            "n": [150, 110, 57, 55],
        }
    )
    tables = {
        "flow": flow,
        "balance": _balance(LEVELS),
        "weights": pd.DataFrame({"study_id": ["stard"], "factor": ["w"], "n": [55]}),
        "effects": pd.DataFrame(
            {
                "study_id": "stard",
                "estimator": ["a", "b"],
                "is_primary": [True, False],
                "n": [55, 53],
                "note": ["", None],
            }
        ),
        "derivation": pd.DataFrame({"study_id": "stard", "in_derivation": ["no", "yes"], "n": [52, 3]}),
        "overlap": pd.DataFrame(columns=["study_id", "node", "what", "group", "lower", "upper", "n"]),
        "truncation": pd.DataFrame({"study_id": ["stard", "stard"], "n_cut": [0, 2]}),
        "runs": pd.DataFrame({"n_target": [110], "n_scored": [55], "power_text": ["55 scored"], "warnings": [""]}),
        "problems": pd.DataFrame({"problem": ["age (3); nobody of the 4 with x = 1 is chosen; 12 of 55 persons"]}),
        "sensitivity": pd.DataFrame({"text": ["2 weighted persons"]}),
    }
    found = may_be_shown(tables, 5)
    for table in found.values():
        for column in [c for c in ("n", "n_a", "n_b", "n_cut", "n_target", "n_scored") if c in table]:
            assert not table[column].between(1, 4).any()
    shown = found["flow"].set_index("stage")["n"]
    assert shown[[SCORED, PASSED]].isna().any()  # 57 - 55
    assert found["derivation"]["n"].isna().all()
    # 55 - 53 without an outcome
    assert found["effects"]["n"].isna().any() or pd.isna(shown[PASSED])
    assert found["truncation"]["n_cut"].tolist() == [0, pd.NA]
    assert found["runs"]["n_target"].tolist() == [110]
    assert found["problems"]["problem"].tolist() == [
        "age (<5); nobody of the <5 with x = 1 is chosen; 12 of 55 persons"
    ]
    everything = may_be_shown(tables, 1)
    assert everything["flow"]["n"].tolist() == flow["n"].tolist()
    assert everything["runs"]["power_text"].tolist() == ["55 scored"]


def test_numbers_that_are_no_counts_stay() -> None:
    assert masked("mean 0.3, 4.1 %, week 2 (4 weeks), rs3 with A", 5) == "mean 0.3, 4.1 %, week 2 (4 weeks), rs3 with A"
