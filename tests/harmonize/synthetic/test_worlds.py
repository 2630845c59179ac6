"""STAR*D in every world: the published marginals come out, and what is true can be read back from what is observed.

Expected figures are those of `targets.csv` (published) and of the worlds' definition in the analysis plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from harmonize.cli.synth import CHECKED_PERSONS
from harmonize.sources import study
from harmonize.synthetic import check, stard
from harmonize.synthetic.course import TF, Step
from harmonize.synthetic.instruments import administer, expected_total, totals
from harmonize.synthetic.margins import contrast
from harmonize.synthetic.parameters import parameters
from harmonize.synthetic.stard_chunk import Chunk
from harmonize.synthetic.stard_levels import Course
from harmonize.synthetic.stard_population import L1, L2, LOST, WEEKS
from harmonize.synthetic.stard_qids import rate_qids
from harmonize.synthetic.stard_truth import was_genotyped
from harmonize.synthetic.worlds import WORLDS, world

N, SEED = 12_000, 1


@dataclass(frozen=True)
class Seen:
    """A world's persons: the truth, and QIDS-SR16 of level 1 as observed (n × visits, nan where there is none)."""

    course: Course
    scores: np.ndarray

    @property
    def step(self) -> Step:
        return self.course.steps[L1]


@cache
def seen(name: str) -> Seen:
    chunk = Chunk(study("stard"), 0, N, SEED, world(name))
    v = chunk.visits
    scores = np.full((N, len(WEEKS)), np.nan)
    here = v.level == L1
    scores[v.person[here], v.visit[here]] = chunk.once(rate_qids).total[1::2][here]
    return Seen(chunk.course, scores)


def partial(x: np.ndarray, y: np.ndarray, given: np.ndarray) -> float:
    """Correlation of x and y with a smooth function of `given` taken out of both."""
    design = np.stack([np.ones(len(given)), *(given**k for k in (1, 2, 3))], axis=1)
    x, y = (a - design @ np.linalg.lstsq(design, a, rcond=None)[0] for a in (x.astype(float), y.astype(float)))
    return float(np.corrcoef(x, y)[0, 1])


@pytest.mark.parametrize(("name", "seed"), [*((name, SEED) for name in WORLDS), ("W0", 2), ("W1", 2), ("W2", 2)])
def test_the_published_figures_come_out_in_every_world(name: str, seed: int) -> None:
    """Neither seed was used to find the numbers."""
    verdicts = check.check("stard", name, CHECKED_PERSONS, seed)
    off = [(v.target.target_id, v.target.value, v.synthetic) for v in verdicts if v.verdict in ("off", "not given")]
    print(name, *off, sep="\n")
    assert sum(v.target.use == "test" for v in verdicts) > 100
    assert check.share_within(verdicts) >= check.PASS_SHARE, off


def test_w1_and_w3_have_no_courses_and_the_others_four() -> None:
    for name in ("W0", "W1", "W2", "W3"):
        course = seen(name).step.course
        shares = np.bincount(course + 1, minlength=5) / N
        if world(name).has_courses:
            assert (shares[1:] > 0.08).all()
        else:
            assert shares[0] == 1


@pytest.mark.parametrize(("name", "least", "most"), [("W0", 0.08, 1.0), ("W2", -0.03, 0.03)])
def test_given_exit_severity_the_course_tells_of_the_next_step_in_w0_only(name: str, least: float, most: float) -> None:
    c = seen(name).course
    here = c.entered[:, L2] & c.entered[:, L1]
    found = partial(c.steps[L1].course[here], c.steps[L2].propensity[here], c.exit_severity[here, L1])
    assert least < found < most


def test_in_w1_the_change_before_tells_nothing_beyond_the_exit() -> None:
    c = seen("W1").course
    here = c.entered[:, L2] & c.entered[:, L1]
    found = partial(c.steps[L1].propensity[here], c.steps[L2].propensity[here], c.exit_severity[here, L1])
    assert abs(found) < 0.03
    # And yet who did badly does badly again.
    assert np.corrcoef(c.steps[L1].propensity[here], c.steps[L2].propensity[here])[0, 1] > 0.05


def test_w3_piles_scores_up_at_the_floor() -> None:
    at_zero = {name: np.nanmean(seen(name).scores[:, 4:] <= 1) for name in ("W1", "W3")}
    assert at_zero["W3"] > 1.3 * at_zero["W1"]


