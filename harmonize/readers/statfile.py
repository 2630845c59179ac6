"""SPSS (.sav), SAS (.sas7bdat, .xpt) and Stata (.dta) files, read in pieces with pyreadstat.

Codes that the file declares as missing (-99 in SPSS, .A in SAS, .a in Stata) are raw values like any other, and the
declaration is a fact beside them. Only what has no code, the system-missing value, is null.
"""

from __future__ import annotations

import codecs
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# The public read_xport cannot be told to keep .A to .Z; the function that it calls can.
from pyreadstat._readstat_parser import PyreadstatError, ReadstatError, parser_entry_point

from harmonize.readers import LandingError
from harmonize.readers.delivered import SEND_AGAIN, unpack
from harmonize.readers.facts import ColumnFacts, FileFacts, MissingRange
from harmonize.readers.kinds import WORDS, check_start
from harmonize.readers.values import clock_texts, moment_texts, number_text, number_texts, text_column
from harmonize.sources import Form

CELLS_AT_ONCE = 2_000_000
"""How many values are held as Python objects at once; rows of a piece follow from the number of columns."""
_PARSERS = {"sav": "sav/zsav", "sas7bdat": "sas7bdat", "xpt": "xport", "dta": "dta"}
_ORIGINS = {"sav": "1582-10-14", "sas7bdat": "1960-01-01", "xpt": "1960-01-01", "dta": "1960-01-01"}
_DAY = 86_400.0
_PROBE = """
import sys
from pyreadstat._readstat_parser import parser_entry_point
try:
    parser_entry_point(*sys.argv[1:3], encoding=sys.argv[3] or None, metadataonly=True, output_format="dict")
except Exception:
    pass
"""
_DATES = {
    "sav": {"date": "DATE ADATE EDATE JDATE SDATE", "datetime": "DATETIME YMDHMS", "time": "TIME DTIME"},
    "sas": {
        "date": (
            "WEEKDATE WEEKDATX MMDDYY MMDDYYB MMDDYYC MMDDYYD MMDDYYN MMDDYYP MMDDYYS DDMMYY DDMMYYB DDMMYYC DDMMYYD "
            "DDMMYYN DDMMYYP DDMMYYS YYMMDD YYMMDDB YYMMDDC YYMMDDD YYMMDDN YYMMDDP YYMMDDS DATE JULIAN DOWNAME "
            "WORDDATE WORDDATX E8601DA B8601DA IS8601DA NENGO MINGUO EURDFDD EURDFDE EURDFDN EURDFWDX EURDFWKX "
            "DEUDFDD DEUDFDE DEUDFDN DEUDFWDX DEUDFWKX NLDATE NLDATEL NLDATEM NLDATES"
        ),
        "datetime": "DATETIME E8601DT B8601DT IS8601DT DATEAMPM MDYAMPM NLDATM EURDFDT DEUDFDT",
        "time": "TIME HHMM TOD TIMEAMPM E8601TM B8601TM IS8601TM",
    },
}


def survives(path: Path, parser: str, encoding: str | None) -> bool:
    """Whether another process can read the head of the file: damaged bytes there can crash the library, not only fail.

    Half a second; without it a crash would end the landing without a word about the file.
    """
    return subprocess.run([sys.executable, "-c", _PROBE, str(path), parser, encoding or ""]).returncode >= 0


def _iconv_name(declared: Any, file: str) -> str | None:
    """An encoding by the name that the library knows: Python's latin-1 is its ISO8859-1."""
    if declared is None:
        return None
    try:
        return codecs.lookup(str(declared)).name.upper()
    except LookupError:
        raise LandingError(
            f"the encoding {declared!r} is not known", file=file, remedy="Correct the sources YAML"
        ) from None


def date_kind(kind: str, format_: str | None) -> str | None:
    """`date`, `datetime` or `time` where the file's format says that a number is one; months and weeks stay numbers."""
    if not format_:
        return None
    if kind == "dta":
        if re.match(r"%-?tc", format_, re.IGNORECASE):
            return "datetime"
        return "date" if re.match(r"%-?(td|d)", format_) else None
    word = re.sub(r"[\d.]*$", "", format_.upper())
    return next((what for what, words in _DATES.get(kind, _DATES["sas"]).items() if word in words.split()), None)


