"""The named worlds: the same published marginals, different truths (analysis plan, section Worlds)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class World:
    """What is true of the persons. `has_courses` false is a world without any treatment-failure group."""

    name: str
    statement: str
    has_courses: bool = True
    next_step_on: Literal["course", "exit_severity"] = "course"
    """What the response to the next step depends on; on nothing else."""
    floor: bool = False
    """Items answer less and less below mild severity: scores pile up at the floor and are skewed."""
    leaving_on: Literal["nothing", "observed_score", "side_effects", "course", "next_score"] = "nothing"
    """What being lost depends on, beside the study's own rates."""
    side_effects_lower_next: bool = False
    link_shift: float = 0.0
    """HRSD17-equivalent points that are added to what clinician's scales see in MARS."""
    score_odds_ratio: float | None = None
    """Odds ratio of treatment failure per standard deviation of the genetic score; None: that of the model."""
    score_acts_early: bool = False
    """The genetic score also slows early improvement, whatever the course."""

    @property
    def family(self) -> str:
        """Worlds of one family share solved numbers: `courses`, `courses_exit`, `continuum` or `floor`."""
        if self.floor:
            return "floor"
        if not self.has_courses:
            return "continuum"
        return "courses" if self.next_step_on == "course" else "courses_exit"


WORLDS = {
    made.name: made
    for made in (
        World("W0", "four courses; the next step depends on the course"),
        World(
            "W1",
            "no classes, one continuous distribution of change; the next step depends on exit severity only",
            has_courses=False,
            next_step_on="exit_severity",
        ),
        World("W2", "four courses; the next step depends on exit severity only", next_step_on="exit_severity"),
        World(
            "W3", "one course; item-level floor and skew", has_courses=False, next_step_on="exit_severity", floor=True
        ),
        World("W4a", "as W0; being lost depends on observed scores", leaving_on="observed_score"),
        World(
            "W4b",
            "as W0; being lost depends on observed side effects, which also lower next-step success",
            leaving_on="side_effects",
            side_effects_lower_next=True,
        ),
        World("W4c", "as W0; being lost depends on the course", leaving_on="course"),
        World("W4d", "as W0; being lost depends on the next score, which nobody sees", leaving_on="next_score"),
        World("W5", "as W0; in MARS the link of QIDS and HRSD is shifted by 1.5 points", link_shift=1.5),
        World("W6-1.0", "as W0; the score has no effect on the course", score_odds_ratio=1.0),
        World(
            "W6-1.0-direct",
            "as W0; the score has no effect on the course, and slows early improvement",
            score_odds_ratio=1.0,
            score_acts_early=True,
        ),
        World("W6-1.2", "as W0; the score has odds ratio 1.2 for treatment failure", score_odds_ratio=1.2),
        World(
            "W6-1.2-direct",
            "as W0; the score has odds ratio 1.2 for treatment failure, and slows early improvement",
            score_odds_ratio=1.2,
            score_acts_early=True,
        ),
    )
}
ALIASES = {"W6": "W6-1.2-direct"}
"""Short names."""


def world(name: str | World) -> World:
    """The world of that name. Raises KeyError with the worlds there are."""
    if isinstance(name, World):
        return name
    found = WORLDS.get(ALIASES.get(name, name))
    if found is None:
        raise KeyError(f"no world {name!r}; there are {', '.join((*WORLDS, *ALIASES))}")
    return found
