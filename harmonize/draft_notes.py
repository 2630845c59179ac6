"""What a draft tells: how things were read, and what could not be decided."""

from __future__ import annotations

import re
from collections import Counter

from harmonize.draft import Draft, Note
from harmonize.draft_rows import factor_of
from harmonize.profile import REASON_OF, Profile, Table
from harmonize.profile_roles import Roles


def tell(draft: Draft, mapped: list[str]) -> None:
    """Notes and questions of every form, in the order of the files."""
    for form in mapped:
        roles, scores = draft.roles[form], draft.scores[form]
        if roles.clock is not None:
            clock = roles.clock
            draft.note(form, f"day: {clock.column.delivered} ({clock.why}); otherwise --day or --visit COLUMN")
            if clock.undecided:
                listed = ", ".join(clock.undecided[:8])
                draft.ask(
                    form,
                    f"on which day is {clock.column.delivered} {listed}?",
                    "Run again with --time LABEL=DAY for each, or add them to codes in the sources YAML; a row without"
                    " a day is refused and stands in the quarantine",
                )
            if clock.doubts:
                listed = ", ".join(f"{v} = {clock.codes[v]}" for v in clock.doubts[:6])
                draft.note(form, f"{listed}, counted from the start; if from the end of treatment, --time LABEL=DAY")
            _tell_repeats(draft, form, roles)
        draft.notes += [Note(form, text) for text in (*roles.notes, *scores.notes)]
        for column, question, remedy in (*roles.questions, *scores.questions):
            draft.ask(form, f"{column}: {question}" if column else question, remedy)
        _tell_unread(draft, form)
    if not any(s.found or s.waiting for s in draft.scores.values()):
        draft.ask(
            "",
            "no column was found to hold a score",
            "Name one: run again with --instrument COLUMN=ID (reference.scales), or go on if the files have none",
        )
    words = Counter(v for t in draft.tables for c in t.columns for v in c.values.elements() if v.lower() in REASON_OF)
    if words:
        listed = ", ".join(f"{v!r} ({n})" for v, n in words.most_common())
        draft.note("", f"words read as missing in every column: {listed}")
    for table in draft.tables:
        _tell_codes(draft, table)
        for found in table.columns:
            if found.kind == "number" and found.odd:
                listed = ", ".join(repr(v) for v, _ in found.odd.most_common(4))
                draft.note(
                    table.form,
                    f"{found.delivered}: {found.odd.total()} texts in a column of numbers ({listed}): cell issues,"
                    " unless listed under missing in the sources YAML",
                )


def _tell_unread(draft: Draft, form: str) -> None:
    """Columns that no block reads."""
    (table,) = [t for t in draft.tables if t.form == form]
    words = " ".join(str((b.targets, b.filters, b.unpivot)) for b in draft.blocks if b.form == form)
    read = set(re.findall(r"[a-z0-9_]+", words)) | set(draft.subject_key)
    read |= set(re.findall(rf"first\({form}\.([a-z0-9_]+)", str([b.targets for b in draft.blocks])))
    left = [c.delivered.strip() or c.name for c in table.columns if c.kind != "empty" and c.name not in read]
    blank = [c.delivered.strip() or c.name for c in table.columns if c.kind == "empty" and c.delivered.strip()]
    if blank:
        more = f" and {len(blank) - 12} more" if len(blank) > 12 else ""
        draft.note(form, f"always blank, so not mapped: {', '.join(blank[:12])}{more}")
    if left:
        listed = ", ".join(left[:12]) + (f" and {len(left) - 12} more" if len(left) > 12 else "")
        draft.note(form, f"landed and not mapped: {listed}")


def _tell_codes(draft: Draft, table: Table) -> None:
    """Codes that mean missing: one line per code, as items have them in all their columns."""
    said: dict[tuple[str, str], list[tuple[Profile, str]]] = {}
    for column in table.columns:
        for text, (reason, evidence) in column.missing.items():
            said.setdefault((text, reason), []).append((column, evidence))
    for (text, reason), found in said.items():
        names = ", ".join(c.delivered for c, _ in found[:4]) + (f" and {len(found) - 4} more" if len(found) > 4 else "")
        draft.note(table.form, f"{names}: {found[0][1]}: code {text} means missing ({reason})")


def _tell_repeats(draft: Draft, form: str, roles: Roles) -> None:
    if roles.identity is None or roles.clock is None or roles.occasion is not None:
        return
    days = roles.clock.column.text
    if roles.clock.verb in ("linear",):
        days = (roles.clock.column.numbers() * factor_of(roles.clock)).round().astype(str)
    keys = roles.identity.text + "\x1f" + days
    named = next((s.named_in for s in draft.scores[form].found if s.named_in is not None), None)
    if named is not None:
        keys = keys + "\x1f" + named.text
    rows = next((s.rows for s in draft.scores[form].found if s.rows is not None), None)
    for column in (rows.item, rows.named_in) if rows is not None else ():
        keys = keys + "\x1f" + column.text if column is not None else keys
    n = int(keys.duplicated(keep=False).sum())
    if n:
        draft.note(
            form,
            f"{n} rows share person and {roles.clock.column.delivered} with another row: equal scores are merged, of"
            " different ones all are refused (key:conflict)",
        )
