"""The population model: parameters with sources, worlds, persons, courses, leaving, genotyping."""

from __future__ import annotations

import numpy as np
import pytest

from harmonize.synthetic import parameters as book
from harmonize.synthetic.course import TF, Arm, Step, driver_value, first_step, next_step
from harmonize.synthetic.draws import Draws
from harmonize.synthetic.genetics import genotyped
from harmonize.synthetic.leaving import first_visit_missed, lost_driver, slope_of
from harmonize.synthetic.persons import Persons, draw_persons
from harmonize.synthetic.worlds import ALIASES, WORLDS, world

N, DRAWS = 40_000, Draws(7)
ARM = Arm(0.42, 0.32)


def persons(name: str = "W0", n: int = N) -> Persons:
    return draw_persons("stard", np.arange(n), DRAWS, world(name))


def first(name: str) -> tuple[Persons, Step]:
    who = persons(name)
    return who, first_step(who, ARM, DRAWS, world(name), weeks=12)


def test_every_number_has_a_source_and_a_mark() -> None:
    entries = dict(book.entries())
    assert len(entries) > 50
    for path, entry in entries.items():
        assert entry["mark"] in book.MARKS, path
        assert entry["mark"] == "assumption" or entry["source"], path


def test_unknown_names_are_refused_with_those_there_are() -> None:
    with pytest.raises(KeyError, match="model"):
        book.parameters("nothing")
    with pytest.raises(KeyError, match="W4a"):
        world("W9")


def test_tried_numbers_go_before_solved_ones_and_only_within_the_block() -> None:
    before = book.solved("stard", world("W0"))
    with book.trying("stard", {"x": 1.0}):
        assert book.solved("stard", world("W0"))["x"] == 1.0
        assert "x" not in book.solved("predict", world("W0")) if "predict" in book.document() else True
    assert book.solved("stard", world("W0")) == before


def test_the_worlds_of_the_plan_are_there() -> None:
    assert {"W0", "W1", "W2", "W3", "W4a", "W4b", "W4c", "W4d", "W5"} <= set(WORLDS)
    assert {world(name).name for name in ALIASES} <= set(WORLDS)
    assert [w.name for w in WORLDS.values() if not w.has_courses] == ["W1", "W3"]
    assert {w.score_odds_ratio for w in WORLDS.values()} == {None, 1.0, 1.2}


def test_a_person_is_the_same_in_a_smaller_study_and_in_every_world() -> None:
    small, large = persons(n=50), persons("W1", n=500)
    for name in ("age", "score", "anxiety", "n_episodes", "side_effects"):
        assert (getattr(small, name) == getattr(large, name)[:50]).all()


def test_persons_follow_the_figures_they_are_drawn_from() -> None:
    p, who = book.parameters("stard")["persons"], persons()
    assert who.female.mean() == pytest.approx(p["women"], abs=0.01)
    assert who.anxious.mean() == pytest.approx(p["anxious"], abs=0.01)
    assert (who.age_at_onset <= who.age).all()
    assert who.score.std() == pytest.approx(1, abs=0.02)
    assert not who.n_failed_trials[who.treatment_naive].any()
    assert (who.episode_weeks <= np.maximum((who.age - who.age_at_onset + 1) * 52.2, 4)).all()


def test_courses_keep_to_their_labels() -> None:
    """Class means against the label rules of the analysis plan: shares of the mean entry severity that are lost."""
    who, step = first("W0")
    weeks = np.array([0.0, 4.0, 6.0, 8.0, 10.0, 12.0])
    path = step.severity(who.severity0, weeks)
    fall = {c: 1 - path[step.course == c].mean(axis=0) / path[step.course == c][:, 0].mean() for c in range(4)}
    assert (fall[TF][1:] < 0.25).all()
    assert 0.25 <= fall[1][-1] < 0.5
    assert fall[2][-1] >= 0.5 > fall[2][1]
    assert fall[3][1] >= 0.5
    assert all((step.course == c).mean() > 0.1 for c in range(4))


def test_a_continuum_has_no_courses_and_one_gaussian_change() -> None:
    who, step = first("W1")
    assert (step.course == -1).all()
    z = (step.amplitude - step.amplitude.mean()) / step.amplitude.std()
    assert abs((z**3).mean()) < 0.05
    assert abs((z**4).mean() - 3) < 0.1
    # Change is linear in entry, with the same spread everywhere.
    lost = who.severity0 - step.severity(who.severity0, 12.0)
    off = lost - np.polyval(np.polyfit(who.severity0, lost, 1), who.severity0)
    high = who.severity0 > np.median(who.severity0)
    assert off[high].std() / off[~high].std() == pytest.approx(1, abs=0.03)


