"""Linked scores as plausible values: draws, the refit in the coordinates of the fit, Rubin's rules, the command."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
from typer.testing import CliRunner

from analysis.linking.estimate import estimate
from analysis.plan import read_plan
from analysis.report.page import _environment
from analysis.report.trajectories import sections
from analysis.trajectories import link_error, linked
from analysis.trajectories.cohort import Cohort, CohortError, read_cohort, specification
from analysis.trajectories.result import Trajectories
from analysis.trajectories.run import Asked, run_trajectories
from analysis.trajectories.simulate import mixture
from analysis.warehouse import connect
from harmonize.cli import app
from tests.analysis.trajectories.test_run import TWO, published

FAST = {"population": "all", "k": (1, 2), "families": ("gaussian",), "starts": 5, "replicates": 0}
LINKED = """
alter table marts.trajectory_input add column hrsd17_link varchar;
update marts.trajectory_input set hrsd17_link = 'table';
create table marts.link_points as
select
    'table' as link_id, 'QIDS_SR16' as from_instrument_id, 'HRSD17' as to_instrument_id,
    range as from_score, cast({se} as double) as se
from range(28)
"""
BOTH = """
create table reference.scales (
    scale_id varchar, total_min integer, total_max integer, remission_operator varchar, remission_threshold double
);
insert into reference.scales values ('QIDS_SR16', 0, 27, '<=', 5), ('HRSD17', 0, 52, '<=', 7);
update marts.trajectory_input set score = greatest(0, least(27, round(score)));
insert into marts.trajectory_input
select * exclude (subject_no) replace ('HRSD17' as instrument_id, round(1.4 * score) + subject_no % 3 as score)
from (select *, row_number() over (order by subject_id, day) as subject_no from marts.trajectory_input)
"""


def warehouse(folder: Path, se: str = "0.5", persons: int = 240) -> Path:
    """Scores on the QIDS-SR16 alone, linked by 1.4 points each; the standard error of the link as given."""
    database = published(folder, mixture(persons, 3, TWO))
    with duckdb.connect(str(database)) as connection:
        connection.execute(LINKED.format(se=se))
    return database


def cohort_of(database: Path) -> Cohort:
    with connect(database) as opened:
        return read_cohort(opened, read_plan(), "all")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return warehouse(tmp_path_factory.mktemp("linked"))


@pytest.fixture(scope="module")
def fit(database: Path) -> Trajectories:
    cohort = cohort_of(database)
    return specification(read_plan(), cohort).with_classes(2).fit(cohort.frame, starts=5, seed=1)


def test_a_draw_is_one_function_for_everybody(database: Path) -> None:
    """With one published error of 0.5 at all scores every draw is a shift; nobody scatters about it by himself."""
    cohort = cohort_of(database)
    with connect(database) as opened:
        drawn = linked.draw(opened, cohort, n=60, seed=1)
        again = linked.draw(opened, cohort, n=60, seed=1)
    assert drawn.source == "QIDS_SR16: published with table"
    assert np.array_equal(drawn.score, again.score)
    apart = drawn.score - cohort.frame["score"].to_numpy()
    assert np.ptp(apart, axis=1).max() < 1e-9
    assert apart[:, 0].std(ddof=1) == pytest.approx(0.5, rel=0.35)
    # score and baseline passed through the same function
    assert drawn.baseline - cohort.frame["baseline"].to_numpy() == pytest.approx(apart)


def test_where_no_error_is_published_the_function_is_redrawn_from_who_has_both(tmp_path: Path) -> None:
    database = warehouse(tmp_path, "null")
    with duckdb.connect(str(database)) as connection:
        connection.execute(BOTH)
    cohort = cohort_of(database)
    with connect(database) as opened:
        drawn = linked.draw(opened, cohort, n=100, seed=1)
        pairs = link_error._pairs(opened, "QIDS_SR16", "HRSD17", "marts.trajectory_input", cohort.studies)
    assert "bootstrap of 240 persons" in drawn.source
    # rounding and the added 0, 1 or 2 lift the ratings by one point: so does their own link
    assert float(re.findall(r"lies ([0-9.]+) points", drawn.source)[0]) == pytest.approx(1.0, abs=0.3)
    apart, measured = drawn.score - cohort.frame["score"].to_numpy(), cohort.measured["measured"].to_numpy(dtype=float)
    link = estimate(pairs, bootstraps=400, seed=9)
    for at in (8, 12, 16):
        own = apart[:, measured == at]
        assert np.ptp(own, axis=1).max() < 1e-9
        # SD of 100 draws: known to 7 %
        assert own[:, 0].std(ddof=1) == pytest.approx(link.se_equipercentile[list(link.scores).index(at)], rel=0.3)
    low, high = (apart[:, measured == at][:, 0] for at in (6, 18))
    assert abs(np.corrcoef(low, high)[0, 1]) < 0.9, "a curve, not a shift"


def test_scores_measured_on_the_scale_carry_no_error_of_a_link(database: Path) -> None:
    cohort = cohort_of(database)
    own = cohort.frame["study_id"] == "predict"
    measured = cohort.measured.copy()
    measured.loc[own, ["instrument_id", "base_instrument_id"]] = "HRSD17"
    with connect(database) as opened:
        drawn = linked.draw(opened, replace(cohort, measured=measured), n=3, seed=1)
    moved = (drawn.score != cohort.frame["score"].to_numpy()).any(axis=0)
    assert np.array_equal(moved, ~own.to_numpy())


def test_a_refit_to_the_same_scores_is_the_fit(database: Path, fit: Trajectories) -> None:
    cohort = cohort_of(database)
    design = linked.redone(fit.design, cohort.frame)
    again = Trajectories(design, fit.phi, fit.search, 0)
    assert again.loglik == pytest.approx(fit.loglik, abs=1e-9)
    shifted = cohort.frame.assign(score=cohort.frame["score"] + 1, baseline=cohort.frame["baseline"] + 1)
    moved = linked.refitted(fit, shifted)
    anew = fit.spec.fit(shifted, starts=5, seed=1)  # coordinates of its own
    assert moved is not None
    assert moved.loglik == pytest.approx(anew.loglik, abs=1e-5)
    ours, theirs = moved.parameters("sandwich"), anew.parameters("sandwich")
    assert ours["estimate"].to_numpy() == pytest.approx(theirs["estimate"].to_numpy(), abs=1e-3)
    assert ours["se"].to_numpy() == pytest.approx(theirs["se"].to_numpy(), rel=1e-3)


def test_a_link_without_error_adds_none_and_one_with_error_does(tmp_path: Path, fit: Trajectories) -> None:
    found = {}
    for name, se in {"none": "0.0", "shared": "1.5"}.items():
        (tmp_path / name).mkdir()
        database = warehouse(tmp_path / name, se)
        cohort = cohort_of(database)
        with connect(database) as opened:
            drawn = linked.draw(opened, cohort, n=8, seed=2)
        found[name] = linked.carried(fit, cohort, drawn, np.array([0.0, 8.0]), [8.0])
    none, shared = found["none"], found["shared"]
    assert none.table["share_of_link"].max() < 1e-9
    kind = "cluster"
    courses = none.table[none.table["quantity"] == "course"]
    assert courses["estimate"].to_numpy() == pytest.approx(fit.courses([0.0, 8.0])["mean"].to_numpy(), abs=1e-6)
    assert courses["se"].to_numpy() == pytest.approx(fit.courses([0.0, 8.0], kind=kind)["se"].to_numpy(), rel=1e-6)
    # a shift that all scores of a draw share moves every course by itself and leaves the shares alone
    moved = shared.table[shared.table["quantity"] == "course"]
    between = moved["se"].to_numpy() ** 2 * moved["share_of_link"].to_numpy()
    assert np.sqrt(between) == pytest.approx(np.full(4, 1.5 * np.sqrt(9 / 8)), rel=0.6)
    assert (moved["share_of_link"] > 0.5).all()
    shares = shared.table[shared.table["quantity"] == "share"]
    assert (shares["share_of_link"] < 0.05).all()
    assert shares["estimate"].sum() == pytest.approx(1)
    assert none.failed == shared.failed == 0


def test_the_share_of_a_class_has_the_error_of_repeated_samples(fit: Trajectories) -> None:
    _, variance = linked.class_shares(fit)
    drawn = []
    for seed in range(25):
        frame = mixture(240, 500 + seed, TWO)
        start = frame.groupby("subject_id")["score"].transform("first")
        frame = frame[frame["week"] > 0].assign(baseline=start)
        spec = fit.spec.__class__(
            2, "score ~ log1p(week) + week + baseline * log1p(week)", "~ log1p(week) + week", "~ log1p(week)"
        )
        drawn.append(spec.fit(frame, starts=3, max_starts=3, seed=1).classes["share"][0])
    # standard deviation of 25 draws: known to about 14 %
    assert np.sqrt(variance[0]) == pytest.approx(np.std(drawn, ddof=1), rel=0.45)


def test_a_run_carries_the_error_and_says_so(database: Path) -> None:
    run = run_trajectories(database, Asked(**FAST, plausible=4, halves=1))
    assert run.fit is not None
    assert run.fit.k == 2
    assert "over 4 draws of the linked scores: treatment failure in 100% of them" in run.verdict
    assert run.tables["classes"]["agreement_draws"].notna().all()
    assert set(run.tables["plausible"]["quantity"]) >= {"share", "course", "fixed", "covariance"}
    assert run.tables["halves"]["agreement"].between(0.5, 1).all()
    assert "plausible_values: 4 instead of 20" in run.deviations
    with connect(database) as opened:
        [section] = [s for s in sections(opened, 5) if s["run"]["run_id"] == "all"]
    page = _environment().get_template("trajectories.html.j2").render(trajectories=[section])
    assert "Label kept in 4 draws of the link" in page
    assert "4 plausible values; error of the link: QIDS_SR16: published with table" in page
    none = run_trajectories(database, Asked(**FAST, plausible=0))
    assert "plausible" not in none.tables
    assert none.tables["classes"]["agreement_draws"].isna().all()
    # runs of all kinds stand beside each other
    run_trajectories(database, Asked(**FAST | {"population": "trials", "k": (1,)}))
    with connect(database) as opened:
        assert set(opened.table("results.trajectory_runs")["run_id"]) == {"all", "trials"}
        assert set(opened.table("results.trajectory_classes")["run_id"]) == {"all", "trials"}


def test_an_error_that_nobody_knows_is_asked_for(tmp_path: Path) -> None:
    database = warehouse(tmp_path, "null", persons=60)
    with pytest.raises(CohortError, match=r"from QIDS_SR16 to HRSD17 is not known .* run trd link --from QIDS_SR16"):
        run_trajectories(database, Asked(**FAST))
    done = CliRunner().invoke(
        app,
        ["--warehouse", str(tmp_path), "trajectories", "--population", "all", "--k", "1", "--family", "gaussian",
         "--bootstraps", "0", "--plausible", "0", "--folds", "2", "--lrt", "2", "--json"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    document = json.loads(done.output[done.output.index("{") :])
    assert document["runs"][0]["draws"] == 0
    assert document["models"][0]["predictive"] < document["models"][0]["loglik"]
