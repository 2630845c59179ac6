"""The blocks of a draft: persons, arms, visits, one block per instrument, covariates."""

from __future__ import annotations

from harmonize.draft import Draft
from harmonize.draft_covariates import covariates
from harmonize.draft_long import long_blocks
from harmonize.draft_persons import arms, persons
from harmonize.draft_wide import wide_blocks


def add_blocks(draft: Draft, mapped: list[str]) -> None:
    """All blocks of all forms that are mapped and say whose row it is."""
    several = len(mapped) > 1
    arm_seen = False
    seen: set[str] = set()
    for form in mapped:
        roles = draft.roles[form]
        if roles.identity is None and several:
            continue
        tail = f"_{form}" if several else ""
        persons(draft, form, roles, tail)
        if roles.arm is not None and not arm_seen:
            arm_seen = True
            draft.note(form, f"arm: {roles.arm.delivered} ({', '.join(sorted(roles.arm.values)[:6])})")
            arms(draft, form, roles, tail)
        if roles.repeated:
            long_blocks(draft, form, roles, tail)
        else:
            wide_blocks(draft, form, tail)
        seen |= covariates(draft, form, roles, tail, seen)
