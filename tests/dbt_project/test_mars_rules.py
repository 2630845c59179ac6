"""What is different in MARS, on hand-made persons in the German delivery (dossier sections 1, 2, 4 and 6).

Persons are named for what they show; all numbers are invented, and so is the layout of the files.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from harmonize.landing import land
from harmonize.paths import Warehouse
from harmonize.sources import study
from tests.dbt_project import kit

FILES = {"patienten": "Patienten.csv", "hamd": "HAMD.csv", "medikation": "Medikation.csv"}
JOINED = date(2004, 3, 1)


def german(day: int | str) -> str:
    """A day counted from joining, as the files write it; text stays as it is."""
    return day if isinstance(day, str) else (JOINED + timedelta(days=day)).strftime("%d.%m.%Y")


def key(person: str, number: int) -> dict[str, Any]:
    return {"patid": person, "aufnahme_nr": number, "ersteinschluss": german(0)}


def stay(person: str, number: int = 1, first: int = 0, last: int = 40, kind: str = "E", **more: Any) -> dict[str, Any]:
    row = {"aufnahme": german(first), "beobachtungsende": german(last), "entlassung": german(last)}
    row |= {"entlassungsart": kind, "diagnose_icd10": "F33.2", "klinik": "München", "geschlecht": "weiblich"}
    return key(person, number) | row | {"gebjahr": 1960} | more


def rating(
    person: str, day: int, week: int, items: list[Any], number: int = 1, total: int | str | None = None
) -> dict[str, Any]:
    named = {f"hamd{i:02d}": value for i, value in enumerate(items, 1)}
    recorded = sum(items) if total is None else total
    return key(person, number) | {"datum": german(day), "woche": week, "hamd21_summe": recorded} | named


def drug(
    person: str, name: str, dose: str, begun: int, ended: int | str, art: str = "S", **more: Any
) -> dict[str, Any]:
    row = {"art": art, "wirkstoff": name, "dosis_mg": dose, "beginn": german(begun), "ende": german(ended)}
    return key(person, 1) | row | more


def first(total: int) -> list[int]:
    """Items that add up to `total`, ones from the first item on (twos where 21 are not enough)."""
    return [1 + (i < total - 21) if total > 21 else int(i < total) for i in range(21)]


STAYS = {
    "RESPONDER": {"last": 42},
    "BORDER": {},
    "ABOVE_HALF": {},
    "BIPOLAR": {"diagnose_icd10": "F31.4"},
    "PSYCHOTIC": {"diagnose_icd10": "F32.3"},
    "BOTH": {"diagnose_icd10": "F31.5"},
    "STILL_IN": {"last": 112, "kind": "B", "entlassung": german(150)},
    "NOT_OUT_YET": {"last": 112, "kind": "B", "entlassung": ""},
    "AGAINST_ADVICE": {"last": 20, "kind": "A"},
    "MOVED": {"last": 20, "kind": "V"},
    "LETTER": {"ansprechen": "A", "remission_arztbrief": "J"},
    "LETTER_NO": {"ansprechen": "N", "remission_arztbrief": "N", "migration": "N"},
    "NOTHING_SAID": {"ansprechen": "k.A.", "migration": "", "gebjahr": "k.A.", "vortherapien_ohne_erfolg": "k.A."},
    "ON_DRUGS": {"vortherapien_ohne_erfolg": 2, "episodendauer_wochen": "20,5", "episoden": 3},
    "READMITTED": {},
    "GAPS": {},
    "MAN": {"geschlecht": "männlich", "klinik": "Augsburg"},
    "YEAR_60": {"gebjahr": 60},
}


def deliver() -> dict[str, list[dict[str, Any]]]:
    return {
        "patienten": [
            *(stay(person, **more) for person, more in STAYS.items()),
            stay("READMITTED", 2, 400, 460, diagnose_icd10="F31.3", ansprechen="N"),
            stay("READMITTED", 3, 900, 930),
        ],
        "hamd": [
            rating("RESPONDER", 2, 0, first(30)),
            rating("RESPONDER", 14, 2, first(22)),
            rating("RESPONDER", 42, 6, first(9)),
            rating("BORDER", 1, 0, first(20)),
            rating("BORDER", 35, 5, first(10)),
            rating("ABOVE_HALF", 1, 0, first(20)),
            rating("ABOVE_HALF", 35, 5, first(11)),
            rating("LETTER", 1, 0, first(24)),
            rating("LETTER", 38, 6, first(20)),
            rating("STILL_IN", 0, 0, first(26)),
            rating("STILL_IN", 112, 16, first(24)),
            rating("READMITTED", 0, 0, first(25)),
            rating("READMITTED", 38, 5, first(6)),
            rating("READMITTED", 401, 0, first(12), number=2),
            rating("READMITTED", 456, 8, first(4), number=2),
            rating("READMITTED", 902, 0, first(18), number=3),
            rating("GAPS", 0, 0, [*first(18)[:18], "k.A.", 1, 2], total=21),
            rating("GAPS", 7, 1, ["", *[1] * 20], total=""),
            rating("GAPS", 14, 2, [5, *[1] * 20], total=25),
        ],
        "medikation": [
            drug("ON_DRUGS", "Trevilor retard", "150", -30, 10, spiegel_ng_ml="184,5"),
            drug("ON_DRUGS", "Trevilor retard", "225", 11, 40, spiegel_ng_ml="k.A."),
            drug("ON_DRUGS", "Mirtazapin", "7,5", 0, ""),
            drug("ON_DRUGS", "Quilonum retard", "900", 14, 40),
            drug("ON_DRUGS", "EKT", "k.A.", 20, 40),
            drug("ON_DRUGS", "Cipramil", "40", -140, -80, art="V"),
            drug("ON_DRUGS", "Saroten", "150", -79, -31, art="V"),
            drug("ON_DRUGS", "Wundermittel", "1", 5, 9),
        ],
    }


def write(folder: Path, forms: Mapping[str, Iterable[Mapping[str, Any]]]) -> Path:
    """Semicolons, Windows-1252, names in capitals as a hospital would export them."""
    folder.mkdir(parents=True)
    for name, rows in forms.items():
        names = study("mars").form(name).column_names
        with (folder / FILES[name]).open("w", encoding="cp1252", newline="") as stream:
            out = csv.writer(stream, delimiter=";", lineterminator="\r\n")
            out.writerow([n.upper() for n in names])
            out.writerows([[row.get(n, "") for n in names] for row in rows])
    return folder


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """One warehouse with all the persons."""
    warehouse = Warehouse(Path(tmp_path_factory.mktemp("mars")))
    land(study("mars"), write(warehouse.root / "delivered", deliver()), warehouse, synthetic=True)
    return kit.build(warehouse, project=kit.project_with("mars"))


def rows(house: Warehouse, person: str, columns: str, table: str, more: str = "true") -> list[tuple[Any, ...]]:
    """Rows of one person, ordered."""
    who = kit.pseudonym(person, "mars")
    return kit.query(house, f"select {columns} from {table} where subject_id = '{who}' and {more} order by all")


def test_bipolar_and_psychotic_patients_stay_in_and_are_marked(house: Warehouse) -> None:
    """They are left out by a condition of the analysis, which the definition of remission names."""
    found = {p: rows(house, p, "diagnosis, analysis_flags, setting", "cdm.subjects") for p in STAYS}
    assert found["BIPOLAR"] == [("bipolar_depression", None, "inpatient")]
    assert found["PSYCHOTIC"] == [("mdd", "psychotic", "inpatient")]
    assert found["BOTH"] == [("bipolar_depression", "psychotic", "inpatient")]
    assert found["RESPONDER"] == [("mdd", None, "inpatient")]
    (unipolar,) = kit.query(
        house,
        "select count(*) from cdm.subjects where diagnosis = 'mdd' and coalesce(analysis_flags, '') not like '%psych%'",
    )
    accepted = len(STAYS) - 1  # YEAR_60 is refused for its age
    assert unipolar == (accepted - 3,)
    (rule,) = kit.query(
        house,
        "select population_rule from reference.outcome_definitions where outcome_id = 'remission_hrsd21_mars'",
    )
    assert "bipolar_depression" in str(rule[0])


def test_diagnoses_stand_with_their_admission(house: Warehouse) -> None:
    """Bipolar disorder may be found at a readmission; the person stays what they were when they joined."""
    assert rows(house, "READMITTED", "diagnosis, analysis_flags", "cdm.subjects") == [("mdd", None)]
    found = rows(house, "READMITTED", "start_day, condition_id, status, code", "cdm.conditions")
    assert found == [
        (0, "bipolar_disorder", "absent", "F33.2"),
        (0, "psychotic_features", "absent", "F33.2"),
        (400, "bipolar_disorder", "present", "F31.3"),
        (400, "psychotic_features", "absent", "F31.3"),
        (900, "bipolar_disorder", "absent", "F33.2"),
        (900, "psychotic_features", "absent", "F33.2"),
    ]


def test_weeks_run_from_admission_and_days_from_the_first(house: Warehouse) -> None:
    """Not from the drug's start: ON_DRUGS came with a drug begun 30 days before."""
    found = rows(house, "READMITTED", "step_id, day, step_day, week_label", "cdm.visits", "status = 'attended'")
    assert found == [
        ("E1", 401, 1, "0"),
        ("E1", 456, 56, "8"),
        ("E2", 902, 2, "0"),
        ("TAU", 0, 0, "0"),
        ("TAU", 38, 38, "5"),
    ]
    assert rows(house, "ON_DRUGS", "start_day", "cdm.steps") == [(0,)]


