"""Short fixed-seed versions of the gates (`validate/treatment_failure.py` has the long ones), and the page of world W1.

All SYNTHETIC; the truth is that of the world.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.plan import read_plan
from analysis.treatment_failure.again import refit
from analysis.treatment_failure.own_fall import own_step, states
from analysis.treatment_failure.run import Asked, Done, run
from analysis.treatment_failure.words import NOTHING_BEYOND
from tests.analysis.treatment_failure.houses import warehouse_of
from validate.stard_worlds import draw
from validate.treatment_failure import PLANNED, one_weights, spec, usable


@pytest.fixture(scope="module")
def w1(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The whole analysis of 1,000 persons of W1: no classes, the next step depends on exit severity alone."""
    folder = tmp_path_factory.mktemp("w1")
    house = warehouse_of(draw("W1", 1_000, 3), 3, folder)
    parts = ("finding", "aim-a")
    asked = Asked(populations=("trials",), k=(1, 3), families=("gaussian",), starts=5, jobs=1, parts=parts)
    return run(house, asked, folder / "report")


def test_in_w1_the_page_says_that_the_label_adds_nothing_beyond_severity(w1: Done) -> None:
    html = w1.page.read_text(encoding="utf-8")
    text = w1.page.with_suffix(".md").read_text(encoding="utf-8")
    aim = next(s for s in w1.sections if s.key == "aim-a")
    assert NOTHING_BEYOND in aim.verdict
    assert NOTHING_BEYOND in html
    assert NOTHING_BEYOND in text
    assert "SYNTHETIC" in html


def test_in_w1_there_is_a_difference_that_severity_explains(w1: Done) -> None:
    """The words above do not come from a blind estimator: M1 is far from 0, as in the oracle of the world (-23.7)."""
    rows = w1.context.results["contrasts"]
    main = rows[(rows["analysis"] == "primary") & (rows["basis"] == "own fall") & (rows["study"] == "stard")]
    main = main.set_index("model")
    assert main.loc["M1", "upper"] < 0
    assert abs(main.loc["M2", "estimate"]) < abs(main.loc["M1", "estimate"])


def test_what_departs_from_the_plan_is_named(w1: Done) -> None:
    html = w1.page.read_text(encoding="utf-8")
    for words in ("k: [1, 3] instead of", "starts: 5 instead of 50", "trials: without", "bootstrap_refits: 0 instead"):
        assert words in html


def test_results_are_written_with_their_stamp(w1: Done) -> None:
    import duckdb

    with duckdb.connect(str(w1.context.database.with_name("results.duckdb")), read_only=True) as results:
        rows = results.sql("select distinct release, plan_hash, seed, is_synthetic from treatment_failure_contrasts")
        assert rows.fetchall() == [(w1.stamp.release, w1.stamp.plan_hash, 1, True)]
        persons = results.sql("select count(*), min(q_one) >= 0, max(q_one) <= 1 from treatment_failure_persons")
        assert persons.fetchone() == (len(w1.classes["trials"].persons), True, True)


def test_own_fall_is_the_probability_under_the_model() -> None:
    """Drawn courses of the one-class posterior fall as often as q says; slopes against a step of 1e-3."""
    plan, scores = read_plan(), usable(draw("W0", 300, 5))
    single = spec(1, PLANNED).fit(scores)
    p = states(single, plan, 12.0)
    assert np.allclose(p.sum(axis=1), 1)
    mean, cov = single.predict().given.levels([8.0, 12.0])
    rng = np.random.default_rng(1)
    base = single.predict().given.covariates["baseline"].to_numpy(dtype=float)
    for i in range(0, 300, 60):
        drawn = rng.multivariate_normal(mean[0, i], cov[0, i], 20_000)
        fall = 1 - drawn / base[i]
        assert p[i, 0] == pytest.approx((fall < 0.25).all(axis=1).mean(), abs=0.012)
        low = (fall[:, 1] < 0.5) & ~(fall < 0.25).all(axis=1)
        assert p[i, 1] == pytest.approx(low.mean(), abs=0.012)
    step = own_step(single, plan, 12.0)
    phi = single.phi.copy()
    phi[0] += 1e-3
    moved = (np.log(states(single, plan, 12.0, phi)) - np.log(p)) / 1e-3
    early = single.predict().no_fall([6.0], 0.25, "baseline").to_numpy()
    assert np.allclose(states(single, plan, 6.0)[:, 0], early, atol=1e-6), "nothing is asked beyond the last week"
    sure = p.min(axis=1) > 1e-3
    assert np.allclose(moved[sure], step.slopes[sure, :, 0], rtol=0.05, atol=0.05)


def test_a_class_model_climbs_back_to_its_own_solution() -> None:
    scores = usable(draw("W0", 600, 2))
    fit = spec(3, PLANNED).fit(scores, starts=8, seed=1)
    again = refit(fit.spec, scores, fit)
    assert again.loglik == pytest.approx(fit.loglik, abs=1e-6)
    rng = np.random.default_rng(1)
    half = scores[scores["subject_id"].isin(rng.choice(scores["subject_id"].unique(), 400, replace=False))]
    moved = refit(fit.spec, half, fit)
    own = fit.spec.fit(half, starts=8, seed=1)
    assert moved.loglik == pytest.approx(own.loglik, abs=0.05)


def test_weights_repair_most_of_what_losing_people_does_in_w4b() -> None:
    """Against the same persons had nobody been lost (oracle of the world: off by -1.3 points, weighted by -0.3)."""
    found = pd.DataFrame([r for seed in (1, 2) for r in one_weights("W4b", seed, 3_000)])
    bias = found.groupby("what")["estimate"].mean()
    assert bias["unweighted"] < 0
    assert abs(bias["scores and side effects"]) < abs(bias["unweighted"])


def test_persons_are_those_of_the_synthetic_study(tmp_path: Path) -> None:
    """The arrays have the published shares: about 36 % enter level 2, level 1 ends with a score in most."""
    drawn = draw("W0", 2_000, 1)
    assert drawn.persons["entered"].mean() == pytest.approx(0.36, abs=0.04)
    assert drawn.scores.groupby("subject_id").size().between(1, 6).all()
    everybody = draw("W0", 500, 1, rated="all").persons
    assert everybody.loc[everybody["entered"], "exit_hrsd17"].notna().all()
