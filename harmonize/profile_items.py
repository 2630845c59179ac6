"""Sets of items: which numbered columns are items of one form, of which instrument, with which total."""

from __future__ import annotations

import math
import re
from collections import defaultdict

import numpy as np
import pandas as pd

from harmonize.profile import Profile, Table
from harmonize.profile_codes import find_codes
from harmonize.profile_found import NO_SCORE, Moment, Score, Scores, named, ranges_of_items, scale_row
from harmonize.profile_names import TOTAL, instrument_of, plain
from harmonize.profile_roles import Answers
from harmonize.profile_times import split_time


def looks_like_items(stem: str, columns: list[Profile], answers: Answers) -> bool:
    """Many columns with few small whole values; of a known instrument, as many as it has items."""
    highest = max((c.high for c in columns if not math.isnan(c.high)), default=0)
    whole = all(c.whole for c in columns)
    instrument = named(stem, answers)
    if instrument and (scale := scale_row(instrument)):
        n = int(scale["n_items"])
        most = float(scale["item_score_max"] or 9)
        codes = {7.0, 8.0, 9.0, 77.0, 88.0, 99.0}
        small = all(x <= max(most, 4) or x in codes for c in columns for x in c.known.values())
        return whole and n - 1 <= len(columns) <= n + 1 and small
    return whole and len(columns) >= 5 and highest <= 10


def of_items(stem: str, items: tuple[Profile, ...], answers: Answers, hint: str) -> str | None:
    """The instrument of an item set: by its name, else by the file's name where number and range agree."""
    if instrument := named(stem, answers):
        return instrument
    highest = max(c.high for c in items)
    for word in re.split(r"[_\W]+", hint):
        found = instrument_of(word) if len(word) > 2 else None
        scale = scale_row(found) if found else None
        if found and scale and int(scale["n_items"]) == len(items) and highest <= float(scale["item_score_max"]):
            return found
    return None


def find_item_sets(free: dict[str, Profile], table: Table, answers: Answers, scores: Scores) -> None:
    """Items of one occasion per row, with the column of their total."""
    for stem, members in numbered(free).items():
        columns = [members[n] for n in sorted(members)]
        if not running(sorted(members)) or not looks_like_items(stem, columns, answers):
            continue
        if re.fullmatch(NO_SCORE, plain(stem)) and not named(stem, answers):
            continue
        items = tuple(columns)
        instrument = of_items(stem, items, answers, plain(table.file.name))
        if instrument and (ranges := ranges_of_items(instrument, len(items))):
            for column, valid in zip(items, ranges, strict=True):
                find_codes(column, valid)
        total, how = _total_of(stem, instrument, items, free)
        moment = Moment("", 0, total=total, items=items)
        scores.found.append(Score(instrument or "", stem, [moment], f"{len(items)} items{how}"))
        for column in moment.columns:
            free.pop(column.name, None)


def _total_of(
    stem: str, instrument: str | None, items: tuple[Profile, ...], free: dict[str, Profile]
) -> tuple[Profile | None, str]:
    """The column that holds the total: by name, or because it is the sum of the items."""
    sums = pd.concat([c.numbers() for c in items], axis=1).sum(axis=1, skipna=False)
    rest = [c for c in free.values() if c not in items]
    for column in rest:
        name = plain(column.delivered)
        bare = re.sub(rf"^({TOTAL})_?|_?({TOTAL})$", "", name)
        if bare != name and (bare in ("", stem) or (instrument and instrument_of(bare) == instrument)):
            return column, f" with their total {column.delivered}"
    for column in rest:
        both = (sums - column.numbers()).dropna()
        if len(both) >= 5 and float((both == 0).mean()) >= 0.9:
            return column, f" with {column.delivered}, their sum in {int((both == 0).sum())} of {len(both)} rows"
    return None, ""


def numbered(free: dict[str, Profile]) -> dict[str, dict[int, Profile]]:
    """Columns whose names end in a number: stem → number → column."""
    groups: dict[str, dict[int, Profile]] = defaultdict(dict)
    for column in free.values():
        for stem, said in split_time(column.delivered):
            if said.isdigit():
                groups[stem][int(said)] = column
                break
    return groups


def running(numbers: list[int]) -> bool:
    """Numbers run in equal steps: 1, 2, 3 … or 10, 20, 30 …"""
    steps = np.diff(numbers)
    return len(numbers) > 1 and len(set(steps.tolist())) == 1 and numbers[0] in (0, 1, steps[0])
