"""Any subset of studies builds, and a study's rows are the same whatever other studies are landed or known."""

from __future__ import annotations

import inspect
from collections import defaultdict
from pathlib import Path

import duckdb
import pytest

from bench.run import write_bare
from harmonize.landing import land
from harmonize.mapping import has_mapping
from harmonize.paths import Warehouse, public_data
from harmonize.sources import studies, study
from harmonize.synthetic.studies import available, synthetic
from tests.dbt_project import kit

MAPPED = sorted(s.name for s in studies() if has_mapping(s.name))
N, SEED = 40, 4

Content = dict[str, dict[str, tuple[int, int]]]
"""Study → table → rows and an order-free fingerprint of them, every column with its bytes."""


def deliver(name: str, folder: Path) -> Path | None:
    """A small delivery of the study, with faults where its writer can plant them; None where none can be had."""
    if name in available():
        write = synthetic(name).write
        faults = {"faults": True} if "faults" in inspect.signature(write).parameters else {}
        write(folder / name, N, SEED, **faults)
        return folder / name
    public, place = public_data(), study(name).public_folder
    return public / place if public and place and (public / place).is_dir() else None


def content(warehouse: Warehouse) -> Content:
    """The published rows of each study, table by table."""
    found: Content = defaultdict(dict)
    with kit.published(warehouse) as connection:
        tables = connection.execute(
            "select schema_name || '.' || table_name, column_name from duckdb_columns() where not internal"
            " and schema_name in ('cdm', 'marts', 'quality') and column_name in ('study_id', 'study') order by 1"
        ).fetchall()
        for table, key in tables:
            for name, *rows in connection.execute(
                f"select {key}, count(*), sum(hash(t)::hugeint) from {table} as t group by 1"
            ).fetchall():
                found[name][table] = (rows[0], rows[1])
    return found


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What each study delivers; studies of which nothing can be had are left out."""
    folder = Path(tmp_path_factory.mktemp("delivered"))
    found = {name: deliver(name, folder) for name in MAPPED}
    return {name: delivery for name, delivery in found.items() if delivery}


@pytest.fixture(scope="module")
def together(deliveries: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Content:
    """All studies that can be had in one warehouse."""
    house = Warehouse(Path(tmp_path_factory.mktemp("together")))
    for name, delivery in deliveries.items():
        land(study(name), delivery, house, synthetic=name in available())
    return content(kit.build(house))


@pytest.mark.parametrize("name", MAPPED)
def test_a_study_alone_is_as_beside_the_others(
    deliveries: dict[str, Path], together: Content, tmp_path: Path, name: str
) -> None:
    """Pseudonyms, site numbers, occasions, refusals, counts: every row of every published table is the same in a
    warehouse that never heard of another study. So adding or removing one changes nothing of the others."""
    if name not in deliveries:
        pytest.skip(f"no delivery of {name}: its public data are not here")
    house = Warehouse(tmp_path / "house")
    land(study(name), deliveries[name], house, synthetic=name in available())
    alone = content(kit.build(house, project=kit.project_with(name)))
    assert alone == {name: together[name]}
    assert alone[name]["cdm.subjects"][0] > 0


@pytest.mark.parametrize("name", ["ispotd", "mars", "predict"])
def test_the_yardstick_of_the_benchmark_writes_as_many_rows(together: Content, tmp_path: Path, name: str) -> None:
    """What `make bench` compares the build with is the same work: every table of the study, with as many rows.

    STAR*D's yardstick merges no duplicates, of which only that study has any: test_whole_study.py looks at it.
    """
    synthetic(name).write_parquet(tmp_path, N, SEED)
    with duckdb.connect() as connection:
        write_bare(connection, tmp_path, name)
        tables = connection.execute("select table_name from duckdb_tables() where schema_name = ?", [name]).fetchall()
        bare = {table: connection.table(f"{name}.{table}").count("*").fetchall()[0][0] for (table,) in tables}
    expected = ("subjects", "visits", "steps", "scales", "treatments", "history", "conditions", "genotypes")
    built = {table: together[name][f"cdm.{table}"][0] for table in expected if f"cdm.{table}" in together[name]}
    assert bare == built


def test_the_fingerprints_see_a_changed_byte(together: Content) -> None:
    """The comparison can fail: it looks at all tables, and what it sees of two studies differs."""
    tables = {table for by_table in together.values() for table in by_table}
    assert {"cdm.subjects", "cdm.scales", "marts.first_line", "quality.form_rows", "quality.landings"} <= tables
    subjects = [tables["cdm.subjects"] for tables in together.values() if "cdm.subjects" in tables]
    assert len(set(subjects)) == len(subjects)
