"""Files of the kinds that strangers bring: what `trd new-study` takes them for, and what it asks instead of guessing.

Each file is SYNTHETIC and written here; what it must be taken for was decided by reading it, not by running
the profiler.
"""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from harmonize import check_study as checks
from harmonize.draft import Draft, make_draft
from harmonize.draft_files import draft_files, write_draft
from harmonize.paths import Warehouse
from harmonize.profile_dates import date_formats
from harmonize.profile_drugs import treatment_of
from harmonize.profile_roles import Answers
from harmonize.profile_times import read_time, split_time
from harmonize.profile_words import names_a_person, sexes
from harmonize.readers import LandingError
from harmonize.sources import read_study
from harmonize.study_rows import gathered_rows
from tests.harmonize.test_new_study import compiled, place, profile

__all__ = ["place"]
PEOPLE = range(1, 13)


def drafted(place: Path, *files: tuple[str, str], answers: Answers | None = None, encoding: str = "utf-8") -> Draft:
    """Write the files, draft a study called toy from them, write the draft."""
    paths = []
    for name, text in files:
        path = place / name
        path.write_text(text, encoding=encoding)
        paths.append(path)
    made = make_draft("toy", paths, answers or Answers())
    write_draft(draft_files(made))
    gathered_rows.cache_clear()
    return made


def asked(made: Draft) -> list[str]:
    return [n.text for n in made.notes if n.todo]


def slots(made: Draft, name: str) -> dict[str, str]:
    """Column → label.day of a wide block."""
    (block,) = [b for b in made.blocks if b.name == name]
    return {c.strip(): s.split(":")[0] for s in block.unpivot.split("; ") for c in s.split(":")[1].split(",")}


def row(made: Draft, block: str, target: str) -> tuple[str, str]:
    (found,) = [b for b in made.blocks if b.name == block]
    return found.targets[target][:2]


@pytest.mark.parametrize(
    ("label", "day"),
    [
        *(("base", 0), ("BL", 0), ("Vorwert", 0), ("prä", 0), ("T0", 0), ("basal", 0), ("baseline_arm_1", 0)),
        *(("Wo2", 14), ("d14", 14), ("J14", 14), ("mon3", 91), ("FU6M", 183), ("6MFU", 183), ("sem8", 56)),
        *(("week_2_arm_1", 14), ("Visit 2 (Week 4)", 28), ("nach 3 Monaten", 91), ("1.5 months", 46)),
        *(
            ("post", None),
            ("Entlassung", None),
            ("Katamnese", None),
            ("V1", None),
            ("final", None),
            ("ausgeschieden", None),
        ),
        *(("Drug A", None), ("week2-4", None), ("weight", None), ("m", None), ("week", None)),
    ],
)
def test_times_of_four_languages(label: str, day: int | None) -> None:
    assert read_time(label).day == day


@pytest.mark.parametrize(
    ("name", "stem", "time"),
    [
        *(("MADRS_base", "madrs", "base"), ("W0_MADRS10", "madrs10", "w0"), ("prebdi", "bdi", "pre")),
        *(("CGI_S_2", "cgi_s", "2"), ("HAM-D17 FU6M", "ham_d17", "fu6m"), ("BDI_Vorwert", "bdi", "vorwert")),
        *(("weight_w2", "weight", "w2"), ("PHQ9Week4", "phq9", "week4"), ("bl_phq9_total", "phq9_total", "bl")),
    ],
)
def test_a_word_of_an_instrument_is_no_time(name: str, stem: str, time: str) -> None:
    assert split_time(name)[0] == (stem, time)


def test_words_of_sex_and_what_stays_open() -> None:
    assert sexes(["m", "w", "d"], "Geschl") == {"m": "male", "w": "female", "d": "other"}
    assert sexes(["H", "F"], "Sexe") == {"H": "male", "F": "female"}
    assert sexes(["H", "M"], "sexo") == {"H": "male", "M": "female"}, "hombre and mujer"
    assert sexes(["weibl.", "männl."], "Geschlecht") == {"weibl.": "female", "männl.": "male"}
    assert sexes(["0", "1"], "sex_0m1f") == {"0": "male", "1": "female"}
    assert sexes(["0", "1"], "female") == {"0": "male", "1": "female"}
    assert sexes(["1", "2"], "sex") == {}


