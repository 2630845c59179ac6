"""Items from severity: totals follow the scoring rules, and the expected total is the true link."""

from __future__ import annotations

import numpy as np
import pytest

from harmonize.reference import instrument_range, item_ranges, item_rows, seed_rows
from harmonize.synthetic.draws import Draws
from harmonize.synthetic.instruments import administer, expected_total, model, severity_at, totals
from harmonize.synthetic.worlds import world

DRAWS, KEY = Draws(3), np.arange(20_000)
INSTRUMENTS = ("HRSD17", "HRSD21", "QIDS_SR16", "QIDS_C16", "IDS_C30", "MADRS", "BDI_II", "PHQ9", "CGI_S")


@pytest.mark.parametrize("instrument", INSTRUMENTS)
@pytest.mark.parametrize("theta", [2.0, 8.0, 18.0, 30.0])
def test_the_mean_observed_total_is_the_expected_total(instrument: str, theta: float) -> None:
    got = totals(instrument, administer(instrument, np.full(len(KEY), theta), KEY, DRAWS))
    assert got.mean() == pytest.approx(expected_total(instrument, theta), abs=0.12)
    low, high = instrument_range(instrument) or (0, 0)
    assert low <= got.min()
    assert got.max() <= high


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_items_are_those_of_the_seed_and_within_their_ranges(instrument: str) -> None:
    theta = np.linspace(-10, 60, len(KEY))
    items = administer(instrument, theta, KEY, DRAWS)
    scored = [r["scored_in_total"] != "0" for r in item_rows(instrument)]
    ranges = np.array(item_ranges(instrument))[scored]
    assert items.shape == (len(KEY), len(ranges))
    assert (items.min(axis=0) == ranges[:, 0]).all()
    assert (items.max(axis=0) == ranges[:, 1]).all()


def test_the_qids_total_takes_the_largest_item_of_each_domain() -> None:
    items = administer("QIDS_SR16", np.linspace(0, 40, 500), np.arange(500), DRAWS).astype(int)
    domains: dict[str, list[int]] = {}
    for place, row in enumerate(item_rows("QIDS_SR16")):
        domains.setdefault(row["domain"], []).append(place)
    by_hand = sum(items[:, places].max(axis=1) for places in domains.values())
    assert (totals("QIDS_SR16", items) == by_hand).all()
    assert (np.minimum(items[:, 5], items[:, 6]) == 0).all()


def test_the_link_is_that_of_the_published_table() -> None:
    """IDS-QIDS table, as in the reference folder: QIDS 5 is HRSD17 7, 10 is 13, 20 is 25 (points read)."""
    for severity, qids in ((7, 5), (13, 10), (18.5, 14.5), (25, 20)):
        assert expected_total("QIDS_SR16", severity) == pytest.approx(qids, abs=0.3)
        assert expected_total("HRSD17", severity) == pytest.approx(severity, abs=0.3)
        assert severity_at("QIDS_SR16", qids) == pytest.approx(severity, abs=0.4)
    assert expected_total("MADRS", 19) == pytest.approx(26, abs=0.5)


def test_hrsd21_begins_with_the_items_of_hrsd17() -> None:
    assert (model("HRSD21").thresholds[:17] == model("HRSD17").thresholds).all()
    gap = expected_total("HRSD21", 25.0) - expected_total("HRSD17", 25.0)
    assert gap == pytest.approx(3, abs=1)


def test_a_shift_moves_what_is_seen() -> None:
    got = totals("HRSD17", administer("HRSD17", np.full(len(KEY), 20.0), KEY, DRAWS, shift=1.5))
    assert got.mean() == pytest.approx(21.5, abs=0.15)
    assert expected_total("HRSD17", 20.0, shift=1.5) == pytest.approx(21.5, abs=0.15)


def test_a_world_with_a_floor_piles_scores_up_there_and_leaves_the_severe_alone() -> None:
    floor = world("W3")
    assert expected_total("HRSD17", 24.0, world=floor) == pytest.approx(expected_total("HRSD17", 24.0), abs=0.1)
    assert expected_total("HRSD17", 4.0, world=floor) < expected_total("HRSD17", 4.0) - 2


def test_anxious_persons_score_on_anxious_items_and_not_more_in_all() -> None:
    theta, places = np.full(len(KEY), 20.0), np.array([10, 11, 12, 13, 15, 17]) - 1
    calm, anxious = (administer("HRSD17", theta, KEY, DRAWS, lean=np.full(len(KEY), z)) for z in (-1.0, 1.0))
    assert anxious[:, places].sum(axis=1).mean() > calm[:, places].sum(axis=1).mean() + 1.5
    assert totals("HRSD17", anxious).mean() == pytest.approx(totals("HRSD17", calm).mean(), abs=0.5)


def test_an_instrument_without_a_link_is_refused() -> None:
    with pytest.raises(KeyError, match="MADRS"):
        administer("CESD", np.zeros(3), np.arange(3), DRAWS)


def test_error_is_the_administrations_own() -> None:
    theta = np.full(len(KEY), 20.0)
    first, again = (totals("HRSD17", administer("HRSD17", theta, KEY + shift, DRAWS)) for shift in (0, 10**6))
    assert np.corrcoef(first, again)[0, 1] == pytest.approx(0, abs=0.02)
    assert 2 < first.std() < 4
    assert {r["scale_id"] for r in seed_rows("ref_scales")} >= set(INSTRUMENTS)