@pytest.mark.parametrize("name", ["W0", "W4a", "W4b", "W4c", "W4d"])
def test_being_lost_goes_with_what_the_world_says(name: str) -> None:
    """Among the treated of level 1, lost against still there, on each of the things that leaving may hang on."""
    c, step = seen(name).course, seen(name).step
    came = c.exit_visit[:, L1] > 0
    lost = c.exit[came, L1] == LOST
    gaps = {
        "side_effects": c.persons.persons.side_effects[came],
        "course": (step.course[came] == TF).astype(float),
    }
    found = {what: values[lost].mean() - values[~lost].mean() for what, values in gaps.items()}
    if name == "W4b":
        assert found["side_effects"] > 0.25
    if name == "W4c":
        assert found["course"] > seen_gap("W0") + 0.1
    if name in ("W4a", "W4d"):
        assert found["course"] > seen_gap("W0") + 0.02
    if name == "W0":
        assert abs(found["side_effects"]) < 0.2


def seen_gap(name: str) -> float:
    c, step = seen(name).course, seen(name).step
    came = c.exit_visit[:, L1] > 0
    lost = c.exit[came, L1] == LOST
    failed = step.course[came] == TF
    return float(failed[lost].mean() - failed[~lost].mean())


def test_w4b_side_effects_lower_the_next_success() -> None:
    for name, low, high in (("W0", -0.06, 0.06), ("W4b", -0.5, -0.15)):
        c = seen(name).course
        here = c.entered[:, L2]
        found = np.corrcoef(c.persons.persons.side_effects[here], c.steps[L2].propensity[here])[0, 1]
        assert low < found < high


def test_w5_shifts_the_link_in_mars_alone() -> None:
    assert world("W5").link_shift == 1.5
    assert {w.link_shift for w in WORLDS.values()} == {0.0, 1.5}
    key = np.arange(20_000)
    qids, hrsd = (
        totals(
            i, administer(i, np.full(len(key), 20.0), key, Chunk(study("stard"), 0, 1, 1, world("W0")).draws, shift=s)
        )
        for i, s in (("QIDS_SR16", 0.0), ("HRSD17", 1.5))
    )
    assert hrsd.mean() - expected_total("HRSD17", 20.0) == pytest.approx(1.5, abs=0.15)
    assert qids.mean() == pytest.approx(expected_total("QIDS_SR16", 20.0), abs=0.1)
    # STAR*D itself is the same as in W0.
    assert (seen("W5").scores[:500] == seen("W0").scores[:500])[~np.isnan(seen("W0").scores[:500])].all()


def log_odds_of_score(name: str, n: int = 60_000) -> tuple[float, float]:
    """Log odds ratio of treatment failure per SD of the score: of all, and of those who were genotyped."""
    chunk = Chunk(study("stard"), 0, n, SEED, world(name))
    c = chunk.course
    failed = (c.steps[L1].course == TF).astype(float)

    def slope(who: np.ndarray) -> float:
        x, y, beta = c.persons.persons.score[who], failed[who], np.zeros(2)
        design = np.stack([np.ones(len(x)), x], axis=1)
        for _ in range(8):
            p = 1 / (1 + np.exp(-design @ beta))
            beta = beta + np.linalg.solve((design.T * (p * (1 - p))) @ design, design.T @ (y - p))
        return float(beta[1])

    return slope(np.ones(n, dtype=bool)), slope(was_genotyped(c, SEED))


@pytest.mark.parametrize(("name", "odds"), [("W6-1.0-direct", 1.0), ("W6-1.2", 1.2), ("W6-1.2-direct", 1.2)])
def test_w6_the_odds_ratio_stands_in_the_truth_and_selection_bends_it_where_the_score_acts_early(
    name: str, odds: float
) -> None:
    everyone, genotyped = log_odds_of_score(name)
    assert np.exp(everyone) == pytest.approx(odds, abs=0.025)  # two standard errors at 60,000
    if world(name).score_acts_early:
        # Early response opens the way to being genotyped: among those the score looks less harmful than it is.
        assert genotyped < everyone - 0.01


def test_the_score_explains_at_most_one_percent() -> None:
    for name in ("W0", "W1", "W6"):
        s = seen(name)
        assert np.corrcoef(s.course.persons.persons.score, s.step.amplitude)[0, 1] ** 2 < 0.012


# --- An oracle that knows the truth reads it back --------------------------------------------------------------------


