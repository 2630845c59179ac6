"""Each known quirk of the STAR*D files (dossier sections 3, 4 and 6) on hand-made persons: one build, one test each.

Persons are named for what they show; the numbers are invented.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harmonize.paths import Warehouse
from tests.dbt_project import kit, stard_rest

HRSD = "hmdsd hvwsf hsuic hsoin hmnin hemin hintr hslow hagit hpanx hsanx happt hengy hsex hhypc hwl hinsg".split()
QIDS = "vsoin vmnin vemin vhysm vmdsd vapdc vapin vwtdc vwtin vcntr vvwsf vsuic vintr vengy vslow vagit".split()


def hrsd(person: str, level: str, day: object, items: list[object] | None = None, **more: object) -> dict[str, object]:
    values = items if items is not None else [1] * 17
    return {"subjectkey": person, "level": level, "days_baseline": day, **dict(zip(HRSD, values, strict=True)), **more}


def qids(person: str, level: str, day: object, version: str, score: object, **more: object) -> dict[str, object]:
    return {"subjectkey": person, "level": level, "days_baseline": day, "version_form": version, "qstot": score, **more}


def ccv(
    person: str, level: str, day: object, week: str, *drugs: tuple[str, object], **more: object
) -> dict[str, object]:
    row: dict[str, object] = {"subjectkey": person, "level": level, "days_baseline": day, "week": week}
    for i, (name, dose) in enumerate(drugs, start=1):
        row |= {f"medication{i}_name": name, f"medication{i}_dosage": dose}
    return row | more


PERSONS = (
    "TWO_HEADERS MIXED_FORMS LOW_BASELINE LOW_ENTRY NO_ENTRY TWO_ROWS PAIRS EPISODE BULIMIA MINUS_NINE FOLLOW_UP "
    "DOSES BOUNDARY STARTS_AT_2 SPELLING BLANK_WEEK BLANK_TOTAL NAME_ONLY PHX_TWICE NO_CRCID TIE HDTOT CT_PREF INTOL"
).split() + stard_rest.PERSONS


def deliver() -> dict[str, list[dict[str, Any]]]:
    forms: dict[str, list[dict[str, Any]]] = {
        "el01": [{"subjectkey": p, "pstat": 4, "interview_age": 480, "sex": "F"} for p in PERSONS],
        "hrsd01": [],
        "qids01": [],
        "ccv01": [],
        "dm01": [],
        "phx01": [],
        "crs01": [],
        "ivra01": [],
        "le01": [],
        "idsc01": [],
    }
    forms["el01"].append({"subjectkey": "SCREENED", "pstat": 2, "interview_age": 400})
    forms["hrsd01"] += [
        hrsd("TWO_HEADERS", "Enrollment", 0, hdtot_r=17),
        hrsd("LOW_ENTRY", "Enrollment", -2, [0] * 16 + [1], hdtot_r=1),
        hrsd("MINUS_NINE", "Enrollment", 0, [-9] + [1] * 16, hdtot_r=""),
        hrsd("HDTOT", "Enrollment", 0, hdtot_r="", hdtot=17),
        hrsd("SPELLING", "Level 2A", 90, hdtot_r=17),
        hrsd("SPELLING", "Follow up", 200, hdtot_r=17),
        hrsd("BLANK_TOTAL", "Level 1", 84, hdtot_r=""),
    ]
    forms["qids01"] += [
        qids("MIXED_FORMS", "Level 1", 0, "Clinician", 15),
        qids("MIXED_FORMS", "Level 1", 0, "Self Rating", 16),
        qids("MIXED_FORMS", "Level 1", 0, "", "", qvtot=14),
        qids("MIXED_FORMS", "Level 1", 14, "", 9, vmdsd=2),
        qids("LOW_BASELINE", "Level 1", 0, "Self Rating", 4),
        qids(
            "PAIRS", "Level 1", 0, "Self Rating", "", **dict.fromkeys(QIDS, 1) | {"vapin": "", "vwtin": "", "vapdc": 2}
        ),
        qids(
            "PAIRS",
            "Level 1",
            14,
            "Self Rating",
            "",
            **dict.fromkeys(QIDS, 1) | {"vapdc": 999, "vapin": "", "vwtdc": "", "vwtin": ""},
        ),
        qids("BOUNDARY", "Level 1", 0, "Self Rating", 18),
        qids("BOUNDARY", "Level 1", 84, "Self Rating", 13, week=12),
        qids("BOUNDARY", "Level 2", 84, "Self Rating", 13, week=0),
        qids("BOUNDARY", "Level 2", 126, "Self Rating", 5),
        qids("STARTS_AT_2", "Level 2", 0, "Self Rating", 20),
        qids("SPELLING", "Level 2.1", 90, "Self Rating", 12),
        qids("SPELLING", "Level_2-1", 104, "Self Rating", 11),
        qids("SPELLING", "Follow-Up", 200, "Self Rating", 4),
        qids("BLANK_WEEK", "Level 1", 14, "Self Rating", 12, week=""),
        qids("TIE", "Level 1", 0, "Self Rating", 20),
        qids("TIE", "Level 1", 42, "Self Rating", 10),
    ]
    forms["ccv01"] += [
        ccv("DOSES", "Level 1", 0, "0.1", ("Citalopram", 20)),
        ccv("DOSES", "Level 1", 14, "2", ("CITALOPRAM", 0)),
        ccv("DOSES", "Level 1", 28, "4", ("citalopram", 999)),
        ccv("DOSES", "Level 1", 42, "6", ("", 40)),
        ccv("NAME_ONLY", "Level 1", 0, "0.1", ("Citalopram", "")),
        ccv("BOUNDARY", "Level 1", 84, "12", ("Citalopram", 60), trtmt=2),
        ccv("BOUNDARY", "Level 2", 84, "0", ("Citalopram", 60), ("Bupropion", 150)),
        ccv("INTOL", "Level 1", 20, "2.9", ("Citalopram", 20), trtmt=2),
    ]
    forms["dm01"] += [
        {
            "subjectkey": "TWO_ROWS",
            "level": "Enrollment",
            "week": 0,
            "marital": 3,
            "educat": "",
            "thous": 99,
            "volun": -7,
        },
        {"subjectkey": "TWO_ROWS", "level": "Enrollment", "week": 0, "marital": "", "educat": 14},
        {"subjectkey": "TWO_ROWS", "level": "Level 1", "week": 99, "totincom": 2500, "marital": 5},
    ]
    forms["phx01"] += [
        {"subjectkey": "EPISODE", "dage": 22, "epino": -5, "episode_date": -800, "dep": 1, "deppar": 1, "alcoh": 2},
        {"subjectkey": "BULIMIA", "bulimia": 1, "dep": -9},
        {"subjectkey": "NO_ENTRY", "bulimia": 5},
        {"subjectkey": "PHX_TWICE", "dage": 30},
        {"subjectkey": "PHX_TWICE", "dage": 30},
    ]
    forms["crs01"] += [
        {"subjectkey": "NO_CRCID", "heart": 2},
        {"subjectkey": "EPISODE", "crcid": 7, "heart": 2, "eyes": -9},
    ]
    forms["ivra01"] += [
        {
            "subjectkey": "BOUNDARY",
            "level": "Level 2",
            "week": 0,
            "days_baseline": 84,
            "txassign": "CIT+BUP",
            "medswl2": 2,
            "medaugl2": 1,
        },
        {"subjectkey": "FOLLOW_UP", "level": "Follow-Up", "week": 0, "days_baseline": 84, "txassign": "FU"},
        {
            "subjectkey": "CT_PREF",
            "level": "Level 2",
            "week": 0,
            "days_baseline": 84,
            "txassign": "CT",
            "cogswl2": 1,
            "cogaugl2": 2,
        },
    ]
    forms["le01"] += [{"subjectkey": "INTOL", "level": "Level 1", "days_baseline": 21, "lestatus": 1, "l1se": 1}]
    for name, more in stard_rest.deliver().items():
        forms.setdefault(name, []).extend(more)
    return forms


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """One warehouse with all the persons."""
    warehouse = Warehouse(Path(tmp_path_factory.mktemp("quirks")))
    kit.land_archive(warehouse, deliver())
    return kit.build(warehouse, project=kit.project_with("stard"))


def rows(house: Warehouse, person: str, columns: str, table: str, more: str = "true") -> list[tuple[Any, ...]]:
    """Rows of one person, ordered."""
    return kit.query(
        house,
        f"select {columns} from {table} where subject_id = '{kit.pseudonym(person)}' and {more} order by all",
    )


def refusals(house: Warehouse, person: str) -> list[tuple[Any, ...]]:
    return rows(house, person, "entity, rule", "quality.quarantine")


def test_second_header_row_is_not_a_person_and_numbers_stay_numbers(house: Warehouse) -> None:
    """Quirk 1: row 2 holds descriptions; a cast before dropping it turns the column into text."""
    assert rows(house, "TWO_HEADERS", "score, item_total, total_agrees, src_row", "cdm.scales") == [
        (17.0, 17.0, True, 3)
    ]
    assert kit.query(house, "select count(*) from cdm.subjects") == [(len(PERSONS),)]


def test_qids01_holds_three_instruments(house: Warehouse) -> None:
    """Quirk 2: version_form tells clinician from self rating; qvtot marks the row of the telephone system."""
    found = rows(house, "MIXED_FORMS", "instrument_id, rater, contact, score", "cdm.scales")
    assert found == [
        ("QIDS_C16", "clinician", "clinic", 15.0),
        ("QIDS_IVR16", "self", "ivr", 14.0),
        ("QIDS_SR16", "self", "clinic", 16.0),
    ]


def test_a_form_without_version_is_refused_because_its_rater_is_unknown(house: Warehouse) -> None:
    """Dossier section 3: version_form may be blank."""
    assert refusals(house, "MIXED_FORMS") == [("scales", "instrument_id:not_null")]


def test_low_baselines_stay_in(house: Warehouse) -> None:
    """Quirks 3 and 4: about 1 % start at QIDS-SR of 5 or less, 607 below HRSD17 of 14; they are in the files."""
    assert rows(house, "LOW_BASELINE", "score", "cdm.scales") == [(4.0,)]
    assert rows(house, "LOW_ENTRY", "score", "cdm.scales") == [(1.0,)]
    assert refusals(house, "LOW_BASELINE") == refusals(house, "LOW_ENTRY") == []


def test_a_person_without_any_rating_is_a_person(house: Warehouse) -> None:
    """Quirks 4 and 13: scores, episodes and race are missing too often to be required."""
    assert rows(house, "NO_ENTRY", "sex, race", "cdm.subjects") == [("female", None)]


def test_first_filled_answer_of_several_demographic_rows(house: Warehouse) -> None:
    """Quirk 5: more than one dm01 row per person: first non-empty per field, keeping the level."""
    found = rows(house, "TWO_ROWS", "variable_id, occasion, value_num, value_code, value_missing", "cdm.history")
    assert found == [
        ("education_years", 1, 14.0, None, None),
        ("household_size", 1, None, None, "unknown"),
        ("income", 2, 2500.0, None, None),
        ("marital_status", 1, None, "married", None),
        ("marital_status", 2, None, "divorced", None),
        ("volunteer_work", 1, None, None, "refused"),
    ]


def test_one_sided_pairs_score_from_the_side_that_is_filled(house: Warehouse) -> None:
    """Quirk 6: blank appetite and weight items come in pairs; the total takes the maximum over the filled ones."""
    # sleep 1 + mood 1 + appetite/weight max(2, 1) = 2 + six single items of 1, psychomotor 1
    assert rows(house, "PAIRS", "item_total, score_used, score_basis", "cdm.scales", "day = 0") == [
        (10.0, 10.0, "items")
    ]


def test_a_domain_without_any_item_leaves_no_total(house: Warehouse) -> None:
    """999 is missing, never 0: with the other three items blank the domain has nothing to be scored from."""
    found = rows(house, "PAIRS", "item_total, score_used, n_items, score_missing", "cdm.scales", "day = 14")
    assert found == [(None, None, 12, "blank")]


def test_episode_start_is_an_absolute_number_of_days(house: Warehouse) -> None:
    """Quirk 7: episode_date is negative days."""
    found = rows(house, "EPISODE", "variable_id, value_num, value_missing", "cdm.history")
    assert ("episode_duration_days", 800.0, None) in found
    assert ("n_prior_episodes", None, "unknown") in found
    assert ("age_at_onset", 22.0, None) in found


def test_bulimia_holds_only_0_and_1(house: Warehouse) -> None:
    """Quirk 8: the archive's list has six codes, STAR*D uses two; another code is no value."""
    assert rows(house, "BULIMIA", "status, code", "cdm.conditions", "relative = 'self'") == [("present", "1")]
    assert rows(house, "BULIMIA", "status", "cdm.conditions", "relative = 'any'") == [("unknown",)]
    issues = kit.query(house, "select column_name, raw_value, rule from quality.cell_issues where src_form = 'phx01'")
    assert issues == [("bulimia", "5", "invalid_code")]
    assert refusals(house, "NO_ENTRY") == [("conditions", "status:not_null")]


