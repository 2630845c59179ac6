"""The linked population over drawn linking functions: where the figures stand, and that they follow the link's error.

SYNTHETIC persons of STAR*D on a link of 1.2 points of the HRSD17 per point; its standard error is set by the test.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest

from analysis.plan import read_plan
from analysis.treatment_failure import link_section
from analysis.treatment_failure.link_draws import evaluable, grid_of, link_draws
from analysis.treatment_failure.run import Asked, Done, read_scores, run
from tests.analysis.treatment_failure.houses import warehouse_of
from validate.stard_worlds import draw

ASKED = Asked(
    populations=("all",), k=(2,), families=("gaussian",), starts=4, jobs=1, parts=("finding",), plausible=4,
)  # fmt: skip
POINTS = """
create or replace table marts.link_points as
select 'a' as link_id, 'QIDS_SR16' as from_instrument_id, 'HRSD17' as to_instrument_id, range as from_score,
    cast({se} as double) as se
from range(28)
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("linked")
    house = warehouse_of(draw("W0", 400, 3), 3, folder)
    with duckdb.connect(str(house)) as made:
        made.execute(POINTS.format(se=1.0))
    return run(house, ASKED, folder / "report")


def test_the_page_the_files_and_the_results_have_the_draws(done: Done) -> None:
    html = done.page.read_text(encoding="utf-8")
    assert "Classes over 4 draws of the link" in html
    assert "Link error over 4 draws of the linking function (QIDS-SR16: published with a)" in html
    assert "plausible_values: 4 instead of 20" in html
    csv = (done.page.parent / "treatment-failure" / "finding-all-link-draws.csv").read_text(encoding="utf-8")
    assert csv.startswith("# Classes over 4 draws of the link; SYNTHETIC (stard)")
    with duckdb.connect(str(done.context.database.with_name("results.duckdb")), read_only=True) as results:
        found = results.sql("select distinct population, draws, is_synthetic from treatment_failure_link_draws")
        assert found.fetchall() == [("all", 4, True)]
        kinds = results.sql("select distinct quantity from treatment_failure_link_draws").fetchall()
        assert {k for (k,) in kinds} >= {"share", "course", "fall", "mean q"}
        persons = results.sql("select count(*), min(q_sd) from treatment_failure_link_persons").fetchone()
        assert persons is not None
        assert persons[0] == len(done.classes["all"].persons)


def test_figures_over_the_draws_follow_the_error_of_the_link(done: Done) -> None:
    """Without an error of the link the draws say what the fit says; a shift of b and m alike moves falls a little."""
    plan, found = read_plan(), done.classes["all"]
    with duckdb.connect(str(done.context.database)) as made:
        made.execute(POINTS.format(se=0.0))
    sure = read_scores(done.context.database, plan, replace(ASKED, plausible=2)).draws["all"]
    over = link_draws(plan, found, sure, 1, lambda what: None)
    assert over.classes is not None
    assert found.fit is not None
    q = found.persons.loc[evaluable(found), "q_one"]
    assert over.own["estimate"] == pytest.approx(q.mean(), abs=1e-6)
    assert over.own["share_of_link"] < 1e-9
    # persons as a sample, and a little for the model: within the order of the plain standard error
    assert over.own["se"] == pytest.approx(q.std() / np.sqrt(len(q)), rel=0.5)
    shares = over.pooled("share")
    assert shares["estimate"].to_numpy() == pytest.approx(found.fit.probabilities.mean(axis=0), abs=1e-6)
    falls = over.pooled("fall")["estimate"].to_numpy().reshape(2, -1)
    courses = found.fit.courses(grid_of(found.fit))["mean"].to_numpy().reshape(2, -1)
    assert falls == pytest.approx(1 - courses / found.cohort.mean_baseline, abs=1e-6)
    table = link_section.table(found, over).frame
    assert table["kept"].tolist() == [100.0, 100.0]
    wrong = done.context.options["linked"]["all"]
    assert wrong.own["share_of_link"] > 0.01
    assert wrong.range_q[1] - wrong.range_q[0] > 1e-3


def test_without_a_known_error_the_population_stays_and_the_page_says_so(tmp_path: Path) -> None:
    house = warehouse_of(draw("W0", 60, 3), 3, tmp_path)
    scores = read_scores(house, read_plan(), ASKED)
    assert set(scores.cohorts) == {"all"}
    assert not scores.draws
    assert "no draws of the link" in scores.left_out[0]
    assert not read_scores(house, read_plan(), replace(ASKED, plausible=0)).left_out
