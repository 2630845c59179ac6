"""What stops the mapping compiler. Each message names file and line and says what to do."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from harmonize.block_sql import block_sql
from harmonize.mapping import MAPPING_HEADER, MappingError, has_mapping, read_mapping
from harmonize.paths import MAPPINGS
from harmonize.sources import Study, studies
from tests.harmonize.sqlkit import write_mapping, write_sources

COLUMNS = {
    "day": "",
    "total": "missing: {'-9': unknown}",
    "total_bad": "missing: {'27': unknown}",
    "total_ranged": "missing: {'27': unknown}, range: [0, 26]",
    "letters": "missing: {'NA': unknown}",
    "arm": "codes: {'A': drug}",
    "plain": "",
    "drug": "",
    "dose": "",
    "education": "missing: {'20': unknown}",
    "relatives": "missing: {'99': unknown}",
    **{f"i{n}": "" for n in range(1, 16)},
    "i16": "missing: {'9': unknown}",
    "i16_bad": "missing: {'3': unknown}",
}
QIDS = "; ".join(f"i{n}" for n in range(1, 17))

SCALES = {
    "step_id": "const,1",
    "day": "copy,day",
    "instrument_id": "const,QIDS_SR16",
    "rater": "const,self",
    "contact": "const,clinic",
    "occasion": "const,1",
    "score": "copy,total",
    "items": f"items,QIDS_SR16; {QIDS}",
}
HISTORY = {
    "variable_id": "const,{slot}",
    "occasion": "const,1",
    "value_num": "copy,{1}",
    "value_code": "none,",
    "as_of_day": "copy,day",
}
BLOCK = "b,scales,f,,,identical,"
SLOTS = "b,history,f,,education_years: education; relatives_in_household: relatives,identical,"


@pytest.fixture
def toy(tmp_path: Path) -> Study:
    return write_sources(tmp_path, COLUMNS)


def rows(targets: dict[str, str], **changed: str | None) -> str:
    """Mapping rows "verb,args" by target; a changed target may bring its own status and comment, None leaves it out."""
    lines = []
    for name, row in {**targets, **changed}.items():
        if row is None:
            continue
        verb, _, rest = row.partition(",")
        cells = next(csv.reader([rest])) if rest else [""]
        usual = ["", "not_collected" if verb == "none" else "complete", "why"]
        args, status, comment = [*cells, *usual[len(cells) :]]
        lines.append(f'b,{name},{verb},"{args}",{status},{comment},')
    return "\n".join(lines)


def compile_toy(toy: Study, folder: Path, blocks: str, targets: str) -> str:
    write_mapping(folder, blocks, targets)
    return "".join(block_sql(b) for b in read_mapping(toy, folder))


def test_the_correct_documents_compile(toy: Study, tmp_path: Path) -> None:
    """So that each error below comes from what it changes."""
    assert "QIDS_SR16" in compile_toy(toy, tmp_path, BLOCK, rows(SCALES))
    slots = "b,history,f,,relatives_in_household: relatives,identical,"
    assert "relatives_in_household" in compile_toy(toy, tmp_path, slots, rows(HISTORY))


@pytest.mark.parametrize(
    ("unpivot", "message"),
    [
        ("plainn -> total: 1, 2", "f has no column 'plainn'"),
        ("plain -> totl: 1, 2", "f has no column 'totl'"),
        ("plain -> total", "names no items"),
        ("plain -> total: 1, 2, 1", "1 is named twice"),
    ],
)
def test_a_list_of_items_in_rows_that_cannot_be(toy: Study, tmp_path: Path, unpivot: str, message: str) -> None:
    block = f'b,scales,f,,"{unpivot}",identical,'
    with pytest.raises(MappingError, match=message) as caught:
        compile_toy(toy, tmp_path, block, rows(SCALES))
    assert caught.value.line == 2


def test_an_item_that_the_list_does_not_name(toy: Study, tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"unpivot names no item for '\{3\}'"):
        compile_toy(toy, tmp_path, 'b,scales,f,,"plain -> total: 1, 2",identical,', rows(SCALES, score="copy,{3}"))


def line_of(target: str, targets: dict[str, str] = SCALES) -> int:
    """Line of a target's row; line 1 is the header."""
    return list(targets).index(target) + 2


