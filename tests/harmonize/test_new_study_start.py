"""Studies of several files: one start of the person for all dates, and drugs that have first and last days.

Each file is SYNTHETIC; expected days are counted by hand.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harmonize import check_study as checks
from harmonize.paths import Warehouse
from harmonize.profile_dates import date_formats
from harmonize.profile_roles import Answers
from harmonize.sources import Study, read_study
from tests.harmonize import sqlkit
from tests.harmonize.test_new_study import compiled, place, profile
from tests.harmonize.test_new_study_unseen import PEOPLE, asked, drafted, row

__all__ = ["place"]
PERSONS = "PatID;Aufnahme;Geschlecht\n" + "".join(f"{p:03d};{p:02d}.03.2021;w\n" for p in PEOPLE)
VISITS = "PatID;Datum;HAMD17\n" + "".join(
    f"{p};{p + d:02d}.03.2021;{(p * 7 + d) % 11}\n" for p, d in product(PEOPLE, (0, 14))
)
DRUGS = "PatID;Medikament;Beginn;Ende;Dosis mg\n" + "".join(
    f"{p};Sertralin;01.01.2021;0{p % 4 + 1}.04.2021;50\n" for p in PEOPLE
)


def toy(place: Path) -> Study:
    return read_study(place / "staging" / "toy" / "_toy__sources.yml")


def test_days_of_visits_and_drugs_count_from_the_start_in_the_file_of_persons(place: Path) -> None:
    made = drafted(place, ("patienten.csv", PERSONS), ("besuche.csv", VISITS), ("medikation.csv", DRUGS))
    assert asked(made) == []
    start = "first(patienten.aufnahme)"
    assert row(made, "hrsd17_besuche", "day") == ("days_between", f"{start}; datum")
    drugs = {t: row(made, "drugs_medikament_medikation", t) for t in ("start_day", "end_day", "record_kind")}
    assert drugs == {
        "start_day": ("days_between", f"{start}; beginn"),
        "end_day": ("days_between", f"{start}; ende"),
        "record_kind": ("const", "interval"),
    }
    assert made.rows["steps"][0]["day_min"] == "-3650", "a drug may have begun long before"
    assert not any("landed and not mapped" in n.text for n in made.notes)


def test_the_other_file_s_first_date_is_day_0(place: Path) -> None:
    """Person 1 was admitted on 1 March, so 1 January is day -59; who is not in the other file has no day."""
    drafted(place, ("patienten.csv", PERSONS), ("medikation.csv", DRUGS), ("besuche.csv", VISITS))
    block = compiled(place)["drugs_medikament_medikation"]
    study = toy(place)
    persons = [{"patid": "001", "aufnahme": d} for d in ("03.03.2021", "01.03.2021")]
    with sqlkit.connect() as connection:
        sqlkit.load_raw(connection, study.form("patienten"), persons)
        sqlkit.stage(connection, study, study.form("patienten"))
        rows = [
            {"patid": p, "medikament": "Sertralin", "beginn": "01.01.2021", "ende": e}
            for p, e in (("1", "02.03.2021"), ("1", "offen"), ("99", "02.03.2021"))
        ]
        found = sqlkit.candidates(connection, study, block, rows)
    assert [(r["start_day"], r["end_day"]) for r in found] == [(-59, 1), (-59, None), (None, None)]
    assert [r["issues"] for r in found] == [set(), {("end_day", "ende")}, set()]


def test_without_a_start_the_first_visit_is_one_for_the_drugs_too(place: Path) -> None:
    made = drafted(place, ("besuche.csv", VISITS), ("medikation.csv", DRUGS))
    assert row(made, "hrsd17_besuche", "day") == ("days_between", "first(datum); datum")
    assert row(made, "drugs_medikament_medikation", "start_day")[1] == "first(besuche.datum); beginn"
    compiled(place)


def test_two_starts_are_asked_for(place: Path) -> None:
    persons = "PatID;Aufnahme;Randomisiert_am\n" + "".join(f"{p};{p:02d}.03.2021;20.03.2021\n" for p in PEOPLE)
    made = drafted(place, ("patienten.csv", persons), ("besuche.csv", VISITS))
    assert len(asked(made)) == 1
    assert "several starts stand in Aufnahme (patienten)" in asked(made)[0]


def test_persons_without_a_first_visit_are_asked_for(place: Path) -> None:
    """Dates are taken as Follow-up says no day; person 1 was first seen at week 2, which is no day 0."""
    visits = (("Baseline", 1), ("Week 2", 15), ("Follow-up", 28))
    text = "ID,Visit,Date,MADRS\n" + "".join(
        f"{p},{v},2021-03-{d:02d},{(p * 7 + d) % 11}\n"
        for p, (v, d) in product(PEOPLE, visits)
        if (p, v) != (1, "Baseline")
    )
    made = drafted(place, ("x.csv", text))
    assert asked(made) == ["visit: 1 of 12 persons have no Baseline: their days would count from a later visit"]
    again = drafted(place, ("x.csv", text), answers=Answers(times={"Follow-up": 90}))
    assert asked(again) == []
    assert row(again, "madrs", "day") == ("recode", "visit")


def test_one_way_of_writing_dates_tells_another_column_s(place: Path) -> None:
    """All drugs began on 03/01, which alone could be 3 January; the visits say that the month stands first."""
    one_day = profile(["03/01/2020"] * 3)
    assert date_formats(one_day) == []
    assert date_formats(one_day, ["MM/DD/YYYY"]) == ["MM/DD/YYYY"]
    visits = "id,visit_date,phq9\n" + "".join(
        f"{p},03/{p + d:02d}/2020,{(p * 7 + d) % 11}\n" for p, d in product(PEOPLE, (0, 14))
    )
    drugs = "id,drug,start_date\n" + "".join(f"{p},Zoloft,03/01/2020\n" for p in PEOPLE)
    made = drafted(place, ("visits.csv", visits), ("drugs.csv", drugs))
    assert asked(made) == []
    assert toy(place).form("drugs").column("start_date").dates == ("MM/DD/YYYY",)


def test_texts_that_are_no_dates_are_told_of(place: Path) -> None:
    drafted(place, ("patienten.csv", PERSONS), ("besuche.csv", VISITS))
    house = Warehouse(place / "house")
    (house.raw / "toy").mkdir(parents=True)
    for name, cells in (
        ("patienten", {"patid": "1", "aufnahme": "März 21", "geschlecht": "w"}),
        ("besuche", {"patid": "1", "datum": "2021", "hamd17": "3"}),
    ):
        pq.write_table(pa.table({k: [v] for k, v in cells.items()}), house.raw / "toy" / f"{name}.parquet")
    found = {f.column: f.problem for f in checks.check_study("toy", house)}
    assert found["patienten.aufnahme"] == "no dates of the form DD.MM.YYYY: 'März 21' (1)"
    assert found["besuche.datum"] == "no dates of the form DD.MM.YYYY: '2021' (1)"