def test_names_of_ids() -> None:
    ids = ["subject_id", "patienten_nr", "n_patient", "vpnr", "paciente", "participant_id", "subno", "pat"]
    assert [names_a_person(n) is not None for n in ids] == [True] * len(ids)
    assert [names_a_person(n) for n in ("age", "madrs", "group", "visit_no", "score")] == [None] * 5


def test_drugs_with_strength_and_form() -> None:
    names = ["Escitalopram 10 mg", "Trevilor retard", "sertraline 50-200 mg", "Compound X", "Placebo"]
    assert [treatment_of(n) for n in names] == ["escitalopram", "venlafaxine", "sertraline", None, None]


def test_dates_in_several_forms_and_those_that_could_be_swapped() -> None:
    assert date_formats(profile(["2020-01-31", "31.01.2020", "31JAN2020"])) == ["YYYY-MM-DD", "DD.MM.YYYY", "DDMONYYYY"]
    assert date_formats(profile(["03/04/2020", "25/04/2020"])) == ["DD/MM/YYYY"]
    assert date_formats(profile(["03/04/2020", "05/06/2020"])) == []
    assert date_formats(profile(["03.04.21", "25.04.21"])) == ["DD.MM.20YY"]
    assert date_formats(profile(["03.04.95", "25.04.95"])) == []


WIDE = """Pat;Grp;Geschl;MADRS_base;MADRS_W2;MADRS_W6;delta
P1;A;m;32,5;20;n/a;-12,5
P2;B;w;28;<5;10;-18
P2;B;w;28;<5;10;-18
P3;A;m;30;25;12,5;-17,5
"""


def test_a_wide_file_with_a_person_twice_stays_wide(place: Path) -> None:
    """The fault this file was written for: MADRS_W2 was the visit, because no person had one of its values twice."""
    made = drafted(place, ("x.csv", WIDE))
    assert slots(made, "madrs") == {"madrs_base": "base.0", "madrs_w2": "w2.14", "madrs_w6": "w6.42"}
    assert made.codes["x", "geschl"] == {"m": "male", "w": "female"}
    assert asked(made) == []
    assert any("1 rows are of a person who has another row" in n.text for n in made.notes)
    assert any(n.text.startswith("MADRS_W2: 2 texts in a column of numbers ('<5')") for n in made.notes)
    compiled(place)


def test_rests_of_names_are_asked_for_and_an_answer_settles_them(place: Path) -> None:
    text = "N° patient;Sexe;HDRS_J0;HDRS_J14;HDRS_final;HDRS_xyz;HDRS_response\n"
    text += "".join(f"{p};{'HF'[p % 2]};{20 + p};{10 + p};{p};{p + 2};{p % 2}\n" for p in PEOPLE)
    made = drafted(place, ("x.csv", text), encoding="cp1252")
    assert slots(made, "hrsd17") == {"hdrs_j0": "j0.0", "hdrs_j14": "j14.14"}
    assert slots(made, "hrsd17_undecided") == {"hdrs_final": "final.todo", "hdrs_xyz": "xyz.todo"}
    assert asked(made) == ["on which days are final (HDRS_final), xyz (HDRS_xyz)?"]
    made = drafted(
        place, ("x.csv", text), answers=Answers(times={"final": 56}, ignore=("HDRS_xyz",)), encoding="cp1252"
    )
    assert asked(made) == []
    assert slots(made, "hrsd17")["hdrs_final"] == "final.56"


def test_item_ten_is_no_total(place: Path) -> None:
    """MADRS10 is the tenth item beside the other nine, and the name of the instrument without them."""
    names = [f"W{w}_MADRS{i}" for w, i in product((0, 4), range(1, 11))]
    text = (
        ",".join(["StudyNo", *names])
        + "\n"
        + "".join(f"{p}," + ",".join(["1"] * 19 + [str(p % 7)]) + "\n" for p in PEOPLE)
    )
    made = drafted(place, ("x.csv", text))
    assert row(made, "madrs", "score")[0] == "none"
    assert row(made, "madrs", "items") == ("items", "; ".join(["MADRS", *(f"{{{i}}}" for i in range(1, 11))]))