ROW_ERRORS = [
    ("rater", "guess,self", "unknown verb 'guess'", "Use one of copy, const, recode"),
    ("rater", 'const,"self","done"', "unknown status 'done'", "Use one of complete, partial"),
    ("items", 'none,"","complete"', "verb none with status complete", "Use impossible or not_collected"),
    ("items", 'none,"","not_collected",""', "items has no value and no reason", "Say why in the comment"),
    ("score", "copy,totl", "f has no column 'totl'", "It has id, day, total"),
    ("score", "copy,{1}", "'{1}' stands for a slot, and block b has none", "Fill in unpivot"),
    ("instrument_id", "const,{slot}", "'{slot}' stands for a slot, and block b has none", "Fill in unpivot"),
    (
        "score",
        "copy,total_bad",
        "missing code 27 of f.total_bad lies inside the valid range 0 to 27 of score",
        "narrower",
    ),
    ("score", "first_of,total; total_bad", "missing code 27 of f.total_bad lies inside", "narrower range"),
    (
        "items",
        f"items,QIDS_SR16; {QIDS}_bad",
        "missing code 3 of f.i16_bad lies inside the valid range 0 to 3",
        "narrower",
    ),
    ("items", f"items,QIDS_SR16; {QIDS}; i1", "QIDS_SR16 has 16 items, 17 columns are given", "write - for an item"),
    ("items", f"items,QIDS_SR17; {QIDS}", "has no items of 'QIDS_SR17'", "Correct the instrument"),
    ("items", "items,QIDS_SR16", "items needs an instrument and its columns", "Write INSTRUMENT; column"),
    ("score", f"items,QIDS_SR16; {QIDS}", "items needs an instrument", "Write INSTRUMENT"),
    ("items", "items,{slot}", "'{slot}' stands for a slot, and block b has none", "Fill in unpivot"),
    (
        "rater",
        "lookup,drug; no_seed.synonym; treatment_id",
        "is not a column of a seed",
        "seed.key_column; value_column",
    ),
    ("rater", "lookup,drug; drug_synonyms.name; treatment_id", "is not a column of a seed", "seed.key_column"),
    ("rater", "lookup,drug; drug_synonyms.synonym; name", "is not a column of a seed", "seed.key_column"),
    ("rater", "lookup,drug", "verb lookup of rater has 1 arguments", "It takes 3, separated by semicolons"),
    ("score", "sql,no_snippet; total", "no snippet 'no_snippet'", "Write no_snippet.sql in harmonize/mappings/sql"),
    ("score", "copy,total; day", "verb copy of score has 2 arguments", "It takes 1"),
    ("score", "linear,total; 1", "verb linear of score has 2 arguments", "It takes 3 to 4"),
    ("score", "linear,total; seven; 0", "'seven' is not a number", "Write column; factor; offset; digits"),
    ("score", "first_of,total", "first_of needs two columns or more", "Write column; column"),
    ("occasion", "const,one", "'one' is not a value of type integer", "Write a number"),
    ("occasion", "const,1.5", "'1.5' is not a value of type integer", "Write a number"),
    ("occasion", "recode,arm; A=first", "'first' is not a value of type integer", "Write a number"),
    ("rater", "recode,plain", "no codes for plain", "in the sources YAML as codes"),
    ("rater", "recode,plain; A", "'A' is no code=value", "code=!reason"),
    ("rater", "recode,plain; A=!lost", "unknown missing reason lost", "Use blank, unknown, refused"),
    ("rater", "recode,plain; ?lost=self", "unknown missing reason lost", "Use blank, unknown, refused"),
    ("rater", "recode,total; -9=self", "-9 of total is both a missing code and a value", "remove one"),
    ("rater", "flag,plain; 1", "rater is no true or false", "Use recode"),
]


@pytest.mark.parametrize(
    ("target", "row", "problem", "remedy"), ROW_ERRORS, ids=[f"{t}-{p[:40]}" for t, _, p, _ in ROW_ERRORS]
)
def test_a_wrong_row_is_named(toy: Study, tmp_path: Path, target: str, row: str, problem: str, remedy: str) -> None:
    with pytest.raises(MappingError, match=re.escape(problem)) as error:
        compile_toy(toy, tmp_path, BLOCK, rows(SCALES, **{target: row}))
    assert (error.value.file, error.value.line) == ("toy.csv", line_of(target))
    assert str(error.value).startswith(f"toy.csv, line {line_of(target)}: ")
    assert remedy in error.value.remedy


def test_a_narrower_range_lets_a_code_stand(toy: Study, tmp_path: Path) -> None:
    assert compile_toy(toy, tmp_path, BLOCK, rows(SCALES, score="copy,total_ranged"))
    assert compile_toy(toy, tmp_path, BLOCK, rows(SCALES, score="copy,letters"))


def test_a_missing_code_inside_the_range_of_a_slots_variable(toy: Study, tmp_path: Path) -> None:
    """education_years goes from 0 to 40 in reference.variables, so 20 cannot mean missing."""
    with pytest.raises(MappingError, match=r"missing code 20 of f\.education lies inside the valid range 0 to 40"):
        compile_toy(toy, tmp_path, SLOTS, rows(HISTORY))


