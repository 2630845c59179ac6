"""What quality control counted in all landed sets: one Parquet file that builds read."""

from __future__ import annotations

import os
import secrets

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.genetics import FACTS, FOLDER
from harmonize.paths import Warehouse

FILE = "set_stages.parquet"
SCHEMA = pa.schema(
    [
        ("study_id", pa.string()),
        ("set_id", pa.string()),
        ("kind", pa.string()),
        ("stage_no", pa.int64()),
        ("stage", pa.string()),
        ("n", pa.int64()),
    ]
)
_OF_SET = pa.schema(list(SCHEMA)[2:])


def write_stages(warehouse: Warehouse) -> None:
    """Gather the counts of all sets; an empty table where nothing was landed."""
    folder = warehouse.root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    parts = [SCHEMA.empty_table()]
    for path in sorted(folder.glob(f"*/*/{FACTS}")):
        if path.parent.name.startswith("."):
            continue
        counted = pq.read_table(path.with_name("stages.parquet")).cast(_OF_SET)
        n = counted.num_rows
        study, name = path.parent.parent.name, path.parent.name
        columns = [pa.array([study] * n, pa.string()), pa.array([name] * n, pa.string()), *counted.columns]
        parts.append(pa.table(columns, schema=SCHEMA))
    part = folder / f".{FILE}.{secrets.token_hex(4)}"
    pq.write_table(pa.concat_tables(parts), part)
    os.replace(part, folder / FILE)


def ensure_stages(warehouse: Warehouse) -> None:
    """Give a build the file where no genotypes were landed."""
    if not (warehouse.root / FOLDER / FILE).exists():
        write_stages(warehouse)
