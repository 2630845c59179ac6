"""Each verb of the closed list, compiled and run in DuckDB. Expected cells are written by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harmonize import verbs
from harmonize.mapping import VERBS, Block, MappingError
from harmonize.sources import Study
from schemas import ENTITIES
from tests.harmonize import sqlkit

COMPANION = {
    "arm_assigned": "arm_missing",
    "score": "score_missing",
    "dose": "dose_missing",
    "value_code": "value_missing",
}
COMPANION["value_num"] = "value_missing"
POLICY = {"subjects": "merge", "steps": "merge", "visits": "merge"}

BAD = ["abc", "nan", "NaN", "inf", "-inf", "1,5", "1 2", "0x1F", "1_000", "--1", "."]
"""Text that is no number of any type."""


class Toy:
    """A study with one form, in which single mapping rows are compiled and run."""

    def __init__(self, folder: Path, columns: dict[str, str]) -> None:
        self.folder = folder
        self.study: Study = sqlkit.write_sources(folder, columns)

    def block(self, entity: str, filters: str = "", unpivot: str = "", **rows: str) -> Block:
        """A block with these rows ("verb,args"); every other target has none."""
        lines = []
        for target in ENTITIES[entity].mapped_columns:
            if target == "subject_id":
                continue
            verb, _, args = rows.get(target, "none,").partition(",")
            status = "not_collected" if verb == "none" else "complete"
            quoted = args.replace('"', '""')
            lines.append(f'b,{target},{verb},"{quoted}",{status},why,')
        policy = POLICY.get(entity, "identical")
        return sqlkit.one_block(
            self.folder, self.study, f'b,{entity},f,"{filters}","{unpivot}",{policy},', "\n".join(lines)
        )

    def candidates(self, block: Block, *rows: sqlkit.Raw) -> list[dict[str, Any]]:
        with sqlkit.connect() as connection:
            return sqlkit.candidates(connection, self.study, block, [{"id": "1", **r} for r in rows])

    def cells(
        self, target: str, row: str, *rows: sqlkit.Raw, entity: str = "", unpivot: str = ""
    ) -> list[tuple[Any, ...]]:
        """(value, missing reason, columns with a cell issue) of one target for each raw row."""
        entity = (
            entity
            or {
                "score": "scales",
                "items": "scales",
                "day": "steps",
                "arm_assigned": "steps",
                "treatment_naive": "subjects",
                "value_num": "history",
                "value_code": "history",
                "race": "subjects",
                "dose_unit": "treatments",
                "treatment_id": "treatments",
            }[target]
        )
        found = self.candidates(self.block(entity, unpivot=unpivot, **{target: row}), *rows)
        beside = COMPANION.get(target)
        return [
            (r[target], r[beside] if beside else None, "".join(sorted(c for t, c in r["issues"] if t == target)))
            for r in found
        ]


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    columns = {
        "x": "missing: {'-9': unknown, 'REF': refused}",
        "y": "",
        "z": "",
        "ranged": "missing: {'999': unknown}, range: [1, 950]",
        "coded": "missing: {'9': refused}, codes: {'1': yes_, '2': no_}",
        "comma": "decimal: ',', missing: {'-9,9': unknown}",
        "german": "dates: [DD.MM.YYYY, excel]",
        "sas": "dates: [DDMONYYYY, YYYY-MM-DD]",
        **{f"i{n}": "missing: {'-9': unknown}" for n in range(1, 11)},
    }
    return Toy(tmp_path, columns)


def xs(*texts: str | None) -> list[dict[str, str | None]]:
    return [{"x": t} for t in texts]


def test_the_closed_list_is_closed() -> None:
    assert set(VERBS) == set(verbs._VERBS)


# --- staging ---------------------------------------------------------------------------------------------------


def test_staging_trims_and_names_why_a_cell_is_missing(toy: Toy) -> None:
    texts = ["a", " a ", "", "   ", None, "-9", " -9 ", "-9.0", "REF", "ref"]
    assert toy.cells("arm_assigned", "copy,x", *xs(*texts)) == [
        ("a", None, ""),
        ("a", None, ""),
        (None, "blank", ""),
        (None, "blank", ""),
        (None, "blank", ""),
        (None, "unknown", ""),
        (None, "unknown", ""),
        ("-9.0", None, ""),  # codes are text: another spelling is another value
        (None, "refused", ""),
        ("ref", None, ""),
    ]


def test_staging_drops_rows_by_name_and_makes_pseudonyms(tmp_path: Path) -> None:
    rule = "{rule: screened, when: \"x is distinct from '4'\", reason: never enrolled}"
    study = sqlkit.write_sources(tmp_path, {"second": "", "x": ""}, keys="second, id", drop_rules=rule)
    (form,) = study.forms
    with sqlkit.connect() as connection:
        rows = [
            {"id": "1", "x": "4"},
            {"id": "1", "second": " 7 ", "x": "4"},
            {"id": "7", "x": ""},
            {"id": " ", "second": "", "x": "5"},
        ]
        sqlkit.load_raw(connection, form, rows)
        sqlkit.stage(connection, study, form)
        found = connection.execute('select subject_id, drop_rule, x__raw from "stg_toy__f" order by src_row').fetchall()
    ids = [f[0] for f in found]
    assert [f[1] for f in found] == [None, None, "screened", "screened"]
    assert ids[1] == ids[2] != ids[0], "the first filled key counts"
    assert ids[3] is None, "a row without a key is nobody's"
    assert [f[2] for f in found] == ["4", "4", "", "5"]


# --- copy and the types ----------------------------------------------------------------------------------------


def test_copy_to_integer_does_not_round(toy: Toy) -> None:
    good = {"14": 14, " 3 ": 3, "14.0": 14, "14.": 14, "-0": 0, "+3": 3, "-7": -7, "1e2": 100, "1.5e1": 15, "007": 7}
    assert toy.cells("day", "copy,x", *xs(*good)) == [(v, None, "") for v in good.values()]
    bad = [*BAD, "14.6", "-0.5", ".5", "15e-1", "1e-1", "0b11", "true", "1e300", "9223372036854775808"]
    assert toy.cells("day", "copy,x", *xs(*bad)) == [(None, None, "x")] * len(bad)
    assert toy.cells("day", "copy,x", *xs("", None, "-9")) == [(None, None, "")] * 3


def test_copy_to_double(toy: Toy) -> None:
    good = {"14": 14.0, "14.6": 14.6, " 3 ": 3.0, "-0": 0.0, "1e2": 100.0, ".5": 0.5, "-2.25": -2.25, "1e300": 1e300}
    assert toy.cells("score", "copy,x", *xs(*good)) == [(v, None, "") for v in good.values()]
    bad = [*BAD, "1e400", "true"]
    assert toy.cells("score", "copy,x", *xs(*bad)) == [(None, "unparseable", "x")] * len(bad)
    missing = {"": "blank", "-9": "unknown", "REF": "refused"}
    assert toy.cells("score", "copy,x", *xs(*missing)) == [(None, r, "") for r in missing.values()]


def test_copy_to_boolean(toy: Toy) -> None:
    good = {"1": True, "true": True, "YES": True, "y": True, "0": False, "False": False, "no": False, "N": False}
    assert toy.cells("treatment_naive", "copy,x", *xs(*good)) == [(v, None, "") for v in good.values()]
    assert toy.cells("treatment_naive", "copy,x", *xs("2", "maybe", "nan")) == [(None, None, "x")] * 3


def test_copy_keeps_text_that_looks_like_something(toy: Toy) -> None:
    texts = ["nan", "NULL", "it's", "a;b", '"q"', "ünï", "1e2"]
    assert toy.cells("arm_assigned", "copy,x", *xs(*texts)) == [(t, None, "") for t in texts]


def test_copy_refuses_values_outside_the_declared_range(toy: Toy) -> None:
    texts = {"1": 1.0, "950": 950.0, "0.5": None, "951": None, "-1": None, "nan": None}
    found = toy.cells("score", "copy,ranged", *({"ranged": t} for t in texts))
    assert found == [(v, None if v else "unparseable", "" if v else "ranged") for v in texts.values()]
    assert toy.cells("score", "copy,ranged", {"ranged": "999"}) == [(None, "unknown", "")]


# --- const, none -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entity", "target", "text", "value"),
    [
        ("scales", "rater", "self", "self"),
        ("scales", "rater", "it's", "it's"),
        ("scales", "occasion", "1", 1),
        ("scales", "day", "-3", -3),
        ("scales", "score", "1.5", 1.5),
        ("subjects", "treatment_naive", "true", True),
        ("subjects", "treatment_naive", "false", False),
    ],
)
def test_const(toy: Toy, entity: str, target: str, text: str, value: Any) -> None:
    assert toy.cells(target, f"const,{text}", {}, entity=entity) == [(value, None, "")]


@pytest.mark.parametrize(
    ("entity", "target", "text"), [("scales", "occasion", "true"), ("subjects", "treatment_naive", "1")]
)
def test_const_of_another_type_is_an_error(toy: Toy, entity: str, target: str, text: str) -> None:
    with pytest.raises(MappingError, match="is not a value of type"):
        toy.cells(target, f"const,{text}", {}, entity=entity)


def test_const_per_slot(toy: Toy) -> None:
    block = toy.block(
        "conditions",
        unpivot="depression.parent: x; suicide.child: y",
        condition_id="const,{slot.1}",
        relative="const,{slot.2}",
        code="copy,{1}",
        code_system="const,{slot}",
    )
    found = toy.candidates(block, {"x": "1", "y": "2"}, {"x": "", "y": "3"}, {"x": "-9", "y": ""}, {})
    columns = ("src_row", "slot_no", "condition_id", "relative", "code", "code_system")
    assert [tuple(r[c] for c in columns) for r in found] == [
        (1, 1, "depression", "parent", "1", "depression.parent"),
        (1, 2, "suicide", "child", "2", "suicide.child"),
        (2, 2, "suicide", "child", "3", "suicide.child"),
        (3, 1, "depression", "parent", None, "depression.parent"),  # a missing code is an answer, a blank is none
    ]


def test_slots_of_several_columns(toy: Toy) -> None:
    """A slot is there when any of its columns is filled; an issue names the column of its own slot."""
    block = toy.block(
        "treatments", unpivot="1: x, y; 2: z, i1", raw_name="copy,{1}", dose="copy,{2}", occasion="const,1"
    )
    found = toy.candidates(block, {"x": "drug", "y": "abc", "z": "", "i1": "20"})
    assert [(r["slot_no"], r["raw_name"], r["dose"], r["dose_missing"], r["issues"]) for r in found] == [
        (1, "drug", None, "unparseable", {("dose", "y")}),
        (2, None, 20.0, None, set()),
    ]


def test_none_has_a_type_and_a_reason(toy: Toy) -> None:
    for entity, beside in [("scales", "score_missing"), ("steps", "arm_missing"), ("treatments", "dose_missing")]:
        (found,) = toy.candidates(toy.block(entity), {})
        assert found[beside] == "not_applicable"
        assert found["issues"] == set()
        assert all(found[t] is None for t in ENTITIES[entity].mapped_columns if t != "subject_id")


def test_none_without_comment_is_an_error(toy: Toy) -> None:
    block = toy.block("scales")
    targets = "\n".join(f"b,{t},none,,not_collected,," for t in block.targets)
    bare = sqlkit.one_block(toy.folder, toy.study, "b,scales,f,,,identical,", targets)
    with pytest.raises(MappingError, match="step_id has no value and no reason"):
        toy.candidates(bare, {})


# --- recode ----------------------------------------------------------------------------------------------------


def test_recode_by_the_codes_of_the_sources_file(toy: Toy) -> None:
    texts = {
        "1": ("yes_", None, ""),
        " 2 ": ("no_", None, ""),
        "9": (None, "refused", ""),
        "": (None, "blank", ""),
        "3": (None, "invalid_code", "coded"),
        "1.0": (None, "invalid_code", "coded"),
        "yes_": (None, "invalid_code", "coded"),
    }
    assert toy.cells("arm_assigned", "recode,coded", *({"coded": t} for t in texts)) == list(texts.values())


def test_recode_by_codes_of_the_mapping_row(toy: Toy) -> None:
    """Codes of the row stand in place of those of the sources file."""
    rows = [{"coded": t} for t in ("1", "2", "it's")]
    assert toy.cells("arm_assigned", "recode,coded; 1=one; it's=that's", *rows) == [
        ("one", None, ""),
        (None, "invalid_code", "coded"),
        ("that's", None, ""),
    ]


def test_recode_to_a_missing_reason(toy: Toy) -> None:
    """`code=!reason`: a code that means missing here only is no cell issue."""
    row = "recode,y; 1=one; 7=!refused; 8=!not_applicable"
    assert toy.cells("arm_assigned", row, *({"y": t} for t in ("1", "7", "8", "", "2"))) == [
        ("one", None, ""),
        (None, "refused", ""),
        (None, "not_applicable", ""),
        (None, "blank", ""),
        (None, "invalid_code", "y"),
    ]


def test_recode_of_a_missing_cell(toy: Toy) -> None:
    """`?reason=value`: a cell that is missing for this reason has a value."""
    row = "recode,x; 1=one; ?blank=none_given; ?unknown=not_known"
    assert toy.cells("arm_assigned", row, *xs("1", "", None, "-9", "REF", "2")) == [
        ("one", None, ""),
        ("none_given", None, ""),
        ("none_given", None, ""),
        ("not_known", None, ""),
        (None, "refused", ""),
        (None, "invalid_code", "x"),
    ]


def test_recode_to_a_missing_reason_that_has_a_value(toy: Toy) -> None:
    row = "recode,y; 1=one; 7=!refused; ?blank=zero"
    found = toy.cells("arm_assigned", row, *({"y": t} for t in ("1", "7", "", "2")))
    assert found == [("one", None, ""), (None, "refused", ""), ("zero", None, ""), (None, "invalid_code", "y")]


def test_recode_to_numbers_and_booleans(toy: Toy) -> None:
    assert toy.cells("day", "recode,y; a=1; b=-2", {"y": "a"}, {"y": "b"}, {"y": "c"}) == [
        (1, None, ""),
        (-2, None, ""),
        (None, None, "y"),
    ]
    assert toy.cells("treatment_naive", "recode,y; 1=true; 2=false", {"y": "1"}, {"y": "2"}) == [
        (True, None, ""),
        (False, None, ""),
    ]


def test_recode_per_slot_takes_the_codes_of_each_column(toy: Toy) -> None:
    rows = [{"coded": "1", "y": ""}, {"coded": "3"}]
    assert toy.cells("value_code", "recode,{1}", *rows, unpivot="a: coded") == [
        ("yes_", None, ""),
        (None, "invalid_code", "coded"),
    ]


# --- lookup ----------------------------------------------------------------------------------------------------


def test_lookup_finds_synonyms_in_any_case_and_tells_misses_once(toy: Toy) -> None:
    block = toy.block(
        "treatments",
        treatment_id="lookup,x; drug_synonyms.synonym; treatment_id",
        dose_unit="lookup,x; drug_synonyms.synonym; dose_unit",
        raw_name="copy,x",
    )
    found = toy.candidates(block, *xs("Citalopram", " CELEXA ", "no drug", "", "-9", "citalopram'"))
    assert [(r["treatment_id"], r["dose_unit"], r["raw_name"]) for r in found] == [
        ("citalopram", "mg_day", "Citalopram"),
        ("citalopram", "mg_day", "CELEXA"),
        (None, None, "no drug"),
        (None, None, None),
        (None, None, None),
        (None, None, "citalopram'"),
    ]
    assert [r["issues"] for r in found] == [
        set(),
        set(),
        {("treatment_id", "x")},
        set(),
        set(),
        {("treatment_id", "x")},
    ]


# --- first_of --------------------------------------------------------------------------------------------------


def test_first_of_takes_the_first_that_can_be_used(toy: Toy) -> None:
    cases = {
        ("5", "6"): (5.0, None, ""),
        ("", "6"): (6.0, None, ""),
        ("-9", "6"): (6.0, None, ""),
        ("abc", "6"): (6.0, None, "x"),
        ("5", "abc"): (5.0, None, "y"),
        ("0", "6"): (0.0, None, ""),  # zero is a value
        ("", ""): (None, "blank", ""),
        ("-9", ""): (None, "unknown", ""),  # the first column says why
        ("abc", ""): (None, "unparseable", "x"),
        ("", "abc"): (None, "unparseable", "y"),  # there was text, so it is not blank
        ("abc", "nan"): (None, "unparseable", "xy"),
    }
    assert toy.cells("score", "first_of,x; y", *({"x": a, "y": b} for a, b in cases)) == list(cases.values())


def test_first_of_texts(toy: Toy) -> None:
    rows = [{"x": "", "y": "", "z": "c"}, {"x": "-9", "y": "b", "z": "c"}, {"x": "REF"}]
    assert toy.cells("arm_assigned", "first_of,x; y; z", *rows) == [
        ("c", None, ""),
        ("b", None, ""),
        (None, "refused", ""),
    ]


# --- linear ----------------------------------------------------------------------------------------------------


def test_linear_with_fraction_and_digits(toy: Toy) -> None:
    """Months to years with one decimal, halves away from zero: 6/12 = 0.5, 3/12 = 0.25 -> 0.3, 500/12 = 41.67."""
    texts = {"500": 41.7, "6": 0.5, "3": 0.3, "-3": -0.3, "0": 0.0, "12.5": 1.0}
    assert toy.cells("score", "linear,x; 1/12; 0; 1", *xs(*texts)) == [(v, None, "") for v in texts.values()]


def test_linear_with_offset(toy: Toy) -> None:
    """Week 3 of a phase that begins on day 14 is day 35."""
    assert toy.cells("score", "linear,x; 7; 14", *xs("3", "0.5", "abc", "", "-9")) == [
        (35.0, None, ""),
        (17.5, None, ""),
        (None, "unparseable", "x"),
        (None, "blank", ""),
        (None, "unknown", ""),
    ]
    assert toy.cells("score", "linear,x; 0.5; -1", *xs("3")) == [(0.5, None, "")]
    assert toy.cells("score", "linear,x; -1; 0", *xs("3")) == [(-3.0, None, "")]


def test_linear_to_integer_rounds_and_never_stops_the_build(toy: Toy) -> None:
    """A half week is day 4 (3.5 away from zero); a number beyond every integer is a cell issue, not an error."""
    assert toy.cells("day", "linear,x; 7; 0", *xs("2", "0.5", "-0.5", "1e300", "nan")) == [
        (14, None, ""),
        (4, None, ""),
        (-4, None, ""),
        (None, None, "x"),
        (None, None, "x"),
    ]


def test_linear_refuses_values_outside_the_declared_range(toy: Toy) -> None:
    assert toy.cells("score", "linear,ranged; 2; 0", *({"ranged": t} for t in ("1", "950", "951", "999"))) == [
        (2.0, None, ""),
        (1900.0, None, ""),
        (None, "unparseable", "ranged"),
        (None, "unknown", ""),
    ]


# --- days_between ----------------------------------------------------------------------------------------------


def test_days_between(toy: Toy) -> None:
    """2004-02-28 to 2004-03-01 is 2 days: 2004 had a 29 February."""
    cases = {
        ("2004-02-28", "2004-03-01"): (2, None, ""),
        ("2003-02-28", "2003-03-01"): (1, None, ""),
        ("2004-03-01", "2004-02-28"): (-2, None, ""),
        ("2004-03-01", "2004-03-01"): (0, None, ""),
        ("", "2004-03-01"): (None, None, ""),
        ("2004-03-01", ""): (None, None, ""),
        ("2004-02-30", "2004-03-01"): (None, None, "x"),
        ("2004-03-01", "soon"): (None, None, "y"),
        ("03/01/2004", "01.03.2004"): (None, None, "xy"),
        ("soon", ""): (None, None, "x"),
    }
    rows = [{"x": a, "y": b} for a, b in cases]
    assert toy.cells("day", "days_between,x; y; %Y-%m-%d", *rows) == list(cases.values())


def test_days_between_dates_as_the_contract_says_they_are_written(toy: Toy) -> None:
    """12 March 2001 is serial 36962 in Excel (2001-01-01 is 36892, Excel's own figure, and 70 days on)."""
    cases = {
        ("12.03.2001", "13MAR2001"): (1, ""),
        ("1.3.2001", "12mar2001"): (11, ""),
        ("36962", "2001-03-12"): (0, ""),
        ("12.03.2001", "2001-03-12T23:59:59"): (0, ""),
        ("12.03.99", "2001-03-12"): (None, "german"),
        ("03/12/2001", "12.03.2001"): (None, "germansas"),
        ("31.02.2001", "2001-03-12"): (None, "german"),
        (".03.2001", "12MAE2001"): (None, "germansas"),
        ("36962.5", "2001-3-12"): (None, "germansas"),
        ("", "2001-03-12"): (None, ""),
    }
    found = toy.cells("day", "days_between,german; sas", *({"german": a, "sas": b} for a, b in cases))
    assert found == [(value, None, issues) for value, issues in cases.values()]


def test_the_first_date_of_a_person_is_of_one_column(toy: Toy) -> None:
    """The first visit in `german` is day 0 of its person; a slot says no single column, a form that is none no date."""
    rows = [{"id": p, "german": d} for p, d in (("1", "05.03.2001"), ("1", "01.03.2001"), ("2", "09.03.2001"))]
    found = toy.cells("day", "days_between,first(german); german", *rows)
    assert [value for value, *_ in found] == [4, 0, 0]
    with pytest.raises(MappingError, match=r"first\(\) takes one column, not a slot"):
        toy.cells("day", "days_between,first({slot}); german", rows[0], unpivot="german")
    for missing in ("g.german", "f.nothing"):
        with pytest.raises(MappingError, match=rf"the study has no '{missing}'.*first\(form.column\)"):
            toy.cells("day", f"days_between,first({missing}); german", rows[0])
    with pytest.raises(MappingError, match=r"f\.x has no date format"):
        toy.cells("day", "days_between,first(f.x); german", rows[0])


def test_days_between_without_any_format_is_refused(toy: Toy) -> None:
    with pytest.raises(MappingError, match="x has no date format"):
        toy.cells("day", "days_between,x; sas", {"x": "1", "sas": "1"})


# --- decimal marks ---------------------------------------------------------------------------------------------


def test_decimal_comma(toy: Toy) -> None:
    """A point can only separate thousands there; it is refused and never read as a point."""
    texts = {
        "12,5": (12.5, None, ""),
        "-0,5": (-0.5, None, ""),
        "7": (7.0, None, ""),
        "1.234": (None, "unparseable", "comma"),
        "1.234,5": (None, "unparseable", "comma"),
        "1,234,5": (None, "unparseable", "comma"),
        "1 234,5": (None, "unparseable", "comma"),
        "1,5e1": (15.0, None, ""),
        "": (None, "blank", ""),
        "-9,9": (None, "unknown", ""),
    }
    assert toy.cells("score", "copy,comma", *({"comma": text} for text in texts)) == list(texts.values())
    assert toy.cells("day", "copy,comma", {"comma": "14,0"}, {"comma": "14,5"}) == [
        (14, None, ""),
        (None, None, "comma"),
    ]


def test_decimal_point_refuses_a_comma(toy: Toy) -> None:
    assert toy.cells("score", "copy,x", *xs("12,5", "1,234.5")) == [(None, "unparseable", "x")] * 2


def test_decimal_comma_in_items_and_linear(toy: Toy) -> None:
    found = toy.cells("score", "linear,comma; 2; 1", {"comma": "1,5"}, {"comma": "1.5"})
    assert found == [(4.0, None, ""), (None, "unparseable", "comma")]


def test_error_cells_of_a_sheet_are_cell_issues_whatever_the_target(tmp_path: Path) -> None:
    """Text is copied as it is, but for what a failed formula shows; in delimited text that is text like any other."""
    texts = ["10 mg", "#N/A", "#DIV/0!", "#1", ""]
    from_text, from_sheet = Toy(tmp_path, {"x": ""}), Toy(tmp_path, {"x": ""})
    form = from_sheet.study.form("f")
    sheet = replace(form, files=("f.xlsx",), format={"kind": "xlsx"})
    from_sheet.study = replace(from_sheet.study, forms=(sheet,))
    assert from_text.cells("arm_assigned", "copy,x", *xs(*texts))[1][:1] == ("#N/A",)
    found = from_sheet.cells("arm_assigned", "copy,x", *xs(*texts))
    assert [(value, issues) for value, _, issues in found] == [
        ("10 mg", ""), (None, "x"), (None, "x"), ("#1", ""), (None, ""),
    ]  # fmt: skip


# --- flag ------------------------------------------------------------------------------------------------------


def test_flag(toy: Toy) -> None:
    texts = {"1": True, " 2 ": True, "3": False, "1.0": False, "it's": True, "": None, "-9": None}
    found = toy.cells("treatment_naive", "flag,x; 1; 2; it's", *xs(*texts))
    assert found == [(v, None, "") for v in texts.values()]


# --- parse -----------------------------------------------------------------------------------------------------


def test_parse(toy: Toy) -> None:
    texts = {"Week 12": 12, "week 3.5": 3, "Week": None, "week x": None}
    found = toy.cells("day", r"parse,x; [Ww]eek (\d+); 1", *xs(*texts))
    assert found == [(v, None, "" if v else "x") for v in texts.values()]
    assert toy.cells("score", r"parse,x; ([0-9.]+) mg; 1", *xs("about 2.5 mg", "none", "", "-9")) == [
        (2.5, None, ""),
        (None, "unparseable", "x"),
        (None, "blank", ""),
        (None, "unknown", ""),
    ]


def test_parse_patterns_reach_the_engine_as_written(toy: Toy) -> None:
    r"""A template would take \b for a backspace, and a quote ends a string of SQL."""
    assert toy.cells("arm_assigned", r"parse,x; \b(\w+)'s\b; 1", *xs("the patient's dose")) == [("patient", None, "")]


# --- items -----------------------------------------------------------------------------------------------------

MADRS = "; ".join(f"i{n}" for n in range(1, 11))
"""Ten items, 0 to 6 each."""


def scores(*values: str | None) -> dict[str, str | None]:
    return {f"i{n}": v for n, v in enumerate(values, start=1)}


def test_items_in_the_order_of_the_seed(toy: Toy) -> None:
    rows = [
        scores(*"0123456012"),
        scores(" 3 ", "3.0", "6", "0", "-0", "1e0", "1", "2", "3", "4"),
        scores("", "-9", None, *"1111111"),
        scores(*[""] * 10),
        scores(*["-9"] * 10),
    ]
    assert toy.cells("items", f"items,MADRS; {MADRS}", *rows) == [
        ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.0, 1.0, 2.0], None, ""),
        ([3.0, 3.0, 6.0, 0.0, 0.0, 1.0, 1.0, 2.0, 3.0, 4.0], None, ""),
        ([None, None, None, *[1.0] * 7], None, ""),
        (None, None, ""),  # no item at all is no list
        (None, None, ""),
    ]


