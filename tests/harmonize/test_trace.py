"""`trd trace` where there is nothing to follow; the traces themselves are tested on a build (dbt_project)."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from harmonize.cli import app
from harmonize.lineage import marts_below


def trace(root: Path, *arguments: str) -> tuple[int, str]:
    ran = CliRunner().invoke(app, ["--warehouse", str(root), "trace", *arguments])
    return ran.exit_code, ran.stderr


def test_before_the_first_build_and_after_one_of_an_older_project_the_remedy_is_to_build(tmp_path: Path) -> None:
    code, said = trace(tmp_path, "stard-0123456789abcdef")
    assert (code, "trd build" in said, "there is no" in said) == (1, True, True)
    (tmp_path / ".next").mkdir()
    for path in (tmp_path / "trd.duckdb", tmp_path / ".next" / "work.duckdb"):
        duckdb.connect(str(path)).close()
    code, said = trace(tmp_path, "stard-0123456789abcdef")
    assert (code, "trd build" in said, "older project" in said) == (1, True, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["staar-0123456789abcdef"], "Did you mean stard?"),
        (["stard-0123456789abcdef", "--row", "3"], "--row needs --form"),
        (["stard-0123456789abcdef", "--form", "hrsd01", "--column", "level"], "--column needs --row"),
        (["stard-0123456789abcdef", "--form", "hrsd"], "Did you mean hrsd01?"),
    ],
)
def test_a_wrong_command_line_is_exit_2(tmp_path: Path, arguments: list[str], said: str) -> None:
    code, text = trace(tmp_path, *arguments)
    assert code == 2
    assert said in " ".join(text.replace("\u2502", " ").split())


def test_marts_below_a_table_are_found_over_working_models() -> None:
    """step_scores refers to cdm.scales, outcomes to step_scores, trd_status over working models only."""
    assert {"step_scores", "outcomes", "trd_status", "scale_severity"} <= set(marts_below("scales"))
    assert "trd_persons" not in marts_below("scales")
    assert "scale_severity" not in marts_below("genotypes")
