"""A study's own findings are gathered from its files; one that does not say what it looks at stops the compiler."""

from __future__ import annotations

from pathlib import Path

import pytest

from harmonize.findings import findings_sql
from harmonize.sources import ContractError, study


def write(folder: Path, name: str, meta: str) -> None:
    place = folder / "stard"
    place.mkdir(exist_ok=True)
    (place / f"{name}.sql").write_text("select 1\n")
    (place / f"{name}.yml").write_text(f"models:\n  - name: {name}\n    config:\n      meta: {{{meta}}}\n")


def test_each_finding_is_one_row_with_its_table(tmp_path: Path) -> None:
    write(tmp_path, "dq_stard_b", "looks_at: visits")
    write(tmp_path, "dq_stard_a", "looks_at: scales")
    (tmp_path / "stard" / "dq_other_c.sql").write_text("select 1\n")
    sql = findings_sql([study("stard")], tmp_path)
    assert sql.count("union all") == 1
    assert "'stard' as study_id, 'dq_stard_a' as finding, 'scales' as entity" in sql
    assert sql.index("dq_stard_a") < sql.index("dq_stard_b")
    assert "dq_other_c" not in sql


def test_without_findings_there_is_no_row(tmp_path: Path) -> None:
    assert "where false" in findings_sql([study("stard")], tmp_path)


@pytest.mark.parametrize("meta", ["grain: [x]", "looks_at: nothing"])
def test_a_finding_that_does_not_say_its_table_is_refused(tmp_path: Path, meta: str) -> None:
    write(tmp_path, "dq_stard_a", meta)
    with pytest.raises(ContractError, match=r"dq_stard_a\.yml.*looks_at.*subjects"):
        findings_sql([study("stard")], tmp_path)
