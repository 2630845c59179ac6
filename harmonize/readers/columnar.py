"""Parquet files, row group by row group: flat columns of numbers, text, booleans, dates and times as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harmonize.readers import LandingError
from harmonize.readers.delivered import SEND_AGAIN, unpack
from harmonize.readers.facts import ColumnFacts, FileFacts
from harmonize.readers.kinds import check_start
from harmonize.readers.values import clock_texts, moment_texts, number_texts, text_column
from harmonize.sources import Form

ROWS_AT_ONCE = 65_536


class ParquetReader:
    """One Parquet file; row 1 is the first row. Every fault raises LandingError. Use it as a context manager."""

    head = None
    delimiter = ""
    sheet = None

    def __init__(self, path: Path, form: Form, work: Path, on_bytes: Callable[[int], None] | None = None) -> None:
        self.file = path.name
        self._unpacked = unpack(path, work, on_bytes)
        self.sha256, self.size = self._unpacked.sha256, self._unpacked.size
        check_start(self._unpacked.path, "parquet", self.file)
        try:
            self._parquet = pq.ParquetFile(self._unpacked.path)
            self._schema = self._parquet.schema_arrow
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(error) from None
        self.names: tuple[str, ...] = tuple(self._schema.names)
        if not self.names:
            raise LandingError("the file has no columns", file=self.file, remedy=SEND_AGAIN)
        for field in self._schema:
            if not _is_flat(field.type):
                raise LandingError(
                    f"the column is of type {field.type}, which is no single value",
                    file=self.file,
                    column=field.name,
                    remedy="Export it as one column per value",
                )
        self._decimals = [form.decimal_of(name) for name in self.names]

    def __enter__(self) -> ParquetReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._parquet.close()
        if self._unpacked.path.name.startswith("unpacked_"):
            self._unpacked.path.unlink(missing_ok=True)

    @property
    def facts(self) -> FileFacts:
        """Column types and what they say of dates."""
        columns = tuple(
            ColumnFacts(name=field.name, storage=str(field.type), date=_date_kind(field.type)) for field in self._schema
        )
        return FileFacts(kind="parquet", columns=columns)

    def first_row(self, header_rows: int) -> int:
        """The number of the first row."""
        return 1

    def tables(self, header_rows: int) -> Iterator[pa.Table]:
        """The rows in file order: text columns 0, 1, ..., null where null."""
        names = [str(i) for i in range(len(self.names))]
        try:
            for batch in self._parquet.iter_batches(batch_size=ROWS_AT_ONCE):
                yield pa.table([column_texts(c, d) for c, d in zip(batch.columns, self._decimals, strict=True)], names)
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> LandingError:
        return LandingError(f"the Parquet file is cut off or damaged ({error})", file=self.file, remedy=SEND_AGAIN)


def column_texts(column: pa.Array, decimal: str) -> pa.Array:
    """A typed column as text."""
    type_ = column.type
    if pa.types.is_dictionary(type_):
        column = column.dictionary_decode()
        type_ = column.type
    if pa.types.is_null(type_):
        return pa.nulls(len(column), pa.string())
    if pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return text_column(pc.cast(column, pa.string()))
    if pa.types.is_boolean(type_):
        return pc.if_else(column, "TRUE", "FALSE")
    if pa.types.is_integer(type_):
        return pc.cast(column, pa.string())
    if pa.types.is_decimal(type_):
        text = pc.cast(column, pa.string())
        trimmed = pc.replace_substring_regex(text, r"(\.\d*?)0+$", r"\1")
        trimmed = pc.replace_substring_regex(trimmed, r"\.$", "")
        return pc.replace_substring(trimmed, ".", decimal)
    if pa.types.is_floating(type_):
        if pa.types.is_float16(type_):
            column = pc.cast(column, pa.float32())
        values = column.to_numpy(zero_copy_only=False)
        text = number_texts(values, decimal)
        return pc.if_else(pc.and_(pc.is_valid(column), pa.array(np.isnan(values))), "NaN", text)
    valid = pc.is_valid(column)
    if pa.types.is_time(type_):
        texts, _ = clock_texts(
            pc.cast(pc.cast(column, pa.time64("us")), pa.int64()).to_numpy(zero_copy_only=False) / 1e6
        )
        return pc.if_else(valid, texts, pa.scalar(None, pa.string()))
    if pa.types.is_timestamp(type_):
        micro = pc.cast(pc.cast(column, pa.timestamp("us", type_.tz), safe=False), pa.int64())
        seconds = pc.fill_null(micro, 0).to_numpy(zero_copy_only=False) / 1e6
        texts, _ = moment_texts(seconds, "1970-01-01", with_time=True)
    else:
        days = pc.cast(pc.cast(column, pa.date32()), pa.int32())
        seconds = pc.fill_null(days, 0).to_numpy(zero_copy_only=False) * 86_400.0
        texts, _ = moment_texts(seconds, "1970-01-01", with_time=False)
    if pa.types.is_timestamp(type_) and type_.tz is not None:
        texts = pc.binary_join_element_wise(texts, "Z", "")  # stored in universal time
    return pc.if_else(valid, texts, pa.scalar(None, pa.string()))


def _is_flat(type_: pa.DataType) -> bool:
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    return any(
        test(type_)
        for test in (
            pa.types.is_null,
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_string_view,
            pa.types.is_boolean,
            pa.types.is_integer,
            pa.types.is_floating,
            pa.types.is_decimal,
            pa.types.is_date,
            pa.types.is_time,
            pa.types.is_timestamp,
        )
    )


def _date_kind(type_: pa.DataType) -> str | None:
    if pa.types.is_date(type_):
        return "date"
    if pa.types.is_timestamp(type_):
        return "datetime"
    return "time" if pa.types.is_time(type_) else None
