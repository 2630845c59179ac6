"""Which column names the person, which only counts the rows, and whether a person has several rows."""

from __future__ import annotations

import re

import pandas as pd

from harmonize.profile import Profile, Table
from harmonize.profile_names import instrument_of, plain
from harmonize.profile_times import split_time
from harmonize.profile_words import names_a_person

NOT_AN_ID = (
    r"(^|_)(site|cent(er|re)|zentrum|klinik|clinic|rater|visit|row|file|dataset|collection|image|form|item|index|country"
    r"|family|mother|father|doctor|arzt|therapist)(_|$)"
)
SUMMARIES = set(
    "mittelwert mean average durchschnitt mw m summe sum total gesamt n anzahl count sd std stdev median min max"
    " minimum maximum standardabweichung moyenne ecart_type media promedio".split()
)
ROW_NUMBERS = r"|x|index|row|rows|rownames?|row_?(id|nr|no|num(ber)?)|unnamed(_0)?|obs|zeile|lfd_?nr|line"


def find_row_number(table: Table) -> Profile | None:
    """The first column where it only counts the rows, as R and pandas write it."""
    first = table.columns[0]
    if not re.fullmatch(ROW_NUMBERS, plain(first.delivered)) or first.kind != "number" or len(table.columns) == 1:
        return None
    numbers = first.numbers()
    unique = first.n_filled == table.n_rows == len(first.values)
    named_nothing = not first.delivered.strip()
    running = unique and bool((numbers.diff().dropna() == 1).all())
    return first if unique and (running or named_nothing) else None


def find_identity(table: Table, asked: str | None, rows: Profile | None) -> tuple[Profile | None, str]:
    """The column that names the person with the reason; None where no column does."""
    if asked and (named := table.column(asked)) is not None:
        return named, "named on the command line"
    found: list[tuple[int, int, Profile]] = []
    for column in table.columns:
        name = plain(column.delivered)
        strength = names_a_person(name)
        if strength is None or column is rows or not column.n_filled or re.search(NOT_AN_ID, name):
            continue
        if strength < 1 or _names_persons(column, table.n_rows):
            found.append((strength, column.position, column))
    if found:
        _, _, column = min(found, key=lambda f: f[:2])
        return column, f"its name; {len(column.values)} different values in {table.n_rows} rows"
    for column in table.columns[:3]:
        if column is rows or column.n_filled != table.n_rows or len(column.values) != table.n_rows or table.n_rows < 2:
            continue
        is_key = re.search(r"(^|_)(id|nr|no|code|key)$|(id|nr|no)$", plain(column.delivered)) is not None
        first = column.position == (0 if rows is None else 1)
        running = column.kind == "number" and column.high - column.low == table.n_rows - 1 and column.whole
        if column.whole and (is_key or (first and (column.kind == "text" or (running and not _is_score(column))))):
            return column, f"every one of the {table.n_rows} rows has a value of its own"
    return None, ""


def key_beside(table: Table, times: list[Profile], rows: Profile | None) -> Profile | None:
    """A column of which no value occurs twice at one time: likely the person, where no name says so."""
    for column in table.columns[:6]:
        if column in times or column is rows or column.n_filled < table.n_rows or _is_score(column):
            continue
        several = 1 < len(column.values) <= table.n_rows / 1.5
        if not several or not (column.kind == "text" or (column.kind == "number" and column.whole and column.low >= 0)):
            continue
        for time in times:
            n_twice = int(pd.DataFrame({"k": column.text, "t": time.text}).duplicated().sum())
            if n_twice <= 0.02 * table.n_rows and len(column.values) >= len(time.values) / 2:
                return column
    return None


def set_summaries_apart(table: Table, asked: str | None) -> None:
    """Rows below the data that hold sums or means, with a word for it where the person stands: they are no persons.

    They leave the profiles of all columns; the contract drops them by a rule.
    """
    identity, _ = find_identity(table, asked, find_row_number(table))
    if identity is None:
        return
    words = [v for v in identity.values if plain(v) in SUMMARIES]
    others = [v for v in identity.values if v not in words]
    rows = identity.text.isin(words)
    last = rows.iloc[-len(words) - 3 :].sum() == rows.sum() if words else False
    if not words or not last or sum(bool(re.search(r"\d", v)) for v in others) < 0.9 * len(others):
        return
    table.summaries[identity.name] = words
    table.n_rows -= int(rows.sum())
    for column in table.columns:
        column.text = column.text[~rows].reset_index(drop=True)
        for name in ("values", "decimal", "unit", "by_value", "odd", "kind"):
            column.__dict__.pop(name, None)
    listed = ", ".join(words)
    table.notes.append(f"{identity.delivered}: rows of {listed} stand below the data: dropped by the rule summary_row")


def _is_score(column: Profile) -> bool:
    return any(instrument_of(stem) for stem in (plain(column.delivered), *(s for s, _ in split_time(column.delivered))))


def _names_persons(column: Profile, n_rows: int) -> bool:
    """Whether a column could name persons: filled nearly everywhere, no fractions, more than a few values."""
    return column.n_filled >= 0.9 * n_rows and column.whole and len(column.values) > min(2, n_rows - 1)
