"""Publish by rename (decision 10): the published file changes only after a full green run; readers never notice."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from harmonize.landing import land
from harmonize.paths import DBT_PROJECT, Warehouse
from harmonize.sources import study
from harmonize.synthetic import stard
from tests.dbt_project import kit


def land_persons(warehouse: Warehouse, n: int) -> None:
    folder = warehouse.root / f"delivered_{n}"
    stard.write(folder, n, seed=3)
    land(study("stard"), folder, warehouse, synthetic=True)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A published warehouse of 40 persons, with a delivery of 50 landed since."""
    warehouse = Warehouse(Path(tmp_path_factory.mktemp("publish")))
    land_persons(warehouse, 40)
    kit.build(warehouse, project=kit.project_with("stard"))
    land_persons(warehouse, 50)
    return warehouse


def digest(warehouse: Warehouse) -> str:
    return hashlib.sha256(warehouse.database.read_bytes()).hexdigest()


@contextmanager
def reading(warehouse: Warehouse) -> Iterator[list[object]]:
    """Readers at work: one keeps its file open, one opens it anew each time. Yields what went wrong."""
    errors: list[object] = []
    done = threading.Event()
    kept = duckdb.connect(str(warehouse.database), read_only=True)
    before = kept.execute("select count(*), sum(score_used) from cdm.scales").fetchone()

    def read() -> None:
        while not done.is_set():
            try:
                now = kept.execute("select count(*), sum(score_used) from cdm.scales").fetchone()
                if now != before:
                    errors.append((before, now))
                kit.query_elsewhere(warehouse, "select count(*) from cdm.subjects")
            except Exception as error:
                errors.append(error)
            time.sleep(0.5)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield errors
    finally:
        done.set()
        thread.join()
        kept.close()


