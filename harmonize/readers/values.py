"""Typed values as raw text: the shortest text that gives the same number back, dates as ISO text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_WHOLE = 2.0**53
"""Up to it every whole number has a double of its own, and is written in digits; from there on as 1e+17."""

_ARROW_DIGITS = 1e10


def number_texts(values: np.ndarray, decimal: str = ".") -> pa.Array:
    """Numbers (n,) as text; NaN is null. 1 is '1', not '1.0'; -0 is '0'."""
    if values.dtype.kind in "iu":
        return pc.cast(pa.array(values), pa.string())
    missing = np.isnan(values)
    whole = np.isfinite(values) & (values == np.trunc(values)) & (np.abs(values) <= _WHOLE)
    integers = pc.cast(pa.array(np.where(whole, values, 0).astype(np.int64), mask=~whole), pa.string())
    if (whole | missing).all():
        return integers
    # A float of four bytes has its own shortest text: 12.3, not 12.300000190734863.
    others = pc.cast(pa.array(values, mask=whole | missing), pa.string())
    # Arrow writes a fraction from 1e10 on as 1.00000000001e+10; there are hardly ever any.
    large = np.flatnonzero(np.isfinite(values) & ~whole & (np.abs(values) >= _ARROW_DIGITS) & (np.abs(values) < _WHOLE))
    if len(large):
        texts = others.to_numpy(zero_copy_only=False)
        texts[large] = [np.format_float_positional(v, trim="-") for v in values[large]]
        others = pa.array(texts, pa.string())
    if decimal != ".":
        others = pc.replace_substring(others, ".", decimal)
    return pc.coalesce(integers, others)


def number_text(value: float, decimal: str = ".") -> str:
    """One number as text."""
    number = float(value)
    if number == int(number) and abs(number) <= _WHOLE if np.isfinite(number) else False:
        return str(int(number))
    text: str = number_texts(np.array([number]))[0].as_py() or "NaN"
    return text.replace(".", decimal)


def moment_texts(seconds: np.ndarray, origin: str, *, with_time: bool) -> tuple[pa.Array, np.ndarray]:
    """Seconds (n,) since the day `origin` as ISO text, and which of them are a moment of the years 1 to 9999.

    Without `with_time` a moment at midnight is a day; one that is not keeps its time, as that is what the file holds.
    """
    base = np.datetime64(origin, "us")
    low, high = (
        float((np.datetime64(day, "us") - base).astype(np.int64)) / 1e6 for day in ("0001-01-01", "9999-12-31")
    )
    usable = np.isfinite(seconds) & (seconds >= low) & (seconds <= high)
    micro = np.round(np.where(usable, seconds, 0) * 1e6).astype(np.int64)
    moments = base + micro.astype("timedelta64[us]")
    whole_days = moments == moments.astype("datetime64[D]")
    whole_seconds = micro % 1_000_000 == 0
    texts = np.datetime_as_string(moments.astype("datetime64[s]"), unit="s").astype(object)
    if not with_time:
        texts = np.where(
            whole_days, np.datetime_as_string(moments.astype("datetime64[D]"), unit="D").astype(object), texts
        )
    if not whole_seconds.all():
        texts = np.where(whole_seconds, texts, np.datetime_as_string(moments, unit="us").astype(object))
    return pa.array(texts, pa.string(), mask=~usable), usable


def clock_texts(seconds: np.ndarray) -> tuple[pa.Array, np.ndarray]:
    """Seconds (n,) since midnight, or lasted, as H:MM:SS text with hours that may pass 24, and which are such."""
    usable = np.isfinite(seconds) & (seconds >= 0) & (seconds < 1e9) & (seconds == np.trunc(seconds))
    texts = [clock_text(int(value)) if ok else None for value, ok in zip(seconds, usable, strict=True)]
    return pa.array(texts, pa.string()), usable


def clock_text(seconds: float) -> str:
    """One time of day or duration."""
    whole, rest = divmod(seconds, 1)
    text = f"{int(whole) // 3600:02d}:{int(whole) // 60 % 60:02d}:{int(whole) % 60:02d}"
    return text + (f"{rest:.6f}"[1:].rstrip("0") if rest else "")


def text_column(values: Any) -> pa.Array:
    """Strings as they are; an empty one is null, as in delimited text."""
    column = pa.array(values, pa.string())
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
