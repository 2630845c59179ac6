"""The dbt-duckdb plugin of the project: fresh working files, the raw forms' empty stand-ins, and publishing.

A full build starts from nothing, so that no table of a removed model survives. A partial one (`dbt build -s …`) goes
on with the working file that the last run left, or with a copy of the published one when there is none or when the
last full build was killed on the way. Publishing is a rename: who reads the old file keeps it.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.flags import get_flags
from duckdb import DuckDBPyConnection
from filelock import FileLock, Timeout

from harmonize.corrections.table import ensure_corrections
from harmonize.genotypes.stages import ensure_stages
from harmonize.landing import ensure_raw
from harmonize.links import ensure_links
from harmonize.paths import Warehouse
from harmonize.sources import studies


class Plugin(BasePlugin):
    """Prepares the warehouse folder when dbt connects and publishes when the build is green."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Called by the adapter once, before it connects."""
        self.warehouse = Warehouse.default()
        self.connection: DuckDBPyConnection | None = None

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Runs once, before the working files are attached."""
        self.connection = conn
        house = self.warehouse
        house.next.mkdir(parents=True, exist_ok=True)
        self.lock = FileLock(house.next / "lock")
        try:
            self.lock.acquire(timeout=0)
        except Timeout:
            raise RuntimeError(
                f"another build is working in {house.next}; wait for it, or read with --target published"
            ) from None
        known = studies()
        ensure_raw(known, house)
        ensure_corrections(known, house)
        ensure_links(house)
        ensure_stages(house)
        self.raw_at_start = raw_state(house)
        self._prepare_working_files()
        conn.execute(f"set temp_directory = '{house.next / 'spill'}'")
        conn.create_function("trd_end", self.end, [bool], bool, side_effects=True)
        self.key = pseudonym_key(house)

    def configure_cursor(self, cursor: DuckDBPyConnection) -> None:
        """Session variables are lost in the copy of a connection."""
        cursor.execute("set variable trd_pseudonym_key = ?", [self.key])

    def _prepare_working_files(self) -> None:
        house = self.warehouse
        working = house.next / "trd.duckdb"
        full = not _is_partial()
        if full or self.unfinished.exists():
            for name in ("trd.duckdb", "trd.duckdb.wal", "work.duckdb", "work.duckdb.wal"):
                (house.next / name).unlink(missing_ok=True)
        if full:
            self.unfinished.touch()
        else:
            self.unfinished.unlink(missing_ok=True)
            if not working.exists() and house.database.exists():
                shutil.copyfile(house.database, working)

    @property
    def unfinished(self) -> Path:
        """Stands while a full build runs; left behind by one that was killed."""
        return self.warehouse.next / "unfinished"

    def end(self, green: bool) -> bool:
        """The run is over. Puts the working file in the place of the published one if it was full and green.

        Gives whether it was published; otherwise nothing is done. Raises RuntimeError where a form was landed while
        the build ran: the gate may then have read other rows than the tables, which read the files again.
        """
        assert self.connection is not None
        self.unfinished.unlink(missing_ok=True)
        if green and raw_state(self.warehouse) != self.raw_at_start:
            raise RuntimeError("files were landed while the build ran, nothing is published; build again")
        if not green or _is_partial():
            return False
        working = self.warehouse.next / "trd.duckdb"
        cursor = self.connection.cursor()
        cursor.execute("checkpoint trd")
        cursor.execute("detach trd")
        cursor.close()
        with working.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(working, self.warehouse.database)
        folder = os.open(self.warehouse.root, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        return True


def raw_state(warehouse: Warehouse) -> dict[str, tuple[int, int]]:
    """Inode and time of every raw file: a landing changes both."""
    found = {path: path.stat() for path in warehouse.raw.glob("*/*.parquet")}
    return {str(path): (stat.st_ino, stat.st_mtime_ns) for path, stat in found.items()}


def pseudonym_key(warehouse: Warehouse) -> str:
    """The secret that pseudonyms are made with: `$TRD_PSEUDONYM_KEY`, else a key made once per warehouse."""
    named = os.environ.get("TRD_PSEUDONYM_KEY")
    if named:
        return named
    path = warehouse.restricted / "pseudonym.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(secrets.token_hex(32), encoding="ascii")
        path.chmod(0o600)
    return path.read_text(encoding="ascii").strip()


def _is_partial() -> bool:
    flags = get_flags()
    chosen = [
        getattr(flags, name, None)
        for name in ("SELECT", "EXCLUDE", "SELECTOR", "RESOURCE_TYPES", "EXCLUDE_RESOURCE_TYPES")
    ]
    return any(chosen) or getattr(flags, "WHICH", "") not in ("build", "run")
