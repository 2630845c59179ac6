"""Planted faults: each one's (form, row) is refused or noted with exactly the expected rules, and no other row is.

The planter writes where the faults are (harmonize.synthetic.faults); what must become of them is written here.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pandas as pd
import pytest

from harmonize.landing import land
from harmonize.paths import REPO, Warehouse
from harmonize.sources import study
from harmonize.synthetic import stard
from tests.dbt_project import kit

N, SEED = 900, 11
FIRST_ROW = 3

REFUSED = {
    ("total_out_of_range", "hrsd01"): {"scales score:in_range"},
    ("total_out_of_range", "qids01"): {"scales score:in_range"},
    ("total_out_of_range", "idsc01"): {"scales score:in_range"},
    ("fraction_in_day", "hrsd01"): {"scales day:not_null", "visits day:not_null"},
    ("sentinel_in_valid_range", "qids01"): {"scales day:within_step", "visits day:within_step"},
    ("unknown_level", "hrsd01"): {"scales step_id:not_null", "visits step_id:not_null"},
    ("unknown_version", "qids01"): {"scales instrument_id:not_null", "scales rater:not_null"},
    ("unknown_drug", "ccv01"): {"treatments treatment_id:not_null"},
    ("duplicate_key_conflict", "hrsd01"): {"scales key:conflict"},
    ("duplicate_key_conflict", "qids01"): {"scales key:conflict"},
    ("duplicate_key_conflict", "ccv01"): {"treatments key:conflict"},
    ("duplicate_key_conflict", "el01"): {"subjects key:conflict", "history parent:refused"},
    ("orphan", "hrsd01"): {"scales parent:known", "visits parent:known"},
    ("orphan", "qids01"): {"scales parent:known", "visits parent:known"},
    ("orphan", "dm01"): {"history parent:known"},
    ("blank_key", "qids01"): {"scales subject_id:not_null", "visits subject_id:not_null"},
    ("bad_age", "el01"): {"subjects age_reported:in_range", "history parent:refused"},
}
"""Rules a planted row breaks; a kind that is not here is accepted with a missing value."""

IMPOSSIBLE_DAY = {
    ("qids01", "99999"): {f"{e} day:{r}" for e in ("scales", "visits") for r in ("in_range", "within_step")},
    ("hrsd01", "99999"): {f"{e} day:{r}" for e in ("scales", "visits") for r in ("in_range", "within_step")},
    ("ccv01", "99999"): {
        "visits day:in_range",
        "visits day:within_step",
        "treatments start_day:in_range",
        "treatments start_day:within_step",
    },
    ("qids01", "-500"): {f"{e} day:{r}" for e in ("scales", "visits") for r in ("in_range", "within_step")},
    ("hrsd01", "-500"): {f"{e} day:{r}" for e in ("scales", "visits") for r in ("in_range", "within_step")},
    # a treatment may begin long before enrolment, but not in level 1
    ("ccv01", "-500"): {"visits day:in_range", "visits day:within_step", "treatments start_day:within_step"},
}

NOTED = {
    "letters_in_total": "unparseable",
    "letters_in_item": "unparseable",
    "item_out_of_range": "out_of_range",
    "fraction_in_day": "not_whole",
    "unknown_level": "invalid_code",
    "unknown_version": "invalid_code",
    "unknown_drug": "invalid_code",
    "bad_arm": "invalid_code",
    "bad_code": "invalid_code",
}
"""Kinds whose raw text must stand in quality.cell_issues, and under which rule."""

QUESTIONNAIRES = "pdsq01 side_effects01 prise01 qlesq01 sfhs01 wpai01 wsas01 ucq01".split()
"""Forms that the generator never leaves empty."""

Delivery = tuple[Warehouse, pd.DataFrame, dict[str, pd.DataFrame]]


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    """A faulty delivery in a built warehouse, the list of faults, and the raw forms as delivered."""
    warehouse = Warehouse(Path(tmp_path_factory.mktemp("faults")))
    folder = warehouse.root / "delivered"
    written = stard.write(folder, N, SEED, faults=True)
    land(study("stard"), folder, warehouse, synthetic=True)
    raw = {
        form.name: pd.read_csv(folder / f"{form.name}.txt", sep="\t", dtype=str, keep_default_na=False).iloc[1:]
        for form in study("stard").clinical_forms
    }
    assert written.faults is not None
    return kit.build(warehouse, project=kit.project_with("stard")), written.faults, raw


def expected_refusals(delivery: Delivery) -> dict[tuple[str, int], set[str]]:
    """Rules by (form, row): the planted faults, what falls with a refused person, and forms of unknown rater."""
    _, faults, raw = delivery
    found: dict[tuple[str, int], set[str]] = defaultdict(set)
    for fault in faults.itertuples():
        where = (fault.form, int(fault.src_row))
        if fault.kind == "impossible_day":
            found[where] |= IMPOSSIBLE_DAY[fault.form, fault.raw_value]
        else:
            found[where] |= REFUSED.get((fault.kind, fault.form), set())
    gone = set(
        faults.loc[faults.form.eq("el01") & faults.kind.isin(["bad_age", "duplicate_key_conflict"]), "subjectkey"]
    )
    children = {
        "dm01": ["history"],
        "phx01": ["history", "conditions"],
        "crs01": ["history"],
        "hrsd01": ["scales", "visits"],
        "qids01": ["scales", "visits"],
        "idsc01": ["scales", "visits"],
        "ccv01": ["visits"],
        "ivra01": ["visits"],
        "le01": ["steps"],
        "mhx01": ["history"],
        **{form: ["scales", "visits"] for form in QUESTIONNAIRES},
        "roa01": ["visits"],
    }
    for form, entities in children.items():
        data = raw[form]
        kept = data["subjectkey"].isin(gone)
        if form == "crs01":
            kept &= data["crcid"] != ""
        for position in data.index[kept]:
            row, cells = int(position) + FIRST_ROW - 1, data.loc[position]
            for entity in entities:
                if entity != "scales" or form in QUESTIONNAIRES or not is_empty(form, cells):
                    found[form, row].add(f"{entity} parent:refused")
            if form == "ccv01" and any(
                cells[f"medication{i}_name"] or cells[f"medication{i}_dosage"] for i in range(1, 5)
            ):
                found[form, row].add("treatments parent:refused")
            if form == "roa01" and any(cells[f"medication{i}_name"] for i in range(1, 4)):
                found[form, row].add("treatments parent:refused")
            if form == "ccv01" and cells["trtmt"] in ("2", "3", "4"):
                found[form, row].add("steps parent:refused")
            if form == "ivra01" and cells["txassign"] not in ("", "FU"):
                found[form, row].add("steps parent:refused")
    qids = raw["qids01"]
    for position in qids.index[(qids["version_form"] == "") & (qids["qvtot"] == "")]:
        found["qids01", int(position) + FIRST_ROW - 1].add("scales instrument_id:not_null")
    return {where: rules for where, rules in found.items() if rules}


def is_empty(form: str, cells: pd.Series) -> bool:
    """A rating form that was opened and not filled in: a visit, but no rating."""
    prefix = {"hrsd01": "HRSD17", "idsc01": "IDS-C30", "qids01": "QIDS-16"}[form]
    asked = [c.name for c in study("stard").form(form).columns if c.description.startswith(prefix)]
    return all(cells[c] in ("", "-9", "999") for c in [*asked, *(["qvtot"] if form == "qids01" else [])])


def test_every_kind_was_planted(delivery: Delivery) -> None:
    _, faults, _ = delivery
    kinds = {kind for kind, _ in REFUSED} | set(NOTED) | {"impossible_day", "duplicate_identical"}
    assert set(faults.kind) == kinds
    assert (faults.groupby("kind").size() >= 2).all()


def test_precision_and_recall_of_refusals_are_1(delivery: Delivery) -> None:
    warehouse, _, _ = delivery
    found: dict[tuple[str, int], set[str]] = defaultdict(set)
    for form, row, entity, rule in kit.query(
        warehouse, "select src_form, src_row, entity, rule from quality.quarantine"
    ):
        found[form, row].add(f"{entity} {rule}")
    expected = expected_refusals(delivery)
    assert found.keys() - expected.keys() == set(), "refused without a fault"
    assert expected.keys() - found.keys() == set(), "faults that were let through"
    assert {k: v for k, v in found.items() if v != expected[k]} == {}


def test_precision_and_recall_of_cell_issues_are_1(delivery: Delivery) -> None:
    warehouse, faults, _ = delivery
    found = kit.query(warehouse, "select src_form, src_row, column_name, raw_value, rule from quality.cell_issues")
    noted = faults[faults.kind.isin(NOTED)]
    expected = {(f.form, int(f.src_row), f.column, f.raw_value, NOTED[f.kind]) for f in noted.itertuples()}
    assert set(found) == expected
    assert len(found) == len(expected)


def test_identical_copies_become_one_row(delivery: Delivery) -> None:
    warehouse, faults, _ = delivery
    copies = faults[faults.kind.eq("duplicate_identical")]
    for original in copies[copies.role.eq("original")].itertuples():
        merged = kit.query(
            warehouse,
            f"select n_src from cdm.scales where src_form = '{original.form}' and src_row = {original.src_row}",
        )
        assert merged == [(2,)]
    rows = ", ".join(str(r) for r in copies.loc[copies.role.eq("copy"), "src_row"])
    assert kit.query(warehouse, f"select * from cdm.scales where src_form = 'hrsd01' and src_row in ({rows})") == []


def test_a_cell_issue_leaves_a_missing_reason(delivery: Delivery) -> None:
    warehouse, faults, _ = delivery
    row = faults[faults.kind.eq("letters_in_total") & faults.form.eq("qids01")].iloc[0].src_row
    kept = kit.query(
        warehouse, f"select score, score_missing from cdm.scales where src_form = 'qids01' and src_row = {row}"
    )
    assert kept == [(None, "unparseable")]


def test_raw_values_stand_in_quarantine_only(delivery: Delivery) -> None:
    """No refused person leaves a trace in the common data model."""
    warehouse, _, _ = delivery
    left = kit.query(
        warehouse,
        """
        select count(*) from cdm.scales
        where subject_id in (select subject_id from quality.quarantine where entity = 'subjects')
        """,
    )
    assert left == [(0,)]


def test_both_identities_hold(delivery: Delivery) -> None:
    warehouse, _, raw = delivery
    entity_rows = kit.query(
        warehouse, "select * from quality.entity_rows where n_candidates <> n_accepted + n_merged + n_quarantined"
    )
    assert entity_rows == []
    blocks = pd.read_csv(REPO / "harmonize" / "mappings" / "stard_blocks.csv", keep_default_na=False)
    whole = blocks.loc[blocks["unpivot"].eq(""), "block"]  # the others make several candidates of a row
    counted = dict(
        kit.query(
            warehouse,
            "select src_form, max(n_rows) from quality.form_rows where study_id = 'stard' and fate = 'raw'"
            " and not starts_with(src_form, 'genotype_')"
            f" and block in ({', '.join(repr(block) for block in whole)}) group by src_form",
        )
    )
    assert counted == {form: len(raw[form]) for form in counted}
    lost = kit.query(
        warehouse,
        "select src_form, block from quality.form_rows group by all"
        " having sum(case when fate = 'raw' then n_rows else -n_rows end) <> 0",
    )
    assert lost == []
