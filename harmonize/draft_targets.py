"""Mapping rows that blocks of several kinds share, and how a block joins a draft."""

from __future__ import annotations

from collections.abc import Sequence

from harmonize.draft import Block, Draft, targets_of
from harmonize.profile import Profile
from harmonize.profile_roles import Roles

Row = tuple[str, str, str, str]
"""Verb, arguments, status, comment of one target column."""


def add(draft: Draft, block: Block) -> None:
    """Add a block with a row for every target column, under a name of its own."""
    block.targets = targets_of(block.entity, block.targets)
    names = {b.name for b in draft.blocks}
    base, n = block.name, 2
    while block.name in names:
        block.name, n = f"{base}_{n}", n + 1
    draft.blocks.append(block)


def const(value: str, status: str = "complete", comment: str = "") -> Row:
    """The row of a constant."""
    return ("const", value, status, comment)


def occasion(roles: Roles) -> Row:
    """The number of a rating within its day: as a column says it, its words counted in their order."""
    column = roles.occasion
    if column is None:
        return const("1")
    if column.kind == "number":
        return ("copy", column.name, "complete", "")
    codes = "; ".join(f"{v}={n}" for n, v in enumerate(sorted(column.values), start=1))
    return ("recode", f"{column.name}; {codes}", "complete", f"{column.delivered} in alphabetical order")


def number(columns: Sequence[Profile], argument: str) -> Row:
    """A number as it stands, or what stands before its unit."""
    unit = next((c for c in columns if c.unit), None)
    if unit is None:
        return ("copy", argument, "complete", "")
    return ("parse", f"{argument}; {unit.pattern}; 1", "complete", f"the number before {unit.unit}")
