"""The class step tries to look ahead, and cannot."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from pandas.errors import DatabaseError
from sqlalchemy.exc import DBAPIError

from analysis.plan import read_plan
from analysis.trajectories.cohort import CohortError
from analysis.treatment_failure.door import class_door
from analysis.treatment_failure.finding import about, read
from analysis.warehouse import connect
from tests.analysis.treatment_failure.houses import warehouse_of
from validate.stard_worlds import draw


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return warehouse_of(draw("W0", 120, 1), 1, tmp_path_factory.mktemp("house"))


def test_what_lies_ahead_is_there_and_not_behind_the_door(published: Path) -> None:
    ahead = (
        "select * from marts.outcomes",
        "select * from marts.step_scores",
        "select * from cdm.steps",
        "select * from cdm.genotypes",
        "select next_step_id from marts.first_line",
        "select opens_step from marts.trajectory_input",
    )
    with connect(published) as warehouse:
        for sql in ahead:
            assert len(warehouse.frame(sql)), f"{sql} has to have rows, or the test could not fail"
    with class_door(published) as door:
        for sql in ahead:
            with pytest.raises(DatabaseError):
                door.frame(sql)


def test_no_other_file_can_be_opened_through_the_door(published: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outcomes.csv"
    outside.write_text("subject_id,remitted\ns000001,1\n", encoding="utf-8")
    with duckdb.connect() as free:
        assert free.sql(f"select * from read_csv('{outside}')").fetchall()
    with class_door(published) as door:
        for sql in (
            f"attach '{published}' as ahead (read_only)",
            f"select * from read_csv('{outside}')",
            "set enable_external_access = true",
            "create table marts.mine as select 1",
        ):
            with pytest.raises(DBAPIError), door.engine.connect() as connection:
                connection.exec_driver_sql(sql)


def test_results_of_earlier_runs_stay_outside(published: Path) -> None:
    with duckdb.connect(str(published.with_name("results.duckdb"))) as results:
        results.execute("create or replace table treatment_failure_contrasts as select 1 as estimate")
    with connect(published) as warehouse:
        assert len(warehouse.frame("select * from results.treatment_failure_contrasts"))
    with class_door(published) as door, pytest.raises(DatabaseError):
        door.frame("select * from results.treatment_failure_contrasts")


def test_the_class_step_takes_no_other_warehouse(published: Path) -> None:
    plan = read_plan()
    with connect(published) as warehouse, pytest.raises(TypeError, match="through a Door"):
        read(warehouse, plan, "trials", studies=("stard",))  # type: ignore[arg-type]
    with class_door(published) as door:
        cohort = read(door, plan, "trials", studies=("stard",))
        assert len(about(door, cohort)) == len(cohort.persons)


def test_a_view_without_the_columns_is_refused(published: Path) -> None:
    with pytest.raises(CohortError, match="has no column"), class_door(published, "marts.first_line"):
        pass