def test_minus_nine_is_missing_and_never_lowers_a_sum(house: Warehouse) -> None:
    """Quirk 12: public code sums blanks as 0 and -9 as it stands; by the scale's rule there is no total."""
    found = rows(house, "MINUS_NINE", "score, item_total, score_used, n_items, score_missing", "cdm.scales")
    assert found == [(None, None, None, 16, "blank")]


def test_blank_total_is_summed_from_seventeen_items(house: Warehouse) -> None:
    """Section 5: hdtot_r blank: sum the 17 items; in public code a missing comma drops two of them."""
    assert rows(house, "BLANK_TOTAL", "score, item_total, score_used, score_basis", "cdm.scales") == [
        (None, 17.0, 17.0, "items")
    ]


def test_hdtot_stands_in_for_a_blank_hdtot_r(house: Warehouse) -> None:
    assert rows(house, "HDTOT", "score, score_basis", "cdm.scales") == [(17.0, "recorded")]


def test_fu_is_a_move_and_not_an_arm(house: Warehouse) -> None:
    """Quirk 14: txassign FU means the move to follow-up."""
    assert rows(house, "FOLLOW_UP", "step_id, arm_assigned, arm_missing, exit_reason", "cdm.steps") == [
        ("FU", None, "not_applicable", None)
    ]


