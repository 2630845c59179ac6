"""Freezing: the published tables as sorted Parquet files, described and sealed, in a folder that nobody changes."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb

from analysis.results_data import data_parts
from harmonize.ledger import now
from harmonize.paths import REPO, Warehouse
from harmonize.published import NotPublishedError
from harmonize.releases import croissant, package, stata
from harmonize.releases.describe import TableInfo, tables
from harmonize.releases.manifest import (
    FILE,
    NAME,
    FrozenTable,
    Manifest,
    ReleaseError,
    content_hash,
    file_hash,
    read_manifest,
    sealed,
)

LIBRARIES = ("duckdb", "dbt-core", "dbt-duckdb", "pandera", "pyarrow")
ROW_GROUP = 122_880
EXPECTED = "expected.csv"
Say = Callable[[str], None]


def freeze(
    warehouse: Warehouse,
    name: str,
    *,
    csv: bool = True,
    with_stata: bool = False,
    since: str | None = None,
    expected: Path | None = None,
    threads: int | None = None,
    say: Say = lambda _: None,
) -> tuple[Manifest, bool]:
    """Freeze what is published as the release `name`; gives its manifest and whether it was made now.

    A name is used once: freezing the same content under it again changes nothing. Raises ReleaseError where it holds
    other content, NotPublishedError where nothing is published.
    """
    if not NAME.fullmatch(name):
        raise ReleaseError(
            f"{name!r} is no name of a release", remedy="Use lower case letters, digits, points, hyphens: 2026-11"
        )
    target = warehouse.releases / name
    warehouse.releases.mkdir(parents=True, exist_ok=True)
    part = warehouse.releases / f".{name}.{os.getpid()}"
    shutil.rmtree(part, ignore_errors=True)
    try:
        manifest, infos = write_tables(warehouse, part, name, threads=threads, say=say)
        if target.exists():
            there = read_manifest(target)
            if there.content != manifest.content:
                raise ReleaseError(
                    f"the release {name} is there with other content; a release is never changed",
                    file=str(target),
                    remedy=f"Choose another name; trd diff {name} published shows what differs",
                )
            return there, False
        if expected is not None:
            shutil.copyfile(expected, part / EXPECTED)
        _describe(part, manifest, infos, csv=csv, with_stata=with_stata, say=say)
        manifest = seal(part, replace(manifest, since=since))
        for path in part.rglob("*"):
            if path.is_file():
                path.chmod(0o444)
        os.replace(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return manifest, True


def write_tables(
    warehouse: Warehouse, folder: Path, name: str, *, threads: int | None = None, say: Say = lambda _: None
) -> tuple[Manifest, list[TableInfo]]:
    """Write every table as Parquet below `folder`; gives a manifest that is not sealed yet, and what the tables are."""
    if not warehouse.database.exists():
        raise NotPublishedError(f"nothing is published yet: there is no {warehouse.database}", remedy="Run trd build")
    (folder / "data").mkdir(parents=True)
    with duckdb.connect() as connection:
        if threads:
            connection.execute(f"set threads = {threads}")
        connection.execute(f"attach '{_quoted(warehouse.database)}' as trd (read_only)")
        connection.execute("use trd")
        infos = tables(connection)
        frozen = []
        for info in infos:
            say(info.name)
            frozen.append(_write(connection, info, folder))
        landings = _landings(connection)
        corrections = _corrections(connection)
    every = tuple(frozen)
    manifest = Manifest(
        name=name,
        content=content_hash(every),
        synthetic=any(row["is_synthetic"] for row in landings),
        tables=every,
        files={},
        data=data_parts(warehouse.database),
        landings=tuple(landings),
        corrections=corrections,
        code=code_revision(),
        libraries={"python": platform.python_version(), **{n: importlib.metadata.version(n) for n in LIBRARIES}},
    )
    return manifest, infos


def seal(folder: Path, manifest: Manifest) -> Manifest:
    """Write the manifest with the hashes of all further files."""
    frozen = {table.path for table in manifest.tables}
    files = {
        str(path.relative_to(folder)): file_hash(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and str(path.relative_to(folder)) not in frozen
    }
    manifest = replace(manifest, files=files, frozen_at=now(), seal="")
    manifest = replace(manifest, seal=sealed(manifest.document()))
    (folder / FILE).write_text(package.as_json(manifest.document()), encoding="utf-8")
    return manifest


def code_revision(repo: Path = REPO) -> dict[str, object]:
    """The revision of the code and whether files differ from it; revision null outside a checkout."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", *arguments], cwd=repo, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()

    return {"revision": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain"))}


def _write(connection: duckdb.DuckDBPyConnection, info: TableInfo, folder: Path) -> FrozenTable:
    path = f"data/{info.name}.parquet"
    columns = ", ".join(f'"{c.name}"' for c in info.columns)
    order = ", ".join(f'"{name}"' for name in info.order)
    connection.execute(
        f"copy (select {columns} from {info.name} order by {order}) to '{_quoted(folder / path)}'"
        f" (format parquet, compression zstd, row_group_size {ROW_GROUP})"
    )
    ((rows,),) = connection.execute("select count(*) from read_parquet(?)", [str(folder / path)]).fetchall()
    return FrozenTable(
        table=info.name,
        path=path,
        sha256=file_hash(folder / path),
        bytes=(folder / path).stat().st_size,
        rows=rows,
        key=info.key,
        columns={c.name: c.type for c in info.columns},
        left_out=info.left_out,
    )


def _describe(
    folder: Path, manifest: Manifest, infos: list[TableInfo], *, csv: bool, with_stata: bool, say: Say
) -> None:
    """The further files: DuckDB file, CSV, Stata, and the descriptions of the package."""
    say("trd.duckdb")
    package.write_duckdb(folder, infos)
    if csv:
        say("csv")
        package.write_csv(folder, infos)
    if with_stata:
        say("stata")
        stata.write_stata(folder, infos)
    package.write_descriptor(folder, manifest, infos)
    croissant.write_croissant(folder, manifest, infos)
    package.write_readme(folder, manifest)


def _landings(connection: duckdb.DuckDBPyConnection) -> list[dict[str, object]]:
    names = ("study", "form", "file", "sha256", "n_rows", "is_synthetic")
    rows = connection.execute(f"select {', '.join(names)} from quality.landings order by all").fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows]


def _corrections(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    try:
        found = connection.execute("select fate, count(*) from quality.corrections group by fate order by fate")
    except duckdb.CatalogException:  # a file that an older build published
        return {}
    return dict(found.fetchall())


def _quoted(path: object) -> str:
    return str(path).replace("'", "''")
