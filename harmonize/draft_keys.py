"""Which person is which in the files of a study."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from harmonize.draft import Draft
from harmonize.sources import KEY_FORMS, ROW_KEY


def find_keys(draft: Draft, mapped: list[str]) -> None:
    """The columns that name a person, and whether the files write them alike."""
    keys = [r.identity.name for f, r in draft.roles.items() if r.identity is not None and f in mapped]
    draft.subject_key = list(dict.fromkeys(keys))
    for form in mapped:
        roles = draft.roles[form]
        if roles.identity is not None:
            draft.note(form, f"person: {roles.identity.delivered} ({roles.identity_why}); otherwise --id COLUMN")
        elif len(mapped) == 1:
            draft.subject_key = [ROW_KEY]
            draft.note(
                form, "no column names a person: every row is one, known by its row number; otherwise --id COLUMN"
            )
        else:
            draft.ask(
                form,
                "no column names a person, so the file cannot be joined with the others",
                "Run again with --id COLUMN",
            )
    _check_overlap(draft, mapped)


def _check_overlap(draft: Draft, mapped: list[str]) -> None:
    keyed = [(f, set(i.values)) for f in mapped if (i := draft.roles[f].identity) is not None]
    if len(keyed) < 2:
        return
    draft.key_form = _key_form([ids for _, ids in keyed])
    if draft.key_form:
        draft.note("", f"ids are compared by {', '.join(draft.key_form)}: so more persons of the files are the same")
    forms = [(f, {_alike(i, draft.key_form) for i in ids}) for f, ids in keyed]
    for (one, mine), (other, theirs) in pairwise(forms):
        both, fewer = len(mine & theirs), min(len(mine), len(theirs))
        if both == 0:
            draft.ask(
                other,
                f"no person of {other} is in {one}: the two write ids in different ways, or hold different people",
                "Make the ids alike (subject_key_form in the sources YAML), or name another column with --id",
            )
        elif both < 0.9 * fewer:
            odd = ", ".join(repr(i) for i in sorted(theirs - mine)[:3])
            draft.note(other, f"{len(theirs - mine)} of {len(theirs)} persons are not in {one}, for instance {odd}")


def _alike(key: str, forms: Sequence[str]) -> str:
    """An id as KEY_FORMS makes it."""
    for form in forms:
        if form == "lower_case":
            key = key.lower()
        elif form == "no_spaces":
            key = key.replace(" ", "")
        elif form == "no_decimals":
            key = re.sub(r"[.]0+$", "", key)
        else:
            key = key.lstrip("0")
    return key


def _key_form(files: list[set[str]]) -> list[str]:
    """The ways of making ids alike by which more persons are found in two files, and none of a file become one."""
    chosen: list[str] = []

    def common(forms: list[str]) -> int:
        alike = [{_alike(i, forms) for i in ids} for ids in files]
        return sum(len(a & b) for a, b in pairwise(alike))

    for form in KEY_FORMS:
        tried = [*chosen, form]
        whole = all(
            len({_alike(i, tried) for i in ids}) == len(ids) and "" not in {_alike(i, tried) for i in ids}
            for ids in files
        )
        if whole and common(tried) > common(chosen):
            chosen = tried
    return chosen
