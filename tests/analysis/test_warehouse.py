"""The only door to the data: read-only, checked frames, clear errors."""

from __future__ import annotations

import ast
from pathlib import Path

import duckdb
import pandera.errors
import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import SQLAlchemyError

import analysis
from analysis.warehouse import WarehouseMissing, connect


def test_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(WarehouseMissing, match="trd build"):
        connect(tmp_path / "none.duckdb")
    assert not (tmp_path / "none.duckdb").exists()


def test_frame_takes_parameters_and_keeps_nullable_integers(database: Path) -> None:
    with connect(database) as warehouse:
        found = warehouse.frame("select start_day from cdm.conditions where study_id = :s order by src_row", s="alpha")
    assert str(found["start_day"].dtype) == "Int64"
    assert found["start_day"].isna().tolist() == [True, False]


def test_engine_reads_and_reflects_but_does_not_write(database: Path) -> None:
    with connect(database) as warehouse, warehouse.engine.connect() as connection:
        assert "conditions" in inspect(connection).get_table_names(schema="cdm")
        with pytest.raises((SQLAlchemyError, duckdb.Error), match="read-only"):
            connection.execute(text("delete from cdm.conditions"))


def test_table_is_validated_by_the_common_data_model(database: Path) -> None:
    with connect(database) as warehouse:
        assert len(warehouse.table("cdm.conditions")) == 2
    with duckdb.connect(str(database)) as connection:
        connection.execute("update cdm.conditions set status = 'perhaps' where src_row = 2")
    with connect(database) as warehouse:
        with pytest.raises(pandera.errors.SchemaError, match="status"):
            warehouse.table("cdm.conditions")
        assert len(warehouse.table("cdm.conditions", ["subject_id"])) == 2


def test_duplicate_keys_are_refused_only_where_the_key_was_asked_for(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute("insert into cdm.conditions select * from cdm.conditions where src_row = 2")
    with connect(database) as warehouse:
        with pytest.raises(pandera.errors.SchemaError):
            warehouse.table("cdm.conditions")
        assert len(warehouse.table("cdm.conditions", ["subject_id", "status"])) == 3


def test_other_tables_come_as_they_are_and_unknown_names_are_told(database: Path) -> None:
    with connect(database) as warehouse:
        assert list(warehouse.table("quality.landings", ["form", "study"]).columns) == ["form", "study"]
        with pytest.raises(KeyError, match=r"no table cdm\.nothing"):
            warehouse.table("cdm.nothing")
        with pytest.raises(KeyError, match="no column wrong"):
            warehouse.table("cdm.conditions", ["wrong"])


def test_analysis_never_imports_harmonize() -> None:
    for path in Path(analysis.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [n for n in names if n.split(".")[0] == "harmonize"], path