def kill_at_random(warehouse: Warehouse, times: int, seed: int) -> int:
    """Start builds and kill them at random moments; the number that were killed before they had published.

    The moments cover a whole build and a little more, as long as one takes on this machine now.
    """
    rng = random.Random(seed)
    start = time.perf_counter()
    kit.dbt(warehouse, "build", "--exclude", "assert_form_rows_add_up", project=kit.project_with("stard"))
    longest = 1.1 * (time.perf_counter() - start)
    killed = 0
    for _ in range(times):
        before = digest(warehouse)
        process = subprocess.Popen(
            kit.command(warehouse, "build"),
            cwd=kit.project_with("stard"),
            env=kit.environment(warehouse),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(timeout=rng.uniform(0.3, longest))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        if digest(warehouse) == before:
            killed += 1
        else:
            # the kill came after the rename, or the build was done: then it must be a whole new file
            assert kit.query_elsewhere(warehouse, "select count(*) from cdm.subjects") == [[50]]
    return killed


def test_a_killed_build_leaves_the_published_file(house: Warehouse) -> None:
    before = digest(house)
    with reading(house) as errors:
        assert kill_at_random(house, times=2, seed=1) == 2 or digest(house) != before
    assert errors == []
    if digest(house) == before:
        assert kit.query(house, "select count(*) from cdm.subjects") == [(40,)]


@pytest.mark.slow
def test_200_kills(house: Warehouse) -> None:
    """The long version, `make torture`."""
    with reading(house) as errors:
        assert kill_at_random(house, times=200, seed=2) >= 100
    assert errors == []


def test_a_partial_build_is_not_published(house: Warehouse) -> None:
    before = digest(house)
    # of published tables alone: the working views that others read are gone where a build was killed before
    result = kit.dbt(house, "build", "-s", "coverage", project=kit.project_with("stard"))
    assert result.returncode == 0, result.stdout[-3000:]
    assert "Not published" in result.stdout
    assert digest(house) == before


@pytest.mark.parametrize(
    "command",
    [
        ("run",),
        ("build", "--empty"),
    ],
)
def test_nothing_but_a_full_build_is_published(house: Warehouse, command: tuple[str, ...]) -> None:
    before = digest(house)
    kit.dbt(house, *command, project=kit.project_with("stard"))
    assert digest(house) == before


def test_the_common_tables_build_without_the_marts(house: Warehouse) -> None:
    before = digest(house)
    shutil.rmtree(house.root / ".next", ignore_errors=True)  # where an earlier build has left the schema of the marts
    without = ("--exclude", "path:models/marts", "path:models/quality/dq_result.sql", "resource_type:unit_test")
    result = kit.dbt(house, "build", *without, project=kit.project_with("stard"))
    assert result.returncode == 0, result.stdout[-3000:]
    assert digest(house) == before


def test_a_failing_test_keeps_the_old_file(house: Warehouse, tmp_path: Path) -> None:
    project = Path(shutil.copytree(kit.project_with("stard"), tmp_path / "dbt_project"))
    (project / "tests" / "assert_never.sql").write_text("select 1 as one\n")
    before = digest(house)
    result = kit.dbt(house, "build", project=project)
    assert result.returncode == 1
    assert "Not published" in result.stdout
    assert digest(house) == before


def test_a_second_build_at_the_same_time_is_refused(house: Warehouse) -> None:
    before = digest(house)
    first = subprocess.Popen(
        kit.command(house, "build"),
        cwd=kit.project_with("stard"),
        env=kit.environment(house),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert first.stdout is not None
    for line in first.stdout:
        if "Concurrency" in line:
            break
    second = kit.dbt(house, "build", project=kit.project_with("stard"))
    assert second.returncode != 0
    assert "another build is working" in second.stdout
    assert digest(house) == before
    first.kill()
    first.wait()
    first.stdout.close()


def test_a_green_build_is_published_while_others_read(house: Warehouse) -> None:
    """The whole project with its dbt unit tests; the 50 persons landed since stand in the new file."""
    with reading(house) as errors:
        kit.build(house, project=DBT_PROJECT)
    assert errors == []
    assert kit.query(house, "select count(*) from cdm.subjects") == [(50,)]


def test_the_published_file_answers_under_any_alias(house: Warehouse, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere.duckdb"
    shutil.copy(house.database, copy)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{copy}' as other (read_only)")
        views = connection.execute(
            "select schema_name, view_name from duckdb_views() where database_name = 'other' and not internal"
        ).fetchall()
        assert views
        for schema, view in views:
            assert connection.execute(f"select count(*) from other.{schema}.{view}").fetchone()


def test_every_published_table_and_column_is_described(house: Warehouse) -> None:
    bare = kit.query(
        house,
        """
        select schema_name || '.' || table_name from duckdb_tables() where not internal and comment is null
        union all
        select schema_name || '.' || view_name from duckdb_views() where not internal and comment is null
        union all
        select schema_name || '.' || table_name || '.' || column_name
        from duckdb_columns() where not internal and comment is null
        """,
    )
    assert bare == []


def test_every_published_model_has_an_enforced_contract(house: Warehouse) -> None:
    """Read from the manifest of the build that made the file."""
    manifest = json.loads((house.root / "target" / "manifest.json").read_text(encoding="utf-8"))
    models = [n for n in manifest["nodes"].values() if n["resource_type"] == "model" and n["database"] == "trd"]
    assert len(models) > 20
    assert [m["name"] for m in models if not m["config"]["contract"]["enforced"]] == []


def test_every_derivation_has_a_unit_test() -> None:
    """Every hand-written model: cdm, quality, marts, checks, findings; compiled blocks are tested in pytest."""
    models = [p for p in (DBT_PROJECT / "models").rglob("*.sql") if not p.read_text().startswith("-- generated")]
    # one select of one source, nothing derived
    plain = {"corrections", "form_rows", "genotype_stages", "kept_links", "landings"}
    plain |= {f"held_{name}" for name in ("conditions", "genotypes", "history", "treatments")}  # as held_scales
    missing = {p.stem for p in models if not p.with_name(f"{p.stem}__unit_tests.yml").exists()}
    assert missing == plain
