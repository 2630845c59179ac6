"""How STAR*D comes besides as the archive wrote it: saved again by a spreadsheet, beside other files, in mixed case."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harmonize.landing import land
from harmonize.paths import Warehouse
from harmonize.readers.header import PROVENANCE
from harmonize.sources import study
from harmonize.synthetic import stard

STUDY = study("stard")
N, SEED = 25, 3


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(tmp_path_factory.mktemp("stard")) / "archive"
    stard.write(folder, N, SEED)
    return folder


def landed(folder: Path, warehouse: Warehouse) -> dict[str, pa.Table]:
    """What each form came to, without where it came from."""
    report = land(STUDY, folder, warehouse, synthetic=True)
    assert all(name.startswith("genotype_") for name in report.absent), "genotypes come from another archive"
    found = {}
    for form in (f for f in STUDY.forms if f.name not in report.absent):
        table = pq.read_table(warehouse.raw / "stard" / f"{form.name}.parquet")
        found[form.name] = table.drop_columns(list(PROVENANCE)).select(form.column_names)
    return found


@pytest.mark.parametrize(("delimiter", "both_headers"), [(";", True), (";", False), (",", False)])
def test_a_copy_saved_by_a_spreadsheet_lands_the_same_cells(
    delivered: Path, tmp_path: Path, delimiter: str, both_headers: bool
) -> None:
    """Section 3: re-saved copies as .csv, also with `;`; the row of descriptions is often gone."""
    copies = tmp_path / "copies"
    copies.mkdir()
    for path in delivered.glob("*01.txt"):
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.reader(stream, delimiter="\t"))
        kept = rows if both_headers else [rows[0], *rows[2:]]
        with (copies / f"{path.stem}.csv").open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream, delimiter=delimiter).writerows(kept)
    again = landed(copies, Warehouse(tmp_path / "again"))
    first = landed(delivered, Warehouse(tmp_path / "first"))
    assert {name: again[name].equals(first[name]) for name in first} == dict.fromkeys(first, True)


def test_files_that_are_no_structure_are_ignored_and_named(delivered: Path, tmp_path: Path) -> None:
    """Section 3: package files, a hand-edited dm01 (prefer dm01), another group's helper on clinics."""
    extra = tmp_path / "delivery"
    extra.mkdir()
    (extra / "el01.txt").write_bytes((delivered / "el01.txt").read_bytes())
    (extra / "hcdm01.txt").write_text("subjectkey\tmarital\nX\t1\n", encoding="utf-8")
    (extra / "clinics1.csv").write_text("ID,Setting\n1,1\n", encoding="utf-8")
    (extra / "ccv01_definitions.csv").write_text("ElementName\nsubjectkey\n", encoding="utf-8")
    report = land(STUDY, extra, Warehouse(tmp_path / "warehouse"), synthetic=True)
    assert {name for name, _ in report.ignored} == {"hcdm01.txt", "clinics1.csv", "ccv01_definitions.csv"}
    assert [f.form for f in report.forms] == ["el01"]


def test_names_are_matched_whatever_their_case(delivered: Path, tmp_path: Path) -> None:
    """Section 3: CallType is written in mixed case."""
    head = (delivered / "wsas01.txt").read_text(encoding="utf-8").splitlines()[0]
    assert '"CallType"' in head
    kinds = landed(delivered, Warehouse(tmp_path / "warehouse"))["wsas01"].column("calltype").to_pylist()
    assert set(kinds) == {"Base", "Entry", "Exit"}
