"""Columns of text whose values repeat, as dictionary-encoded arrow arrays: small in memory, quick to make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harmonize.sources import Form
from harmonize.synthetic.draws import Floats, Ints

Column: TypeAlias = pa.Array | pa.ChunkedArray


def words(codes: Ints, vocabulary: Sequence[str]) -> pa.DictionaryArray:
    """Text by position in the vocabulary; a negative code is a blank."""
    return _encoded(codes, _vocabulary(tuple(vocabulary)))


def numbers(values: Ints, low: int, high: int, blank: NDArray[np.bool_] | None = None) -> pa.DictionaryArray:
    """Whole numbers between `low` and `high`, as text."""
    codes = np.asarray(values) - low
    if codes.size and not (codes.min() >= 0 and codes.max() <= high - low):
        raise ValueError(f"{values.min()} to {values.max()} is not within {low} to {high}")
    if blank is not None:
        codes = np.where(blank, -1, codes)
    return _encoded(codes, _range(low, high))


def constant(text: str, rows: int) -> pa.DictionaryArray:
    """One text in every row."""
    return words(np.zeros(rows, dtype=np.int8), (text,))


def dates(days: Ints) -> pa.DictionaryArray:
    """Days since 2000-01-01 as MM/DD/YYYY."""
    return _encoded(days, _calendar())


def table(form: Form, columns: Mapping[str, Column], rows: int) -> pa.Table:
    """The form's columns in declared order; a column that is not given is blank."""
    unknown = sorted(set(columns) - set(form.column_names))
    if unknown:
        raise ValueError(f"{form.study}.{form.name} declares no column {', '.join(unknown)}")
    blank = pa.nulls(rows, pa.dictionary(pa.int8(), pa.string()))
    return pa.table({name: columns.get(name, blank) for name in form.column_names})


def plain(data: pa.Table) -> pa.Table:
    """The same table with every column as plain strings in one piece."""
    return pa.table({name: plain_column(data.column(name)) for name in data.column_names})


def plain_column(column: Column) -> pa.Array:
    """The same column as one array of plain strings."""
    text = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
    if isinstance(text, pa.ChunkedArray):
        return pa.concat_arrays(text.chunks) if text.num_chunks else pa.array([], type=pa.string())
    return text


def rounded(values: Floats, low: int, high: int) -> NDArray[np.int64]:
    """Nearest whole numbers, kept within limits."""
    return np.clip(np.rint(values), low, high).astype(np.int64)


def _encoded(codes: Ints, vocabulary: pa.Array) -> pa.DictionaryArray:
    width = np.int8 if len(vocabulary) <= 127 else np.int16
    small: Ints = codes.astype(width)
    return pa.DictionaryArray.from_arrays(pa.array(small, mask=small < 0), vocabulary)


@cache
def _vocabulary(texts: tuple[str, ...]) -> pa.Array:
    return pa.array(texts, type=pa.string())


@cache
def _range(low: int, high: int) -> pa.Array:
    return pc.cast(pa.array(range(low, high + 1), type=pa.int64()), pa.string())


@cache
def _calendar() -> pa.Array:
    days = np.datetime64("2000-01-01") + np.arange(4000)
    return pc.strftime(pa.array(days.astype("datetime64[s]")), format="%m/%d/%Y")
