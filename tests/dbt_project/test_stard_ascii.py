"""The older ASCII release of STAR*D through its own mapping document: one build on synthetic files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from harmonize.landing import land
from harmonize.paths import Warehouse
from harmonize.sources import study
from harmonize.synthetic import stard_ascii
from tests.dbt_project import kit

N, SEED = 60, 5
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = Warehouse(Path(tmp_path_factory.mktemp("ascii")))
    stard_ascii.write(warehouse.root / "delivered", N, SEED)
    land(study("stard_ascii"), warehouse.root / "delivered", warehouse, synthetic=True)
    return kit.build(warehouse, project=kit.project_with("stard_ascii"))


def delivered(house: Warehouse, name: str) -> pd.DataFrame:
    found = [
        pd.read_csv(path, dtype=str, keep_default_na=False).assign(folder=path.parent.parent.name)
        for path in sorted((house.root / "delivered").glob(f"Level*/Visits/{name}.csv"))
    ]
    return pd.concat(found)


def test_every_person_and_race(house: Warehouse) -> None:
    el = pd.read_csv(house.root / "delivered" / "Enrollment" / "EL.csv", dtype=str)
    found = kit.query(house, "select race, count(*) from cdm.subjects group by all")
    assert sum(n for _, n in found) == N  # type: ignore[misc]
    assert dict(found)["White"] == (el["WHITE"] == "1").sum()  # type: ignore[arg-type]


def test_self_ratings_are_those_of_the_files(house: Warehouse) -> None:
    qs = delivered(house, "QS")
    kept = qs[qs["QSTOT"] != ""].drop_duplicates(["ID", "DATE"])  # a level's last visit opens the next
    scored = "select count(*), sum(score) from cdm.scales where instrument_id = 'QIDS_SR16' and score is not null"
    assert kit.query(house, scored) == [(len(kept), float(kept["QSTOT"].astype(int).sum()))]
    disagree = "select count(*) from cdm.scales where not total_agrees"
    assert kit.query(house, disagree)[0][0] < 0.05 * len(kept)  # type: ignore[operator]


def test_known_codes_are_drugs_and_unknown_ones_are_refused_and_listed(house: Warehouse) -> None:
    cc = delivered(house, "CC")
    assert kit.query(house, "select distinct treatment_id from cdm.treatments order by 1") == [
        ("citalopram",),
        ("sertraline",),
    ]
    other = {code for code in cc["STMD1"].tolist() + cc["STMD2"].tolist() if code not in ("103", "107", "-2")}
    listed = kit.query(house, "select distinct raw_value, rule from quality.cell_issues where src_form = 'cc'")
    assert set(listed) == {(code, "invalid_code") for code in other}
    assert other
    assert kit.query(house, "select distinct entity, rule from quality.quarantine") == [
        ("treatments", "treatment_id:not_null")
    ]


def test_levels_come_from_the_folders(house: Warehouse) -> None:
    cc = delivered(house, "CC")
    steps = kit.query(house, "select step_id, count(*) from cdm.steps group by all order by 1")
    by_folder = cc.groupby("folder")["ID"].nunique()
    names = {"Level1": "1", "Level2": "2", "Level2a": "2A", "Level3": "3", "Level4": "4"}
    assert dict(steps) == {names[f]: n for f, n in by_folder.items()}  # type: ignore[arg-type]


def test_nothing_is_lost(house: Warehouse) -> None:
    lost = "select * from quality.entity_rows where n_candidates <> n_accepted + n_merged + n_quarantined"
    assert kit.query(house, lost) == []
    rows = {
        form: len(delivered(house, form.upper())) if form in ("qs", "cc") else None
        for form in ("el", "mhx", "qs", "cc")
    }
    counted = "select src_form, block, sum(case when fate = 'raw' then n_rows else -n_rows end) from quality.form_rows"
    assert {n for *_, n in kit.query(house, f"{counted} where study_id = 'stard_ascii' group by all")} == {0}
    raw = dict(
        kit.query(house, "select block, n_rows from quality.form_rows where fate = 'raw' and study_id = 'stard_ascii'")
    )
    assert raw["qids_sr"] == rows["qs"]
    assert raw["doses"] == 4 * rows["cc"]  # type: ignore[operator]
