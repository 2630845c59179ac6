"""The registry of subscales and bands agrees with the items it speaks of."""

from __future__ import annotations

import csv
import itertools
from collections import defaultdict
from pathlib import Path

import pytest

from harmonize.paths import SEEDS
from harmonize.subscales import members, opposite, subscale_expression


def rows(name: str) -> list[dict[str, str]]:
    (path,) = Path(SEEDS).rglob(f"{name}.csv")
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_every_subscale_has_its_items_and_their_range() -> None:
    items: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for item in rows("ref_scale_items"):
        for subscale in filter(None, item["subscales"].split(";")):
            items[item["scale_id"], subscale].append(item)
    registered = {(r["instrument_id"], r["subscale_id"]): r for r in rows("subscales")}
    assert set(registered) == set(items), "a subscale that no model computes, or one without items"
    for key, row in registered.items():
        assert int(row["n_items"]) == len(items[key]), key
        assert float(row["score_min"]) == sum(float(i["score_min"]) for i in items[key]), key
        assert float(row["score_max"]) == sum(float(i["score_max"]) for i in items[key]), key


def test_bands_of_a_set_follow_each_other_over_the_whole_range() -> None:
    scales = {r["scale_id"]: r for r in rows("ref_scales")}
    sets: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for row in rows("severity_bands"):
        assert row["instrument_id"] in scales
        sets[row["instrument_id"], row["band_set"]].append(row)
    defaults: dict[str, int] = defaultdict(int)
    for (instrument, _), bands in sets.items():
        bands.sort(key=lambda b: int(b["band_order"]))
        defaults[instrument] += bands[0]["is_default"] == "true"
        assert len({b["is_default"] for b in bands}) == 1
        for lower, upper in itertools.pairwise(bands):
            gap = float(upper["score_min"]) - float(lower["score_max"])
            assert 0 < gap <= 1, f"{instrument} {upper}"
        if bands[0]["metric"] == "total":
            scale = scales[instrument]
            assert float(bands[0]["score_min"]) == float(scale["total_min"]), instrument
            assert float(bands[-1]["score_max"]) == float(scale["total_max"]), instrument
    assert set(defaults.values()) == {1}, "one default set per instrument"


def test_opposite_questions_are_found_by_their_names() -> None:
    pairs = {r["item_no"]: opposite("IDS_C30", r) for r in members("IDS_C30", "melancholic")}
    assert pairs["13"] == "14"
    assert {n for n, p in pairs.items() if p} == {"13"}
    assert [opposite("QIDS_SR16", r) for r in members("QIDS_SR16", "atypical_reversed")] == [None, "6", "8"]


def test_criteria_of_features_name_items_and_subscales_that_exist() -> None:
    instruments = {d["definition_id"]: d["instrument_id"] for d in rows("feature_definitions")}
    items = {(r["scale_id"], f"item:{r['item_no']}") for r in rows("ref_scale_items")}
    measures = items | {(r["instrument_id"], f"subscale:{r['subscale_id']}") for r in rows("subscales")}
    criteria = rows("feature_criteria")
    assert {c["definition_id"] for c in criteria} == set(instruments)
    for c in criteria:
        assert (instruments[c["definition_id"]], c["measure"]) in measures
        assert not c["partner"] or (instruments[c["definition_id"]], c["partner"]) in items
        assert c["operator"] in (">=", "<=")


def test_mistakes_of_the_registry_are_said() -> None:
    with pytest.raises(ValueError, match="HRSD17/none, which no item"):
        members("HRSD17", "none")
    row = {"instrument_id": "HRSD17", "subscale_id": "sleep", "missing_rule": "guess", "max_missing_items": ""}
    with pytest.raises(ValueError, match="missing_rule 'guess'"):
        subscale_expression(row)
    prorated = subscale_expression({**row, "missing_rule": "prorate_mean", "max_missing_items": "1"})
    assert ">= 2" in prorated
    assert "* 3.0" in prorated
