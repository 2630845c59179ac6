"""The graded response model against another program's published estimates, and its link against known parameters."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from analysis.linking import irt
from analysis.linking.irt import CalibrationError, calibrate, link_items
from analysis.linking.items import scored_parts
from analysis.warehouse import connect

SLOPE, SHIFT = 0.982306, -0.064442
"""Stocking–Lord constants of the vignette of the R package PROsetta: a / A, A × b + B of the free calibration."""

CESD = {
    "CESD1": (2.061779, 0.879469, 1.931493, 3.076904), "CESD2": (1.255554, 1.392413, 2.681586, 3.738048),
    "CESD3": (3.508817, 0.837484, 1.324758, 1.957232), "CESD5": (1.593890, 0.428583, 1.534315, 2.738424),
    "CESD6": (3.618615, 0.492972, 1.184258, 1.739733), "CESD9": (2.980182, 0.751487, 1.383664, 1.866730),
    "CESD11": (1.072249, -0.469513, 0.948134, 2.166840), "CESD18": (2.803351, 0.257880, 1.254711, 1.992341),
    "CESD20": (1.482218, -0.145778, 1.260434, 2.307638),
}  # fmt: skip
"""Slope and thresholds that the R package mirt gave for the 48 items together, after these constants; printed there."""


def test_calibration_is_that_of_mirt(public_data: Path) -> None:
    folder = public_data / "prosetta_cesd_promis"
    if not folder.is_dir():
        pytest.skip("no public data prosetta_cesd_promis")
    frame = pd.read_csv(folder / "response_dep.csv").drop(columns="prosettaid") - 1
    found = calibrate(frame.to_numpy(dtype=float))
    at = [frame.columns.get_loc(name) for name in CESD]
    published = np.array(list(CESD.values()))
    np.testing.assert_allclose(found.slopes[at] / SLOPE, published[:, 0], atol=0.01)
    np.testing.assert_allclose(SLOPE * found.thresholds[at][:, :3] + SHIFT, published[:, 1:], atol=0.01)


def answers(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Answers to 12 items of 4 categories from known slopes and thresholds."""
    rng = np.random.default_rng(seed)
    slopes = np.linspace(0.9, 2.4, 12)
    thresholds = np.linspace(-1.2, 0.8, 12)[:, None] + np.array([-0.8, 0.2, 1.1])
    theta = rng.normal(size=n)
    reach = 1 / (1 + np.exp(-slopes[None, :, None] * (theta[:, None, None] - thresholds[None])))
    return (rng.random((n, 12, 1)) < reach).sum(axis=2).astype(float), slopes, thresholds


def test_known_parameters_and_link_come_back() -> None:
    given, slopes, thresholds = answers(1500)
    given[::7, 3] = np.nan
    found = calibrate(given)
    np.testing.assert_allclose(found.slopes, slopes, atol=0.3)
    np.testing.assert_allclose(found.thresholds, thresholds, atol=0.3)
    x, y = np.arange(6), np.arange(6, 12)
    link = link_items(given, x, y, bootstraps=20, lowest_y=6)

    def expected(items: np.ndarray, theta: np.ndarray) -> np.ndarray:
        z = slopes[items, None, None] * (theta[None, :, None] - thresholds[items][:, None, :])
        return (1 / (1 + np.exp(-z))).sum(axis=(0, 2))

    grid = np.linspace(-6, 6, 4001)
    true = 6 + np.interp(np.interp(link.scores, expected(x, grid), grid), grid, expected(y, grid))
    z = (link.point - true) / link.se
    assert np.abs(z).max() < 3.5
    assert link.scores[0] == 1
    assert link.scores[-1] == 17
    assert (np.diff(link.point) > 0).all()


def sparse_answers() -> np.ndarray:
    """213 answers to 7 items of which some categories have very few, from known parameters; no category is skipped."""
    rng = np.random.default_rng(995096)
    slopes = rng.uniform(0.3, 5, 7)
    lowest, apart = rng.normal(0, 1, (7, 1)), rng.uniform(0.005, 1.5, (7, 3))
    thresholds = lowest + np.cumsum(np.concatenate([np.zeros((7, 1)), apart], axis=1), axis=1)
    theta = rng.normal(size=213)
    reach = 1 / (1 + np.exp(-slopes[None, :, None] * (theta[:, None, None] - thresholds[None])))
    given = (rng.random((213, 7, 1)) < reach).sum(axis=2).astype(float)
    return np.stack([np.unique(column, return_inverse=True)[1] for column in given.T], axis=1).astype(float)


def test_sparse_categories_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Full steps make cuts cross and circle for ever; halved ones end.

    Before steps were halved, `trd link --irt` on three pooled studies did not end.
    """
    given = sparse_answers()
    found = calibrate(given)
    assert found.cycles < 300
    assert (np.diff(found.thresholds, axis=1)[~np.isnan(np.diff(found.thresholds, axis=1))] > 0).all()
    chosen = [np.bincount(column.astype(int)).min() for column in given.T]
    assert min(chosen) < 5
    monkeypatch.setattr(irt, "HALVINGS", 1)
    monkeypatch.setattr(irt, "CYCLES", 400)
    with pytest.raises(CalibrationError, match="did not come to an end"):
        calibrate(given)


def test_items_that_cannot_be_calibrated_are_named() -> None:
    given, _, _ = answers(100)
    given[:, 2] = 0
    with pytest.raises(CalibrationError, match="item 2: categories 0 "):
        calibrate(given)
    given[:, 2] = np.where(np.arange(100) % 2, 0, 2)
    with pytest.raises(CalibrationError, match="without a gap"):
        calibrate(given)


def test_items_become_the_parts_that_are_added_up(tmp_path: Path) -> None:
    """The largest present item of a QIDS domain; an item that does not count is left out; a fraction is missing."""
    database = tmp_path / "trd.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute("create schema reference")
        connection.execute("create table reference.scales as select 'Q' as scale_id, 'qids_domain_max' as scoring_rule")
        connection.execute(
            "create table reference.scale_items as select 'Q' as scale_id, i as item_no, 0.0 as score_min,"
            " case when i = 4 then '0' else '1' end as scored_in_total,"
            " case when i < 3 then 'sleep' else i::varchar end as domain from range(1, 5) as r(i)"
        )
    items = pd.DataFrame([[1, 3, 2, 9], [np.nan, 1, 0.5, 9], [np.nan, np.nan, 0, 9]], dtype=float)
    with connect(database) as warehouse:
        found = scored_parts(warehouse, "Q", items)
    np.testing.assert_array_equal(found, [[3, 2], [1, np.nan], [np.nan, 0]])
