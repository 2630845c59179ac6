"""What `trd new-study` reads out of names and values, and that every draft compiles."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harmonize import check_study as checks
from harmonize import check_values, draft_files, mapping, study_rows, verbs
from harmonize.draft import Draft, make_draft
from harmonize.mapping import read_mapping
from harmonize.paths import Warehouse
from harmonize.profile import Profile, safe_names
from harmonize.profile_codes import find_codes
from harmonize.profile_names import instrument_of
from harmonize.profile_roles import Answers
from harmonize.profile_times import read_time, split_time
from harmonize.sources import read_study
from harmonize.study_rows import gathered_rows
from harmonize.verbs import compile_target


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Studies are written below a folder of the test; shared rows are those of the project."""
    shared = mapping.MAPPINGS / "shared"
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "shared").symlink_to(shared)
    for module in (draft_files, mapping, study_rows, verbs, checks, check_values):
        monkeypatch.setattr(module, "MAPPINGS", tmp_path / "mappings")
    for module in (draft_files, study_rows, checks):
        monkeypatch.setattr(module, "STAGING", tmp_path / "staging")
    gathered_rows.cache_clear()
    yield tmp_path
    gathered_rows.cache_clear()


def draft(place: Path, text: str, name: str = "toy", answers: Answers | None = None, encoding: str = "utf-8") -> Draft:
    """Write a file, draft a study from it, write the draft."""
    file = place / f"{name}.csv"
    file.write_text(text, encoding=encoding)
    made = make_draft(name, [file], answers or Answers())
    old = draft_files.standing(name)
    draft_files.write_draft(draft_files.draft_files(made), old)
    gathered_rows.cache_clear()
    return made


def compiled(place: Path, name: str = "toy") -> dict[str, mapping.Block]:
    """The blocks of a written draft, each row compiled."""
    study = read_study(place / "staging" / name / f"_{name}__sources.yml")
    blocks = {b.name: b for b in read_mapping(study, place / "mappings")}
    for block in blocks.values():
        for target in block.targets.values():
            if not block.undecided:
                compile_target(block, target)
    return blocks


@pytest.mark.parametrize(
    ("label", "day"),
    [
        *(("Baseline", 0), ("Screening", 0), ("Week 2", 14), ("Woche 4", 28), ("2m", 61), ("12 months", 365)),
        *(("Day 14", 14), ("week -1", -7), ("6-week", 42), ("Month 6 Follow-up", 183), ("session5", 35)),
        *(("V3", None), ("Visit 1", None), ("T1", None), ("3", None), ("EOT", None), ("Follow-up 1", None)),
    ],
)
def test_labels_say_a_day_or_none(label: str, day: int | None) -> None:
    """A month is 30.4 days; a number of a visit says no day, and is never turned into one."""
    assert read_time(label).day == day


@pytest.mark.parametrize(
    ("name", "stem", "time"),
    [
        *(
            ("bdi.2m", "bdi", "2m"),
            ("HAMD_W4", "hamd", "w4"),
            ("W2_HAMD17", "hamd17", "w2"),
            ("madrst2", "madrs", "t2"),
        ),
        *(
            ("wk2bdi", "bdi", "wk2"),
            ("qids_3", "qids", "3"),
            ("MADRS Week 4", "madrs", "week_4"),
            ("T1.BDI", "bdi", "t1"),
        ),
    ],
)
def test_names_of_columns_hold_a_stem_and_a_time(name: str, stem: str, time: str) -> None:
    assert split_time(name)[0] == (stem, time)


def test_instruments_by_name_and_names_that_are_none() -> None:
    names = {"hdrs": "HRSD17", "HAMD21": "HRSD21", "bdi2": "BDI_II", "PHQ-9 total": "PHQ9", "ids_c": "IDS_C30"}
    assert {n: instrument_of(n) for n in names} == names
    assert [instrument_of(n) for n in ("age", "weight", "madness", "bdix")] == [None] * 4


def profile(values: list[str]) -> Profile:
    import pandas as pd

    return Profile("x", "x", 0, pd.Series(values, dtype=object))


def test_codes_are_numbers_that_cannot_be_scores() -> None:
    """With a range what lies outside; without one what lies far away, or alone below 0."""
    near = profile([str(n) for n in range(60, 97)] + ["99"])
    assert find_codes(near) == ["99 occurs 1 times beside 60 to 96: taken as a value, it may be a missing code"]
    assert near.missing == {}
    far = profile([str(n) for n in range(30)] + ["99", "-9"])
    find_codes(far)
    assert set(far.missing) == {"99", "-9"}
    change = profile([str(n) for n in range(-20, 10)])
    find_codes(change)
    assert change.missing == {}
    day = profile(["-7", "0", "7", "14"])
    find_codes(day)
    find_codes(day, (-60, 3650))
    assert day.missing == {}, "a range takes back what was taken for a code"


@settings(deadline=None)
@given(st.lists(st.text(min_size=0, max_size=12), min_size=1, max_size=12))
def test_names_become_names_that_sql_takes(given_names: list[str]) -> None:
    names = safe_names(given_names)
    assert len(set(names)) == len(names) == len(given_names)
    assert all(n.isascii() and n.isidentifier() and n == n.lower() for n in names)
    assert not {"group", "order", "select", "subject_id", "src_row"} & set(names)


