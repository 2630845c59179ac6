"""Synthetic forms as Parquet, laid out as landing lays out the files that `write` writes, without these files.

For benchmarks: the way through text costs more than everything that is measured. No ledger is kept, so a build takes
these files for what they are, but nothing tells what was landed when.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harmonize.sources import Form
from harmonize.synthetic.text_columns import plain_column

ROW_GROUP = 122_880


@dataclass(frozen=True)
class Delivered:
    """A form, the file in which `write` delivers it, and the row of that file in which its data begin."""

    form: Form
    file: str
    first_row: int


def write_landed(
    folder: Path, delivered: Iterable[Delivered], chunks: Iterable[Mapping[str, pa.Table]]
) -> dict[str, int]:
    """Write `<form>.parquet`, a chunk at a time; gives rows per form.

    Chunks hold a table of text per form, by its name; columns as declared, in any order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    writers = {d.form.name: _Landed(folder / f"{d.form.name}.parquet", d) for d in delivered}
    try:
        with ThreadPoolExecutor(2) as pool:
            for tables in chunks:
                list(pool.map(lambda item: writers[item[0]].add(item[1]), tables.items()))
            list(pool.map(_Landed.finish, writers.values()))
    finally:
        for writer in writers.values():
            writer.close()
    return {name: writer.rows for name, writer in writers.items()}


class _Landed:
    """A Parquet file in the layout of landed forms, written in whole row groups."""

    def __init__(self, path: Path, delivered: Delivered) -> None:
        self.rows = 0
        self._delivered = delivered
        self._waiting: list[pa.Table] = []
        names = delivered.form.column_names
        self._schema = pa.schema(
            [("src_file", pa.string()), ("src_row", pa.int64()), *((name, pa.string()) for name in names)]
        )
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")

    def add(self, data: pa.Table) -> None:
        """Take rows; write as many whole row groups as there are."""
        self._waiting.append(data)
        waiting = sum(part.num_rows for part in self._waiting)
        if waiting >= ROW_GROUP:
            self._write(pa.concat_tables(self._waiting), waiting // ROW_GROUP * ROW_GROUP)

    def finish(self) -> None:
        """Write the rest."""
        if self._waiting:
            rest = pa.concat_tables(self._waiting)
            self._write(rest, rest.num_rows)

    def close(self) -> None:
        """Close the file, finished or not."""
        self._writer.close()

    def _write(self, data: pa.Table, count: int) -> None:
        for start in range(0, count, ROW_GROUP):
            part = data.slice(start, min(ROW_GROUP, count - start))
            first = self.rows + self._delivered.first_row
            columns = [
                pa.repeat(self._delivered.file, part.num_rows),
                pa.array(np.arange(first, first + part.num_rows)),
            ]
            columns += [plain_column(part.column(name)) for name in self._schema.names[2:]]
            self._writer.write_table(pa.table(columns, schema=self._schema), row_group_size=ROW_GROUP)
            self.rows += part.num_rows
        self._waiting = [data.slice(count)] if count < data.num_rows else []