def oracle(s: Seen) -> tuple[np.ndarray, np.ndarray]:
    """Posterior of the four courses given the observed scores, and the true shares of the courses.

    The oracle knows the parameters and the link, and treats what the instrument adds as normal: by random quadrature
    over entry severity and amplitude.
    """
    m = parameters("model")["course"]
    rng = np.random.default_rng(0)
    draws = 4000
    entry = rng.choice(s.course.persons.persons.severity0, draws)
    weeks = np.array(WEEKS, dtype=float)
    loglik = np.empty((N_ORACLE, 4))
    observed = s.scores[:N_ORACLE]
    for k in range(4):
        within = rng.normal(0, m["amplitude_sd"][k], draws)
        made = Step(
            course=np.full(draws, k),
            propensity=within,
            amplitude=within,
            pull=np.full(draws, m["amplitude_mean"][k]),
            deviation=within * m["reference_severity"],
            weeks=float(WEEKS[-1]),
            early=np.zeros(draws),
        )
        expected = expected_total("QIDS_SR16", made.severity(entry, weeks).ravel()).reshape(draws, -1)
        # What an administration adds: about 2 points in the middle and less at the floor.
        spread = np.clip(0.9 + 0.13 * expected, 1.0, 2.1)
        by_draw = np.zeros((N_ORACLE, draws))
        for visit in range(len(WEEKS)):
            there = ~np.isnan(observed[:, visit])
            z = (observed[there, visit, None] - expected[None, :, visit]) / spread[None, :, visit]
            by_draw[there] += norm.logpdf(z) - np.log(spread[None, :, visit])
        loglik[:, k] = logsumexp(by_draw, axis=1) - np.log(draws)
    shares = np.bincount(s.step.course, minlength=4) / N
    post = loglik + np.log(shares)
    return np.exp(post - logsumexp(post, axis=1, keepdims=True)), shares


N_ORACLE = 600


def test_an_oracle_reads_the_courses_of_w0_back_from_the_observed_scores() -> None:
    s = seen("W0")
    post, shares = oracle(s)
    true = s.step.course[:N_ORACLE]
    scored = (~np.isnan(s.scores[:N_ORACLE])).sum(axis=1) >= 5
    right = post.argmax(axis=1) == true
    assert right[scored].mean() > shares.max() + 0.25
    # As good as it believes itself to be: its own mean certainty is its accuracy.
    assert right[scored].mean() == pytest.approx(post.max(axis=1)[scored].mean(), abs=0.06)
    # Treatment failure in particular, on its own posterior.
    believed, failed = post[scored, TF], true[scored] == TF
    assert believed[failed].mean() > 2 * believed[~failed].mean()
    assert failed.mean() == pytest.approx(believed.mean(), abs=0.05)


def test_where_there_are_no_courses_the_oracle_finds_none_behind_its_labels() -> None:
    """In W1 the labels of the same oracle tell of the next step only what exit severity tells."""
    s = seen("W1")
    c = s.course
    here = c.entered[:, L2] & c.entered[:, L1] & ~np.isnan(s.scores[:, 4:]).all(axis=1)
    slow = np.nanmean(s.scores[here, 4:], axis=1)
    label = (slow > 0.75 * s.scores[here, 0]).astype(float)
    assert abs(partial(label, c.steps[L2].propensity[here], c.exit_severity[here, L1])) < 0.05


@pytest.mark.parametrize(("name", "low", "high"), [("W0", -20.0, -8.0), ("W1", -3.5, 3.5), ("W2", -3.5, 3.5)])
def test_given_exit_severity_failure_tells_of_the_next_step_in_w0_only(name: str, low: float, high: float) -> None:
    """The margins that the gates of the analysis plan need, in points; at 15,000 persons the standard error is 1.2."""
    found = contrast(name, 15_000)
    assert found.baseline < -10
    assert low < found.exit_severity < high
    # Weights from what is observed take away what being lost does to the difference; without them it is off.
    assert found.unweighted < -0.3
    assert abs(found.by_history) < 1.0 < abs(found.baseline)


def test_the_truth_file_is_one_row_per_person_and_says_synthetic() -> None:
    truth = stard.truth(50, SEED, "W2")
    assert truth["subjectkey"].is_unique
    assert truth["synthetic"].all()
    assert set(truth["world"]) == {"W2"}
    here = truth["course_2"].notna()
    assert (here == truth["arm_2"].notna()).all()
    assert truth.loc[~here, "amplitude_2"].isna().all()
    # One number used twice: a level is entered at the severity at which the one before was left.
    both = truth[truth["entry_severity_2"].notna() & (truth["first_level"] == "1")]
    assert (both["entry_severity_2"] == both["exit_severity_1"]).all()
