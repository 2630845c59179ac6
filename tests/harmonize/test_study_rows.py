"""Rows of studies, gathered to the seeds that all studies share."""

from __future__ import annotations

from pathlib import Path

import pytest

from harmonize import study_rows
from harmonize.mapping import MappingError
from harmonize.reference import instrument_range, seed_rows
from harmonize.study_rows import TABLES, gathered_csv, gathered_rows


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mappings folder with the study `toy`; what was gathered before is forgotten."""
    sources = tmp_path / "staging" / "toy" / "_toy__sources.yml"
    sources.parent.mkdir(parents=True)
    sources.touch()
    monkeypatch.setattr(study_rows, "MAPPINGS", tmp_path)
    monkeypatch.setattr(study_rows, "STAGING", tmp_path / "staging")
    gathered_rows.cache_clear()
    yield tmp_path
    gathered_rows.cache_clear()


def write(folder: Path, owner: str, file: str, *lines: str) -> None:
    path = folder / owner / f"{file}.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_study_s_file_says_what_it_must_and_defaults_do_the_rest(place: Path) -> None:
    write(place, "toy", "scales", "scale_id,scale_name,total_min,total_max", "MOOD5,Mood in five items,-10,10")
    (row,) = gathered_rows("ref_scales")
    assert (row["scale_id"], row["verified"], row["higher_is_worse"], row["n_items"]) == ("MOOD5", "study", "1", "1")
    assert instrument_range("MOOD5") == (-10, 10)
    assert gathered_csv("ref_scales").splitlines()[0].startswith("scale_id,scale_name,rater,")


def test_rows_of_a_study_table_say_whose_they_are(place: Path) -> None:
    write(place, "toy", "study", "title", "A toy")
    write(place, "toy", "arms", "step_id,arm_assigned", "1,A", "1,B")
    assert [(r["study_id"], r["arm_assigned"]) for r in gathered_rows("study_arms")] == [("toy", "A"), ("toy", "B")]
    assert gathered_csv("studies") == (
        "study_id,title,setting,design,source,verified\ntoy,A toy,,,declared by the study,study\n"
    )


def test_shared_rows_come_first_and_an_id_is_declared_once(place: Path) -> None:
    write(place, "shared", "variables", "variable_id,label,kind", "income,Income,numeric")
    write(place, "toy", "variables", "variable_id,label,kind", "pets,Pets,numeric")
    assert [r["variable_id"] for r in seed_rows("variables")] == ["income", "pets"]
    gathered_rows.cache_clear()
    write(place, "toy", "variables", "variable_id,label,kind", "pets,Pets,numeric", "income,Mine,numeric")
    with pytest.raises(
        MappingError, match=r"mappings/toy/variables.csv, line 3: income is there twice, also in .*shared"
    ):
        gathered_rows("variables")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("step_id,arm", "1,A"), r"toy/arms.csv, line 1: there is no column 'arm' in study_arms"),
        (("step_id", "1"), r"toy/arms.csv, line 1: the column arm_assigned is missing"),
        (("step_id,arm_assigned", "1,"), r"toy/arms.csv, line 2: arm_assigned is empty"),
        (("step_id,arm_assigned", "1,A,B"), r"toy/arms.csv, line 2: wrong number of fields"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(place: Path, lines: tuple[str, ...], message: str) -> None:
    write(place, "toy", "arms", *lines)
    with pytest.raises(MappingError, match=message):
        gathered_rows("study_arms")


def test_rows_of_a_study_without_sources_file_are_not_left_lying(place: Path) -> None:
    write(place, "gone", "arms", "step_id,arm_assigned", "1,A")
    with pytest.raises(MappingError, match="'gone' that has no sources file"):
        gathered_rows("study_arms")


def test_every_gathered_seed_of_the_project_is_fresh() -> None:
    gathered_rows.cache_clear()
    for table in (t for t in TABLES if t.is_seed):
        assert table.path.read_text(encoding="utf-8") == gathered_csv(table.seed), table.seed
