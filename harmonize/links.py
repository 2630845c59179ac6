"""Links that were estimated from a warehouse and are to be used by its next builds: one Parquet file beside the raw
forms, empty until `trd link --keep` writes it."""

from __future__ import annotations

import os
import secrets

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harmonize.paths import Warehouse

SCHEMA = pa.schema(
    [
        ("link_id", pa.string()),
        ("from_instrument_id", pa.string()),
        ("to_instrument_id", pa.string()),
        ("from_score", pa.int64()),
        ("point", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("see", pa.float64()),
        ("se", pa.float64()),
        ("release", pa.string()),
        ("plan_hash", pa.string()),
        ("seed", pa.int64()),
        ("is_synthetic", pa.bool_()),
    ]
)
"""One row per link and whole score: the equivalent, its 95 % interval, SD of persons around it (see), its own SE."""


def ensure_links(warehouse: Warehouse) -> None:
    """Give the build an empty file where nothing is kept."""
    if not warehouse.estimated_links.exists():
        _write(SCHEMA.empty_table(), warehouse)


def kept_links(warehouse: Warehouse) -> pa.Table:
    """What is kept; no rows where nothing is."""
    if not warehouse.estimated_links.exists():
        return SCHEMA.empty_table()
    return pq.read_table(warehouse.estimated_links).cast(SCHEMA)


def keep_links(links: pa.Table, warehouse: Warehouse) -> None:
    """Keep `links` (columns of SCHEMA); links of the same name are replaced, others stay."""
    new = links.select(SCHEMA.names).cast(SCHEMA)
    old = kept_links(warehouse)
    others = old.filter(pc.invert(pc.is_in(old["link_id"], value_set=new["link_id"].unique())))
    every = pa.concat_tables([others, new])
    _write(every.sort_by([("link_id", "ascending"), ("from_score", "ascending")]), warehouse)


def drop_links(warehouse: Warehouse) -> None:
    """Keep nothing any more."""
    _write(SCHEMA.empty_table(), warehouse)


def _write(table: pa.Table, warehouse: Warehouse) -> None:
    path = warehouse.estimated_links
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        pq.write_table(table, part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
