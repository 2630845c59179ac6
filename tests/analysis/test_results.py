"""Results stand beside the published file, say what they came from, and are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pytest

from analysis import results
from analysis.results import ResultError, Stamp, plan_hash, results_file, stamp_of, write_result
from analysis.warehouse import WarehouseMissing, connect


def rows(database: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(results_file(database)), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_every_row_says_what_it_came_from(database: Path) -> None:
    stamp = stamp_of(database, seed=7)
    write_result("effects", pd.DataFrame({"term": ["a", "b"], "estimate": [1.5, None]}), stamp=stamp)
    found = rows(database, "select term, estimate, release, plan_hash, seed, is_synthetic from effects order by term")
    assert found == [
        ("a", 1.5, stamp.release, plan_hash(), 7, True),
        ("b", None, stamp.release, plan_hash(), 7, True),
    ]
    assert rows(database, "select name, n_rows from written") == [("effects", 2)]


def test_release_follows_the_landed_bytes_and_synthetic_the_studies_used(database: Path) -> None:
    both, real = stamp_of(database), stamp_of(database, studies=["beta"])
    assert both.is_synthetic
    assert not real.is_synthetic
    with duckdb.connect(str(database)) as connection:
        connection.execute("update quality.landings set sha256 = repeat('ef', 32) where study = 'alpha'")
    assert stamp_of(database).release != both.release
    assert stamp_of(database, studies=["beta"]).release == real.release
    with pytest.raises(ResultError, match="no landing of gamma"):
        stamp_of(database, studies=["gamma"])


def test_plan_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    assert plan_hash(tmp_path / "plan.toml") is None
    (tmp_path / "plan.toml").write_bytes(b"abc")
    # the first test vector of the standard (FIPS 180-4)
    assert plan_hash(tmp_path / "plan.toml") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_names_of_the_files_own_tables_are_refused(database: Path) -> None:
    for name in ("written", "releases"):
        with pytest.raises(ResultError, match="choose another name"):
            write_result(name, pd.DataFrame({"n": [1]}), stamp=stamp_of(database))


def test_key_replaces_its_rows_and_keeps_the_others(database: Path) -> None:
    stamp = stamp_of(database)
    write_result("links", pl.DataFrame({"link_id": ["x", "x", "y"], "point": [1.0, 2.0, 3.0]}), stamp=stamp)
    write_result("links", pl.DataFrame({"link_id": ["x"], "point": [9.0]}), stamp=stamp, key=["link_id"])
    assert rows(database, "select link_id, point from links order by all") == [("x", 9.0), ("y", 3.0)]
    write_result("links", pl.DataFrame({"link_id": ["z"], "point": [4.0]}), stamp=stamp)
    assert rows(database, "select link_id, point from links") == [("z", 4.0)]


def test_wrong_writes_are_refused_and_leave_what_was_there(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stamp = stamp_of(database)
    frame = pd.DataFrame({"link_id": ["x"], "point": [1.0]})
    write_result("links", frame, stamp=stamp)
    before = results_file(database).read_bytes()
    with pytest.raises(ResultError, match="other columns"):
        write_result("links", frame.assign(extra=1), stamp=stamp, key=["link_id"])
    with pytest.raises(ResultError, match="belong to the stamp"):
        write_result("links", frame.assign(seed=1), stamp=stamp)
    with pytest.raises(ResultError, match="is no name"):
        write_result("drop table links;", frame, stamp=stamp)
    with pytest.raises(ResultError, match="named as its key"):
        write_result("links", frame, stamp=stamp, key=["study_id"])

    def dies(path: Path) -> None:
        raise OSError("disk is full")

    monkeypatch.setattr(results, "_sync", dies)
    with pytest.raises(OSError, match="disk is full"):
        write_result("links", frame.assign(point=2.0), stamp=stamp)
    assert results_file(database).read_bytes() == before
    left = {p.name for p in database.parent.iterdir()}
    assert left <= {database.name, results_file(database).name, f".{results.FILE}.lock"}


def test_open_reader_keeps_its_file_and_the_warehouse_shows_results(database: Path) -> None:
    stamp = stamp_of(database)
    with connect(database) as warehouse:
        assert not [name for name in warehouse.columns if name.startswith("results.")]
    write_result("links", pd.DataFrame({"point": [1.0]}), stamp=stamp)
    with connect(database) as warehouse:
        assert warehouse.table("results.links", ["point"])["point"].tolist() == [1.0]
        write_result("links", pd.DataFrame({"point": [2.0]}), stamp=stamp)
        assert warehouse.table("results.links")["point"].tolist() == [1.0]
    with connect(database) as warehouse:
        assert warehouse.table("results.links")["point"].tolist() == [2.0]


def test_results_need_a_published_file(tmp_path: Path) -> None:
    with pytest.raises(WarehouseMissing):
        stamp_of(tmp_path / "none.duckdb")
    write_result("links", pd.DataFrame({"n": [1]}), stamp=Stamp(tmp_path / "trd.duckdb", "r", None, None, True))
    assert rows(tmp_path / "trd.duckdb", "select release, plan_hash, seed from links") == [("r", None, None)]