class StatReader:
    """One file of a statistics package: `names` at once, then its rows as `tables`; row 1 is the first case.

    Every fault raises LandingError. Use it as a context manager.
    """

    head = None
    delimiter = ""
    sheet = None

    def __init__(
        self, path: Path, kind: str, form: Form, work: Path, on_bytes: Callable[[int], None] | None = None
    ) -> None:
        self.file = path.name
        self._kind = kind
        self._unpacked = unpack(path, work, on_bytes)
        self.sha256, self.size = self._unpacked.sha256, self._unpacked.size
        check_start(self._unpacked.path, kind, self.file)
        self._encoding = _iconv_name(form.format.get("encoding"), self.file)
        self._remarks: list[str] = []
        if kind == "xpt":
            self._check_transport()
        if kind == "dta":
            self._check_stata()
        if not survives(self._unpacked.path, _PARSERS[kind], self._encoding):
            raise self._refused(ValueError("the library crashes on it"))
        _, self._meta = self._read(metadataonly=True)
        self.names: tuple[str, ...] = tuple(self._meta.column_names)
        if not self.names:
            raise LandingError("the file has no columns", file=self.file, remedy=SEND_AGAIN)
        if not all(self.names):
            raise self._refused(ValueError("a column has no name"))
        self._decimals = [form.decimal_of(name) for name in self.names]
        self._dates = [date_kind(kind, self._meta.original_variable_types[name]) for name in self.names]
        self._floats = [self._meta.readstat_variable_types[name] == "float" for name in self.names]
        self._strings = [self._meta.readstat_variable_types[name].startswith("string") for name in self.names]
        self._seen: list[Counter[str]] = [Counter() for _ in self.names]

    def __enter__(self) -> StatReader:
        return self

    def __exit__(self, *_: object) -> None:
        if self._unpacked.path.name != self.file:
            self._unpacked.path.unlink(missing_ok=True)

    @property
    def facts(self) -> FileFacts:
        """What the file says of itself; counts of missing codes are whole once `tables` is exhausted."""
        return FileFacts(
            kind=self._kind,
            columns=tuple(self._column_facts(i) for i in range(len(self.names))),
            encoding=self._encoding or self._meta.file_encoding,
            label=self._meta.file_label or None,
            notes=tuple(self._meta.notes or ()),
            remarks=tuple(self._remarks),
        )

    def first_row(self, header_rows: int) -> int:
        """The number of the first row: cases are counted from 1, as the packages do."""
        return 1

    def tables(self, header_rows: int) -> Iterator[pa.Table]:
        """The rows in file order: text columns 0, 1, ..., system-missing null."""
        rows = max(1_000, CELLS_AT_ONCE // len(self.names))
        offset = 0
        while True:
            data, _ = self._read(row_offset=offset, row_limit=rows)
            columns = list(data.values())
            count = len(columns[0]) if columns else 0
            if count:
                yield pa.table([self._texts(i, column) for i, column in enumerate(columns)], self._fields())
            offset += count
            if count < rows:
                break
        expected = self._meta.number_rows
        if expected is not None and offset != expected:
            raise LandingError(
                f"the file says that it holds {expected:,} rows, but {offset:,} could be read",
                file=self.file,
                remedy=SEND_AGAIN,
            )

    def _fields(self) -> list[str]:
        return [str(i) for i in range(len(self.names))]

    def _read(self, **options: Any) -> tuple[dict[str, list[Any]], Any]:
        try:
            data, meta = parser_entry_point(
                str(self._unpacked.path),
                _PARSERS[self._kind],
                encoding=self._encoding,
                user_missing=True,
                disable_datetime_conversion=True,
                output_format="dict",
                **options,
            )
        except (ReadstatError, PyreadstatError, UnicodeDecodeError, ValueError) as error:
            raise self._refused(error) from None
        if len(set(meta.column_names)) != len(meta.column_names):
            double = next(name for name, count in Counter(meta.column_names).items() if count > 1)
            raise LandingError(
                f"two columns are both called {double}", file=self.file, column=double, remedy="Rename one of them"
            )
        return data, meta

    def _refused(self, error: Exception) -> LandingError:
        text = str(error)
        if isinstance(error, UnicodeDecodeError) or "convert" in text.lower() or "encoding" in text.lower():
            used = f"{self._encoding!r}, which the sources YAML declares" if self._encoding else "the one it names"
            return LandingError(
                f"text of the file is not valid in its encoding, {used} ({text})",
                file=self.file,
                remedy="Declare the true one in the sources YAML, for instance format: {encoding: windows-1252}",
            )
        return LandingError(
            f"the file cannot be read as {WORDS[self._kind]}: it is cut off or damaged ({text})",
            file=self.file,
            remedy=SEND_AGAIN,
        )

    def _check_transport(self) -> None:
        """Refuse what is not made of records of 80 bytes, and several data sets in one file: one only would be read."""
        size = self._unpacked.path.stat().st_size
        if size % 80:
            raise LandingError(
                f"the file is cut off: it has {size:,} bytes, which is no multiple of 80",
                file=self.file,
                remedy=SEND_AGAIN,
            )
        with self._unpacked.path.open("rb") as opened:
            members, at = 0, 0
            while piece := opened.read(80 << 12):
                members += piece.count(b"HEADER RECORD*******MEMB")
                at += len(piece)
        if members > 1:
            raise LandingError(
                f"the file holds {members} data sets",
                file=self.file,
                remedy="Export each data set to a file of its own",
            )

    def _check_stata(self) -> None:
        """From version 13 on a Stata file says where it ends, and the library does not look."""
        size = self._unpacked.path.stat().st_size
        with self._unpacked.path.open("rb") as opened:
            tagged = opened.read(11) == b"<stata_dta>"
            opened.seek(max(0, size - 64))
            if tagged and b"</stata_dta>" not in opened.read():
                raise LandingError("the file is cut off before its end mark", file=self.file, remedy=SEND_AGAIN)

    def _texts(self, i: int, values: list[Any]) -> pa.Array:
        if self._strings[i]:
            column = text_column(values)
            self._count_missing_texts(i, column)
            return column
        tags = [value if isinstance(value, str) else None for value in values] if self._may_have_tags else None
        if tags is not None and any(tags):
            self._seen[i].update(f".{tag}" for tag in tags if tag)
            numbers = [None if tag else value for tag, value in zip(tags, values, strict=True)]
            special = pa.array([f".{tag}" if tag else None for tag in tags], pa.string())
            return pc.coalesce(special, self._numbers(i, numbers))
        return self._numbers(i, values)

    @property
    def _may_have_tags(self) -> bool:
        return self._kind != "sav"

    def _numbers(self, i: int, values: list[Any]) -> pa.Array:
        numbers = np.array(values, dtype=np.float64)
        plain = number_texts(numbers.astype(np.float32) if self._floats[i] else numbers, self._decimals[i])
        declared = self._declared_missing(i, numbers)
        if declared is not None and declared.any():
            counted = pc.value_counts(pc.filter(plain, pa.array(declared)))
            self._seen[i].update({entry["values"].as_py(): entry["counts"].as_py() for entry in counted})
        what = self._dates[i]
        if what is None:
            return plain
        if what == "time":
            dated, usable = clock_texts(numbers)
        else:
            unit = {"dta": {"date": _DAY, "datetime": 1e-3}, "sav": {"date": 1.0, "datetime": 1.0}}.get(
                self._kind, {"date": _DAY, "datetime": 1.0}
            )[what]
            dated, usable = moment_texts(numbers * unit, _ORIGINS[self._kind], with_time=what == "datetime")
        if declared is not None:
            usable &= ~declared  # a missing code in a date column is a code, not a day in 1582
        return pc.if_else(pa.array(usable), dated, plain)

    def _ranges(self, i: int) -> list[dict[str, Any]]:
        return list(self._meta.missing_ranges.get(self.names[i], ()))

    def _declared_missing(self, i: int, numbers: np.ndarray) -> np.ndarray | None:
        """Which values (n,) the file declares as missing; None where it declares nothing."""
        ranges = self._ranges(i)
        if not ranges:
            return None
        hit = np.zeros(len(numbers), bool)
        for limits in ranges:
            hit |= (numbers >= limits["lo"]) & (numbers <= limits["hi"])
        return hit

    def _count_missing_texts(self, i: int, column: pa.Array) -> None:
        for limits in self._ranges(i):
            count = pc.sum(pc.equal(column, limits["lo"])).as_py() or 0
            if count:
                self._seen[i][str(limits["lo"])] += count

    def _column_facts(self, i: int) -> ColumnFacts:
        name = self.names[i]
        meta = self._meta
        return ColumnFacts(
            name=name,
            label=meta.column_names_to_labels.get(name) or None,
            storage=meta.readstat_variable_types[name],
            format=meta.original_variable_types[name],
            date=self._dates[i],
            measure=None if meta.variable_measure.get(name) in (None, "unknown") else meta.variable_measure[name],
            value_labels={
                self._code_text(i, code): str(label) for code, label in meta.variable_value_labels.get(name, {}).items()
            },
            missing=tuple(
                MissingRange(self._limit_text(i, limits["lo"], "lowest"), self._limit_text(i, limits["hi"], "highest"))
                for limits in self._ranges(i)
            ),
            missing_seen=dict(sorted(self._seen[i].items())),
        )

    def _code_text(self, i: int, code: Any) -> str:
        """A labelled value as the raw text of that value."""
        if self._strings[i]:
            return str(code).rstrip()
        return f".{code}" if isinstance(code, str) else number_text(code, self._decimals[i])

    def _limit_text(self, i: int, limit: Any, open_end: str) -> str:
        if not isinstance(limit, str) and (not np.isfinite(limit) or abs(limit) > 1e300):
            return open_end
        return self._code_text(i, limit)
