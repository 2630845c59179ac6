"""What invented studies of a hostile stranger taught `trd new-study`: each test is a fault that was found with one.

Each file is SYNTHETIC; what it must be taken for was decided by reading it.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pandas as pd
import pytest

from harmonize import check_study as checks
from harmonize.draft import make_draft
from harmonize.paths import Warehouse
from harmonize.profile import Profile
from harmonize.profile_roles import Answers
from harmonize.profile_times import read_time
from harmonize.profile_words import sexes
from harmonize.readers import LandingError
from harmonize.sources import read_study
from tests.harmonize.test_item_rows import long
from tests.harmonize.test_new_study import compiled, place, profile
from tests.harmonize.test_new_study_unseen import PEOPLE, asked, drafted, row, slots

__all__ = ["place"]


def test_a_name_twice_a_category_and_an_item_are_no_second_score(place: Path) -> None:
    """bdi_kat has the meanings of its numbers in a dictionary; HAMD_bl_item1 is one item."""
    text = "id,BDI_T0,BDI_W8,BDI_kat,HAMD_bl,HAMD_W4,HAMD_bl_item1\n"
    text += "".join(f"{p},{20 + p},{p},{p % 3},{9 + p},{p},{p % 3}\n" for p in PEOPLE)
    codes = "variable,description,values\nBDI_kat,Schweregrad,0=leicht; 1=mittel; 2=schwer\n"
    made = drafted(place, ("x.csv", text), ("codebook.csv", codes))
    assert asked(made) == []
    assert slots(made, "bdi_ii") == {"bdi_t0": "t0.0", "bdi_w8": "w8.56"}
    assert slots(made, "hrsd17") == {"hamd_bl": "bl.0", "hamd_w4": "w4.28"}
    twice = "id,week,QIDS SR,QIDS SR\n" + "".join(f"{p},{w},{p + w},{p}\n" for p, w in product(PEOPLE, (0, 2)))
    assert asked(drafted(place, ("y.csv", twice))) == ["qids_sr_2: QIDS_SR16 at the same time as QIDS SR: not mapped"]


def test_two_rows_of_names_are_refused_with_the_names_to_write(place: Path) -> None:
    """The fault: the id stood in the row of descriptions, so every row became a person."""
    text = ",HAMD,HAMD,BDI\nID,T0,T1,T0\n" + "".join(f"{p},{p},{p + 1},{p}\n" for p in PEOPLE)
    with pytest.raises(LandingError) as caught:
        drafted(place, ("x.csv", text))
    assert "x.csv, row 2: the names of the columns stand in two rows" in str(caught.value)
    assert "ID, HAMD_T0, HAMD_T1, BDI_T0" in str(caught.value)


def test_sums_below_the_data_are_no_persons(place: Path) -> None:
    """The fault: a person called Mittelwert, and a column of text as its mean alone had a point."""
    text = "Code;Woche;BDI\n" + "".join(f"K{p:02d};{w};{p + w},5\n" for p, w in product(PEOPLE, (0, 4)))
    made = drafted(place, ("x.csv", text + "Mittelwert;;22.4\nN;;24\n"))
    form = read_study(place / "staging" / "toy" / "_toy__sources.yml").form("x")
    assert [(r.rule, r.when) for r in form.drop_rules] == [("summary_row", "trim(code) in ('Mittelwert', 'N')")]
    assert form.column("bdi").decimal == ","
    assert row(made, "bdi_ii", "score") == ("copy", "bdi")
    assert made.tables[0].n_rows == 24
    compiled(place)
    letters = "Code;Woche;BDI\n" + "".join(f"{c};{w};{w}\n" for c, w in product("abcdmn", (0, 4)))
    assert drafted(place, ("y.csv", letters)).tables[0].summaries == {}, "among letters n is a person"


def test_a_few_points_do_not_make_a_column_of_commas_text() -> None:
    assert profile(["27,5", "12,0", "22.4"]).decimal == ","
    assert profile(["27,5", "12.0", "22.4"]).decimal == "."


def test_instrument_and_time_in_one_text_are_asked_for(place: Path) -> None:
    """The fault: all values of HAMD, MADRS and age became one scale."""
    names = ("HAMD_bl", "HAMD_w4", "MADRS_bl", "MADRS_w4", "age")
    cells = [(p, n, p + len(n)) for p, n in product(PEOPLE, names)]
    made = drafted(place, ("x.csv", long("person,variable,value", *cells)))
    assert [b.name for b in made.blocks if b.entity == "scales"] == ["waiting_value"]
    assert any("instrument and time stand in one text (HAMD_bl" in q for q in asked(made))
    found = checks.check_study("toy", Warehouse(place / "house"))
    assert any(f.blocks and f.column == "waiting_value.instrument_id" for f in found)


def test_the_total_among_items_is_known_by_its_description(place: Path) -> None:
    """SDTM numbers the total like an item; only QSTEST says what it is."""
    rows = [(p, i) for p in PEOPLE for i in range(1, 11)]
    cells = [(p, 1, f"MADRS1{i:02d}", f"MADRS1-Item {i}", (p + i) % 7) for p, i in rows]
    cells += [(p, 1, "MADRS111", "MADRS1-Total Score", 30) for p in PEOPLE]
    made = drafted(place, ("qs.csv", long("USUBJID,QSDY,QSTESTCD,QSTEST,QSSTRESN", *cells)))
    (block,) = [b for b in made.blocks if b.entity == "scales"]
    assert block.unpivot.startswith("qstestcd -> qsstresn: MADRS111, MADRS101, MADRS102")
    assert row(made, "madrs", "score") == ("copy", "{1}")
    assert row(made, "madrs", "instrument_id") == ("const", "MADRS")


def test_a_file_of_drugs_needs_no_day_of_its_rows(place: Path) -> None:
    drugs = "pid,drug,start_day,stop_day,dose,unit\n"
    drugs += "".join(
        f"{p},{d},{a},{b},20,mg\n" for p in PEOPLE for d, a, b in (("fluoxetine", 0, 13), ("xanax", -30, 5))
    )
    scores = "pid,day,ids_sr\n" + "".join(f"{p},{d},{p + d}\n" for p, d in product(PEOPLE, (0, 7, 14)))
    made = drafted(place, ("rx.csv", drugs), ("scores.csv", scores))
    assert [q for q in asked(made) if "day" in q] == []
    assert [row(made, "drugs_rx", t)[1] for t in ("start_day", "end_day")] == ["start_day", "stop_day"]
    assert not any(b.entity == "history" for b in made.blocks), "the unit of the doses is no fact of the person"


def test_a_visit_is_not_what_is_the_same_for_a_person(place: Path) -> None:
    """`event` is whether the person fell ill; `time` says no unit."""
    cells = [(p, p % 2, t + p / 100, (p * 7 + t) % 11) for p, t in product(PEOPLE, (0, 1, 2))]
    made = drafted(place, ("x.csv", long("id,event,time,y", *cells)))
    (question,) = asked(made)
    assert "time holds numbers (0.01 to 2.12), and nothing says of which unit" in question


def test_columns_that_are_always_blank_are_told_of(place: Path) -> None:
    text = "ID;HAMD_W0;HAMD_W4;MADRS_W0\n" + "".join(f"{p};{p};;NA\n" for p in PEOPLE)
    made = drafted(place, ("x.csv", text))
    assert any(n.text == "always blank, so not mapped: HAMD_W4, MADRS_W0" for n in made.notes)


def test_words_and_codes_that_were_not_understood() -> None:
    assert read_time("Mid (wk 4)").day == 28
    assert read_time("mid").day is None
    assert sexes(["0", "1"], "sex_1male") == {"0": "female", "1": "male"}
    assert sexes(["0", "1"], "sex_2male") == {}, "a code that does not occur says nothing"
    coded = Profile("x", "x", 0, pd.Series(["0", "1"], dtype=object), labels={"0": "leicht", "1": "schwer"})
    assert coded.is_coded
    assert not profile(["0", "1"]).is_coded


def test_a_file_of_one_row_is_data(place: Path) -> None:
    """The fault: words in the only row made it a row of descriptions, and the file one without data."""
    path = place / "x.csv"
    path.write_text("patient_code,comment,hamd_bl\nP1,came with a letter of her doctor,20\n", encoding="utf-8")
    assert make_draft("toy", [path], Answers()).tables[0].n_rows == 1


def test_a_change_with_a_time_is_a_score_of_that_day(place: Path) -> None:
    """The fault: it was said to be a fact of the person, and to be of a later time, and was neither."""
    text = "id,madrs_baseline,madrs_week8,madrs_change_week8\n" + "".join(f"{p},{p + 9},{p},-9\n" for p in PEOPLE)
    made = drafted(place, ("x.csv", text))
    assert slots(made, "madrs_change_toy") == {"madrs_change_week8": "week8.56"}
    assert not any("without a time" in n.text for n in made.notes)


def test_scales_nobody_knows_are_told_apart_by_the_column_that_names_them(place: Path) -> None:
    """The fault: one known scale of three, and all three became one."""
    cells = [(p, d, m, (p * 7 + d) % 22) for p, d, m in product(PEOPLE, (0, 28), ("PHQ-9", "GAD-7", "WSAS"))]
    made = drafted(place, ("x.csv", long("id,day,measure,score", *cells)))
    recoded = "measure; GAD-7=GAD_7_TOY; PHQ-9=PHQ9; WSAS=WSAS_TOY"
    assert row(made, "scores", "instrument_id") == ("recode", recoded)
    assert [r["scale_id"] for r in made.rows["scales"]] == ["GAD_7_TOY", "WSAS_TOY"]
    compiled(place)


def test_a_screening_before_the_baseline_is_no_day_0_unasked(place: Path) -> None:
    visits = (("V1 (Screening)", 1), ("V2 (Baseline)", 8), ("ET", 20))
    cells = [(p, v, (p + d) % 29, f"2021-02-{d:02d}") for p, (v, d) in product(PEOPLE, visits)]
    made = drafted(place, ("x.csv", long("subject,visit,bdi,held", *cells)))
    (question,) = asked(made)
    assert "12 of 12 persons have a date before V2 (Baseline) (V1 (Screening))" in question


def test_ids_that_a_spreadsheet_made_decimal_and_a_sex_not_known(place: Path) -> None:
    one = "id,sex\n" + "".join(f"{p}.0,{'MFU'[p % 3]}\n" for p in PEOPLE)
    other = "id,week,phq9\n" + "".join(f"{p},{w},{(p + w) % 20}\n" for p, w in product(PEOPLE, (0, 2)))
    made = drafted(place, ("a.csv", one), ("b.csv", other))
    assert made.key_form == ["no_decimals"]
    assert asked(made) == []
    form = read_study(place / "staging" / "toy" / "_toy__sources.yml").form("a")
    assert form.column("sex").missing["U"] == "unknown"
    assert dict(form.column("sex").codes) == {"M": "male", "F": "female"}


def test_a_visit_spelled_in_several_ways_is_one_planned_visit(place: Path) -> None:
    """The fault: who was seen at `Week 2` had missed the visit `WEEK 2`. Any visit of the day answers."""
    names = (("Baseline", "BASELINE"), ("Week 2", "WEEK 2"), ("Week 8",))
    cells = [(p, of[p % len(of)], (p + len(of)) % 17) for p, of in product(PEOPLE, names)]
    made = drafted(place, ("x.csv", long("id,visit,phq9", *cells)))
    planned = [(r["planned_step_day"], r["day_from"], r["day_to"]) for r in made.rows["schedule"]]
    assert planned == [("0", "0", "0"), ("14", "14", "14"), ("56", "", "")]
    compiled(place)
