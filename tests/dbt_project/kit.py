"""What the tests of the dbt project share: writing raw files, building a warehouse, comparing published files."""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import duckdb
import yaml

from harmonize.landing import land
from harmonize.paths import DBT_PROJECT, REPO, Warehouse
from harmonize.sources import studies, study

PSEUDONYM_KEY = "a key for tests"
PARSED = "partial_parse.msgpack"
Rows = Iterable[Mapping[str, object]]


def write_archive(folder: Path, forms: Mapping[str, Rows], study_name: str = "stard") -> Path:
    """Write forms as the archive does: tab-separated, quoted, two header rows, every declared column."""
    folder.mkdir(parents=True, exist_ok=True)
    declared = study(study_name)
    for name, rows in forms.items():
        form = declared.form(name)
        lines = [[c.name for c in form.columns], [c.description.replace('"', "'") for c in form.columns]]
        for row in rows:
            unknown = set(row) - set(form.column_names)
            assert not unknown, f"{name} has no column {unknown}"
            lines.append([str(row.get(c.name, "")) for c in form.columns])
        text = "\n".join("\t".join(f'"{cell}"' for cell in line) for line in lines)
        (folder / f"{name}.txt").write_text(text + "\n", encoding="utf-8")
    return folder


def land_archive(warehouse: Warehouse, forms: Mapping[str, Rows], study_name: str = "stard") -> None:
    """Write and land forms as a synthetic delivery."""
    folder = write_archive(warehouse.root / "delivered", forms, study_name)
    land(study(study_name), folder, warehouse, synthetic=True)


def _untested_seeds(project: Path) -> None:
    """Take the data tests of seeds out of a copied project: seeds are the same in every build, and tested in one."""
    for path in (project / "seeds").rglob("*.yml"):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for seed in document["seeds"]:
            for tested in (seed, *seed.get("columns", [])):
                tested.pop("data_tests", None)
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def copy_project(target: Path, *leave_out: str) -> Path:
    """A copy of the dbt project without the files that match `leave_out`."""
    shutil.copytree(DBT_PROJECT, target, ignore=shutil.ignore_patterns("target", "logs", *leave_out))
    return target


@cache
def quick_project() -> Path:
    """The project without its dbt unit tests, which take longer than the rest of a small build; made once a process.

    Without the tests of its seeds too.
    """
    folder = Path(tempfile.mkdtemp(prefix="trd_project_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    project = copy_project(folder / "dbt_project", "*__unit_tests.yml")
    _untested_seeds(project)
    return project


@cache
def project_with(*kept: str) -> Path:
    """The quick project as it would be if `kept` were the only studies ever added; made once a process.

    The other studies' own files are removed and the rest is compiled.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"trd_{'_'.join(kept)}_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for part in ("harmonize", "schemas", "dbt_project"):
        ignore = shutil.ignore_patterns("target", "logs", "__pycache__", "*__unit_tests.yml")
        shutil.copytree(REPO / part, folder / part, ignore=ignore)
    for other in (s.name for s in studies() if s.name not in kept):
        for path in (folder / "dbt_project" / "models").glob(f"*/{other}"):
            shutil.rmtree(path)
        mappings = folder / "harmonize" / "mappings"
        shutil.rmtree(mappings / other, ignore_errors=True)
        for document in (mappings / f"{other}.csv", mappings / f"{other}_blocks.csv"):
            document.unlink(missing_ok=True)
    run = [sys.executable, "-c", "from harmonize import compiler; compiler.write_all()"]
    subprocess.run(run, cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)}, check=True)
    _untested_seeds(folder / "dbt_project")
    return folder / "dbt_project"


def dbt(
    warehouse: Warehouse, *arguments: str, threads: int = 2, project: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run dbt with its own target folder, so that tests can run side by side; on the quick project if none is named.

    What dbt parsed is kept beside a copied project for the next run on it, which saves a third of a small build.
    """
    project = project or quick_project()
    parsed, kept = warehouse.root / "target" / PARSED, project.parent / PARSED
    if kept.exists() and not parsed.exists():
        parsed.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(kept, parsed)
    done = subprocess.run(
        command(warehouse, *arguments),
        cwd=project,
        env=environment(warehouse, threads),
        capture_output=True,
        text=True,
        check=False,
    )
    if parsed.exists() and project != DBT_PROJECT:
        shutil.copy(parsed, kept)
    return done


def command(warehouse: Warehouse, *arguments: str) -> list[str]:
    """The command line of a dbt run whose target folder lies in the warehouse."""
    dbt_executable = str(Path(sys.executable).parent / "dbt")
    paths = ["--target-path", str(warehouse.root / "target"), "--log-path", str(warehouse.root / "logs")]
    return [dbt_executable, "--no-use-colors", *arguments, *paths]


def environment(warehouse: Warehouse, threads: int = 2) -> dict[str, str]:
    """The environment of a dbt run on `warehouse`, with a fixed pseudonym key."""
    return {
        **os.environ,
        "TRD_WAREHOUSE": str(_same_name(warehouse.root)),
        "TRD_THREADS": str(threads),
        "TRD_PSEUDONYM_KEY": PSEUDONYM_KEY,
        "DO_NOT_TRACK": "1",
    }


@cache
def _names() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="trd_house_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _same_name(root: Path) -> Path:
    """One name for every warehouse of this process: dbt parses anew where the environment has another one."""
    name = _names() / "warehouse"
    name.unlink(missing_ok=True)
    name.symlink_to(root.resolve(), target_is_directory=True)
    return name


def build(warehouse: Warehouse, *arguments: str, threads: int = 2, project: Path | None = None) -> Warehouse:
    """A full build that must be green and published."""
    result = dbt(warehouse, "build", *arguments, threads=threads, project=project)
    assert result.returncode == 0, result.stdout[-5000:]
    assert warehouse.database.exists(), result.stdout[-3000:]
    return warehouse


def pseudonym(key: str, study_name: str = "stard") -> str:
    """The pseudonym a test warehouse gives an archive key."""
    digest = hashlib.md5(f"{PSEUDONYM_KEY}:{study_name}:{key}".encode()).hexdigest()
    return f"{study_name}-{digest[:16]}"


def published(warehouse: Warehouse) -> duckdb.DuckDBPyConnection:
    """The published file, read-only."""
    return duckdb.connect(str(warehouse.database), read_only=True)


def query(warehouse: Warehouse, sql: str) -> list[tuple[object, ...]]:
    """The rows of a query on the published file."""
    with published(warehouse) as connection:
        return connection.execute(sql).fetchall()


def query_elsewhere(warehouse: Warehouse, sql: str) -> list[list[object]]:
    """The rows of a query made in a process of its own: within one process DuckDB gives an open database again, even
    when the file under its name is another by now. Raises CalledProcessError."""
    code = (
        "import duckdb, json, sys;"
        "print(json.dumps(duckdb.connect(sys.argv[1], read_only=True).execute(sys.argv[2]).fetchall()))"
    )
    command = [sys.executable, "-c", code, str(warehouse.database), sql]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # type: ignore[no-any-return]


def content_hashes(warehouse: Warehouse) -> dict[str, tuple[int, int]]:
    """Rows and an order-free fingerprint of every published table."""
    with published(warehouse) as connection:
        tables = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() where not internal order by 1"
        ).fetchall()
        return {
            name: connection.execute(f"select count(*), coalesce(sum(hash(t)::hugeint), 0) from {name} as t").fetchone()
            for (name,) in tables
        }  # type: ignore[misc]
