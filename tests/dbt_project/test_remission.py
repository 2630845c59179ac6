"""Remission by step: the published arithmetic, and a bridge in which every row changes one assumption."""

from __future__ import annotations

import csv
from typing import Any

import duckdb
import pytest

from harmonize.paths import SEEDS
from tests.dbt_project import modelkit

STEPS = "study_id varchar, subject_id varchar, step_id varchar, step_no bigint, start_day bigint, end_day bigint"
SCORES = (
    "study_id varchar, subject_id varchar, step_id varchar, instrument_id varchar, baseline_score double,"
    " exit_score double, exit_day bigint, n_post_baseline bigint"
)
SCALES = "subject_id varchar, step_id varchar, instrument_id varchar, day bigint, score_used double"

COURSE = {"1": (10_000, 3_680), "2": (5_000, 1_530), "3": (1_000, 137), "4": (200, 26)}
"""Persons at each step and remitted there: 36.8, 30.6, 13.7 and 13.0 % as in Rush 2006, with most failures leaving."""

SCALE = ("instrument_id", "operator", "cut")
ASSUMPTIONS = {
    "scale": SCALE,
    "visit": ("visit", "exit_within_days"),
    "entry_at": ("entry_instrument_id", "entry_min", "entry_at", "post_baseline"),
    "missing": ("missing",),
    "dropouts": ("dropouts",),
    "relapse": ("relapse", "relapse_definition_id"),
    "steps_as": ("steps_as", "n_steps"),
}


def methods() -> list[dict[str, str]]:
    with (SEEDS / "reference" / "remission_methods.csv").open(newline="", encoding="utf-8") as stream:
        return sorted(csv.DictReader(stream), key=lambda r: int(r["display_order"]))


@pytest.fixture(scope="module")
def counted() -> duckdb.DuckDBPyConnection:
    """The course above: whoever goes on is one who failed. HRSD17 is 20 at every entry, and at exit 7 for every second
    remitted person, 8 for the others, missing for those who do not remit."""
    connection = duckdb.connect()
    steps: list[tuple[Any, ...]] = []
    scores: list[tuple[Any, ...]] = []
    for number, (step, (n, remitted)) in enumerate(COURSE.items(), 1):
        for i in range(n):
            person = f"p{i}"  # those who remit come last, so that the next step holds persons who did not
            is_remitted = i >= n - remitted
            start, end = 100 * (number - 1), 100 * number
            hrsd = (7.0 if i % 2 else 8.0) if is_remitted else None
            steps.append(("stard", person, step, number, start, end))
            scores.append(("stard", person, step, "QIDS_SR16", 15.0, 5.0 if is_remitted else 6.0, end, 3))
            scores.append(("stard", person, step, "HRSD17", 20.0, hrsd, end if hrsd else None, int(hrsd is not None)))
    for name, columns, rows in (("steps", STEPS, steps), ("step_scores", SCORES, scores)):
        connection.execute(f"create table {name} ({columns})")
        width = len(rows[0])
        connection.execute(
            f"insert into {name} select {', '.join(f'unnest(${i + 1})' for i in range(width))}",
            [list(values) for values in zip(*rows, strict=True)],
        )
    modelkit.load(connection, "scales", SCALES, [])
    modelkit.load(connection, "outcomes", "subject_id varchar, definition_id varchar, verdict varchar", [])
    for seed in ("study_steps", "remission_methods", "remission_published"):
        modelkit.load_seed(connection, seed)
    modelkit.run_model(connection, "cumulative_remission")
    return connection


def curve(connection: duckdb.DuckDBPyConnection, method: str, what: str = "cumulative_pct") -> list[float]:
    found = connection.execute(
        f"select {what} from cumulative_remission where method_id = ? order by step_order", [method]
    ).fetchall()
    return [row[0] for row in found]


def test_the_67_percent_are_the_product_of_the_step_failures(counted: duckdb.DuckDBPyConnection) -> None:
    """1 - (1 - .368) (1 - .306) (1 - .137) (1 - .130) = 67.1 % (reference README), though 53.7 % were seen to remit."""
    assert curve(counted, "rush2006", "step_pct") == pytest.approx([36.8, 30.6, 13.7, 13.0])
    expected = 100 * (1 - 0.632 * 0.694 * 0.863 * 0.870)
    assert expected == pytest.approx(67.07, abs=0.01)
    assert curve(counted, "rush2006")[-1] == pytest.approx(expected)
    assert curve(counted, "rush2006") == pytest.approx([36.8, 56.14, 62.15, 67.07], abs=0.01)
    assert curve(counted, "bridge_dropouts")[-1] == pytest.approx((3680 + 1530 + 137 + 26) / 100)


def test_missing_exit_scores_move_the_denominator(counted: duckdb.DuckDBPyConnection) -> None:
    """Half of the remitted have 7 on the HRSD17. Of those with an exit score that is half, of all 18.4 %."""
    assert curve(counted, "bridge_scale", "step_pct")[0] == pytest.approx(50.0)
    assert curve(counted, "bridge_missing", "step_pct")[0] == pytest.approx(18.4)


def test_published_figures_stand_beside_their_method(counted: duckdb.DuckDBPyConnection) -> None:
    assert curve(counted, "rush2006", "published_cumulative_pct") == [36.8, 56.1, 62.2, 67.1]
    assert curve(counted, "seed_article", "published_cumulative_pct") == [33, 50, 60, 67]
    assert curve(counted, "pigott2023", "published_cumulative_pct") == [None, None, None, 35]
    assert curve(counted, "pigott2023", "published_n") == [3110, 1142, 297, 106]


def test_every_bridge_row_changes_one_assumption() -> None:
    rows = methods()
    known = [p for names in ASSUMPTIONS.values() for p in names]
    described = "method_id kind display_order label changed study_id context source verified note".split()
    assert set(rows[0]) == {*known, *described}, "a parameter that belongs to no assumption"
    before: dict[str, str] | None = None
    for row in rows:
        if row["kind"] == "alone":
            start = next(r for r in rows if r["method_id"] == "rush2006")
        elif row["changed"]:
            assert before is not None
            start = before
        else:
            before = row
            continue
        differing = [name for name, parts in ASSUMPTIONS.items() if any(row[p] != start[p] for p in parts)]
        assert differing == [row["changed"]], row["method_id"]
        before = row
    assert [r["method_id"] for r in rows if r["kind"] == "method"] == ["rush2006", "pigott2023", "seed_article"]