def test_items_out_of_range_or_unusable_are_cell_issues(toy: Toy) -> None:
    bad = ["7", "-1", "abc", "nan", "inf", "999", "6.5"]
    (found,) = toy.cells("items", f"items,MADRS; {MADRS}", scores(*bad, "1", "2", "3"))
    assert found == ([None] * 7 + [1.0, 2.0, 3.0], None, "".join(f"i{n}" for n in range(1, 8)))
    assert toy.cells("items", f"items,MADRS; {MADRS}", scores(*["abc"] * 10))[0][0] is None


def test_items_that_were_not_asked(toy: Toy) -> None:
    """`-` keeps the place of an item, so that those after it stay in order."""
    asked = "; ".join(["-", "i2", "-", *(f"i{n}" for n in range(4, 11))])
    (found,) = toy.cells("items", f"items,MADRS; {asked}", scores(*"1234561234"))
    assert found == ([None, 2.0, None, 4.0, 5.0, 6.0, 1.0, 2.0, 3.0, 4.0], None, "")


def test_items_have_no_slots_needed_and_keep_the_score_apart(toy: Toy) -> None:
    block = toy.block("scales", instrument_id="const,MADRS", score="copy,x", items=f"items,MADRS; {MADRS}")
    (found,) = toy.candidates(block, {"x": "12", **scores(*"1111111111")})
    assert (found["score"], found["score_missing"], sum(found["items"])) == (12.0, None, 10.0)


