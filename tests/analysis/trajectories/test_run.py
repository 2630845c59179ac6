"""The class step from a published file to results, and `trd trajectories` on it."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from analysis.plan import read_plan
from analysis.report.page import _environment
from analysis.report.trajectories import sections
from analysis.results import results_file
from analysis.trajectories.cohort import CohortError, read_cohort, specification
from analysis.trajectories.run import Asked, run_trajectories
from analysis.trajectories.simulate import Courses, continuum, mixture
from analysis.warehouse import connect
from harmonize.cli import app

TWO = Courses(
    np.array([[16.0, -1.9, 0.08], [17.0, -0.12, 0.0]]), np.array([0.7, 0.3]), np.array([[4.0, -0.1], [-0.1, 0.02]]), 2.0
)
"""Response and treatment failure, 70 and 30 %."""
FAST = {"k": (1, 2, 3), "families": ("gaussian",), "starts": 10, "replicates": 10}

TABLES = """
create schema quality; create schema marts; create schema reference;
create table quality.landings (study varchar, form varchar, sha256 varchar, is_synthetic boolean);
insert into quality.landings values ('stard', 'f', 'ab', true), ('predict', 'f', 'cd', true), ('mars', 'f', 'ef', true);
create table reference.trajectory_rules (study_id varchar, instrument_id varchar);
insert into reference.trajectory_rules values ('mars', 'HRSD17');
create table marts.trajectory_input as
select
    'p' || subject_id as subject_id,
    case when subject_id % 3 = 0 then 'predict' else 'stard' end as study_id,
    subject_id % 25 as site_no, 'QIDS_SR16' as instrument_id, cast(week * 7 as bigint) as day, 'self' as rater,
    'clinic' as contact, 1 as occasion, week, score, 0 as baseline_day, null as baseline_score,
    case when week = 0 then 'baseline' else 'follow_up' end as role, week > 0 as is_in_window,
    1.4 * score as hrsd17_equiv, score as qids_sr16_equiv
from given;
create table marts.first_line as
select distinct
    subject_id, 'SSRI' as treatment_class, 'completed' as exit_kind, true as is_evaluable, false as left_early,
    false as intolerant, 'yes' as adequate
