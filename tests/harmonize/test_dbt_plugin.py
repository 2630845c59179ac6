"""The dbt plugin: what is read during a build must not change under it."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from harmonize.dbt_plugin import Plugin, raw_state
from harmonize.paths import Warehouse


def landed(warehouse: Warehouse, text: str) -> None:
    """Put a raw file in place as a landing does: by rename."""
    folder = warehouse.raw / "stard"
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "part"
    part.write_text(text, encoding="utf-8")
    os.replace(part, folder / "el01.parquet")


def test_a_landing_during_a_build_stops_publishing(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.next.mkdir(parents=True)
    landed(warehouse, "before")
    plugin = Plugin.__new__(Plugin)
    plugin.warehouse, plugin.connection, plugin.raw_at_start = warehouse, duckdb.connect(), raw_state(warehouse)
    landed(warehouse, "before")
    with pytest.raises(RuntimeError, match="landed while the build ran"):
        plugin.end(True)
    assert not warehouse.database.exists()


def test_files_that_stayed_have_one_state(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    landed(warehouse, "x")
    assert raw_state(warehouse) == raw_state(warehouse) != {}