def test_readmissions_are_steps_of_their_own(house: Warehouse) -> None:
    """COMMON_MODEL.md: treatment as usual is TAU, readmissions are E<n>; all are the doctor's choice."""
    found = rows(house, "READMITTED", "step_no, step_id, start_day, end_day, arm_assigned, randomised", "cdm.steps")
    assert found == [
        (1, "TAU", 0, 40, "TAU", False),
        (2, "E1", 400, 460, "TAU", False),
        (3, "E2", 900, 930, "TAU", False),
    ]
    assert rows(house, "READMITTED", "step_id, baseline_score", "marts.step_scores", "instrument_id = 'HRSD21'") == [
        ("E1", 12.0),  # a readmission below the entry limit of 14 is no mistake
        ("E2", 18.0),
        ("TAU", 25.0),
    ]


@pytest.mark.parametrize(
    ("person", "reason", "last"),
    [
        ("RESPONDER", "discharge", 42),
        ("STILL_IN", "completed", 112),
        ("NOT_OUT_YET", "completed", 112),
        ("AGAINST_ADVICE", "withdrew", 20),
        ("MOVED", "lost", 20),
    ],
)
def test_observation_ends_with_discharge_or_week_16(house: Warehouse, person: str, reason: str, last: int) -> None:
    """Discharge is an informative end and never a loss; whoever is in hospital at week 16 has completed."""
    assert rows(house, person, "exit_reason, end_day", "cdm.steps") == [(reason, last)]


