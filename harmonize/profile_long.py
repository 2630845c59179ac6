"""Long files with one row per person, time and instrument: the instrument stands in a column."""

from __future__ import annotations

import re

import pandas as pd

from harmonize.profile import REASON_OF, Profile, Table
from harmonize.profile_found import Moment, Score, Scores, named
from harmonize.profile_names import plain
from harmonize.profile_roles import Answers, Roles
from harmonize.profile_times import split_time

NAMES = (
    r"(scale|skala|instrument|measure|test|questionnaire|fragebogen|paramcd|param|qs?test(cd)?|qscat|outcome|variable|rating"
    r"|form|assessment)(_?(name|id|code|cd|short))?"
)
VALUES = (
    r"(a?val|value|wert|score|result|ergebnis|total|sum(me)?|points|punkte|messwert|qsstresn|qsorres|response|answer"
    r"|antwort|rating|valor|valeur)(_?(num|n|total|value))?"
)


def find_named_scores(table: Table, roles: Roles, free: dict[str, Profile], answers: Answers, scores: Scores) -> None:
    """Scores whose instrument a column names; the value's column leaves `free`."""
    if not roles.repeated:
        return
    texts = [c for c in table.columns if c.name not in roles.taken() and c.kind in ("text", "number")]
    value = value_column(free)
    if value is None:
        return
    for column in texts:
        name = plain(column.delivered)
        if column is value or not 1 <= len(column.values) <= 200:
            continue
        if _holds_times(column, answers):
            _ask_times(column, value, free, scores)
            return
        codes = {v: column.labels.get(v, v) for v in column.values if v.lower() not in REASON_OF}
        known = {v: i for v, text in codes.items() if (i := named(text, answers) or named(v, answers))}
        says = re.fullmatch(NAMES, name) is not None
        apart = says and _tells_apart(column, roles)
        if column.kind == "text" and (
            apart or (len(known) >= (1 if says or len(codes) == 1 else 2) and 2 * len(known) >= len(codes))
        ):
            _add(column, value, codes, known, scores)
            free.pop(value.name)
            return


def value_column(free: dict[str, Profile]) -> Profile | None:
    """The column of values: by name, else the only one there is."""
    by_name = [c for c in free.values() if re.fullmatch(VALUES, plain(c.delivered))]
    if by_name:
        return by_name[0]
    return next(iter(free.values())) if len(free) == 1 else None


def _tells_apart(column: Profile, roles: Roles) -> bool:
    """Its values tell the rows of a person at one time apart: of several scales, whether or not they are known."""
    if roles.identity is None or not 2 <= len(column.values) <= 30 or column.n_filled < len(column.text):
        return False
    at = pd.DataFrame({"k": roles.identity.text})
    if roles.clock is not None:
        at["t"] = roles.clock.column.text
    several = int(at.duplicated(keep=False).sum()) >= 0.5 * len(at)
    return several and int(at.assign(c=column.text).duplicated().sum()) <= 0.02 * len(at)


def _holds_times(column: Profile, answers: Answers) -> bool:
    """A text names instrument and time together, as a wide file's columns do: HAMD_bl, HAMD_w4."""
    both = [v for v in column.values if any(named(s, answers) and not t.isdigit() for s, t in split_time(v))]
    return column.kind == "text" and len(both) >= 2 and 2 * len(both) >= len(column.values)


def _ask_times(column: Profile, value: Profile, free: dict[str, Profile], scores: Scores) -> None:
    listed = ", ".join(sorted(column.values)[:4])
    why = f"instrument and time stand in one text ({listed} …), its score in {value.delivered}"
    remedy = "Deliver these texts as names of columns, one row per person, or instrument and visit as two columns"
    scores.questions.append((column.name, why, remedy))
    scores.waiting[value.name] = ("", why)
    scores.set_aside |= {value.name, column.name}
    free.pop(value.name, None)


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
