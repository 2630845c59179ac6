"""Treatment resistance on 500 synthetic patients of four studies: every cell equals a slow recomputation by hand."""

from __future__ import annotations

import importlib
from pathlib import Path

import duckdb
import pytest

from harmonize.landing import land
from harmonize.paths import Warehouse
from harmonize.sources import study
from tests.dbt_project import kit, trd_by_hand

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
def reference(connection: duckdb.DuckDBPyConnection) -> trd_by_hand.Reference:
    return trd_by_hand.Reference(connection)


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
    connection: duckdb.DuckDBPyConnection, reference: trd_by_hand.Reference, persons: list[str]
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
        for t in trd_by_hand.trials_of(person, reference)
    }  # fmt: skip
    assert found == expected
    assert {"initial", "switch", "augment"} == {row[4] for row in expected.values()}


def test_adequacy_equals_a_recomputation_by_hand(
    connection: duckdb.DuckDBPyConnection, reference: trd_by_hand.Reference, persons: list[str]
) -> None:
    words = {True: "yes", False: "no", None: "unknown"}
    sql = "select subject_id, trial_no, rule_id, adequate from marts.trial_adequacy"
    found = {row[:3]: row[3] for row in connection.execute(sql).fetchall()}
    expected = {
        (person, t.number, rule["rule_id"]): words[
            trd_by_hand.adequacy(t, rule, reference.people[person]["study_id"], reference)
        ]
        for person in persons
        for t in trd_by_hand.trials_of(person, reference)
        for rule in reference.rules
    }
    assert found == expected
    assert set(expected.values()) == {"yes", "no", "unknown"}


def test_every_definition_equals_a_recomputation_by_hand(
    connection: duckdb.DuckDBPyConnection, reference: trd_by_hand.Reference, persons: list[str]
) -> None:
    """500 patients × 28 definitions × 2 scopes: verdict, failed trials, possible ones, lowest and highest score."""
    sql = (
        "select subject_id, definition_id, scope, verdict, n_failed, n_failed_possible, score_low, score_high"
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