def test_0_and_999_are_no_doses_and_zero_is_listed(house: Warehouse) -> None:
    """Quirk 15, and mixed-case generic names (section 4)."""
    found = rows(house, "DOSES", "start_day, treatment_id, dose, dose_missing, raw_name", "cdm.treatments")
    assert found == [
        (0, "citalopram", 20.0, None, "Citalopram"),
        (14, "citalopram", None, "unknown", "CITALOPRAM"),
        (28, "citalopram", None, "unknown", "citalopram"),
    ]
    assert rows(house, "DOSES", "day, slot_no", "quality.dq_stard_zero_dose") == [(14, 1)]


def test_a_dose_without_a_name_is_refused_and_a_name_without_a_dose_is_kept(house: Warehouse) -> None:
    """Quirk 15: a dose column can be filled while the name is blank and the other way round."""
    assert refusals(house, "DOSES") == [("treatments", "treatment_id:not_null")]
    assert rows(house, "NAME_ONLY", "treatment_id, dose, dose_missing", "cdm.treatments") == [
        ("citalopram", None, "blank")
    ]


def test_the_repeated_boundary_visit_is_one_visit_that_opens_a_step(house: Warehouse) -> None:
    """Section 4: the last visit of a level is repeated as week 0 of the next."""
    visits = rows(
        house, "BOUNDARY", "step_id, day, opens_step", "cdm.visits", "status = 'attended' and contact = 'clinic'"
    )
    assert visits == [("1", 0, None), ("1", 84, "2"), ("2", 126, None)]
    ratings = rows(house, "BOUNDARY", "day, step_id, score, n_src", "cdm.scales")
    assert ratings == [(0, "1", 18.0, 1), (84, "1", 13.0, 2), (126, "2", 5.0, 1)]
    doses = rows(house, "BOUNDARY", "treatment_id, dose, step_id, n_src", "cdm.treatments")
    assert doses == [("bupropion", 150.0, "2", 1), ("citalopram", 60.0, "1", 2)]


