"""The table of corrections that a build reads: `raw/corrections.parquet`, without times, so that the same input gives
the same build."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.parquet as pq

from harmonize.corrections.replay import Replayed, replay
from harmonize.paths import Warehouse
from harmonize.sources import Study

SCHEMA = pa.schema(
    [
        ("correction_id", pa.int64()),
        ("study", pa.string()),
        ("form", pa.string()),
        ("entered_row", pa.int64()),
        ("src_row", pa.int64()),
        ("column_name", pa.string()),
        ("value_before", pa.string()),
        ("value_after", pa.string()),
        ("reason", pa.string()),
        ("approver", pa.string()),
        ("entered_sha256", pa.string()),
        ("found_by", pa.string()),
        ("fate", pa.string()),
    ]
)
"""One row per correction; `src_row` is null where the delivery has no such row."""


def corrections_table(replayed: Iterable[Replayed]) -> pa.Table:
    """The corrections as the build reads them."""
    rows = [
        {
            "correction_id": each.correction.correction_id,
            "study": each.correction.study,
            "form": each.correction.form,
            "entered_row": each.correction.row,
            "src_row": each.row,
            "column_name": each.correction.column,
            "value_before": each.correction.before,
            "value_after": each.correction.after,
            "reason": each.correction.reason,
            "approver": each.correction.approver,
            "entered_sha256": each.correction.sha256,
            "found_by": each.found_by,
            "fate": each.fate,
        }
        for each in replayed
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def ensure_corrections(studies: Iterable[Study], warehouse: Warehouse) -> None:
    """Replay all corrections for the build that begins. Raises CorrectionError."""
    table = corrections_table(replay(studies, warehouse))
    path = warehouse.replayed
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        pq.write_table(table, part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