def test_screening_beside_baseline_is_asked_for(place: Path) -> None:
    visits = ("Screening", "Baseline", "Week 2", "Unscheduled")
    text = "Participant,Visit Name,MADRS Total Score\n" + "".join(
        f"{p},{v},{p + 9}\n" for p, v in product(PEOPLE, visits)
    )
    made = drafted(place, ("x.csv", text))
    assert asked(made) == ["on which day is Visit Name Screening, Unscheduled?"]
    assert made.codes["x", "visit_name"] == {"Baseline": "0", "Week 2": "14"}
    assert row(made, "madrs", "instrument_id") == ("const", "MADRS")


def test_one_row_per_instrument(place: Path) -> None:
    rows = [(p, v, s) for p in PEOPLE for v in ("Baseline", "Week 4") for s in ("HAMD17", "CGIS", "SDS")]
    text = "USUBJID,AVISIT,PARAMCD,AVAL\n" + "".join(f"{p},{v},{s},{p % 7 + 1}\n" for p, v, s in rows)
    made = drafted(place, ("x.csv", text))
    assert row(made, "scores", "instrument_id") == ("recode", "paramcd; CGIS=CGI_S; HAMD17=HRSD17; SDS=SDS_TOY")
    assert row(made, "scores", "score") == ("copy", "aval")
    compiled(place)


def test_two_ratings_of_a_day_and_an_age_that_rises(place: Path) -> None:
    rows = [(p, w, r) for p in PEOPLE for w in (0, 8) for r in ("AB", "CD")]
    text = "subj,wk,rater,hamd24,age\n" + "".join(f"{p},{w},{r},{p},{30 + (w == 8)}\n" for p, w, r in rows)
    made = drafted(place, ("x.csv", text))
    assert row(made, "hrsd24", "occasion") == ("recode", "rater; AB=1; CD=2")
    assert next(b.filters for b in made.blocks if b.name == "ages") == "not_first: wk in ('0')"
    assert row(made, "persons", "age_reported")[0] == "none"
    compiled(place)


def test_names_of_drugs_are_matched_and_the_unknown_listed(place: Path) -> None:
    drugs = ["Cipralex", "Venlafaxine 75 mg", "Zyloban"]
    text = "patient,day,arm,drug,dose_mg,HAMD17\n"
    text += "".join(f"{p},{d},{p % 3},{drugs[p % 3]},{p * 10},{p}\n" for p, d in product(PEOPLE, (0, 14)))
    made = drafted(place, ("x.csv", text))
    assert row(made, "drugs", "dose") == ("copy", "dose_mg")
    assert [(r["synonym"], r["treatment_id"]) for r in made.rows["drug_synonyms"]] == [
        ("venlafaxine 75 mg", "venlafaxine"),
        ("zyloban", "todo"),
    ]
    blocks = [f for f in checks.check_study("toy", Warehouse(place / "house")) if f.blocks]
    assert [(f.column, f.problem, f.row) for f in blocks] == [
        ("treatment_id", "not decided: treatment_id of 'zyloban'", 3)
    ]
    (place / "mappings" / "toy" / "treatments.csv").write_text(
        "drug_id,drug_name,class,role\nzyloban,Zyloban,other,antidepressant\n", encoding="utf-8"
    )
    file = place / "mappings" / "toy" / "drug_synonyms.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("todo", "zyloban"), encoding="utf-8")
    gathered_rows.cache_clear()
    assert {"zyloban"} < {r["drug_id"] for r in gathered_rows("ref_treatments")}
    assert not [f for f in checks.check_study("toy", Warehouse(place / "house")) if f.blocks]


def test_ids_written_differently_become_one_person(place: Path) -> None:
    one = "ID,Sex\n" + "".join(f"{p:05d},f\n" for p in PEOPLE)
    other = "Subj No,Week,QIDS-SR\n" + "".join(f"{p},{w},{p}\n" for p, w in product(PEOPLE, (0, 2)))
    made = drafted(place, ("demo.csv", one), ("scores.csv", other))
    assert made.key_form == ["no_leading_zeros"]
    assert read_study(place / "staging" / "toy" / "_toy__sources.yml").key_form == ("no_leading_zeros",)
    assert asked(made) == []