def test_the_boundary_score_is_exit_of_one_step_and_entry_of_the_next(house: Warehouse) -> None:
    found = rows(
        house, "BOUNDARY", "step_id, baseline_score, exit_score", "marts.step_scores", "instrument_id = 'QIDS_SR16'"
    )
    assert found == [("1", 18.0, 13.0), ("2", 13.0, 5.0)]


def test_arm_preferences_and_exit_of_the_steps(house: Warehouse) -> None:
    """Section 2: open citalopram at level 1; arms at the later levels from ivra01."""
    found = rows(
        house,
        "BOUNDARY",
        "step_id, arm_assigned, strategy, randomised, preference_switch, preference_augment, exit_reason",
        "cdm.steps",
    )
    assert found == [
        ("1", "CIT", "initial", False, None, None, "no_benefit"),
        ("2", "CIT+BUP", "augment", True, False, True, "unknown"),
    ]
    assert rows(house, "CT_PREF", "preference_ct, arm_assigned", "cdm.steps") == [(True, "CT")]


def test_a_side_effect_exit_outranks_the_decision(house: Warehouse) -> None:
    """Section 3: lXse = 1 marks an exit because of side effects; ccv01 says only that the next level follows."""
    assert rows(house, "INTOL", "exit_reason", "cdm.steps") == [("intolerance",)]


