"""Synthetic STAR*D in the archive's own format. Nobody was measured for these data.

The files come from one course per person (`stard_course`), written into forms with the quirks that the real files are
known for (`stard_forms` lists where each is made). What was drawn and stands in no form is given by `truth`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from harmonize.sources import Form, Study, study
from harmonize.synthetic.faults import plant_faults
from harmonize.synthetic.landed import ROW_GROUP, Delivered, write_landed
from harmonize.synthetic.stard_chunk import Chunk
from harmonize.synthetic.stard_forms import FORMS
from harmonize.synthetic.stard_targets import knobs, marginals
from harmonize.synthetic.stard_truth import settled, truth
from harmonize.synthetic.studies import Written
from harmonize.synthetic.text_columns import plain
from harmonize.synthetic.worlds import World
from harmonize.synthetic.worlds import world as _world

__all__ = [
    "Written",
    "forms",
    "iter_chunks",
    "knobs",
    "marginals",
    "plant_faults",
    "settled",
    "truth",
    "write",
    "write_parquet",
]

N = 4041
MARK_FILE = "package_info.txt"

CHUNK = 100_000
HEADER_ROWS = 2
SEX_SPELLING = {
    "el01": "gender",
    "dm01": "gender",
    "phx01": "gender",
    "qids01": "gender",
    "ccv01": "gender",
    "crs01": "sex",
    "hrsd01": "sex",
    "idsc01": "sex",
    "ivra01": "sex",
    "le01": "sex",
    "mhx01": "sex",
    "pdsq01": "gender",
    "side_effects01": "sex",
    "prise01": "gender",
    "qlesq01": "sex",
    "sfhs01": "gender",
    "wpai01": "sex",
    "wsas01": "gender",
    "ucq01": "sex",
    "roa01": "gender",
}
"""How a file calls the declared column `sex`: the archive uses both names (dossier section 3)."""

SPELLING = {"calltype": "CallType"}
"""Declared columns that the archive writes in mixed case (dossier section 3)."""

PACKAGE_INFO = """\
SYNTHETIC DATA. Written by a program; nobody was measured.

Study: STAR*D (file format only)
Persons enrolled: {n}
World: {world}
Seed: {seed}
Planted faults: {faults}
"""


@cache
def _study() -> Study:
    return study("stard")


def iter_chunks(n: int, seed: int, chunk: int = CHUNK, world: str | World = "W0") -> Iterator[dict[str, pa.Table]]:
    """The forms of `n` enrolled persons, `chunk` persons at a time; joined they are what `forms` gives.

    For `n` 0 there is one chunk without rows.
    """
    if n < 0 or chunk < 1:
        raise ValueError(f"n {n} must not be negative and chunk {chunk} must be positive")
    rows = dict.fromkeys(FORMS, 0)
    for first in range(0, max(n, 1), chunk):
        made = Chunk(_study(), first, min(chunk, n - first), seed, _world(world))
        tables = {name: make(made, rows[name] + 1) for name, make in FORMS.items()}
        for name, data in tables.items():
            rows[name] += data.num_rows
        yield tables


def forms(n: int, seed: int, world: str | World = "W0") -> dict[str, pa.Table]:
    """Raw forms of `n` enrolled persons: every value text, columns as declared, rows as delivered, blanks null.

    Columns whose values repeat are dictionary-encoded. The same `n` and `seed` give the same tables; a smaller `n`
    gives the first of the same persons.
    """
    chunks = list(iter_chunks(n, seed, world=world))
    return {name: pa.concat_tables([tables[name] for tables in chunks]) for name in FORMS}


def write(folder: Path, n: int, seed: int, *, world: str | World = "W0", faults: bool = False) -> Written:
    """Write `<form>.txt` as the archive delivers them, and the files that it puts beside the data.

    With `faults` everything is held in memory at once, otherwise one chunk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    manifest: pd.DataFrame | None = None
    chunks = iter_chunks(n, seed, world=world)
    if faults:
        planted, manifest = plant_faults(forms(n, seed, world), seed)
        chunks = iter([planted])
    paths = {f"{name}.txt": folder / f"{name}.txt" for name in FORMS}
    rows = dict.fromkeys(FORMS, 0)
    for name in FORMS:
        paths[f"{name}.txt"].write_bytes(_header(_study().form(name)))
    with ThreadPoolExecutor(2) as pool:
        for tables in chunks:
            list(pool.map(lambda item: _append_text(paths[f"{item[0]}.txt"], item[1]), tables.items()))
            for name, data in tables.items():
                rows[name] += data.num_rows
    paths |= _write_package_files(folder, paths, rows, n, seed, world, faults)
    return Written(rows=rows, paths=paths, faults=manifest)


def write_parquet(folder: Path, n: int, seed: int, *, world: str | World = "W0") -> dict[str, int]:
    """Write `<form>.parquet` as landing would have written the text files; gives rows per form."""
    delivered = [Delivered(_study().form(name), f"{name}.txt", HEADER_ROWS + 1) for name in FORMS]
    return write_landed(folder, delivered, iter_chunks(n, seed, CHUNK, world))


def _header(form: Form) -> bytes:
    """Names and descriptions, the two header rows of the archive."""
    spelling = {"sex": SEX_SPELLING[form.name], **SPELLING}
    names = [spelling.get(name, name) for name in form.column_names]
    descriptions = [column.description for column in form.columns]
    lines = ["\t".join('"' + text.replace('"', '""') + '"' for text in row) for row in (names, descriptions)]
    return ("\n".join(lines) + "\n").encode()


def _append_text(path: Path, data: pa.Table) -> None:
    """Append rows with every field in quotes, blanks too."""
    options = pacsv.WriteOptions(include_header=False, delimiter="\t", quoting_style="all_valid")
    with path.open("ab") as file:
        for start in range(0, data.num_rows, ROW_GROUP):
            part = plain(data.slice(start, ROW_GROUP))
            filled = pa.table({name: pc.fill_null(part.column(name), "") for name in part.column_names})
            pacsv.write_csv(filled, file, options)


def _write_package_files(
    folder: Path, data: Mapping[str, Path], rows: Mapping[str, int], n: int, seed: int, world: str | World, faults: bool
) -> dict[str, Path]:
    paths = {name: folder / name for name in ("package_info.txt", "datastructure_manifest.txt", "md5_values.txt")}
    paths["package_info.txt"].write_text(
        PACKAGE_INFO.format(n=n, seed=seed, world=_world(world).name, faults="yes" if faults else "no"),
        encoding="utf-8",
    )
    paths["datastructure_manifest.txt"].write_text(
        "".join(f'"{name}"\t"{count}"\n' for name, count in {"structure": "rows", **rows}.items()), encoding="utf-8"
    )
    sums = []
    for name, path in data.items():
        with path.open("rb") as file:
            sums.append(f'"{name}"\t"{hashlib.file_digest(file, "md5").hexdigest()}"\n')
    paths["md5_values.txt"].write_text("".join(sums), encoding="utf-8")
    return paths
