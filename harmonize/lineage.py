"""Which marts are made from which table of the common data model, as the models refer to each other."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from harmonize.paths import DBT_PROJECT

_REF = re.compile(r"ref\(\s*'([a-z0-9_]+)'\s*\)")


@cache
def _models() -> dict[str, tuple[Path, frozenset[str]]]:
    """Every model of the marts: its file and what it refers to."""
    found = {}
    for path in sorted((DBT_PROJECT / "models").rglob("*.sql")):
        if "marts" in path.parts:
            found[path.stem] = (path, frozenset(_REF.findall(path.read_text(encoding="utf-8"))))
    return found


@cache
def marts_below(entity: str) -> tuple[str, ...]:
    """Names of the published marts that are made from the table `entity`, directly or over other models."""
    reached = {entity}
    while True:
        further = {name for name, (_, refs) in _models().items() if refs & reached} - reached
        if not further:
            break
        reached |= further
    return tuple(sorted(n for n in reached & set(_models()) if "working" not in _models()[n][0].parts))