def test_entering_at_level_2_on_day_0_is_accepted(house: Warehouse) -> None:
    """Section 4: 3 persons enter at Level 2 on day 0."""
    assert rows(house, "STARTS_AT_2", "step_id, start_day", "cdm.steps") == [("2", 0)]
    assert refusals(house, "STARTS_AT_2") == []


def test_every_spelling_of_a_level(house: Warehouse) -> None:
    """Section 3, table of spellings: 2A and follow-up are written in three ways each."""
    assert rows(house, "SPELLING", "step_id, day", "cdm.scales") == [
        ("2A", 90),
        ("2A", 90),
        ("2A", 104),
        ("FU", 200),
        ("FU", 200),
    ]
    assert refusals(house, "SPELLING") == []


def test_week_is_never_part_of_a_key(house: Warehouse) -> None:
    """Section 4: 46 % of the rows of qids01 have a blank week."""
    assert rows(house, "BLANK_WEEK", "day, week_label", "cdm.visits", "status = 'attended'") == [(14, None)]


def test_identical_history_rows_become_one(house: Warehouse) -> None:
    assert rows(house, "PHX_TWICE", "value_num, n_src", "cdm.history") == [(30.0, 2)]


def test_rating_of_medical_burden_counts_only_with_a_coordinator(house: Warehouse) -> None:
    """crs01: a filled crcid marks a real row."""
    assert rows(house, "NO_CRCID", "*", "cdm.history") == []
    dropped = kit.query(
        house, "select fate, n_rows from quality.form_rows where src_form = 'crs01' and fate = 'not_a_real_row'"
    )
    assert dropped == [("not_a_real_row", 14)], "one row times fourteen organ systems"
    found = rows(house, "EPISODE", "variable_id, value_num, value_missing", "cdm.history", "variable_id like 'cirs%'")
    assert found == [("cirs_eyes", None, "unknown"), ("cirs_heart", 2.0, None)]


