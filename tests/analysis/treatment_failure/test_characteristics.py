"""The table of persons: figures by hand, and nothing that gives a small group away."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.treatment_failure.characteristics import WITHHELD, describe

ROWS = {"age, mean (SD)": ("age", "mean"), "women": ("female", "share"), "weeks, median": ("weeks", "median")}


def people(sizes: dict[str, int]) -> tuple[pd.DataFrame, pd.Series]:
    group = pd.Series([name for name, n in sizes.items() for _ in range(n)])
    number = group.groupby(group).cumcount()
    frame = pd.DataFrame({"age": 40.0 + number, "female": (number % 2).astype(float), "weeks": number.astype(float)})
    return frame, group


def test_figures_are_those_of_the_group() -> None:
    frame, group = people({"a": 11, "b": 12})
    frame.loc[:5, "weeks"] = float("nan")
    found = describe(frame, group, ROWS, 5).set_index("")
    # ages 40 to 50: mean 45, SD sqrt(11); 5 of 11 women; weeks 6 to 10 of the rest
    assert found["a"].tolist() == ["11", "45.0 (3.3)", "45 %", "8 (7 to 9); 6 not known"]
    assert found.loc["women", "b"] == "50 %"


def test_a_small_group_is_withheld_and_cannot_be_computed_from_the_rest() -> None:
    frame, group = people({"a": 30, "b": 3, "c": 9})
    found = describe(frame, group, ROWS, 5).set_index("")
    assert set(found["b"]) == {WITHHELD}
    assert set(found["c"]) == {WITHHELD}, "the next smallest hides the first"
    assert found.loc["persons", "a"] == "30"


def test_few_of_a_kind_are_not_told() -> None:
    frame, group = people({"a": 20})
    frame["female"] = (frame.index < 2).astype(float)
    frame.loc[19, "age"] = float("nan")
    found = describe(frame, group, ROWS, 5).set_index("")["a"]
    assert found["women"] == WITHHELD
    assert found["age, mean (SD)"].endswith("few not known")
    frame["female"] = (frame.index < 18).astype(float)
    assert describe(frame, group, ROWS, 5).set_index("").loc["women", "a"] == WITHHELD
    frame["female"] = 1.0
    assert describe(frame, group, ROWS, 5).set_index("").loc["women", "a"] == "100 %"
    with pytest.raises(ValueError, match="mode"):
        describe(frame, group, {"x": ("age", "mode")}, 5)