def test_weeks_to_discharge(house: Warehouse) -> None:
    """Known for the discharged; the others are censored at their last day."""
    weeks = "(end_day - start_day) / 7.0, exit_reason = 'discharge'"
    assert [(float(w), d) for w, d in rows(house, "RESPONDER", weeks, "cdm.steps")] == [(6.0, True)]
    assert [(float(w), d) for w, d in rows(house, "STILL_IN", weeks, "cdm.steps")] == [(16.0, False)]


def test_visits_after_discharge_are_not_missed(house: Warehouse) -> None:
    """Of the planned weeks 1, 3, 4, 5 are missed; those after the discharge in week 6 were not to be held."""
    found = rows(house, "RESPONDER", "status, week_label", "cdm.visits", "week_label <> '0'")
    assert [w for s, w in found if s == "missed"] == ["1", "3", "4", "5"]
    assert sorted(w for s, w in found if s == "after_exit") == ["10", "12", "14", "16", "8"]
    moved = rows(house, "MOVED", "status, week_label", "cdm.visits", "week_label = '16'")
    assert moved == [("missed", "16")]


def test_the_21_item_form_is_two_scores(house: Warehouse) -> None:
    """HRSD21 as rated, and HRSD17 of its first 17 items: 30 points are twos in nine items and ones in the others."""
    found = rows(house, "RESPONDER", "instrument_id, day, score, item_total, score_used, score_basis", "cdm.scales")
    assert found == [
        ("HRSD17", 2, None, 26.0, 26.0, "items"),
        ("HRSD17", 14, None, 18.0, 18.0, "items"),
        ("HRSD17", 42, None, 9.0, 9.0, "items"),
        ("HRSD21", 2, 30.0, 30.0, 30.0, "recorded"),
        ("HRSD21", 14, 22.0, 22.0, 22.0, "recorded"),
        ("HRSD21", 42, 9.0, 9.0, 9.0, "recorded"),
    ]


