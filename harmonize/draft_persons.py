"""Blocks of persons and their arms."""

from __future__ import annotations

from harmonize.draft import Block, Draft
from harmonize.draft_targets import Row, add, const, number
from harmonize.profile_roles import Roles


def _age(roles: Roles) -> Row:
    assert roles.age is not None
    name = roles.age.name
    if roles.age_in_months:
        return ("linear", f"{name}; 1/12; 0; 1", "complete", "months to years, one decimal")
    return number([roles.age], name)


def _first_rows(roles: Roles) -> str:
    """The condition for rows of day 0; '' where the clock does not say it in the row."""
    clock = roles.clock
    if clock is None or clock.verb == "days_between":
        return ""
    values = (
        [v for v, d in clock.codes.items() if d == "0"]
        if clock.verb == "recode"
        else [v for v, x in clock.column.known.items() if x == 0]
    )
    listed = ", ".join("'" + v.replace("'", "''") + "'" for v in values)
    return f"{clock.column.name} in ({listed})" if values else ""


def persons(draft: Draft, form: str, roles: Roles, tail: str) -> None:
    """One block for sex, age and site; the age of day 0 apart where it rises from row to row."""
    aged = roles.age is not None and roles.age.name not in roles.constant
    given: dict[str, Row] = {}
    if roles.sex is not None:
        draft.codes[form, roles.sex.name] = roles.sex_codes
        question = next((q for c, q, _ in roles.questions if c == roles.sex.name), None)
        if question and not roles.sex_codes:
            given["sex"] = ("none", "", "todo", question)
        else:
            given["sex"] = ("recode", roles.sex.name, "todo" if question else "complete", question or "")
    if roles.age is not None and not aged:
        given["age_reported"] = _age(roles)
    first = _first_rows(roles)
    if aged and not first:
        question = "the age differs between rows of a person: which row is the baseline?"
        given["age_reported"] = ("none", "", "todo", question)
    if roles.site is not None:
        given["site_code"] = ("copy", roles.site.name, "complete", "")
    given["analysis_flags"] = ("none", "", "not_collected", "none defined")
    add(draft, Block(f"persons{tail}", "subjects", form, given, "one row per person"))
    if aged and first:
        at_start = {
            "age_reported": _age(roles),
            "analysis_flags": given["analysis_flags"],
        }
        why = "the age differs between rows of a person: that of day 0"
        add(draft, Block(f"ages{tail}", "subjects", form, at_start, why, filters=f"not_first: {first}"))


def arms(draft: Draft, form: str, roles: Roles, tail: str) -> None:
    """The block of the arm each person was given."""
    assert roles.arm is not None
    given = {
        "step_id": const("1"),
        "day": const("0"),
        "arm_assigned": ("copy", roles.arm.name, "complete", ""),
        "exit_reason": ("none", "", "not_collected", "no column with the reason of leaving was found"),
    }
    add(draft, Block(f"arms{tail}", "steps", form, given, "the arm of each person"))
