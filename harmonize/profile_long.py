"""Long files with one row per person, time and instrument, or per item: the instrument stands in a column."""

from __future__ import annotations

import re

import pandas as pd

from harmonize.profile import REASON_OF, Profile, Table
from harmonize.profile_found import Moment, Score, Scores, named
from harmonize.profile_names import plain
from harmonize.profile_roles import Answers, Roles

NAMES = (
    r"(scale|skala|instrument|measure|test|questionnaire|fragebogen|paramcd|param|qs?test(cd)?|qscat|outcome|variable|rating"
    r"|form|assessment)(_?(name|id|code|cd|short))?"
)
ITEM_NAMES = r"(item|question|frage|symptom|element|qstestcd|paramcd|variable)(_?(id|no|nr|num|number|name|code|cd))?"
VALUES = (
    r"(a?val|value|wert|score|result|ergebnis|total|sum(me)?|points|punkte|messwert|qsstresn|qsorres|response|answer"
    r"|antwort|rating|valor|valeur)(_?(num|n|total|value))?"
)


def find_named_scores(table: Table, roles: Roles, free: dict[str, Profile], answers: Answers, scores: Scores) -> None:
    """Scores whose instrument a column names; the value's column leaves `free`. Items in rows are asked for."""
    if not roles.repeated:
        return
    texts = [c for c in table.columns if c.name not in roles.taken() and c.kind in ("text", "number")]
    value = _value(free)
    if value is None:
        return
    for column in texts:
        name = plain(column.delivered)
        if column is value or not 1 <= len(column.values) <= 200:
            continue
        if _holds_items(column, name, answers, roles):
            _ask_items(column, value, free, scores)
            return
        codes = {v: column.labels.get(v, v) for v in column.values if v.lower() not in REASON_OF}
        known = {v: i for v, text in codes.items() if (i := named(text, answers) or named(v, answers))}
        if (
            column.kind == "text"
            and len(known) >= (1 if re.fullmatch(NAMES, name) or len(codes) == 1 else 2)
            and 2 * len(known) >= len(codes)
        ):
            _add(column, value, codes, known, scores)
            free.pop(value.name)
            return


def _value(free: dict[str, Profile]) -> Profile | None:
    """The column of values: by name, else the only one that varies in halves or more."""
    by_name = [c for c in free.values() if re.fullmatch(VALUES, plain(c.delivered))]
    if by_name:
        return by_name[0]
    return next(iter(free.values())) if len(free) == 1 else None


def _holds_items(column: Profile, name: str, answers: Answers, roles: Roles) -> bool:
    """Item names (PHQ9_1, HAMD_01) or numbers 1 … k in a column that says item, several at one time of a person."""
    if roles.clock is None or roles.identity is None:
        return False
    at = pd.DataFrame({"k": roles.identity.text, "t": roles.clock.column.text})
    if int(at.duplicated().sum()) < 0.5 * len(at):
        return False
    if column.kind == "number":
        running = column.whole and column.low in (0, 1) and column.high - column.low + 1 == len(column.values)
        return bool(re.fullmatch(ITEM_NAMES, name)) and running and len(column.values) >= 3
    numbered = [
        v for v in column.values if re.fullmatch(r"(.*?[a-z].*?)[_ ]?\d{1,3}", plain(v)) and not named(v, answers)
    ]
    stems = {re.sub(r"[_ ]?\d{1,3}$", "", plain(v)) for v in numbered}
    return len(numbered) >= 4 and len(numbered) >= 0.6 * len(column.values) and len(stems) <= max(1, len(numbered) // 4)


def _ask_items(column: Profile, value: Profile, free: dict[str, Profile], scores: Scores) -> None:
    listed = ", ".join(sorted(column.values)[:4])
    scores.questions.append(
        (
            column.name,
            f"a row is one item ({listed} …) with its answer in {value.delivered}: items in rows are not read, and no"
            " answer is taken for a score",
            "Deliver the items as columns, one row per person and time, or the totals",
        )
    )
    free.pop(value.name, None)
    free.pop(column.name, None)
    scores.waiting[value.name] = ("", f"a row is one item of {column.delivered}; items in rows are not read")
    scores.set_aside |= {value.name, column.name}


def _add(column: Profile, value: Profile, codes: dict[str, str], known: dict[str, str], scores: Scores) -> None:
    for code, text in sorted(codes.items()):
        rows = value.text.where(column.text == code, "")
        part = Profile(value.delivered, value.name, value.position, rows, value.description)
        part.decimal = value.decimal
        if part.kind != "number":
            if part.n_filled:
                scores.notes.append(f"{value.delivered} where {column.delivered} is {code}: no numbers, not read")
            continue
        score = Score(known.get(code, ""), plain(text), [Moment("", 0, total=part)], f"named in {column.delivered}")
        score.named_in, score.code = column, code
        scores.found.append(score)
    scores.notes.append(
        f"{column.delivered}: names the instrument of each row ("
        + ", ".join(f"{c} = {known[c]}" for c in sorted(known))
        + f"), the score is {value.delivered}; otherwise --instrument NAME=ID"
    )
