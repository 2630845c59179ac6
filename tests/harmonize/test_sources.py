"""The contract of raw forms: what a sources file may not say, and that the project's own files load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harmonize.paths import STAGING
from harmonize.sources import ROW_KEY, ContractError, Form, read_study, studies, study
from schemas.parents import REASONS
from tests.harmonize.sqlkit import write_sources


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"x": "missing: {'9': unknown}, codes: {'9': other}"}, "'9' is both a missing code and a value; remove one"),
        ({"x": "codes: {'': none}"}, "'' is both a missing code and a value"),
        ({"x": "aliases: [y]", "y": ""}, "column y: the name 'y' is also column x; remove one"),
        ({"x": "aliases: [z]", "y": "aliases: [z]"}, "column y: the name 'z' is also column x; remove one"),
        ({"x": "aliases: [x]"}, "the name 'x' is also column x"),
        ({"x": "missing: {'9': lost}"}, "missing code '9' has reason 'lost'; use one of blank, unknown, refused"),
        ({"Score": ""}, "write names in lower case"),
        ({"x": "aliases: [Gender]"}, "write names in lower case"),
        ({"x": "decimal: ';'"}, "decimal ';' is neither '.' nor ','"),
        ({"x": "dates: DD.MM.YY"}, "date format 'DD.MM.YY' is not known; use YYYY-MM-DD, DD.MM.YYYY"),
        ({"x": "dates: [DD/MM/YYYY, MM/DD/YYYY]"}, "dates DD/MM/YYYY and MM/DD/YYYY cannot be told apart"),
    ],
    ids=[
        "code_twice",
        "blank_as_value",
        "alias_is_column",
        "alias_twice",
        "alias_of_itself",
        "reason",
        "case",
        "alias_case",
        "decimal",
        "dates",
        "dates_alike",
    ],
)
def test_what_cannot_hold_is_refused(tmp_path: Path, columns: dict[str, str], problem: str) -> None:
    with pytest.raises(ContractError, match=re.escape(problem)) as refused:
        write_sources(tmp_path, columns)
    assert str(refused.value).startswith("_toy__sources.yml: form f, column ")


def _with_format(folder: Path, layout: str) -> Form:
    """The toy form x, its column y with a decimal point of its own, under a format for all."""
    path = write_sources(folder, {"x": "", "y": "decimal: '.', dates: sas"}).path
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"format: {.*}", f"format: {{{layout}}}", text), encoding="utf-8")
    return read_study(path).form("f")


def test_decimal_mark_and_dates_of_the_format_hold_where_a_column_has_none(tmp_path: Path) -> None:
    form = _with_format(tmp_path, "decimal: ',', dates: DD.MM.YYYY")
    assert [(c.decimal, c.dates) for c in form.columns[1:]] == [(",", ("DD.MM.YYYY",)), (".", ("sas",))]
    assert [form.decimal_of(name) for name in (" X ", "y", "undeclared")] == [",", ".", ","]


@pytest.mark.parametrize(
    ("layout", "problem"),
    [
        ("sheets: 1", "form f: format has the key 'sheets', which is not known; did you mean sheet?"),
        ("kind: word", "form f: there is no reader for format 'word'; declare one of delimited, xlsx, sav"),
    ],
)
def test_a_format_that_is_not_understood_is_refused(tmp_path: Path, layout: str, problem: str) -> None:
    with pytest.raises(ContractError, match=re.escape(problem)):
        _with_format(tmp_path, layout)


def test_codes_are_text_even_where_yaml_reads_numbers(tmp_path: Path) -> None:
    """YAML reads 9 and true as other types; raw cells are text."""
    column = write_sources(tmp_path, {"x": "missing: {-9: unknown}, codes: {1: yes, 2: 3}"}).form("f").column("x")
    assert column.missing == {"": "blank", "-9": "unknown"}
    assert set(column.codes) == {"1", "2"}
    assert column.codes["2"] == "3"


def test_a_column_adds_to_the_studys_missing_codes(tmp_path: Path) -> None:
    form = write_sources(tmp_path, {"x": "missing: {'999': unknown}", "y": "range: [0, 3], required: true"}).form("f")
    assert form.column("x").missing == {"": "blank", "999": "unknown"}
    assert form.column("y").missing == {"": "blank"}
    assert form.column("y").valid == (0, 3)
    assert form.column("y").required
    assert not form.column("x").required


def test_unknown_names_say_what_there_is(tmp_path: Path) -> None:
    toy = write_sources(tmp_path, {"x": ""})
    with pytest.raises(KeyError, match="toy has no form g; it has f"):
        toy.form("g")
    with pytest.raises(KeyError, match=re.escape("toy.f has no column z")):
        toy.form("f").column("z")
    with pytest.raises(KeyError, match=r"known studies: .*dia, .*riesby, .*stard"):
        study("nowhere")


def test_all_sources_files_load_and_are_described() -> None:
    found = studies()
    assert {s.name for s in found} == {p.parent.name for p in STAGING.glob("*/_*__sources.yml")}
    assert {"dia", "riesby", "stard"} <= {s.name for s in found}
    for one in found:
        assert one == study(one.name) == read_study(one.path)
        assert one.title
        assert one.description
        for form in one.forms:
            assert form.files
            named = {*form.column_names, ROW_KEY}
            assert set(one.subject_key) & named, f"{form.name} has no column that names a person"
            for column in form.columns:
                assert column.description, f"{one.name}.{form.name}.{column.name}"
                assert set(column.missing.values()) <= set(REASONS)
                assert column.missing.get("") == "blank"


def test_stard_forms_are_those_of_the_dossier() -> None:
    """The files of section 3 of the dossier, and the genotype files that every study may have."""
    first = "el01 dm01 phx01 crs01 hrsd01 qids01 idsc01 ccv01 ivra01 le01"
    rest = "mhx01 pdsq01 side_effects01 prise01 qlesq01 sfhs01 wpai01 wsas01 ucq01 roa01"
    names = [f.name for f in study("stard").clinical_forms]
    assert sorted(names) == sorted(f"{first} {rest}".split())
