"""A small STAR*D delivery for what the data manager does: cells to correct, a form delivered again, one cell changed.

Persons are named for what they show; the numbers are invented. Row 1 and 2 of each file are its header.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harmonize.corrections.enter import Request, enter
from harmonize.paths import Warehouse
from harmonize.sources import study
from tests.dbt_project import kit

FORMS = "el01 hrsd01 qids01 ccv01 dm01 phx01 crs01 ivra01 le01 idsc01".split()
HRSD = "hmdsd hvwsf hsuic hsoin hmnin hemin hintr hslow hagit hpanx hsanx happt hengy hsex hhypc hwl hinsg".split()
PERSONS = "TWICE TWIN MOVED FIXED CHANGED GONE OTHER_PACKAGE NEW STAY".split()
Rows = list[dict[str, Any]]


def hrsd(person: str, total: object, **more: object) -> dict[str, object]:
    """An HRSD17 at entry whose items add up to 17."""
    row: dict[str, object] = {"subjectkey": person, "level": "Enrollment", "days_baseline": 0, "hdtot_r": total}
    return row | dict.fromkeys(HRSD, 1) | {"dataset_id": "1"} | more


def qids(day: int, total: int) -> dict[str, object]:
    return {
        "subjectkey": "STAY",
        "level": "Level 1",
        "days_baseline": day,
        "version_form": "Self Rating",
        "qstot": total,
    }


def visit(day: int, week: str, dose: int) -> dict[str, object]:
    return {
        "subjectkey": "STAY",
        "level": "Level 1",
        "days_baseline": day,
        "week": week,
        "medication1_name": "Citalopram",
        "medication1_dosage": dose,
    }


def forms(total_at_day_14: int = 9) -> dict[str, Rows]:
    """The first delivery."""
    found: dict[str, Rows] = {name: [] for name in FORMS}
    found["el01"] = [{"subjectkey": p, "pstat": 4, "interview_age": 480, "sex": "F"} for p in PERSONS]
    found["el01"].append({"subjectkey": "DROPPED", "pstat": 2, "interview_age": 480, "sex": "F"})
    found["el01"].append({"subjectkey": "SCREENED", "pstat": 2, "interview_age": 40, "sex": "M"})
    found["hrsd01"] = [
        hrsd("TWICE", 71),
        hrsd("TWIN", 71),
        hrsd("MOVED", "x18"),
        hrsd("FIXED", 99),
        hrsd("CHANGED", 88),
        hrsd("GONE", 77),
        hrsd("OTHER_PACKAGE", 66),
        hrsd("STAY", 20),
    ]
    found["qids01"] = [qids(0, 15), qids(14, total_at_day_14), qids(42, 5)]
    found["ccv01"] = [visit(0, "0", 20), visit(14, "2", 40), visit(42, "6", 40)]
    return found


def again() -> Rows:
    """hrsd01 delivered again: a new first row, so that all others move; one fixed, one changed, one gone."""
    return [
        hrsd("NEW", 71),
        hrsd("TWICE", 71),
        hrsd("TWIN", 71),
        hrsd("MOVED", "x18"),
        hrsd("FIXED", 19),
        hrsd("CHANGED", 15),
        hrsd("OTHER_PACKAGE", 66, dataset_id="2"),
        hrsd("STAY", 20),
    ]


def row_of(form: str, person: str, rows: Rows) -> int:
    """The number of a person's first row as a spreadsheet shows the file."""
    return next(number for number, row in enumerate(rows, start=3) if row["subjectkey"] == person)


def asked(form: str, person: str, column: str, before: str, after: str, rows: Rows) -> Request:
    return Request(form, row_of(form, person, rows), column, before, after, f"paper form of {person}", "A. Monitor")


def deliver_correct_deliver(root: Path) -> Warehouse:
    """Land the first delivery, enter the corrections, land hrsd01 again."""
    warehouse = Warehouse(root)
    first = forms()
    kit.land_archive(warehouse, first)
    totals = [
        ("TWICE", "71", "27"),
        ("TWICE", "27", "17"),
        ("MOVED", "x18", "18"),
        ("FIXED", "99", "19"),
        ("CHANGED", "88", "16"),
        ("GONE", "77", "17"),
        ("OTHER_PACKAGE", "66", "17"),
    ]
    wanted = [asked("hrsd01", person, "hdtot_r", old, new, first["hrsd01"]) for person, old, new in totals]
    wanted.append(asked("el01", "DROPPED", "pstat", "2", "4", first["el01"]))
    wanted.append(asked("el01", "SCREENED", "interview_age", "40", "480", first["el01"]))
    enter(study("stard"), wanted, warehouse)
    kit.land_archive(warehouse, {"hrsd01": again()})
    return warehouse
