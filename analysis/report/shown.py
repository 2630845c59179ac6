"""What sections on results have in common: whether a result is of today's data, and numbers said roughly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.results import stamp_of
from analysis.warehouse import Warehouse


def is_current(warehouse: Warehouse, studies: Sequence[str], release: str) -> bool:
    """Whether the landings of `studies` are still those that a result of `release` came from."""
    landed = set(warehouse.frame("select distinct study from quality.landings")["study"])
    return set(studies) <= landed and stamp_of(warehouse.database, studies=studies).release == release


def about(n: Any) -> str:
    """A number of persons rounded to tens: an exact one beside other counts could give a small one away."""
    return f"about {round(int(n), -1):,}"
