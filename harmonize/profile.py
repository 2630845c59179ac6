"""What the files of an unknown study hold, column by column: the facts on which `trd new-study` drafts.

Nothing is decided here. A file is read as landing reads it, every value still text.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from harmonize.profile_names import UMLAUTS
from harmonize.profile_read import ReadText, read_texts
from harmonize.readers import LandingError
from harmonize.readers.header import PROVENANCE

MISSING_WORDS = {
    "blank": ("na", "n/a", "#n/a", "n.a.", "nan", "null", "none given", ".", "-", "--", "#null!", "<na>"),
    "unknown": (
        *("unknown", "unk", "missing", "miss", "not available", "not done", "nd", "n.d.", "not recorded", "?"),
        *("fehlt", "fehlend", "unbekannt", "k.a.", "k. a.", "keine angabe", "don't know", "dk"),
    ),
    "refused": ("refused", "declined", "verweigert"),
    "not_applicable": ("not applicable", "not_applicable", "entfällt"),
}
"""Words that mean no value wherever they stand, by missing reason; single letters are never among them."""
REASON_OF = {word: reason for reason, words in MISSING_WORDS.items() for word in words}

_NUMBER = r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?"
_COMMA = r"[-+]?\d+,\d+"
_WITH_UNIT = r"([-+]?\d+(?:[.,]\d+)?) ?([A-Za-zäöüÄÖÜµ%][A-Za-zäöüÄÖÜµ%./]{0,11})"
_MARKED = (
    r"(?:[<>≤≥~=≈±]|ca\.?|circa|about|approx\.?) ?\d+(?:[.,]\d+)?|[-−]?\d+(?:[.,]\d+)? ?[*?+!#a-c°]|\(\d+(?:[.,]\d+)?\)"
)
"""Numbers with a mark: '<5', '12*', 'ca. 20'. They are no numbers, but their column is one of numbers."""
_DATE = r"\d{4}-\d{2}-\d{2}.*|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{1,2}[A-Za-z]{3}\d{4}"
_TAKEN = (
    *PROVENANCE,
    "study_id",
    "subject_id",
    "src_form",
    "drop_rule",
    "slot_no",
    "date",
    "time",
    "timestamp",
    "user",
)
"""Names that staging gives itself, or that some engine keeps for itself."""


@dataclass
class Profile:
    """One column: `delivered` is its name in the file, `name` the one it gets in the contract.

    `text` holds the trimmed values, '' where blank. `missing` maps codes found to (reason, evidence);
    `labels` what the file or a dictionary says of values.
    """

    delivered: str
    name: str
    position: int
    text: pd.Series
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    missing: dict[str, tuple[str, str]] = field(default_factory=dict)
    twin_of: str = ""
    """The name as delivered, where it is that of another column too and was numbered."""

    @cached_property
    def values(self) -> Counter[str]:
        """Every filled value and how often it occurs."""
        counts = self.text[self.text != ""].value_counts()
        return Counter(dict(zip(counts.index.tolist(), counts.tolist(), strict=True)))

    @property
    def n_filled(self) -> int:
        """Cells that are not blank."""
        return self.values.total()

    @cached_property
    def decimal(self) -> str:
        """The decimal mark: a comma where more numbers have one than have a point."""
        commas = sum(n for v, n in self.values.items() if re.match(rf"{_COMMA}(?![\d.,])", v))
        points = sum(n for v, n in self.values.items() if "." in v and re.fullmatch(_NUMBER, v))
        return "," if commas > points else "."

    @property
    def has_points(self) -> bool:
        """It holds numbers with a decimal point."""
        return any("." in v and re.fullmatch(_NUMBER, v) for v in self.values)

    @property
    def pattern(self) -> str:
        """For the verb parse: what stands before the unit."""
        return rf"^([-+]?[0-9]+([.,][0-9]+)?)( ?{re.escape(self.unit)})?$"

    @cached_property
    def unit(self) -> str:
        """Words that stand behind the numbers of most cells, as in '12 mg'; '' where there are none."""
        words: Counter[str] = Counter()
        for value, n in self.values.items():
            if hit := re.fullmatch(_WITH_UNIT, value):
                words[hit[2]] += n
        real = sum(n for v, n in self.values.items() if v.lower() not in REASON_OF)
        word, n = words.most_common(1)[0] if words else ("", 0)
        return word if n >= 0.5 * real else ""

    @cached_property
    def by_value(self) -> dict[str, float]:
        """The number each text stands for; texts that are none are absent."""
        found = {}
        for value in self.values:
            plain = value
            if self.unit and (hit := re.fullmatch(_WITH_UNIT, value)) and hit[2] == self.unit:
                plain = hit[1]
            if self.decimal == "," and re.fullmatch(_COMMA, plain):
                plain = plain.replace(",", ".")
            if re.fullmatch(_NUMBER, plain):
                found[value] = float(plain)
        return found

    @cached_property
    def odd(self) -> Counter[str]:
        """Filled texts that are no number and no word for missing."""
        return Counter({v: n for v, n in self.values.items() if v not in self.by_value and v.lower() not in REASON_OF})

    @cached_property
    def kind(self) -> str:
        """`empty`, `number`, `date` or `text`. A few odd texts leave a column a number, marked numbers more of them."""
        real = self.n_filled - sum(n for v, n in self.values.items() if v.lower() in REASON_OF)
        numbers = sum(self.values[v] for v in self.by_value)
        marked = sum(n for v, n in self.values.items() if v not in self.by_value and re.fullmatch(_MARKED, v))
        if real == 0:
            return "empty"
        if numbers >= 0.7 * real or (numbers >= 0.3 * real and numbers + marked >= 0.7 * real):
            return "number"
        dates = sum(n for v, n in self.values.items() if re.fullmatch(_DATE, v))
        return "date" if dates >= 0.7 * real else "text"

    @property
    def known(self) -> dict[str, float]:
        """Numbers that are no missing code."""
        return {v: x for v, x in self.by_value.items() if v not in self.missing}

    @property
    def low(self) -> float:
        """Smallest number; nan without any."""
        return min(self.known.values(), default=float("nan"))

    @property
    def high(self) -> float:
        """Largest number; nan without any."""
        return max(self.known.values(), default=float("nan"))

    @property
    def is_coded(self) -> bool:
        """The file says in words what each of its few numbers means: 0 none, 1 mild, 2 severe."""
        known = self.known
        return 2 <= len(known) <= 8 and all(re.search("[^\\W\\d]", self.labels.get(v, "")) for v in known)

    @property
    def whole(self) -> bool:
        """All its numbers are whole."""
        return all(x == int(x) for x in self.known.values())

    def is_missing(self) -> pd.Series:
        """Which cells hold no value, by blank, word or code."""
        words = {v for v in self.values if v.lower() in REASON_OF}
        return self.text.isin({"", *words, *self.missing})

    def numbers(self) -> pd.Series:
        """Its numbers, nan elsewhere."""
        return self.text.map(self.known).astype(float)


@dataclass
class Table:
    """One file: its profiles in order, and what the contract must say to read it."""

    file: Path
    form: str
    columns: list[Profile]
    n_rows: int
    format: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    summaries: dict[str, list[str]] = field(default_factory=dict)
    """Column of the person → texts in it that are names of sums: rows below the data, not persons."""

    def column(self, name: str) -> Profile | None:
        """The column under its contract name, or as delivered whatever its case."""
        wanted = name.strip().lower()
        return next((c for c in self.columns if wanted in (c.name, c.delivered.strip().lower())), None)


def safe_names(delivered: Collection[str]) -> list[str]:
    """Names that SQL takes without quotes, unique, in order."""
    reserved = _reserved()
    names: list[str] = []
    for position, given in enumerate(delivered, start=1):
        plain = unicodedata.normalize("NFKD", given.strip().lower().translate(UMLAUTS))
        name = re.sub(r"[^a-z0-9]+", "_", plain.encode("ascii", "ignore").decode()).strip("_") or f"unnamed_{position}"
        if name[0].isdigit():
            name = f"c_{name}"
        if name in reserved or name in _TAKEN:
            name = f"{name}_given"
        stem, n = name, 2
        while name in names:
            name, n = f"{stem}_{n}", n + 1
        names.append(name)
    return names


def _reserved() -> set[str]:
    rows = duckdb.sql("select keyword_name from duckdb_keywords() where keyword_category <> 'unreserved'").fetchall()
    return {row[0] for row in rows}


def read_tables(path: Path, taken: Collection[str] = ()) -> list[Table]:
    """Read one file and describe what it holds: one table, of a workbook one per sheet with data.

    `taken` are form names in use. Raises LandingError as landing would.
    """
    tables: list[Table] = []
    for read in read_texts(path):
        tables.append(_described(path, read, [*taken, *(t.form for t in tables)]))
    return tables


def _described(path: Path, read: ReadText, taken: Collection[str]) -> Table:
    names = safe_names(read.names)
    columns = [
        Profile(given, name, i, pd.Series(texts, dtype=object), description=read.labels.get(i, ""))
        for i, (given, name, texts) in enumerate(zip(read.names, names, read.texts, strict=True))
    ]
    for column in columns:
        column.twin_of = read.numbered.get(column.position, "")
        column.labels = read.value_labels.get(column.position, {})
        for code, why in read.missing.get(column.position, {}).items():
            column.missing[code] = ("unknown", why)
    form = form_name(read.part or path.name.partition(".")[0], taken)
    if any(c.decimal == "," for c in columns) and not any(c.has_points for c in columns):
        for column in columns:
            column.decimal = ","
    return Table(path, form, columns, len(read.texts[0]) if read.texts else 0, read.format, list(read.notes))


def form_name(stem: str, taken: Collection[str] = ()) -> str:
    """A name for the form that a file or a sheet holds."""
    (name,) = safe_names([stem])
    base, n = name, 2
    while name in taken:
        name, n = f"{base}_{n}", n + 1
    return name


def same_content(one: Table, other: Table) -> bool:
    """Whether two files hold the same cells in the same places, whatever their columns are called."""
    if (one.n_rows, len(one.columns)) != (other.n_rows, len(other.columns)) or one.n_rows < 5:
        return False
    return all(
        bool(np.array_equal(a.text.to_numpy(), b.text.to_numpy()))
        for a, b in zip(one.columns, other.columns, strict=True)
    )


def refuse_empty(table: Table) -> None:
    """A file without data cannot be drafted from. Raises LandingError."""
    if table.n_rows == 0:
        raise LandingError(
            "the file holds no data row", file=table.file.name, remedy="Name a file with data, or ask for it again"
        )
