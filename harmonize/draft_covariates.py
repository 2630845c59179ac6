"""Blocks of facts of a person: columns that are no score and the same in all rows of a person."""

from __future__ import annotations

from harmonize.draft import Block, Draft, free_columns
from harmonize.draft_targets import Row, add, const, number
from harmonize.profile import Profile
from harmonize.profile_roles import Roles
from harmonize.profile_times import read_time, split_time

MOST_CODES = 20
"""A text column with more values is no covariate that anybody coded."""


def covariates(draft: Draft, form: str, roles: Roles, tail: str, seen: set[str]) -> set[str]:
    """Other columns that are the same in all rows of a person, as variables of the study."""
    free = [c for c in free_columns(draft, form) if c.name in roles.constant and c.name not in seen]
    later = [c for c in free if any(_is_later(said) for _, said in split_time(c.delivered))]
    if later:
        listed = ", ".join(c.delivered for c in later[:8])
        draft.note(form, f"{listed}: of a later time, and no scores: not mapped")
    free = [c for c in free if c not in later]
    numeric = [c for c in free if c.kind == "number" and c.delivered.strip()]
    coded = [c for c in free if c.kind == "text" and len(c.values) <= MOST_CODES and len(c.values) < c.n_filled]
    if numeric or coded:
        listed = ", ".join(c.delivered.strip() for c in (*numeric, *coded)[:12])
        more = f" and {len(numeric) + len(coded) - 12} more" if len(numeric) + len(coded) > 12 else ""
        draft.note(form, f"kept as facts of the person (covariates): {listed}{more}; otherwise --ignore COLUMN")
    by_form: dict[tuple[str, str], list[Profile]] = {}
    for column in numeric:
        by_form.setdefault((column.decimal, column.unit), []).append(column)
    for kind, columns in (*(("numeric", c) for c in by_form.values()), ("coded", coded)):
        if not columns:
            continue
        slots = [f"{draft.study}_{c.name}: {c.name}" for c in columns]
        text = kind == "coded"
        given: dict[str, Row] = {
            "variable_id": const("{slot}"),
            "occasion": const("1"),
            "value_num": ("none", "", "not_collected", "a code") if text else number(columns, "{1}"),
            "value_code": ("copy", "{1}", "complete", "") if text else ("none", "", "not_collected", "a number"),
            "as_of_day": ("none", "", "not_collected", "no day is said"),
        }
        add(
            draft,
            Block(f"covariates_{kind}{tail}", "history", form, given, "facts of the person", unpivot="; ".join(slots)),
        )
        draft.rows.setdefault("variables", []).extend(_variable(draft, c, kind) for c in columns)
    return {c.name for c in (*numeric, *coded)}


def _is_later(said: str) -> bool:
    """The label of a time that is not the start."""
    time = read_time(said)
    return time.known and time.day != 0


def _variable(draft: Draft, column: Profile, kind: str) -> dict[str, str]:
    return {
        "variable_id": f"{draft.study}_{column.name}",
        "label": column.description or column.delivered.strip(),
        "kind": kind,
        "unit": "",
        "value_min": "",
        "value_max": "",
        "source": f"column {column.delivered.strip()}",
        "verified": "draft",
    }
