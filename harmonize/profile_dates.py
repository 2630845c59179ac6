"""In which ways the dates of a column are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import datetime
from itertools import combinations

from harmonize.dates import DATE_FORMATS
from harmonize.profile import REASON_OF, Profile
from harmonize.sources import NOT_TOGETHER


def date_formats(column: Profile, like: Collection[str] = ()) -> list[str]:
    """The fewest ways of writing dates that read nearly all values, each value in one way; none where that is open.

    `like` are ways that other columns are plainly written in: they decide what this one leaves open.
    """
    texts = [v for v in column.values if v.lower() not in REASON_OF]
    reads = {
        name: {v for v in texts if re.fullmatch(how.pattern, v, re.IGNORECASE) and _is_date(v, how.read)}
        for name, how in DATE_FORMATS.items()
        if not how.is_serial
    }
    reads = {name: values for name, values in reads.items() if values}
    needed = 0.95 * len(texts)
    for n in (1, 2, 3):
        fits = [names for names in combinations(reads, n) if len(set().union(*(reads[m] for m in names))) >= needed]
        fits = [f for f in fits if not any(set(pair) <= set(f) for pair in NOT_TOGETHER)]
        if fits:
            most = max(len(set().union(*(reads[m] for m in f))) for f in fits)
            best = [f for f in fits if len(set().union(*(reads[m] for m in f))) == most]
            best = [f for f in best if set(f) <= set(like)] or best
            return list(best[0]) if len(best) == 1 else []
    return []


def reader_of(written: list[str]) -> Callable[[str], datetime | None]:
    """Reads a text as a date in one of several forms; None for one that is none."""

    def read(text: str) -> datetime | None:
        for how in (DATE_FORMATS[name] for name in written):
            if re.fullmatch(how.pattern, text, re.IGNORECASE) and _is_date(text, how.read):
                return datetime.strptime(text[:10] if how.read == "%Y-%m-%d" else text, how.read)
        return None

    return read


def _is_date(text: str, read: str) -> bool:
    try:
        datetime.strptime(text[:10] if read == "%Y-%m-%d" else text, read)
    except ValueError:
        return False
    return True
