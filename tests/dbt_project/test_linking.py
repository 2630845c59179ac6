"""The links of a build: known answers of the sources, the rule of the first path, and links kept by `trd link`."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from harmonize.landing import land
from harmonize.links import SCHEMA, drop_links, keep_links, kept_links
from harmonize.paths import Warehouse
from harmonize.sources import study
from tests.dbt_project import kit

LINKS = (
    "crosswalk crosswalk_formulas link_rules link_assumptions item_links ref_scales severity_scales landings "
    "kept_links link_tables link_points links"
).split()
"""What links are made of; scores are not needed. test_whole_study.py looks at the linked scores of a build."""


def estimated(link_id: str, score: int = 10, synthetic: bool = False) -> pa.Table:
    row = {
        "link_id": link_id, "from_instrument_id": "PHQ9", "to_instrument_id": "HRSD17", "from_score": score,
        "point": 13.2, "low": 12.6, "high": 13.8, "see": 3.9, "se": 0.3, "release": "landings-x", "plan_hash": None,
        "seed": 1, "is_synthetic": synthetic,
    }  # fmt: skip
    return pa.Table.from_pylist([row], schema=SCHEMA)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A real landing and a link estimated from real persons, one from synthetic ones."""
    house = Warehouse(tmp_path_factory.mktemp("links"))
    delivered = house.root / "delivered"
    delivered.mkdir()
    (delivered / "riesby_hamd_long.csv").write_text("id,hamd,intcpt,week,endog,endog_week\n101,26,1,0,0,0\n")
    land(study("riesby"), delivered, house, synthetic=False)
    keep_links(estimated("est_real"), house)
    keep_links(estimated("est_synthetic", synthetic=True), house)
    done = kit.dbt(house, "build", "--indirect-selection", "cautious", "--select", *LINKS)
    assert done.returncode == 0, done.stdout[-5000:]
    return house


def query(house: Warehouse, sql: str) -> list[tuple[object, ...]]:
    """Rows of the working file: a part of a build is never published."""
    with duckdb.connect(str(house.next / "trd.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def points(house: Warehouse, link_id: str, from_scale: str, to_scale: str) -> dict[int, float]:
    found = query(
        house,
        "select from_score, point from marts.link_points where kind in ('table', 'formula')"
        f" and link_id = '{link_id}' and from_instrument_id = '{from_scale}' and to_instrument_id = '{to_scale}'",
    )
    return dict(found)  # type: ignore[arg-type]


def test_known_answers_of_the_sources(house: Warehouse) -> None:
    """Carmody 2006: HRSD17 7 is MADRS 8 to 9; the IDS-QIDS table: QIDS 5 is HRSD17 7; worked example of Vittengl:
    HRSD17 20 is IDS-SR 39; PHQ-9 10 is BDI-II 18 (reference README, section 2)."""
    madrs = points(house, "carmody2006_madrs_hrsd17", "MADRS", "HRSD17")
    assert [score for score, point in madrs.items() if point == 7] == [8, 9]
    assert points(house, "ids_qids_table", "QIDS_SR16", "HRSD17")[5] == 7
    assert points(house, "ids_qids_table_inverse", "HRSD17", "QIDS_SR16")[7] == 5
    assert round(points(house, "vittengl_hrsd_ids", "HRSD17", "IDS_SR30")[20]) == 39
    assert points(house, "derived_eap_phq9_bdi_ii", "PHQ9", "BDI_II")[10] == 18


def test_misprint_of_the_ids_range_is_not_in_the_table(house: Warehouse) -> None:
    """The page prints 62-24 at QIDS 25; the R package averaged it to 43."""
    ids = points(house, "ids_qids_table", "QIDS_SR16", "IDS_SR30")
    assert ids[25] == 63
    assert sorted(ids) == list(range(28))
    assert all(ids[q] < ids[q + 1] for q in range(27))


def test_recalled_links_and_anchors_are_no_path(house: Warehouse) -> None:
    unverified = "select crosswalk_id from reference.crosswalk where verified = 'memory' or use_flag = 'anchor_only'"
    assert query(house, f"select 1 from ({unverified}) limit 1") == [(1,)]
    assert query(
        house,
        "select p.link_id from marts.link_points as p inner join reference.crosswalk as c on p.link_id = c.crosswalk_id"
        " and p.from_score = c.from_score_min and p.from_instrument_id = c.from_scale"
        " and p.to_instrument_id = c.to_scale"
        " where c.verified = 'memory' or c.use_flag in ('anchor_only', 'unverified')",
    ) == []  # fmt: skip
    assert query(house, "select link_id from marts.links where from_instrument_id = 'BDI_II' and is_default"
                            " and to_instrument_id in ('HRSD17', 'QIDS_SR16')") == [("none",), ("none",)]  # fmt: skip


def test_each_scale_has_one_first_path_to_each_target(house: Warehouse) -> None:
    found = dict(
        query(
            house,
            "select from_instrument_id, link_id from marts.links where is_default and to_instrument_id = 'HRSD17'",
        )
    )  # type: ignore[arg-type]
    assert found["QIDS_SR16"] == "ids_qids_table"
    assert found["MADRS"] == "carmody2006_madrs_hrsd17"
    assert found["IDS_SR30"] == "vittengl_ids_hrsd"
    assert found["HRSD17"] == "as_measured"
    # an estimate is used where nothing is published; one from synthetic persons never beside real ones
    assert found["PHQ9"] == "est_real"
    assert query(house, "select priority from marts.links where link_id = 'est_synthetic'") == [(None,)]


def test_kept_links_are_replaced_by_name_and_forgotten(tmp_path: Path) -> None:
    house = Warehouse(tmp_path)
    assert kept_links(house).num_rows == 0
    keep_links(pa.concat_tables([estimated("a", 1), estimated("a", 2), estimated("b")]), house)
    keep_links(estimated("a", 3), house)
    assert kept_links(house).select(["link_id", "from_score"]).to_pylist() == [
        {"link_id": "a", "from_score": 3},
        {"link_id": "b", "from_score": 10},
    ]
    drop_links(house)
    assert kept_links(house).num_rows == 0
