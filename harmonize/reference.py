"""The reference seeds, as the compiler reads them."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

from harmonize.paths import SEEDS
from harmonize.study_rows import BY_SEED, gathered_rows


def seed_path(name: str) -> Path:
    """The file of a seed. Raises KeyError with the seeds there are."""
    found = sorted(SEEDS.rglob(f"{name}.csv"))
    if not found:
        raise KeyError(f"no seed {name!r}; there are {', '.join(sorted(p.stem for p in SEEDS.rglob('*.csv')))}")
    return found[0]


def seed_rows(name: str) -> tuple[dict[str, str], ...]:
    """All rows of a seed as text; of a gathered one what its sources say, whether or not it was compiled."""
    return gathered_rows(name) if name in BY_SEED else _file_rows(name)


@cache
def _file_rows(name: str) -> tuple[dict[str, str], ...]:
    with seed_path(name).open(newline="", encoding="utf-8") as stream:
        return tuple(csv.DictReader(stream))


def seed_columns(name: str) -> tuple[str, ...]:
    """The header of a seed; empty when there is no such seed."""
    if name in BY_SEED:
        return BY_SEED[name].columns
    try:
        with seed_path(name).open(newline="", encoding="utf-8") as stream:
            return tuple(next(csv.reader(stream)))
    except KeyError:
        return ()


def item_rows(instrument: str) -> list[dict[str, str]]:
    """The items of an instrument in their order. Raises KeyError for an instrument without items."""
    rows = sorted(
        (r for r in seed_rows("ref_scale_items") if r["scale_id"] == instrument), key=lambda r: int(r["item_no"])
    )
    if not rows:
        raise KeyError(f"reference.scale_items has no items of {instrument!r}")
    return rows


def item_ranges(instrument: str) -> list[tuple[float, float]]:
    """Smallest and largest value of each item, in order."""
    return [(float(r["score_min"]), float(r["score_max"])) for r in item_rows(instrument)]


def instrument_range(instrument: str) -> tuple[float, float] | None:
    """Smallest and largest total of an instrument; None for one that reference.scales does not have."""
    for row in seed_rows("ref_scales"):
        if row["scale_id"] == instrument:
            return float(row["total_min"]), float(row["total_max"])
    return None
