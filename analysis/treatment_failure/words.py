"""Sentences chosen by the result, so that the words can come out negative as the numbers can."""

from __future__ import annotations

from analysis.treatment_failure.aim_a import Contrast

WIDE = 10.0
"""Points: an interval that reaches further than this from 0 cannot be called proof of no difference."""
NOTHING_BEYOND = "the label adds nothing beyond severity"
MORE = "the course says more than the last score"
CANNOT = "cannot be asked"


def points(value: float) -> str:
    """A share as points of a percentage, with sign."""
    return f"{100 * value:+.1f}".replace("-", "−")


def said(c: Contrast) -> str:
    """An estimate with its interval."""
    return f"{points(c.estimate)} points (95 % interval {points(c.lower)} to {points(c.upper)})"


def answer(m1: Contrast | None, m2: Contrast | None, who: str) -> str:
    """What M1 and M2 support and what they do not; `who` are the failures, such as `Persons of the failing class`."""
    if m1 is None or m2 is None or m1.se != m1.se or m2.se != m2.se:
        return f"Whether treatment failure matters at the next step {CANNOT} here: there is no estimate of M1 and M2."
    first = _first(m1, who)
    if m2.lower <= 0 <= m2.upper:
        second = (
            f"With the severity at the border between the steps taken into account the difference is {said(m2)}: "
            f"{NOTHING_BEYOND} that these data can show."
        )
        reach = 100 * max(abs(m2.lower), abs(m2.upper))
        if reach > WIDE:
            second += f" The interval still holds differences of up to {reach:.0f} points, so this does not prove none."
        return f"{first} {second}"
    way = "less" if m2.upper < 0 else "more"
    second = (
        f"Given the severity at the border between the steps they still remitted {way} often, by {said(m2)}: {MORE}. "
        "This is a prognostic contrast, not an effect of the course; severity is measured with error."
    )
    return f"{first} {second}"


def _first(m1: Contrast, who: str) -> str:
    if m1.upper < 0:
        return f"{who} remitted less often at the next step than partial responders, by {said(m1)} (M1)."
    if m1.lower > 0:
        return f"{who} remitted more often at the next step than partial responders, by {said(m1)} (M1)."
    failed = who[0].lower() + who[1:]
    return f"No difference between {failed} and partial responders was found at the next step: {said(m1)} (M1)."
