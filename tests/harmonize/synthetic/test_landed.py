"""Parquet that is written directly is what landing makes of the written files."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harmonize import sources
from harmonize.landing import land
from harmonize.paths import Warehouse
from harmonize.synthetic import ispotd, landed, mars, predict, stard
from harmonize.synthetic.studies import available, synthetic


@pytest.mark.parametrize("name", available())
def test_direct_parquet_holds_what_landing_the_written_files_gives(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, seed, study = 64, 5, sources.study(name)
    # Several chunks and row groups, the last of them short; a chunk of iSPOT-D is a multiple of three.
    for module in (ispotd, mars, predict):
        monkeypatch.setattr(module, "LANDED_CHUNK", 27)
    monkeypatch.setattr(stard, "CHUNK", 27)
    monkeypatch.setattr(landed, "ROW_GROUP", 40)
    rows = synthetic(name).write_parquet(tmp_path / "direct", n, seed, world="W2")
    if name == "mars":
        mars.write(tmp_path / "files", n, seed, world="W2", delivery="csv")
    else:
        synthetic(name).write(tmp_path / "files", n, seed, world="W2")
    house = Warehouse(tmp_path / "warehouse")
    land(study, tmp_path / "files", house, synthetic=True)
    # Genotypes come from another archive.
    assert set(rows) == {form.name for form in study.forms if not form.name.startswith("genotype_")}
    for form, count in rows.items():
        direct, by_landing = (
            pq.read_table(folder / f"{form}.parquet") for folder in (tmp_path / "direct", house.raw / name)
        )
        assert direct.equals(by_landing), form
        assert direct.num_rows == count > 0
        groups = pq.read_metadata(tmp_path / "direct" / f"{form}.parquet")
        assert {groups.row_group(i).num_rows for i in range(groups.num_row_groups - 1)} == {40}
        assert groups.row_group(0).column(0).compression == "ZSTD"