def test_missing_items(house: Warehouse) -> None:
    """k.A. and blanks are missing, never 0; an item out of range is a cell issue; each form loses only its own."""
    found = rows(house, "GAPS", "instrument_id, day, n_items, item_total, score_used", "cdm.scales")
    assert found == [
        ("HRSD17", 0, 17, 17.0, 17.0),
        ("HRSD17", 7, 16, None, None),
        ("HRSD17", 14, 16, None, None),
        ("HRSD21", 0, 20, None, 21.0),
        ("HRSD21", 7, 20, None, None),
        ("HRSD21", 14, 20, None, 25.0),
    ]
    issues = kit.query(house, "select distinct column_name, raw_value from quality.cell_issues where src_form = 'hamd'")
    assert issues == [("hamd01", "5")]


@pytest.mark.parametrize(
    ("person", "response", "remission"),
    [
        ("RESPONDER", "met", "met"),  # 30 to 9
        ("BORDER", "met", "not_met"),  # 20 to 10: exactly half is response, 10 is no remission
        ("ABOVE_HALF", "not_met", "not_met"),  # 20 to 11
        ("LETTER", "not_met", "not_met"),  # the letter says otherwise, the ratings decide
        ("READMITTED", "met", "met"),
    ],
)
def test_outcome_at_discharge(house: Warehouse, person: str, response: str, remission: str) -> None:
    """Ising 2009: response is a fall of at least half, remission an HRSD below 10, here on the 21-item form."""
    found = rows(
        house,
        person,
        "definition_id, verdict",
        "marts.outcomes",
        "step_id = 'TAU' and instrument_id = 'HRSD21' and definition_id in ('response_50', 'remission_hrsd21_mars')",
    )
    assert found == [("remission_hrsd21_mars", remission), ("response_50", response)]


def test_remission_below_10_is_never_asked_of_17_items(house: Warehouse) -> None:
    """The pooled score has the pooled definition: 7 or less."""
    found = rows(
        house,
        "RESPONDER",
        "definition_id, verdict",
        "marts.outcomes",
        "instrument_id = 'HRSD17' and outcome = 'remission'",
    )
    assert ("remission_hrsd17_7", "not_met") in found  # 9
    assert "remission_hrsd21_mars" not in {d for d, _ in found}


def test_the_definition_of_early_partial_response(house: Warehouse) -> None:
    """More than 25 % by week 2: 30 to 22 is 26.7 %; 20 to 15 would be no more than 25 %."""
    ((metric, operator, limit, timing),) = kit.query(
        house,
        "select metric, operator, threshold_low, timing from reference.outcome_definitions"
        " where outcome_id = 'early_partial_mars'",
    )
    assert (metric, operator, limit, timing) == ("pct_reduction", ">", 25.0, "week 2")
    found = rows(
        house,
        "RESPONDER",
        "100 * (max(score) - min(score)) / max(score) > 25",
        "cdm.scales",
        "instrument_id = 'HRSD21' and day <= 14",
    )
    assert found == [(True,)]