CELL = st.sampled_from(["", "1", "2", "17", "-3", "2.5", "99", "-9", "999", "n/a", "<5", "12 ", "miss", "x", "7,5"])
NAMES = st.lists(
    st.sampled_from(
        "hamd madrs_w4 madrs_bl bdi1 bdi2 phq_1 phq_2 age sex group visit week day change mood_v1 mood_v2".split()
    ),
    min_size=1,
    max_size=8,
    unique=True,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), NAMES, st.integers(1, 12), st.booleans())
def test_whatever_the_cells_the_draft_compiles(
    place: Path, data: st.DataObject, names: list[str], rows: int, twice: bool
) -> None:
    """No cell is able to make a draft that the compiler refuses, and every score column is read or told of."""
    lines = [";".join(["id", *names])]
    for person in range(1, rows + 1):
        for _ in range(2 if twice else 1):
            lines.append(";".join([str(person), *(data.draw(CELL) for _ in names)]))
    made = draft(place, "\n".join(lines) + "\n")
    blocks = compiled(place)
    assert any(b.entity.name == "subjects" for b in blocks.values())
    for finding in checks.check_study("toy", Warehouse(place / "house")):
        assert "todo" in finding.problem or "not decided" in finding.problem or not finding.blocks or made.notes


LONG = "id,visit,hamd,sex\n" + "".join(
    f"{p},{v},{10 + p},{p % 2 + 1}\n" for p in range(1, 9) for v in ("Baseline", "V2", "Week 4")
)


def test_what_a_label_does_not_say_is_asked_and_an_answer_is_taken(place: Path) -> None:
    made = draft(place, LONG)
    asked = [n.text for n in made.notes if n.todo]
    assert asked == ["on which day is visit V2?", "sex: which of 1, 2 is female, which male?"]
    answered = Answers(times={"v2": 10}, sex={"1": "male", "2": "female"})
    again = draft(place, LONG, answers=answered)
    assert [n for n in again.notes if n.todo] == []
    form = compiled(place)["hrsd17"].form
    assert dict(form.column("visit").codes) == {"Baseline": "0", "V2": "10", "Week 4": "28"}
    assert dict(form.column("sex").codes) == {"1": "male", "2": "female"}


def test_a_block_without_its_days_waits_and_the_check_names_the_row(place: Path) -> None:
    draft(place, "id,madrs_v1,madrs_v2\n" + "".join(f"{p},{p},{p + 3}\n" for p in range(1, 9)))
    blocks = compiled(place)
    assert {n for n, b in blocks.items() if b.undecided} == {"visits_undecided", "madrs_undecided"}
    found = checks.check_study("toy", Warehouse(place / "house"))
    rows = list(csv.reader((place / "mappings" / "toy.csv").open(encoding="utf-8")))
    asked = [f for f in found if f.column == "madrs_undecided.day"]
    assert len(asked) == 1
    assert asked[0].blocks
    assert rows[asked[0].row - 1][:2] == ["madrs_undecided", "day"]  # type: ignore[operator]


def test_unknown_ids_block(place: Path) -> None:
    draft(place, LONG, answers=Answers(times={"V2": 10}, sex={"1": "male", "2": "female"}))
    file = place / "mappings" / "toy.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("const,HRSD17", "const,HAMX"), encoding="utf-8")
    found = [f for f in checks.check_study("toy", Warehouse(place / "house")) if f.blocks]
    assert [(f.column, f.problem) for f in found] == [("hrsd17.instrument_id", "there is no scale 'HAMX'")]


def test_latin_letters_and_decimal_commas_stand_in_the_contract(place: Path) -> None:
    text = "Patient;Wert;Größe\n" + "".join(f"{p};{p},5;{p}\n" for p in range(1, 9))
    made = draft(place, text, encoding="cp1252")
    assert any("read as cp1252" in n.text for n in made.notes)
    form = read_study(place / "staging" / "toy" / "_toy__sources.yml").form("toy")
    assert form.format["encoding"] == "cp1252"
    assert form.column("wert").decimal == ","
    assert form.column("groesse").aliases == ("größe",)


def test_nothing_is_overwritten_without_force(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line: a dry run writes nothing, a second run is refused, --force replaces."""
    from typer.testing import CliRunner

    from harmonize.cli import app

    def trd(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["new-study", "toy", str(place / "toy.csv"), *words])
        return done.exit_code, done.output

    (place / "toy.csv").write_text(LONG, encoding="utf-8")
    assert trd("--dry-run")[0] == 0
    assert draft_files.standing("toy") == []
    assert trd()[0] == 0
    file = place / "mappings" / "toy.csv"
    file.write_text("edited by a person", encoding="utf-8")
    code, said = trd()
    assert code == 1
    assert "--force" in said
    assert file.read_text(encoding="utf-8") == "edited by a person"
    assert trd("--force", "--json")[0] == 0
    assert file.read_text(encoding="utf-8").startswith("block,target,verb")
    assert trd("--force", "--id", "nobody")[0] == 2
    assert trd("--force", "--time", "V2")[0] == 2