from marts.trajectory_input;
"""


def published(folder: Path, frame: pd.DataFrame) -> Path:
    """A published file that holds invented scores and nothing of a next step."""
    path = folder / "trd.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.register("given", frame)
        connection.execute(TABLES)
    return path


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("two"), mixture(500, 3, TWO))


def test_classes_that_are_there_are_found_labelled_and_written(database: Path) -> None:
    run = run_trajectories(database, Asked(**FAST, seed=4))
    assert run.fit is not None
    assert run.fit.k == 2
    assert run.verdict.startswith("2 classes; treatment failure: ")
    classes = run.tables["classes"]
    assert sorted(classes["label"]) == ["gradual response", "treatment failure"]
    failing = classes[classes["label"] == "treatment failure"].iloc[0]
    assert abs(failing["share"] - 0.3) < 0.05
    assert failing["agreement"] == 1
    with connect(database) as opened:
        persons = opened.table("results.trajectory_persons")
        written = opened.table("results.trajectory_runs")
    truth = mixture(500, 3, TWO).drop_duplicates("subject_id").set_index("subject_id")["truth"]
    of = truth.loc[persons["subject_id"].str[1:].astype(int)].to_numpy()
    assert ((persons["p_tf"] > 0.5).to_numpy() == (of == 2)).mean() > 0.9
    assert persons.loc[of == 2, "q"].mean() > persons.loc[of == 1, "q"].mean() + 0.4
    assert set(persons["exit_kind"]) == {"completed"}
    row = written.iloc[0]
    assert (row["run_id"], row["seed"], row["is_synthetic"], row["is_primary"]) == ("trials", 4, True, False)
    assert row["plan_hash"] is not None
    assert "starts: 10 instead of 50" in row["deviations"]


def test_no_class_is_made_of_a_continuum(tmp_path: Path) -> None:
    """World W1 has one continuous distribution of change."""
    run = run_trajectories(published(tmp_path, continuum(500, 5)), Asked(**FAST))
    assert run.fit is not None
    assert run.fit.k == 1
    assert run.verdict == "One class: the courses are one continuum, no classes; no TF class"
    assert (run.tables["persons"]["p_tf"] == 0).all()
    assert run.tables["persons"]["q"].between(0.02, 0.98).any()


def test_the_section_of_the_report_shows_classes_and_no_small_count(database: Path) -> None:
    run = run_trajectories(database, Asked(**FAST, seed=4))
    with connect(database) as opened:
        [section] = [s for s in sections(opened, 5) if s["run"]["run_id"] == "trials"]
        [strict] = [s for s in sections(opened, 400) if s["run"]["run_id"] == "trials"]
    assert section["synthetic"]
    assert section["is_current"]
    assert section["titles"] == [f"{c}: {name}" for c, name in enumerate(run.tables["classes"]["label"], 1)]
    assert sum(c["persons"].value for c in section["classes"]) == run.cohort.counts["persons"]
    assert {part["by"] for part in section["by"]} == {"study", "first treatment"}
    assert "<svg" in section["figure"].wide
    assert dict(section["grolts"])["11 number of models"] == "3, one class included"
    assert all(c["hidden"] for c in strict["classes"])
    page = _environment().get_template("trajectories.html.j2").render(trajectories=[section])
    assert "SYNTHETIC" in page
    assert "Departs from the plan" in page


def test_persons_and_counts_of_the_cohort(tmp_path: Path) -> None:
    database = published(tmp_path, mixture(60, 1, TWO))
    with duckdb.connect(str(database)) as connection:
        # one person without a baseline, a second rating of a day, a score outside the weeks that count
        connection.execute("delete from marts.trajectory_input where subject_id = 'p1' and role = 'baseline'")
        connection.execute(
            "insert into marts.trajectory_input select * replace (2 as occasion, 99 as score)"
            " from marts.trajectory_input where subject_id = 'p2'"
        )
        connection.execute("update marts.trajectory_input set is_in_window = false where subject_id = 'p4'")
    with connect(database) as opened:
        cohort = read_cohort(opened, read_plan(), "trials")
    assert cohort.counts["persons_without_baseline"] == 1
    assert {"p1", "p4"}.isdisjoint(cohort.persons["subject_id"])
    assert cohort.counts["persons"] == 58
    assert cohort.frame["score"].max() < 99
    assert cohort.linked == ()
    spec = specification(read_plan(), cohort)
    assert (spec.membership, spec.residual, spec.cluster) == ("~ study_id", "study", "site")


def test_a_scale_that_a_study_lacks_is_linked_and_said(database: Path) -> None:
    with connect(database) as opened:
        cohort = read_cohort(opened, read_plan(), "all")
        measured = read_cohort(opened, read_plan(), "trials")
    assert cohort.scale == "HRSD17"
    assert cohort.linked == ("predict", "stard")
    assert cohort.mean_baseline == pytest.approx(1.4 * measured.mean_baseline)


def test_what_cannot_be_answered_says_why(database: Path) -> None:
    with connect(database) as opened:
        for arguments, message in (
            ({"population": "nobody"}, "the plan has no population 'nobody'; it has trials, mars, all"),
            ({"population": "mars"}, "no score on HRSD17 for mars"),
            ({"population": "trials", "view": "marts.none"}, "there is no marts.none"),
            ({"population": "trials", "view": "marts.first_line"}, "has no column study_id"),
        ):
            with pytest.raises(CohortError, match=message):
                read_cohort(opened, read_plan(), **arguments)


def test_the_command_shows_the_classes_and_refuses_nonsense(database: Path) -> None:
    def trd(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["--warehouse", str(database.parent), "trajectories", *arguments])
        return done.exit_code, done.output

    few = ["--k", "1-2", "--family", "gaussian", "--starts", "5", "--bootstraps", "0", "--study", "predict"]
    code, told = trd(*few, "--json")
    assert code == 0, told
    document = json.loads(told[told.index("{") :])
    assert document["run_id"] == "trials_predict"
    assert document["is_synthetic"] is True
    assert [row["k"] for row in document["models"]] == [1, 2]
    assert results_file(database).is_file()
    code, told = trd(*few)
    assert code == 0
    assert "SYNTHETIC" in told
    assert "Departs from the plan" in told
    assert trd("--k", "3-1")[0] == 2
    assert trd("--population", "nobody")[0] == 2
    assert trd("--population", "mars")[0] == 1
