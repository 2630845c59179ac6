"""Treatment resistance on 500 synthetic patients of four studies: every cell equals a slow recomputation by hand."""

from __future__ import annotations

import importlib
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from analysis.report import resistance, write_report
from analysis.report.disclosure import Counts
from analysis.warehouse import connect
from harmonize.landing import land
from harmonize.paths import REPO, Warehouse
from harmonize.sources import study
from tests.dbt_project import kit, trd_by_hand, trials_by_hand


class Named(NamedTuple):
    """A study as the report knows it."""

    study_id: str


STUDIES = {"stard": 125, "mars": 125, "predict": 125, "ispotd": 125}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A warehouse of 125 patients of each study that has a synthetic writer for treatments."""
    warehouse = Warehouse(Path(tmp_path_factory.mktemp("trd")))
    for name, number in STUDIES.items():
        folder = warehouse.root / "delivered" / name
        importlib.import_module(f"harmonize.synthetic.{name}").write(folder, number, seed=4)
        land(study(name), folder, warehouse, synthetic=True)
    return kit.build(warehouse)


@pytest.fixture(scope="module")
def connection(house: Warehouse) -> duckdb.DuckDBPyConnection:
    return kit.published(house)


@pytest.fixture(scope="module")
def reference(connection: duckdb.DuckDBPyConnection) -> trials_by_hand.Reference:
    return trials_by_hand.Reference(connection)


@pytest.fixture(scope="module")
def persons(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Everybody with a treatment step, straight from the common data model."""
    sql = (
        "select distinct steps.subject_id from cdm.steps as steps inner join reference.study_steps as kinds"
        " on steps.study_id = kinds.study_id and steps.step_id = kinds.step_id where kinds.is_treatment order by all"
    )
    found = [person for (person,) in connection.execute(sql).fetchall()]
    assert len(found) == 500
    return found


def test_trials_equal_a_recomputation_by_hand(
    connection: duckdb.DuckDBPyConnection, reference: trials_by_hand.Reference, persons: list[str]
) -> None:
    sql = (
        "select subject_id, trial_no, start_day, end_day, treatments_new, treatments_kept, strategy, is_index,"
        " end_kind, is_intolerant, baseline_score, exit_score, failed_25, failed_30, failed_50"
        " from marts.trials_of_treatment"
    )
    found = {row[:2]: row[2:] for row in connection.execute(sql).fetchall()}
    expected = {
        (person, t.number): (
            t.start, t.end, ";".join(t.new) or None, ";".join(t.kept) or None, t.strategy, t.index, t.end_kind,
            t.intolerant, t.baseline, t.exit, t.fall_below(25), t.fall_below(30), t.fall_below(50),
        )
        for person in persons
        for t in trials_by_hand.trials_of(person, reference)
    }  # fmt: skip
    assert found == expected
    assert {"initial", "switch", "augment"} == {row[4] for row in expected.values()}


def test_adequacy_equals_a_recomputation_by_hand(
    connection: duckdb.DuckDBPyConnection, reference: trials_by_hand.Reference, persons: list[str]
) -> None:
    words = {True: "yes", False: "no", None: "unknown"}
    sql = "select subject_id, trial_no, rule_id, adequate from marts.trial_adequacy"
    found = {row[:3]: row[3] for row in connection.execute(sql).fetchall()}
    expected = {
        (person, t.number, rule["rule_id"]): words[
            trials_by_hand.adequacy(t, rule, reference.people[person]["study_id"], reference)
        ]
        for person in persons
        for t in trials_by_hand.trials_of(person, reference)
        for rule in reference.rules
    }
    assert found == expected
    assert set(expected.values()) == {"yes", "no", "unknown"}


