"""The sentence is chosen by the result."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.treatment_failure.aim_a import Contrast
from analysis.treatment_failure.words import CANNOT, MORE, NOTHING_BEYOND, answer


def row(estimate: float, se: float) -> Contrast:
    nan = float("nan")
    return Contrast("M", estimate, se, 9, 9, 4, nan, nan, nan, nan, nan, "", pd.Series(dtype=float))


@pytest.mark.parametrize(
    ("m1", "m2", "has", "has_not"),
    [
        ((-0.2, 0.03), (-0.01, 0.03), ["less often", NOTHING_BEYOND], [MORE, "does not prove"]),
        ((-0.2, 0.03), (-0.05, 0.09), ["less often", NOTHING_BEYOND, "up to 23 points", "does not prove"], [MORE]),
        ((-0.2, 0.03), (-0.12, 0.03), ["less often", MORE, "not an effect"], [NOTHING_BEYOND]),
        ((-0.2, 0.03), (0.12, 0.03), ["more often", MORE], [NOTHING_BEYOND]),
        ((-0.02, 0.03), (0.0, 0.03), ["No difference between persons", NOTHING_BEYOND], ["less often"]),
        ((0.2, 0.03), (0.0, 0.03), ["more often", NOTHING_BEYOND], ["less often"]),
        ((-0.2, float("nan")), (0.0, 0.03), [CANNOT], [NOTHING_BEYOND, MORE]),
    ],
)
def test_words_follow_the_numbers(
    m1: tuple[float, float], m2: tuple[float, float], has: list[str], has_not: list[str]
) -> None:
    said = answer(row(*m1), row(*m2), "Persons of the failing class")
    for words in has:
        assert words in said
    for words in has_not:
        assert words not in said


def test_no_estimate_is_said() -> None:
    assert CANNOT in answer(None, None, "Persons")
