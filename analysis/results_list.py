"""Which results there are, what they came from, and which of them are outdated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from analysis.results import OWN_TABLES, plan_hash, results_file
from analysis.results_data import data_parts, release_id


@dataclass(frozen=True)
class Listed:
    """One result table and one stamp in it: `stale` says why it is outdated, empty where it is not.

    `frozen` are the releases that hold the same data of the same studies.
    """

    name: str
    n_rows: int
    release: str
    plan_hash: str | None
    seed: int | None
    is_synthetic: bool
    studies: tuple[str, ...]
    frozen: tuple[str, ...]
    stale: tuple[str, ...]


def listed(database: Path, frozen: Mapping[str, Mapping[str, str]] | None = None) -> list[Listed]:
    """Every result of the published file `database`, one entry a table and stamp; `frozen` are data by release."""
    path = results_file(database)
    if not path.is_file():
        return []
    parts, plan = data_parts(database), plan_hash()
    found = []
    with duckdb.connect(str(path), read_only=True) as connection:
        names = [n for (n,) in connection.execute("select table_name from duckdb_tables() order by 1").fetchall()]
        studies: dict[str, tuple[str, ...]] = {}
        if "releases" in names:
            stamps = connection.execute("select release, studies from releases").fetchall()
            studies = {release: tuple(used) for release, used in stamps}
        for name in names:
            if name in OWN_TABLES:
                continue
            query = (
                f'select release, plan_hash, seed, is_synthetic, count(*) from "{name}"'
                " group by all order by all nulls first"
            )
            for release, of_plan, seed, synthetic, n in connection.execute(query).fetchall():
                used = studies.get(release, ())
                why = _why_stale(release, used, of_plan, parts, plan)
                held = [r for r, data in (frozen or {}).items() if used and _same(release, used, data)]
                found.append(Listed(name, n, release, of_plan, seed, synthetic, used, tuple(held), why))
    return found


def _why_stale(
    release: str, used: tuple[str, ...], of_plan: str | None, parts: Mapping[str, str], plan: str | None
) -> tuple[str, ...]:
    why = []
    gone = [name for name in used if name not in parts]
    if not used:
        why.append("written before studies were noted")
    elif gone:
        why.append(f"{', '.join(gone)} no longer landed")
    elif not _same(release, used, parts):
        why.append("data changed")
    if of_plan != plan:
        why.append("plan changed")
    return tuple(why)


def _same(release: str, used: tuple[str, ...], parts: Mapping[str, str]) -> bool:
    return set(used) <= set(parts) and release_id(parts, used) == release