def test_screened_but_never_enrolled_is_dropped_by_name(house: Warehouse) -> None:
    """el01: pstat 4 = enrolled."""
    dropped = kit.query(
        house, "select distinct fate, n_rows from quality.form_rows where block = 'persons' and study_id = 'stard'"
    )
    assert set(dropped) == {("raw", len(PERSONS) + 1), ("not_enrolled", 1), ("used", len(PERSONS))}


def test_exactly_half_is_response(house: Warehouse) -> None:
    assert rows(
        house, "TIE", "verdict", "marts.outcomes", "definition_id = 'response_50' and instrument_id = 'QIDS_SR16'"
    ) == [("met",)]


def issues(house: Warehouse, form: str) -> list[tuple[object, ...]]:
    return kit.query(
        house, f"select column_name, raw_value, rule from quality.cell_issues where src_form = '{form}' order by all"
    )


def test_history_of_psychotropic_drugs_is_no_history_of_trials(house: Warehouse) -> None:
    """mhx01: one element, the first row of a person counts; rows that agree are one."""
    assert rows(house, "PSYCHOTROPIC", "variable_id, value_code, n_src", "cdm.history") == [
        ("psychotropic_medication", "yes", 2)
    ]
    assert rows(house, "PSYCHOTROPIC", "treatment_naive", "cdm.subjects") == [(None,)]


def test_pdsq_items_are_known_by_their_names(house: Warehouse) -> None:
    """Quirk 9: public labels of sad2y, ser2w, slp2y, spf2w look shifted, so the seed has no wording of them at all."""
    found = rows(house, "PDSQ", "instrument_id, item_no, value", "cdm.scale_items", "value is not null")
    assert found == [("PDSQ_DEPRESSION", 19, 1.0), ("PDSQ_DEPRESSION", 20, 0.0), ("PDSQ_DYSTHYMIA", 1, 1.0)]
    named = kit.query(
        house,
        "select item_name, stard_nda_element, note from reference.scale_items where scale_id like 'PDSQ%'"
        " and stard_nda_element in ('sad2y', 'ser2w', 'slp2y', 'spf2w')",
    )
    assert {(name == element, note) for name, element, note in named} == {
        (True, "wording: description row of the delivery")
    }
    assert issues(house, "pdsq01") == [("slp2y", "x", "unparseable")]
    unscored = rows(house, "PDSQ", "distinct score, item_total", "cdm.scales")
    assert unscored == [(None, None)], "blocks are not those of the published edition"


def test_a_questionnaire_at_entry_leaves_level_1_as_it_is(house: Warehouse) -> None:
    """pdsq01 belongs to the enrolment; filled on the day of the first visit it opens level 1 with it."""
    assert rows(house, "PDSQ_DAY_0", "step_id, start_day", "cdm.steps") == [("0", 0), ("1", 0)]
    found = rows(
        house, "PDSQ_DAY_0", "step_id, baseline_score, exit_score", "marts.step_scores", "instrument_id = 'QIDS_SR16'"
    )
    assert ("1", 15.0, 8.0) in found


def test_level_as_a_number(house: Warehouse) -> None:
    """Quirk 10: side_effects01.level is numeric; a number nobody has explained is refused loudly, never guessed."""
    found = rows(house, "NUMBERED_LEVEL", "step_id, day, items, score, item_total", "cdm.scales")
    assert found == [("1", 14, [2.0, 3.0, 1.0], None, None), ("2A", 98, [0.0, 0.0, 0.0], None, None)]
    assert refusals(house, "NUMBERED_LEVEL") == [("scales", "step_id:not_null"), ("visits", "step_id:not_null")]
    assert ("level", "7", "invalid_code") in issues(house, "side_effects01")
    empty = "select n_rows from quality.form_rows where block = 'fibser' and fate = 'empty_form'"
    assert kit.query(house, empty) == [(1,)]


