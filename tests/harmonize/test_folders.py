"""The older ASCII release of STAR*D: forms that are kept in a folder per level (dossier section 6.16)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from harmonize.landing import LandingError, LandingReport, land
from harmonize.paths import Warehouse
from harmonize.sources import study
from harmonize.synthetic import stard, stard_ascii
from harmonize.synthetic.text_columns import plain

STUDY = study("stard_ascii")
N, SEED = 60, 5


@pytest.fixture
def delivery(tmp_path: Path) -> Path:
    stard_ascii.write(tmp_path / "delivery", N, SEED)
    return tmp_path / "delivery"


@pytest.fixture
def house(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "warehouse")


def landed(house: Warehouse, form: str) -> pd.DataFrame:
    return pq.read_table(house.raw / "stard_ascii" / f"{form}.parquet").to_pandas()


def take(delivery: Path, house: Warehouse) -> LandingReport:
    return land(STUDY, delivery, house, synthetic=True)


def test_every_row_of_every_folder_is_landed_with_its_folder_and_row(delivery: Path, house: Warehouse) -> None:
    report = take(delivery, house)
    assert {f.form for f in report.forms} == {"el", "mhx", "qs", "cc"}
    for form, name in (("qs", "QS"), ("cc", "CC")):
        rows = landed(house, form)
        for folder in stard_ascii.FOLDERS.values():
            given = pd.read_csv(delivery / folder / "Visits" / f"{name}.csv", dtype=str, keep_default_na=False)
            mine = rows[rows["folder"] == folder]
            assert list(mine["folder_row"].astype(int)) == list(range(2, len(given) + 2))
            for column in given:
                assert list(mine[column.lower()].fillna("")) == list(given[column]), (folder, column)
        assert len(rows) == sum(
            len(pd.read_csv(delivery / f / "Visits" / f"{name}.csv")) for f in stard_ascii.FOLDERS.values()
        )
        assert rows["src_row"].is_unique
        assert set(rows["src_file"]) == {f"{name}.csv"}


def test_the_same_delivery_again_changes_nothing_and_one_byte_does(delivery: Path, house: Warehouse) -> None:
    take(delivery, house)
    assert {f.status for f in take(delivery, house).forms} == {"unchanged"}
    file = delivery / "Level2" / "Visits" / "CC.csv"
    file.write_bytes(file.read_bytes().replace(b"103", b"107", 1))
    assert {f.form: f.status for f in take(delivery, house).forms}["cc"] == "landed"


def test_folders_may_be_spelt_otherwise_and_files_lie_in_them_directly(delivery: Path, house: Warehouse) -> None:
    (delivery / "Level1" / "Visits" / "QS.csv").rename(delivery / "Level1" / "qs.CSV")
    (delivery / "Level2a").rename(delivery / "LEVEL2A")
    take(delivery, house)
    assert set(landed(house, "qs")["folder"]) <= set(stard_ascii.FOLDERS.values())


def test_files_of_no_form_are_named(delivery: Path, house: Warehouse) -> None:
    (delivery / "Level1" / "Visits" / "XY.csv").write_text("ID\n1\n", encoding="utf-8")
    (delivery / "Level9").mkdir()
    ignored = dict(take(delivery, house).ignored)
    assert "no form of stard_ascii" in ignored["Level1/Visits/XY.csv"]
    assert "Level9" in ignored
    assert "Level1" not in ignored


def test_a_form_twice_in_a_folder_is_refused(delivery: Path, house: Warehouse) -> None:
    (delivery / "Level1" / "QS.csv").write_bytes((delivery / "Level1" / "Visits" / "QS.csv").read_bytes())
    with pytest.raises(LandingError, match="twice"):
        take(delivery, house)


def test_copies_with_other_columns_are_refused_with_their_names(delivery: Path, house: Warehouse) -> None:
    file = delivery / "Level2" / "Visits" / "QS.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("SSOIN", "XSOIN", 1), encoding="utf-8")
    with pytest.raises(LandingError, match="ssoin, xsoin") as refused:
        take(delivery, house)
    assert refused.value.file == "Level2/QS.csv"
    assert not (house.raw / "stard_ascii" / "qs.parquet").exists()


def test_a_row_with_a_field_too_many_is_refused_with_its_row(delivery: Path, house: Warehouse) -> None:
    file = delivery / "Level1" / "Visits" / "CC.csv"
    lines = file.read_text(encoding="utf-8").splitlines()
    lines[4] += ",9"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(LandingError, match="fields where the names are") as refused:
        take(delivery, house)
    assert (refused.value.file, refused.value.row) == ("Level1/CC.csv", 5)


def test_both_releases_tell_the_same_of_everybody() -> None:
    """Persons, days and totals of the self-ratings, from the newer release's forms."""
    files = stard_ascii.files(N, SEED)
    newer = plain(stard.forms(N, SEED)["qids01"]).to_pandas().fillna("")
    level_1 = newer[(newer["version_form"] == "Self Rating") & (newer["level"] == "Level 1")]
    older = files["Level1/Visits/QS.csv"]
    assert list(older["ID"]) == list(level_1["src_subject_id"])
    assert list(older["QSTOT"]) == list(level_1["qstot"])
    assert {"SSOIN", "SMDSD", "SENGY", "SAGIT"} <= set(older), "the names that were read"
    assert "999" not in set(older.drop(columns=["ID", "DATE"]).to_numpy().ravel())
    assert set(files["Level1/Visits/CC.csv"]["STMD1"]) <= {"103", "-2"}