def test_every_definition_equals_a_recomputation_by_hand(
    connection: duckdb.DuckDBPyConnection, reference: trials_by_hand.Reference, persons: list[str]
) -> None:
    """500 patients × 28 definitions × 2 scopes: verdict, failed trials, possible ones, lowest and highest score, the
    words of the reason and of the stage."""
    sql = (
        "select subject_id, definition_id, scope, verdict, n_failed, n_failed_possible, score_low, score_high, reason,"
        " stage"
        " from marts.trd_status"
    )
    found = {row[:3]: row[3:] for row in connection.execute(sql).fetchall()}
    expected = {
        (person, *key): cells for person in persons for key, cells in trd_by_hand.status(person, reference).items()
    }
    assert len(expected) == 500 * 28 * 2
    differ = {key: (found.get(key), cells) for key, cells in expected.items() if found.get(key) != cells}
    assert found.keys() == expected.keys()
    assert not differ, f"{len(differ)} cells differ, among them {list(differ.items())[:3]}"
    assert {cells[0] for cells in expected.values()} == {"met", "not_met", "not_determinable"}
    assert len({cells[5] for cells in expected.values()}) > 15
    assert len({cells[6] for cells in expected.values()}) > 15


def test_what_cannot_be_determined_says_why(connection: duckdb.DuckDBPyConnection) -> None:
    silent = connection.execute(
        "select count(*) from marts.trd_status where (verdict = 'not_determinable' and coalesce(reason, '') = '')"
        " or (verdict = 'met' and reason is not null)"
    ).fetchone()
    assert silent == (0,)
    # STAR*D did not collect the trials before the study: a person cannot be said to have had too few
    stard = connection.execute(
        "select distinct verdict from marts.trd_status where study_id = 'stard' and definition_id = 'ema2013'"
    ).fetchall()
    assert ("not_met",) not in stard


def test_the_first_trial_of_an_arm_is_as_adequate_as_in_first_line(connection: duckdb.DuckDBPyConnection) -> None:
    """Two models judge the first treatment by the label. Where the arm names it they agree; on a ward the trial ends
    with the next drug, the episode of marts.first_line does not."""
    differ = connection.execute(
        "select count(*) filter (where first_line.adequate <> adequacy.adequate), count(*)"
        " from marts.first_line as first_line"
        " inner join marts.trials_of_treatment as trials"
        " on first_line.subject_id = trials.subject_id and trials.is_index"
        " inner join marts.trial_adequacy as adequacy on trials.subject_id = adequacy.subject_id"
        " and trials.trial_no = adequacy.trial_no and adequacy.rule_id = 'label_own'"
        " where first_line.treatment_basis = 'arm'"
    ).fetchone()
    assert differ == (0, 375)


def test_severity_of_the_maudsley_points_is_the_default_band(connection: duckdb.DuckDBPyConnection) -> None:
    """The limits stand in reference.trd_points and in reference.severity_bands: they must not part."""
    points = connection.execute(
        "select lower, coalesce(upper, 52) from reference.trd_points where definition_id = 'msm'"
        " and dimension = 'baseline_severity' and category <> 'severe_with_psychosis' order by category_order"
    ).fetchall()
    bands = connection.execute(
        "select score_min, score_max from reference.severity_bands"
        " where instrument_id = 'HRSD17' and is_default and metric = 'total' order by band_order"
    ).fetchall()
    assert points == bands


def test_agreement_counts_persons(connection: duckdb.DuckDBPyConnection) -> None:
    """One pair counted again from the verdicts."""
    pair = "definition_a = 'fda_us_practice' and definition_b = 'sforzini2022_trd'"
    found = connection.execute(
        f"select n_both, n_only_a, n_only_b, n_neither from marts.trd_agreement where {pair}"
        " and study_id = 'mars' and scope = 'all_trials'"
    ).fetchone()
    verdicts = dict(
        connection.execute(
            "select subject_id, list(verdict order by definition_id) from marts.trd_status where study_id = 'mars'"
            " and scope = 'all_trials' and definition_id in ('fda_us_practice', 'sforzini2022_trd') group by all"
        ).fetchall()
    )
    cells = [("met", "met"), ("met", "not_met"), ("not_met", "met"), ("not_met", "not_met")]
    assert found == tuple(sum(tuple(v) == cell for v in verdicts.values()) for cell in cells)
    assert found is not None
    assert min(found[0], found[3]) > 0