# --- sql -------------------------------------------------------------------------------------------------------


def test_sql_snippet(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snippet sees staged columns and macros; its comments are left out; the named columns carry issue and reason."""
    (toy.folder / "sql").mkdir()
    text = "-- A comment; with {{ braces }}.\n{{ to_double('x') }}\n  -- another\n  * 2\n"
    (toy.folder / "sql" / "twice.sql").write_text(text, encoding="utf-8")
    monkeypatch.setattr(verbs, "MAPPINGS", toy.folder)
    assert toy.cells("score", "sql,twice; x", *xs("4", "abc", "", "-9")) == [
        (8.0, None, ""),
        (None, "unparseable", "x"),
        (None, "blank", ""),
        (None, "unknown", ""),
    ]
    assert toy.cells("score", "sql,twice", *xs("4", "abc")) == [(8.0, None, ""), (None, "unparseable", "")]


# --- what a block adds -----------------------------------------------------------------------------------------


def test_filters_keep_rows_for_which_they_hold(toy: Toy) -> None:
    block = toy.block("scales", filters="no_score: x is not null; moved: y <> 'FU'", score="copy,x")
    rows = [{"x": "1", "y": "a"}, {"x": "", "y": "a"}, {"x": "1", "y": "FU"}, {"x": "1", "y": ""}]
    assert [r["src_row"] for r in toy.candidates(block, *rows)] == [1], "a condition that is null does not hold"


def test_issues_of_several_cells_stand_in_one_mask(toy: Toy) -> None:
    block = toy.block("scales", score="copy,x", day="copy,y", occasion="copy,z")
    (found,) = toy.candidates(block, {"x": "abc", "y": "3", "z": "1.5"})
    assert found["issues"] == {("score", "x"), ("occasion", "z")}
    assert (found["day"], found["occasion"]) == (3, None)
