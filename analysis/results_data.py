"""Which data a result came from: a hash per study over what was landed and corrected and over the published tables.

Tables that are made from links between scales are left out: links are estimated from the warehouse themselves, and a
kept link would make the result it comes from look outdated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

SCHEMAS = ("cdm", "marts")
FROM_LINKS = ("links", "link_points", "severity_linked", "severity_linked_by_path")
SHARED = ""
"""The part of what no study owns."""


def data_parts(database: Path) -> dict[str, str]:
    """A hash per landed study of the published file, and one of the tables without a study under "".

    Rows count, their order does not. The hash of a row is DuckDB's, so that a release of DuckDB that hashes otherwise
    makes other parts of the same data.
    """
    found = Path(database).stat()
    return dict(_parts(str(database), found.st_ino, found.st_mtime_ns, found.st_size))


def release_id(parts: Mapping[str, str], studies: Iterable[str]) -> str:
    """The name of the data of some studies: changes when anything in them does, not with the time."""
    told = "\n".join(f"{name} {parts[name]}" for name in sorted({SHARED, *studies}))
    return f"landings-{hashlib.sha256(told.encode()).hexdigest()[:16]}"


@lru_cache(maxsize=8)
def _parts(database: str, *_identity: int) -> tuple[tuple[str, str], ...]:
    from analysis.warehouse import connect  # which imports this module

    told: dict[str, list[str]] = {SHARED: []}

    def note(what: str, query: str) -> None:
        for study, *rest in warehouse.frame(query).itertuples(index=False, name=None):
            told.setdefault(study or SHARED, []).append("|".join(map(str, [what, *rest])))

    with connect(Path(database)) as warehouse:
        note("landed", "select study, form, sha256, is_synthetic from quality.landings order by all")
        if "quality.corrections" in warehouse.columns:
            note(
                "corrected",
                "select study_id, src_form, src_row, column_name, value_before, value_after from quality.corrections"
                " where fate = 'applied' order by all",
            )
        views = set(warehouse.frame("select concat(schema_name, '.', view_name) as name from duckdb_views()")["name"])
        for name, columns in sorted(warehouse.columns.items()):
            schema, _, table = name.partition(".")
            if schema not in SCHEMAS or table in FROM_LINKS or name in views:
                continue
            study = "study_id" if "study_id" in columns else f"'{SHARED}'"
            query = f'select {study} as part, count(*) as n, cast(sum(hash(t)) as varchar) from {schema}."{table}" as t'
            note(name, query + " group by all order by all")
    return tuple((part, hashlib.sha256("\n".join(lines).encode()).hexdigest()) for part, lines in told.items())
