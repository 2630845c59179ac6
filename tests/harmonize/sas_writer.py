"""A SAS data set (.sas7bdat) for tests, written by the C library inside pyreadstat, which offers no Python for it.

Tests import it as `tests.harmonize.sas_writer`.
"""

from __future__ import annotations

import ctypes
import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyreadstat._readstat_writer

_TEXT, _DOUBLE = 0, 5
_DATA_WRITER = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
_POINTER, _CHARS = ctypes.c_void_p, ctypes.c_char_p
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "writer_init": (_POINTER, []),
    "set_data_writer": (ctypes.c_int, [_POINTER, _DATA_WRITER]),
    "add_variable": (_POINTER, [_POINTER, _CHARS, ctypes.c_int, ctypes.c_size_t]),
    "variable_set_format": (None, [_POINTER, _CHARS]),
    "variable_set_label": (None, [_POINTER, _CHARS]),
    "begin_writing_sas7bdat": (ctypes.c_int, [_POINTER, _POINTER, ctypes.c_long]),
    "begin_row": (ctypes.c_int, [_POINTER]),
    "insert_double_value": (ctypes.c_int, [_POINTER, _POINTER, ctypes.c_double]),
    "insert_string_value": (ctypes.c_int, [_POINTER, _POINTER, _CHARS]),
    "insert_missing_value": (ctypes.c_int, [_POINTER, _POINTER]),
    "insert_tagged_missing_value": (ctypes.c_int, [_POINTER, _POINTER, ctypes.c_char]),
    "end_row": (ctypes.c_int, [_POINTER]),
    "end_writing": (ctypes.c_int, [_POINTER]),
    "writer_free": (None, [_POINTER]),
}


def write_sas7bdat(frame: pd.DataFrame, path: Path, formats: Mapping[str, str] | None = None) -> None:
    """Numbers, text and dates (as DATE9. unless `formats` says otherwise); '.A' among numbers is that code."""
    library = ctypes.CDLL(pyreadstat._readstat_writer.__file__)

    def call(name: str, *arguments: Any) -> Any:
        function = getattr(library, f"readstat_{name}")
        function.restype, function.argtypes = _SIGNATURES[name]
        result = function(*arguments)
        assert function.restype is not ctypes.c_int or result == 0, (name, result)
        return result

    out = bytearray()

    def take(data: int, size: int, _: Any) -> int:
        out.extend(ctypes.string_at(data, size))
        return size

    keep = _DATA_WRITER(take)
    writer = call("writer_init")
    call("set_data_writer", writer, keep)
    columns = []
    for name in frame.columns:
        cells = [_number(cell) for cell in frame[name]]
        text = all(isinstance(cell, str) for cell in cells)
        width = max((len(str(cell).encode()) for cell in cells), default=1) or 1
        variable = call("add_variable", writer, name.encode(), _TEXT if text else _DOUBLE, width if text else 8)
        is_date = any(isinstance(cell, dt.date) for cell in frame[name])
        if format_ := (formats or {}).get(name, "DATE9" if is_date else None):
            call("variable_set_format", variable, format_.encode())
        columns.append((variable, text, cells))
    call("begin_writing_sas7bdat", writer, None, len(frame))
    for i in range(len(frame)):
        call("begin_row", writer)
        for variable, text, cells in columns:
            cell = cells[i]
            if text:
                call("insert_string_value", writer, variable, str(cell).encode())
            elif isinstance(cell, str):
                call("insert_tagged_missing_value", writer, variable, cell[1:].encode())
            elif cell is None:
                call("insert_missing_value", writer, variable)
            else:
                call("insert_double_value", writer, variable, cell)
        call("end_row", writer)
    call("end_writing", writer)
    call("writer_free", writer)
    path.write_bytes(out)


def _number(cell: Any) -> Any:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, dt.date):
        return float((cell - dt.date(1960, 1, 1)).days)
    return None if pd.isna(cell) else float(cell)
