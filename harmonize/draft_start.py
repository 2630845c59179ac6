"""From which day the days of a study's files count: one start of the person for all of them."""

from __future__ import annotations

import re

from harmonize.draft import Draft
from harmonize.profile import Profile
from harmonize.profile_clock import DATE_WORDS, START_WORDS
from harmonize.profile_dates import date_formats
from harmonize.profile_names import plain


def find_start(draft: Draft, mapped: list[str]) -> None:
    """Give every file that has dates one start: a date that is one per person, else the first date of the scores.

    A start that stands in another file is written as first(form.column). What is left open is asked.
    """
    for form in mapped:
        roles, scores = draft.roles[form], draft.scores[form]
        if any(d.start is not None for d in roles.drugs) and not scores.found and not scores.waiting:
            roles.questions = [q for q in roles.questions if not q[1].startswith("on which day is a row?")]
    clocks = {f: c for f in mapped if (c := draft.roles[f].clock) is not None}
    dated = [f for f, c in clocks.items() if c.verb == "days_between"]
    own = [f for f in dated if not clocks[f].args.startswith("first(")]
    first = [f for f in dated if f not in own]
    like = [w for r in draft.roles.values() for of in r.date_formats.values() for w in of]
    starts = [(f, c) for f in mapped if f not in dated for c in _starts(draft, f, like)]
    if len(starts) > 1 and first:
        listed = ", ".join(f"{c.delivered} ({f})" for f, c in starts)
        draft.ask(
            first[0],
            f"days count from the first date that {first[0]} has of a person; several starts stand in {listed}",
            "Write the right one into the mapping: days_between, first(form.column); date",
        )
    if len(starts) == 1:
        form, column = starts[0]
        draft.start = f"first({form}.{column.name})"
        draft.roles[form].date_formats[column.name] = date_formats(column, like)
        where = f"{column.delivered} ({form})"
    elif own:
        column_name = clocks[own[0]].args.partition(";")[0].strip()
        inner = re.sub(r"first\((.+)\)", r"\1", column_name)
        draft.start, where = f"first({own[0]}.{inner})", f"{inner} ({own[0]})"
    elif first:
        scored = [f for f in first if draft.scores[f].found] or first
        column = clocks[scored[0]].column
        draft.start = f"first({scored[0]}.{column.name})"
        where = f"the person's first {column.delivered} ({scored[0]})"
    for form in first:
        if draft.start and draft.start != f"first({form}.{clocks[form].column.name})" and len(starts) < 2:
            clocks[form].args = f"{draft.start}; {clocks[form].column.name}"
            clocks[form].why = f"days from {where}"
    counted = [f for f, c in clocks.items() if c.verb != "days_between" and f not in first]
    if first and counted and not starts and not own:
        draft.ask(
            first[0],
            f"days of {', '.join(first)} count from the person's first date there, those of {', '.join(counted)} from"
            " the start that the file means",
            "Give the files a date of the start, or a column of days, and run again",
        )


def _starts(draft: Draft, form: str, like: list[str]) -> list[Profile]:
    """Dates of a start in a file of one row per person that names no drugs, as their start is not the person's."""
    roles = draft.roles[form]
    if roles.identity is None or roles.repeated or roles.drugs:
        return []
    (table,) = [t for t in draft.tables if t.form == form]
    dates = [c for c in table.columns if c.kind == "date" and not re.search(DATE_WORDS, plain(c.delivered))]
    return [c for c in dates if re.search(START_WORDS, plain(c.delivered)) and date_formats(c, like)]
