"""Totals, bands and subscales on public item data whose totals were computed by others. Skipped where they are absent.

No public set with QIDS items could be had, and the MADRS sets hold totals only: QIDS domains are held against
independent scoring in tests/harmonize/test_scoring.py.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from tests.dbt_project import modelkit

PHQ9_BANDS = {
    "minimal": (0, 4),
    "mild": (5, 9),
    "moderate": (10, 14),
    "moderately_severe": (15, 19),
    "severe": (20, 27),
}
"""Kroenke 2001, written here and not read from the seed."""
MADRS_BANDS = {"normal": (0, 6), "mild": (7, 19), "moderate": (20, 34), "severe": (35, 60)}


def scored(
    instrument: str, items: np.ndarray | None = None, totals: np.ndarray | None = None
) -> duckdb.DuckDBPyConnection:
    """Administrations, one a person, through the models that score them: the views scales, scale_severity and
    subscale_scores. `items` has one row per administration, NaN where missing; `totals` are scores as recorded."""
    connection = duckdb.connect()
    rows = items if items is not None else totals
    assert rows is not None
    n = len(rows)
    frame = pd.DataFrame({"subject_id": np.arange(n).astype(str), "instrument_id": instrument})
    frame["score"] = totals if totals is not None else np.nan
    frame["items"] = [[None if np.isnan(v) else v for v in row] for row in items] if items is not None else None
    connection.register("frame", frame)
    connection.execute(
        "create table int_scales as select subject_id, instrument_id, cast(items as float[]) as items, 0 as day,"
        " 'self' as rater, 'web' as contact, 1 as occasion, '1' as step_id, 's' as study_id,"
        " case when not isnan(score) then score end as score from frame"
    )
    modelkit.run_model(connection, "scored_scales")
    connection.execute("create view scales as select * from scored_scales")
    for seed in ("severity_bands", "subscales"):
        modelkit.load_seed(connection, seed)
    modelkit.run_model(connection, "scale_severity")
    modelkit.run_model(connection, "subscale_scores")
    return connection


def column(connection: duckdb.DuckDBPyConnection, sql: str) -> np.ndarray:
    return np.array([row[0] for row in connection.execute(sql).fetchall()])


def totals_of(connection: duckdb.DuckDBPyConnection) -> np.ndarray:
    return column(connection, "select score_used from scales order by cast(subject_id as int)").astype(float)


def bands_of(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return dict(connection.execute("select band, count(*) from scale_severity where is_default group by 1").fetchall())


@pytest.fixture(scope="module")
def nhanes(public_data: Path) -> pd.DataFrame:
    return pd.read_csv(public_data / "nhanes_phq9" / "nhanes_2017_mar2020_phq9_complete.csv")


def items_in(frame: pd.DataFrame, start: str) -> np.ndarray:
    return frame[[c for c in frame.columns if c.startswith(start)]].to_numpy(dtype=float)


def test_every_phq9_total_of_nhanes_is_reproduced(nhanes: pd.DataFrame) -> None:
    connection = scored("PHQ9", items_in(nhanes, "DPQ"))
    assert len(nhanes) == 7882
    assert (totals_of(connection) == nhanes["Total"].to_numpy()).all()
    assert set(column(connection, "select distinct score_basis from scales")) == {"items"}
    expected = {band: int(nhanes["Total"].between(*ends).sum()) for band, ends in PHQ9_BANDS.items()}
    assert bands_of(connection) == expected
    phq2 = column(connection, "select score from subscale_scores order by cast(subject_id as int)")
    assert (phq2 == nhanes[["DPQ010", "DPQ020"]].sum(axis=1).to_numpy()).all()


def test_missing_phq9_items_are_replaced_by_the_mean_up_to_two(nhanes: pd.DataFrame) -> None:
    """Items taken out of real answers: one and two leave a prorated total, three none."""
    items = items_in(nhanes.head(600), "DPQ")
    for n_missing in (1, 2, 3):
        gaps = items.copy()
        gaps[:, :n_missing] = np.nan
        found = totals_of(scored("PHQ9", gaps))
        expected = np.nansum(gaps, axis=1) * 9 / (9 - n_missing)
        if n_missing <= 2:
            np.testing.assert_allclose(found, expected, rtol=1e-12)
        else:
            assert np.isnan(found).all()


def test_both_releases_of_nhanes_are_within_range(public_data: Path) -> None:
    frame = pd.read_csv(public_data / "nhanes_phq9" / "nhanes_2021_2023_phq9_n600.csv")
    items = frame[[f"q{i}" for i in range(1, 10)]].to_numpy(dtype=float)
    connection = scored("PHQ9", items)
    assert (totals_of(connection) == items.sum(axis=1)).all()
    assert sum(bands_of(connection).values()) == 600


def test_ces_d_totals_of_the_web_trial_are_reproduced(public_data: Path) -> None:
    """Items come as 1 to 4; the recorded total subtracts 1 and reverses 4, 8, 12 and 16 (codebook)."""
    frame = pd.read_csv(public_data / "pospsy_cesd" / "pospsy_raw_ahi_cesd.csv")
    items = items_in(frame.drop(columns="cesdTotal"), "cesd") - 1
    assert items.shape == (992, 20)
    assert (totals_of(scored("CESD", items)) == frame["cesdTotal"].to_numpy()).all()
    assert not (items.sum(axis=1) == frame["cesdTotal"].to_numpy()).all(), "reversing makes a difference"


def test_ces_d_items_of_the_promis_study_are_scored_reversed(public_data: Path) -> None:
    """747 persons; no total is recorded there, so it is counted here."""
    frame = pd.read_csv(public_data / "prosetta_cesd_promis" / "response_dep.csv")
    items = items_in(frame, "CESD") - 1
    complete = items[~np.isnan(items).any(axis=1)]
    total = totals_of(scored("CESD", complete))
    turned = complete.copy()
    turned[:, [3, 7, 11, 15]] = 3 - turned[:, [3, 7, 11, 15]]
    assert (total == turned.sum(axis=1)).all()


def test_madrs_totals_of_the_simulated_trial_have_bands(public_data: Path) -> None:
    """Recorded totals at baseline of 663 simulated patients, cut at 7, 20 and 35."""
    frame = pd.read_csv(public_data / "browne_madrs_simulated" / "simulated_missing_data.csv")
    totals = frame["madrsv1"].dropna().to_numpy(dtype=float)
    expected = {b: int(((totals >= lo) & (totals <= hi)).sum()) for b, (lo, hi) in MADRS_BANDS.items()}
    assert bands_of(scored("MADRS", totals=totals)) == {b: n for b, n in expected.items() if n}
    assert sum(expected.values()) == len(totals)


def test_anxiety_somatisation_of_hrsd17_is_the_published_six() -> None:
    """Psychic and somatic anxiety, gastrointestinal and general somatic symptoms, hypochondriasis, insight."""
    items = np.eye(17)
    connection = scored("HRSD17", items)
    found = column(
        connection,
        "select score from subscale_scores where subscale_id = 'anx_som' order by cast(subject_id as int)",
    )
    assert [n for n, score in enumerate(found, 1) if score] == [10, 11, 12, 13, 15, 17]