def test_a_refused_answer_and_a_blank_are_no_zeros(house: Warehouse) -> None:
    """Section 3: prise01.sex_prs holds -7; public code reads a blank as 0."""
    found = rows(house, "SEX_REFUSED", "item_no, value", "cdm.scale_items", "value is not null")
    assert found == [(1, 1.0), (6, 2.0)]
    assert issues(house, "prise01") == []


def test_not_applicable_is_no_answer_and_the_archives_total_stands_apart(house: Warehouse) -> None:
    """Section 3: qlesq04 = 6. Whether totqlesq is raw or percent is not known, so it is never taken for the sum."""
    found = rows(
        house, "NOT_APPLICABLE", "step_id, instrument_id, score, item_total, score_used, n_items", "cdm.scales"
    )
    assert found == [
        ("1", "QLESQ_SF", None, 56.0, 56.0, 16),
        ("1", "QLESQ_SF_ARCHIVE", 56.0, None, 56.0, 0),
        ("FU", "QLESQ_SF", None, None, None, 15),
        ("FU", "QLESQ_SF_ARCHIVE", 75.0, None, 75.0, 0),
    ]


def test_one_is_yes_and_two_is_no_and_nothing_is_turned_round(house: Warehouse) -> None:
    """Quirk 11: ucq01, wpai01 and sfhs04-07 use 1 and 2; the SF-12 runs both ways and is kept as answered."""
    (sf12,) = rows(house, "ONE_TWO", "items", "cdm.scales", "instrument_id = 'SF12'")
    assert sf12[0] == [5.0, *[2.0] * 10, 1.0]
    (ucq,) = rows(house, "ONE_TWO", "items", "cdm.scales", "instrument_id = 'UCQ'")
    assert ucq[0][:3] == [1.0, 2.0, None]
    assert issues(house, "ucq01") == [("ucq080", "0", "out_of_range")]
    assert rows(house, "ONE_TWO", "instrument_id, score", "cdm.scales", "score is not null") == [("SF12_PCS", 48.3)]


def test_the_second_wsas_total_stands_in_for_the_first(house: Warehouse) -> None:
    found = rows(house, "SECOND_TOTAL", "day, score, item_total, score_basis", "cdm.scales")
    assert found == [(0, 15.0, 15.0, "recorded"), (84, None, 15.0, "items")]


def test_percentages_of_work_are_taken_as_the_archive_has_them(house: Warehouse) -> None:
    """Quirk 13: the WPAI is there for most only; what is blank has no row."""
    found = rows(house, "WPAI", "instrument_id, score", "cdm.scales")
    assert found == [("WPAI", None), ("WPAI_ABSENT", 25.0), ("WPAI_ACTIVITY", 40.0)]


def test_drugs_named_on_the_telephone_are_no_treatment_of_the_study(house: Warehouse) -> None:
    """Section 4: roa01 has misspelt brands and shows prohibited co-medication; an unknown name is listed."""
    found = rows(
        house, "ROA", "treatment_id, dose, dose_missing, raw_name", "cdm.treatments", "record_kind = 'reported'"
    )
    assert found == [
        ("citalopram", None, "not_applicable", "CELEXA"),
        ("escitalopram", None, "not_applicable", "LEXAPRO 10MG QD"),
    ]
    assert issues(house, "roa01") == [("medication3_name", "WONDERDRUG", "invalid_code")]
    assert refusals(house, "ROA") == [("treatments", "treatment_id:not_null")]
    assert rows(house, "ROA", "treatments_new, treatments_kept", "marts.trials_of_treatment") == [("citalopram", None)]


def test_nothing_is_lost(house: Warehouse) -> None:
    """Both identities of decision 4 on these files, from the published tables."""
    assert (
        kit.query(
            house,
            "select * from quality.entity_rows where n_candidates <> n_accepted + n_merged + n_quarantined",
        )
        == []
    )


def test_reconciliation_does_not_apply_to_synthetic_files(house: Warehouse) -> None:
    verdicts = kit.query(house, "select distinct verdict, why_not from quality.reconciliation where study_id = 'stard'")
    assert verdicts == [("not_applicable", "synthetic delivery")]