def test_severity_begins_at_entry_and_stays_after_the_end() -> None:
    who, step = first("W0")
    path = step.severity(who.severity0, np.array([0.0, 12.0, 20.0]))
    assert path[:, 0] == pytest.approx(who.severity0)
    assert path[:, 1] == pytest.approx(path[:, 2])


@pytest.mark.parametrize(("name", "depends"), [("W0", True), ("W1", False), ("W2", False)])
def test_the_next_step_depends_on_what_the_world_says(name: str, depends: bool) -> None:
    """Given exit severity the course, or in W1 the propensity, tells of the next step in W0 only."""
    who, step = first(name)
    left = step.severity(who.severity0, 12.0)
    value = driver_value(step, left, world(name))
    after = next_step(who, step, left, ARM, DRAWS, world(name), weeks=12, name="2", driver=(value.mean(), value.std()))
    design = np.stack([np.ones(N), left, left**2], axis=1)

    def rest(y: np.ndarray) -> np.ndarray:
        return y - design @ np.linalg.lstsq(design, y, rcond=None)[0]

    earlier = step.course if world(name).has_courses else step.propensity
    partial = np.corrcoef(rest(earlier.astype(float)), rest(after.amplitude))[0, 1]
    assert (partial > 0.1) if depends else (abs(partial) < 0.015)
    assert after.amplitude.mean() == pytest.approx(step.amplitude.mean(), abs=0.02)


def test_side_effects_lower_the_next_response_where_the_world_says_so() -> None:
    for name, expected in (("W0", 0.0), ("W4b", -0.25)):
        who, step = first(name)
        left = step.severity(who.severity0, 12.0)
        after = next_step(who, step, left, ARM, DRAWS, world(name), weeks=12, name="2", driver=(0.1, 0.8))
        assert np.corrcoef(who.side_effects, after.propensity)[0, 1] == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(("name", "odds"), [("W6-1.0", 1.0), ("W6-1.2", 1.2), ("W6", 1.2)])
def test_the_score_has_the_odds_ratio_of_the_world(name: str, odds: float) -> None:
    who = draw_persons("stard", np.arange(200_000), DRAWS, world(name))
    step = first_step(who, ARM, DRAWS, world(name), weeks=12)
    high, low = who.score > 0, who.score <= 0
    share = [(step.course[part] == TF).mean() for part in (high, low)]
    # Halves of a normal are 2 × 0.798 standard deviations apart.
    got = np.log(share[0] / (1 - share[0]) * (1 - share[1]) / share[1]) / (2 * 0.798)
    assert np.exp(got) == pytest.approx(odds, abs=0.02)
    early = step.severity(who.severity0, 2.0)
    slope = np.polyfit(who.score, early - who.severity0, 1)[0]
    assert (slope > 0.7) == world(name).score_acts_early


@pytest.mark.parametrize("name", ["W0", "W4a", "W4b", "W4c", "W4d"])
def test_being_lost_depends_on_what_the_world_says_and_is_as_frequent(name: str) -> None:
    there, (who, step) = world(name), first(name)
    scores = step.severity(who.severity0, np.array([0.0, 2.0, 4.0, 8.0, 12.0]))
    driver = lost_driver(there, who, step, scores, centre=16.0, scale=6.0)
    visit = first_visit_missed("lost", who.number, (0, 0.05, 0.05, 0.05, 0.05), DRAWS, driver, slope_of(there))
    assert (visit < 5).mean() == pytest.approx(0.2, abs=0.04)
    assert (driver is None) == (name == "W0")
    if driver is not None:
        at_risk = visit >= 3
        assert driver[at_risk & (visit == 3), 3].mean() > driver[at_risk & (visit > 3), 3].mean() + 0.3


def test_who_left_before_the_draw_is_never_genotyped() -> None:
    who = persons()
    weeks = np.where(who.number % 2 == 0, 4.0, 12.0)
    done = genotyped(who, weeks, np.where(who.female, 0.4, 0.0), 0.0, DRAWS, draw_week=6)
    assert not done[weeks < 6].any()
    stayed = weeks >= 6
    assert done[stayed & who.female].mean() > done[stayed & ~who.female].mean() + 0.05
    assert done[stayed & (who.ancestry == 0)].mean() > done[stayed & (who.ancestry == 1)].mean() + 0.05