def test_rows_of_a_data_frame_a_name_twice_and_a_trailing_delimiter(place: Path) -> None:
    text = '"","subject","time","bdi","bdi",""\n' + "".join(
        f'"{i}",{p},{t},{p},{p},\n' for i, (p, t) in enumerate(product(PEOPLE, (0, 1)), start=1)
    )
    made = drafted(place, ("x.csv", text), answers=Answers(times={"0": 0, "1": 30}))
    assert asked(made) == ["bdi_2: BDI_II at the same time as bdi: not mapped"]
    assert any("counts the rows" in n.text for n in made.notes)
    assert row(made, "bdi_ii", "score") == ("copy", "bdi")
    assert row(made, "waiting_bdi_2", "score") == ("copy", "bdi_2")
    form = read_study(place / "staging" / "toy" / "_toy__sources.yml").form("x")
    assert form.format["repeated_names"] == "number"
    assert form.column_names == ("unnamed_1", "subject", "time_given", "bdi", "bdi_2", "unnamed_6")


def test_who_a_row_is_about_is_asked_where_rows_are_visits(place: Path) -> None:
    text = "Woche;BDI;Grp\n" + "".join(f"{w};{p};{'AB'[p % 2]}\n" for p, w in product(PEOPLE, (0, 2, 4)))
    assert any("who is a row about?" in t for t in asked(drafted(place, ("x.csv", text))))
    text = "Woche;BDI;Name\n" + "".join(f"{w};{p};Müller{p}\n" for p, w in product(PEOPLE, (0, 2, 4)))
    made = drafted(place, ("x.csv", text), encoding="cp1252")
    assert made.subject_key == ["name"]
    assert asked(made) == []


def test_numbers_with_units(place: Path) -> None:
    text = "Patient;Alter;MADRS T0\n" + "".join(f"{p};{20 + p} Jahre;{p},5 Pkt.\n" for p in PEOPLE)
    made = drafted(place, ("x.csv", text + "13;40 Jahre;<5\n"))
    verb, args = row(made, "madrs", "score")
    assert verb == "parse"
    pattern = args.split("; ")[1]
    assert [bool(re.search(pattern, t)) for t in ("12,5 Pkt.", "12", "<5", "12 x")] == [True, True, False, False]
    assert row(made, "persons", "age_reported")[0] == "parse"
    compiled(place)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("Export\n\nid;visit;hamd\n1;BL;20\n2;BL;12\n", "Remove the lines above"),
        ("sep=;\nid;visit;hamd\n1;BL;20\n", "Remove that line"),
        ("subject,time,bdi\n1,1,0,20\n2,1,1,10\n", "row.names = FALSE"),
        ("subject time bdi\n1 0 20\n1 1 10\n", "Save it with commas"),
    ],
)
def test_a_file_whose_first_line_is_no_header_is_refused_with_the_way_out(place: Path, text: str, remedy: str) -> None:
    with pytest.raises(LandingError) as caught:
        drafted(place, ("x.csv", text))
    assert remedy in str(caught.value)


def test_a_workbook_with_titles_groups_and_several_sheets(place: Path) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(place / "studie.xlsx") as book:
        sheet = book.add_worksheet("Stammdaten")
        for i, cells in enumerate([["Studie X"], [], ["PatNr", "Geschlecht"], *([p, "mw"[p % 2]] for p in PEOPLE)]):
            sheet.write_row(i, 0, cells)
        sheet = book.add_worksheet("Werte")
        sheet.merge_range("B1:C1", "MADRS")
        sheet.merge_range("D1:E1", "BDI-II")
        for i, cells in enumerate([["PatNr", "T0", "W2", "T0", "W2"], *([p, p, p, p, p] for p in PEOPLE)], start=1):
            sheet.write_row(i, 0, cells)
        book.add_worksheet("leer")
    made = make_draft("toy", [place / "studie.xlsx"], Answers())
    write_draft(draft_files(made))
    assert [(t.form, t.format.get("header_row"), t.format.get("group_row")) for t in made.tables] == [
        ("stammdaten", 3, None),
        ("werte", 2, 1),
    ]
    assert slots(made, "madrs_werte") == {"madrs_t0": "t0.0", "madrs_w2": "w2.14"}
    assert slots(made, "bdi_ii_werte") == {"bdi_ii_t0": "t0.0", "bdi_ii_w2": "w2.14"}
    assert asked(made) == []