def test_a_missing_code_inside_the_range_of_a_column_of_the_model(toy: Study, tmp_path: Path) -> None:
    """as_of_day goes from -60 to 3650."""
    with pytest.raises(MappingError, match=r"missing code 99 of f\.relatives lies inside the valid range -60 to 3650"):
        compile_toy(
            toy, tmp_path, SLOTS.replace("education_years: education; ", ""), rows(HISTORY, as_of_day="copy,relatives")
        )


def test_a_slot_without_the_part_that_is_asked_for(toy: Study, tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"slot relatives_in_household has no part for '\{2\}'"):
        compile_toy(
            toy, tmp_path, SLOTS.replace("education_years: education; ", ""), rows(HISTORY, value_num="copy,{2}")
        )


def test_a_missing_target_row(toy: Study, tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="block b has no row for rater") as error:
        compile_toy(toy, tmp_path, BLOCK, rows(SCALES, rater=None))
    assert (error.value.file, error.value.line) == ("toy.csv", len(SCALES)), "the last line of the block"
    assert "verb none says why" in error.value.remedy


def test_a_block_without_any_row(toy: Study, tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="block c has no row for step_id") as error:
        compile_toy(toy, tmp_path, f"{BLOCK}\nc,scales,f,,,identical,", rows(SCALES))
    assert (error.value.file, error.value.line) == ("toy_blocks.csv", 3)


def test_a_double_row(toy: Study, tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="rater is mapped twice") as error:
        compile_toy(toy, tmp_path, BLOCK, rows(SCALES) + "\nb,rater,const,self,complete,,")
    assert (error.value.file, error.value.line) == ("toy.csv", len(SCALES) + 2)


def test_a_target_the_table_does_not_have(toy: Study, tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="scales has no column 'totals'") as error:
        compile_toy(toy, tmp_path, BLOCK, rows(SCALES, totals="copy,total"))
    assert error.value.line == len(SCALES) + 2
    assert "It has step_id, day" in error.value.remedy


def test_rows_of_a_block_that_is_not_there(toy: Study, tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"block 'x' is not in toy_blocks\.csv") as error:
        compile_toy(toy, tmp_path, BLOCK, rows(SCALES) + "\nx,rater,const,self,complete,,")
    assert (error.value.file, error.value.line) == ("toy.csv", len(SCALES) + 2)


BLOCK_ERRORS = [
    ("b,scale,f,,,identical,", "unknown table 'scale'", "Use one of subjects"),
    ("b,scales,g,,,identical,", "toy has no form g", "declare it in the sources YAML"),
    ("b,scales,f,,,keep,", "unknown policy 'keep'", "Use one of merge, boundary, identical"),
    ("b,scales,f,,,merge,", "policy merge for scales", "never are"),
    ("b,visits,f,,,identical,", "policy identical for visits", "are merged by key"),
    ("b,scales,f,total is not null,,identical,", "has no name", "Write rule_name: condition"),
    ("b,scales,f,,a: nowhere,identical,", "f has no column 'nowhere'", "Correct the unpivot list"),
    (f"{BLOCK}\n{BLOCK}", "block b is there twice", "another name"),
    ("b,scales,f,,,identical", "wrong number of fields", "Quote fields that hold commas"),
]


@pytest.mark.parametrize(("blocks", "problem", "remedy"), BLOCK_ERRORS, ids=[p for _, p, _ in BLOCK_ERRORS])
def test_a_wrong_block_is_named(toy: Study, tmp_path: Path, blocks: str, problem: str, remedy: str) -> None:
    with pytest.raises(MappingError, match=re.escape(problem)) as error:
        compile_toy(toy, tmp_path, blocks, rows(SCALES))
    assert (error.value.file, error.value.line) == ("toy_blocks.csv", blocks.count("\n") + 2)
    assert remedy in str(error.value)


def test_a_wrong_header(toy: Study, tmp_path: Path) -> None:
    write_mapping(tmp_path, BLOCK, rows(SCALES))
    path = tmp_path / "toy.csv"
    path.write_text(path.read_text().replace("status", "state", 1))
    with pytest.raises(MappingError, match=re.escape(f"They must be {', '.join(MAPPING_HEADER)}")) as error:
        read_mapping(toy, tmp_path)
    assert error.value.line == 1


def test_a_document_that_is_not_there(toy: Study, tmp_path: Path) -> None:
    write_mapping(tmp_path, BLOCK, rows(SCALES))
    (tmp_path / "toy_blocks.csv").unlink()
    assert not has_mapping("toy", tmp_path)
    with pytest.raises(MappingError, match=r"toy_blocks\.csv, line 0: file not found"):
        read_mapping(toy, tmp_path)


def test_all_documents_of_the_project_are_read() -> None:
    mapped = {s.name for s in studies() if has_mapping(s.name)}
    assert mapped == {p.name.removesuffix("_blocks.csv") for p in MAPPINGS.glob("*_blocks.csv")}
    for study in studies():
        if study.name in mapped:
            assert read_mapping(study)
