"""The same input gives the same tables, whatever the number of threads and the order of rows in the files."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb
import pytest

from harmonize.landing import land
from harmonize.paths import Warehouse
from harmonize.sources import study
from harmonize.synthetic import stard
from tests.dbt_project import kit

N, SEED = 150, 5
WITHOUT_PLACE = "columns(c -> c not in ('src_row', 'src_form', 'n_bytes', 'sha256', 'file'))"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = Warehouse(Path(tmp_path_factory.mktemp("one_thread")))
    folder = warehouse.root / "delivered"
    stard.write(folder, N, SEED, faults=True)
    land(study("stard"), folder, warehouse, synthetic=True)
    return kit.build(warehouse, threads=1, project=kit.project_with("stard"))


# the shuffled build has 2 threads too
@pytest.mark.parametrize("threads", [pytest.param(2, marks=pytest.mark.slow), 4])
def test_threads_do_not_change_a_table(first: Warehouse, tmp_path: Path, threads: int) -> None:
    other = Warehouse(tmp_path)
    land(study("stard"), first.root / "delivered", other, synthetic=True)
    assert kit.content_hashes(
        kit.build(other, threads=threads, project=kit.project_with("stard"))
    ) == kit.content_hashes(first)


def test_shuffled_files_give_the_same_content(first: Warehouse, tmp_path: Path) -> None:
    """Everything but the place in the file: which of two identical rows came first may differ."""
    other = Warehouse(tmp_path)
    folder = tmp_path / "delivered"
    folder.mkdir()
    rng = random.Random(8)
    for path in (first.root / "delivered").glob("*01.txt"):
        names, texts, *rows = path.read_text(encoding="utf-8").splitlines()
        rng.shuffle(rows)
        (folder / path.name).write_text("\n".join([names, texts, *rows]) + "\n", encoding="utf-8")
    land(study("stard"), folder, other, synthetic=True)
    kit.build(other, threads=2, project=kit.project_with("stard"))
    assert content(other) == content(first)


def content(warehouse: Warehouse) -> dict[str, tuple[int, int]]:
    with kit.published(warehouse) as connection:
        tables = [
            name
            for (name,) in connection.execute(
                "select schema_name || '.' || table_name from duckdb_tables()"
                " where schema_name in ('cdm', 'marts', 'quality') and not internal order by 1"
            ).fetchall()
        ]
        return {name: _fingerprint(connection, name) for name in tables}


def _fingerprint(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[int, int]:
    found = connection.execute(
        f"select count(*), coalesce(sum(hash(t)::hugeint), 0) from (select {WITHOUT_PLACE} from {table}) as t"
    ).fetchone()
    assert found is not None
    return found
