"""Dictionaries among the files of a study: one row per column, with a description and perhaps the meaning of codes."""

from __future__ import annotations

import re

from harmonize.profile import Profile, Table
from harmonize.profile_names import plain

_NAME = r"(element|variable|field|column|var)_?(name|id)?|name|item"
_DESCRIPTION = (
    r"(element|variable|field|column|var)?_?(description|label|desc|definition|text|beschreibung)|meaning|question"
)
_CODES = r"value_?(range|labels?)|values|codes|codings?|notes|choices.*|levels|format"


def apply_dictionaries(tables: list[Table]) -> tuple[list[Table], list[str]]:
    """The data tables with descriptions and labels filled in, and the names of the dictionary files."""
    if len(tables) == 1:
        return tables, []
    data, found = [], []
    for table in tables:
        names = _column(table, _NAME)
        texts = _column(table, _DESCRIPTION)
        others = {plain(c.delivered) for t in tables if t is not table for c in t.columns}
        known = names is not None and sum(plain(v) in others for v in names.values)
        if names is None or texts is None or known == 0 or len(names.values) != table.n_rows:
            data.append(table)
        else:
            found.append((table, names, texts))
    for table, names, texts in found:
        coded = [c for c in table.columns if re.fullmatch(_CODES, plain(c.delivered))]
        for row, name in enumerate(names.text):
            for target in (c for t in data for c in t.columns if plain(c.delivered) == plain(name)):
                target.description = target.description or texts.text[row]
                for column in coded:
                    target.labels = {**_meanings(column.text[row]), **target.labels}
    return data, [table.file.name for table, _, _ in found]


def _column(table: Table, pattern: str) -> Profile | None:
    return next((c for c in table.columns if re.fullmatch(pattern, plain(c.delivered))), None)


def _meanings(text: str) -> dict[str, str]:
    """'M = Male; F = Female' or '1, Yes | 2, No' as code → meaning."""
    parts = re.split(r"[;|\n]+", text)
    found = {}
    for part in parts:
        hit = re.fullmatch(r"\s*([-\w.]{1,12})\s*[=,:]\s*(\S.*?)\s*", part)
        if hit:
            found[hit[1]] = hit[2]
    return found if len(found) > 1 else {}