def test_drugs_are_intervals_and_may_begin_before_admission(house: Warehouse) -> None:
    """Several at once, by German names, decimal commas in doses and levels; the unknown name is refused."""
    found = rows(
        house,
        "ON_DRUGS",
        "start_day, end_day, treatment_id, dose, dose_unit, dose_missing, plasma_level, raw_name",
        "cdm.treatments",
        "record_kind = 'interval' and step_id = 'TAU'",
    )
    assert found == [
        (-30, 10, "venlafaxine", 150.0, "mg_day", None, 184.5, "Trevilor retard"),
        (0, None, "mirtazapine", 7.5, "mg_day", None, None, "Mirtazapin"),
        (11, 40, "venlafaxine", 225.0, "mg_day", None, None, "Trevilor retard"),
        (14, 40, "lithium", 900.0, "mg_day", None, None, "Quilonum retard"),
        (20, 40, "ect", None, "sessions", "unknown", None, "EKT"),
    ]
    assert kit.query(house, "select raw_value from quality.cell_issues where src_form = 'medikation'") == [
        ("Wundermittel",)
    ]
    assert rows(house, "ON_DRUGS", "entity, rule", "quality.quarantine") == [("treatments", "treatment_id:not_null")]


def test_past_trials_are_history_and_belong_to_no_admission(house: Warehouse) -> None:
    found = rows(
        house,
        "ON_DRUGS",
        "start_day, end_day, treatment_id, dose, step_id",
        "cdm.treatments",
        "record_kind = 'history_trial'",
    )
    assert found == [(-140, -80, "citalopram", 40.0, None), (-79, -31, "amitriptyline", 150.0, None)]
    history = rows(house, "ON_DRUGS", "variable_id, value_num, as_of_day", "cdm.history", "value_num is not null")
    assert history == [
        ("episode_duration_days", 143.5, 0),
        ("n_prior_episodes", 3.0, 0),
        ("prior_failed_trials", 2.0, 0),
    ]


def test_letters_that_are_answers_are_never_missing(house: Warehouse) -> None:
    """A and N, J and N are answers; k.A. says that nothing was said; a blank has no row."""
    coded = "variable_id like 'discharge_letter%' or variable_id = 'migration_background'"
    found = {p: rows(house, p, "variable_id, value_code, value_missing", "cdm.history", f"({coded})") for p in STAYS}
    assert found["LETTER"] == [("discharge_letter_remission", "met", None), ("discharge_letter_response", "met", None)]
    assert found["LETTER_NO"] == [
        ("discharge_letter_remission", "not_met", None),
        ("discharge_letter_response", "not_met", None),
        ("migration_background", "no", None),
    ]
    assert found["NOTHING_SAID"] == [("discharge_letter_response", None, "unknown")]
    assert rows(house, "NOTHING_SAID", "age", "cdm.subjects") == [(None,)]
    assert rows(house, "READMITTED", "occasion, value_code", "cdm.history", f"({coded})") == [(2, "not_met")]


def test_umlauts_and_ages(house: Warehouse) -> None:
    """männlich in Windows-1252 is a code; a year of birth of two digits makes an age that is refused."""
    assert rows(house, "MAN", "sex, age", "cdm.subjects") == [("male", 44.0)]
    sites = kit.query(house, "select site_no, count(*) from cdm.subjects group by 1 order by 1")
    assert sites == [(1, 1), (2, len(STAYS) - 2)]
    assert ("subjects", "age_reported:in_range") in rows(house, "YEAR_60", "entity, rule", "quality.quarantine")


def test_the_delivery_reconciles_with_itself(house: Warehouse) -> None:
    """Published figures do not apply to a synthetic delivery; arithmetic within it does."""
    verdicts = dict(
        kit.query(house, "select check_id, verdict from quality.reconciliation where study_id = 'mars'")  # type: ignore[arg-type]
    )
    assert verdicts.pop("persons") == verdicts.pop("response_at_discharge") == "not_applicable"
    assert verdicts.pop("total_disagrees") == "agrees"
    assert set(verdicts.values()) == {"agrees"}