def test_the_queries_of_the_page_run_and_say_what_they_are(connection: duckdb.DuckDBPyConnection) -> None:
    """docs/treatment-resistance.md asks for all definitions of a cohort, and for whom payer criteria speak."""
    page = (REPO / "docs" / "treatment-resistance.md").read_text(encoding="utf-8")
    definitions, payer = re.findall(r"```sql\n(.*?)```", page, flags=re.DOTALL)
    found = connection.execute(definitions).fetchall()
    assert len(found) == 28
    # two definitions belong to STAR*D, and one has no cutoff
    assert all(met + not_met + open_ == 125 for _, _, met, not_met, open_, *_ in found)
    assert {row[0]: row[5] for row in found}["mgh_s"] == "no_cutoff"
    said = connection.execute(payer).fetchall()
    assert sum(row[2] for row in said) == 500
    # no study asked about implants: nobody can be said to fulfil all
    assert {row[1] for row in said} == {"a criterion speaks against", "nothing against, something unknown"}
    assert all(row[-1] == "research view, no medical advice" for row in [*found, *said])


def test_the_referral_view_counts_what_the_record_has(connection: duckdb.DuckDBPyConnection) -> None:
    """Bipolarity in MARS against the diagnosis, failed trials against the definition; every row says what it is not."""
    (bipolar,) = connection.execute(
        "select count(*) filter (where status = 'met') from marts.tms_eligibility where study_id = 'mars'"
        " and option_id = 'tms' and criterion_id = 'bipolar'"
    ).fetchone() or (None,)
    (diagnosed,) = connection.execute(
        "select count(*) from cdm.subjects where study_id = 'mars' and (diagnosis = 'bipolar_depression'"
        " or subject_id in (select subject_id from cdm.conditions"
        " where condition_id = 'bipolar_disorder' and status = 'present'))"
    ).fetchone() or (None,)
    assert bipolar == diagnosed
    assert bipolar
    differ = connection.execute(
        "select count(*) from marts.tms_eligibility as view inner join marts.trd_status as status"
        " on view.subject_id = status.subject_id and status.definition_id = 'fda_us_practice'"
        " and status.scope = 'all_trials' where view.option_id = 'esketamine' and view.criterion_id = 'failed_trials'"
        " and view.status <> replace(status.verdict, 'not_determinable', 'unknown')"
    ).fetchone()
    assert differ == (0,)
    assert connection.execute("select distinct caution from marts.tms_eligibility").fetchall() == [
        ("research view, no medical advice",)
    ]


def test_the_report_shows_definitions_without_small_counts(house: Warehouse, tmp_path: Path) -> None:
    """No verdict of 1 to 4 persons stands on the page, none of the three of a definition can be had from the others."""
    # a file of its own: within one process an open one cannot be opened in another way
    database = Path(shutil.copy(house.database, tmp_path / "trd.duckdb"))
    with connect(database) as warehouse:
        counts = Counts()
        for name, number in STUDIES.items():
            counts.add((name, "first", "persons"), number, 20.0)
        resistance.collect(warehouse, counts)
        shown = counts.protect(5)
        heat = resistance.agreement(warehouse, [Named(s) for s in STUDIES], 5)  # type: ignore[list-item]
    small = {key for key, n in counts.values.items() if 0 < n < 5 and key in shown.cells}
    assert small
    for study_id, _, definition, _ in small:
        verdicts = [shown[study_id, "trd", definition, v].value for v in resistance.VERDICTS]
        assert verdicts.count(None) >= 2
    assert len(heat["mars"]) >= 3
    page = write_report(database, tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Treatment resistance by definition" in page
    assert "no verdict on a patient" in page
    assert "How definitions agree: MARS" in page
