"""Tables of the common model are their stored candidates, settled: the same rows as their own statements give."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from harmonize.landing import land
from harmonize.paths import Warehouse
from harmonize.sources import study
from harmonize.synthetic import stard
from tests.dbt_project import kit

SETTLED = ("scales", "treatments", "history", "conditions", "genotypes")

State = dict[str, object]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A published warehouse of STAR*D with planted faults, level boundaries and rows that merge."""
    warehouse = Warehouse(Path(tmp_path_factory.mktemp("settled")))
    stard.write(warehouse.root / "delivered", 60, seed=7, faults=True)
    land(study("stard"), warehouse.root / "delivered", warehouse, synthetic=True)
    return kit.build(warehouse, project=kit.project_with("stard"))


def state(database: Path) -> State:
    """Contents, constraints and descriptions of the settled tables, and the names of all tables."""
    with duckdb.connect(str(database), read_only=True) as connection:
        found: State = {
            name: connection.execute(f"select count(*), sum(hash(t)::hugeint) from cdm.{name} as t").fetchall()
            for name in SETTLED
        }
        found["constraints"] = connection.execute(
            "select table_name, constraint_text, constraint_column_names from duckdb_constraints()"
            " where schema_name = 'cdm' and list_contains(?, table_name) order by all",
            [SETTLED],
        ).fetchall()
        found["columns"] = connection.execute(
            "select table_name, column_name, data_type, is_nullable, comment from duckdb_columns()"
            " where schema_name = 'cdm' and list_contains(?, table_name) order by all",
            [SETTLED],
        ).fetchall()
    return found


def partial(house: Warehouse, *models: str) -> State:
    """The working file after a partial build of `models` that must be green."""
    done = kit.dbt(house, "build", "-s", *models, project=kit.project_with("stard"))
    assert done.returncode == 0, done.stdout[-3000:]
    copy = house.root / "copy.duckdb"
    shutil.copy(house.next / "trd.duckdb", copy)
    return state(copy)


@pytest.mark.slow
def test_settled_tables_are_what_their_statements_give(house: Warehouse) -> None:
    """The full build settles stored candidates. A partial build of the tables alone runs their statements on the
    evaluated candidates; one that was killed before the tables leaves candidates, which the next settles."""
    full = state(house.database)
    assert kit.query(house, "select bool_or(n_src > 1) from cdm.scales") == [(True,)]
    assert len(kit.query(house, "select distinct rule from quality.quarantine where entity = 'scales'")) > 1
    assert partial(house, *SETTLED) == full
    assert partial(house, *(f"chk_{name}" for name in SETTLED)) == full
    assert partial(house, *SETTLED) == full
