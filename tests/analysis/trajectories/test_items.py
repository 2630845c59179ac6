"""A single item from a published file to results, and `trd trajectories --item` on it."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import numpy as np
import pytest
from typer.testing import CliRunner

from analysis.plan import read_plan
from analysis.trajectories.cohort import CohortError
from analysis.trajectories.items import CAUTION, AskedItem, read_item, run_item
from analysis.trajectories.ordinal.simulate import classes
from analysis.warehouse import connect
from harmonize.cli import app

THRESHOLDS = np.array([-1.0, 0.5, 2.0])
TABLES = """
create schema quality; create schema marts; create schema cdm;
create table quality.landings (study varchar, form varchar, sha256 varchar, is_synthetic boolean);
insert into quality.landings values ('predict', 'f', 'cd', true);
create table marts.first_line as
select distinct 'p' || subject_id as subject_id, 'predict' as study_id, subject_id % 30 as site_no, 7 as start_day
from given;
create table cdm.scales as
select
    'p' || subject_id as subject_id, 'CGI_S' as instrument_id, cast(7 + 7 * week as bigint) as day,
    'clinician' as rater, 'clinic' as contact, 1 as occasion, cast(1 + item as double) as score_used
from given
qualify row_number() over (partition by subject_id, day order by week, item) = 1;
create table cdm.scale_items as
select * exclude (score_used, instrument_id), 'HRSD17' as instrument_id, 'hrsd_01' as item_id, score_used as value
from cdm.scales;
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("items") / "trd.duckdb"
    with duckdb.connect(str(path)) as connection:
        world = classes(220, 5, THRESHOLDS, np.array([[3.5, 0.0], [2.0, -2.0]]), np.array([0.4, 0.6]))
        connection.register("given", world)
        connection.execute(TABLES)
    return path


def test_answers_after_the_first_day_with_the_last_one_before_as_baseline(database: Path) -> None:
    with connect(database) as opened:
        by_scale = read_item(opened, read_plan(), "CGI_S")
        by_question = read_item(opened, read_plan(), "hrsd_01")
    assert by_scale.frame.equals(by_question.frame)
    assert by_scale.frame["week"].min() > 0
    assert by_scale.frame["week"].max() <= 12
    truth = classes(220, 5, THRESHOLDS, np.array([[3.5, 0.0], [2.0, -2.0]]), np.array([0.4, 0.6]))
    truth = truth[(7 * truth["week"]).round() == 0].sort_values(["week", "item"])
    first = truth.groupby("subject_id")["item"].first()
    person = by_scale.frame["subject_id"].str[1:].astype(int)
    assert (by_scale.frame["baseline"].to_numpy() == 1 + first.loc[person].to_numpy()).all()


def test_a_question_about_change_has_no_baseline(tmp_path: Path, database: Path) -> None:
    path = tmp_path / "trd.duckdb"
    path.write_bytes(database.read_bytes())
    with duckdb.connect(str(path)) as connection:
        connection.execute("delete from cdm.scales where day <= 7")
    with connect(path) as opened:
        assert "baseline" not in read_item(opened, read_plan(), "CGI_S").frame.columns


def test_a_run_writes_classes_courses_and_persons(database: Path) -> None:
    run = run_item(database, AskedItem("CGI_S", k=(1, 2), starts=5, halves=1, folds=2, seed=3))
    assert run.fit is not None
    assert run.fit.k == 2
    assert run.verdict == f"2 classes; {CAUTION}"
    with connect(database) as opened:
        courses = opened.frame(
            "select class, week, sum(probability) as total, any_value(mean) as mean,"
            " sum(category * probability) as by_hand from results.trajectory_item_courses group by all"
        )
        persons = opened.table("results.trajectory_item_persons")
        runs = opened.table("results.trajectory_item_runs").iloc[0]
    assert courses["total"].to_numpy(dtype=float) == pytest.approx(1)
    assert courses["mean"].to_numpy(dtype=float) == pytest.approx(courses["by_hand"].to_numpy(dtype=float))
    assert len(persons) == run.cohort.counts["persons"]
    assert (runs["is_synthetic"], runs["is_primary"], runs["seed"]) == (True, False, 3)
    assert "an item, of which the plan says nothing" in runs["deviations"]
    assert run.tables["models"]["predictive"].notna().all()


def test_what_cannot_be_answered_says_why(database: Path) -> None:
    with pytest.raises(CohortError, match="nobody of stard, predict, ispotd has an answer to 'PGI_I'"):
        run_item(database, AskedItem("PGI_I"))
    with pytest.raises(CohortError, match="no population 'nobody'"):
        run_item(database, AskedItem("CGI_S", population="nobody"))


def test_the_command(database: Path, tmp_path: Path) -> None:
    def trd(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["--warehouse", str(database.parent), "trajectories", *arguments])
        return done.exit_code, done.output

    few = ["--item", "hrsd_01", "--link", "probit", "--k", "1-2", "--starts", "3"]
    code, told = trd(*few, "--json", "--html", str(tmp_path / "page.html"))
    assert code == 0, told
    document = json.loads(told[told.index("{") :])
    assert document["run_id"] == "trials_hrsd_01"
    assert [row["link"] for row in document["models"]] == ["probit", "probit"]
    assert "SYNTHETIC" in (tmp_path / "page.html").read_text()
    code, told = trd(*few)
    assert code == 0
    assert "answers to hrsd_01, cumulative probit" in told
    assert trd("--item", "hrsd_01", "--family", "gaussian")[0] == 2
    assert trd("--item", "nothing")[0] == 1
