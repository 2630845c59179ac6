"""Long files with one row per person, time and item: which rows are the items of which instrument, in which order."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

import pandas as pd

from harmonize.profile import REASON_OF, Profile, Table
from harmonize.profile_clock import ITEMS, counts_items
from harmonize.profile_found import ItemRows, Moment, Score, Scores, named, ranges_of_items, scale_row
from harmonize.profile_items import of_items
from harmonize.profile_long import NAMES, value_column
from harmonize.profile_names import TOTAL, plain
from harmonize.profile_roles import Answers, Roles
from harmonize.reference import instrument_range, item_rows

FEWEST = 3
"""Items of the shortest form that is looked for."""
NO_STEM = r"(item|frage|question|q|i|nr|no|symptom|element)?"
IN_ORDER = "the names of the items do not say their order: is it that of the form, as they first appear in the file?"
_SURE_TOTAL = r"(total|sum|summe|gesamt)(_?(score|wert|punktzahl))?"
UNWRITABLE = re.compile(r"[,;]|->")


@dataclass
class _Found:
    """Names of items in their order, of one instrument; `stem` is what they have in common."""

    stem: str
    codes: list[str]
    total: str = ""
    question: str = ""


def find_item_rows(table: Table, roles: Roles, free: dict[str, Profile], answers: Answers, scores: Scores) -> bool:
    """Whether a row is one item; then its scores are added, and no answer is taken for a score.

    What cannot be read is asked for, and a block waits.
    """
    if not roles.repeated or roles.identity is None:
        return False
    value = value_column(free)
    if value is None or not value.whole:
        return False
    texts = [
        c for c in table.columns if c.name not in roles.taken() and c is not value and c.kind in ("text", "number")
    ]
    scale = next((c for c in texts if _names_instruments(c, answers)), None)
    item = next((c for c in texts if c is not scale and _names_items(c, value, scale, answers, roles)), None)
    if item is None:
        return False
    free.pop(value.name, None)
    free.pop(item.name, None)
    said = _descriptions(item, [c for c in texts if c is not scale])
    found = [score for part in _parts(scale) for score in _of_part(table, item, value, part, answers, said)]
    if not found or any(UNWRITABLE.search(c) for s in found if s.rows for c in s.rows.codes):
        _ask(item, value, scores)
        return True
    scores.found += found
    _tell(item, value, found, scores)
    if roles.clock is None and not _at(roles, item, scale).duplicated().any():
        scores.one_occasion = True
        roles.questions = [q for q in roles.questions if not q[1].startswith("on which day is a row?")]
        roles.notes.append("no time was found, and no person has an item twice: one occasion, on day 0")
    return True


def _names_instruments(column: Profile, answers: Answers) -> bool:
    """Every value is the name of an instrument, and the column is named as one that says so."""
    codes = [v for v in column.values if v.lower() not in REASON_OF]
    return (
        column.kind == "text"
        and re.fullmatch(NAMES, plain(column.delivered)) is not None
        and any(named(column.labels.get(v, v), answers) for v in codes)
        and all(_split(v)[1] is None or named(column.labels.get(v, v), answers) for v in codes)
    )


def _names_items(column: Profile, value: Profile, scale: Profile | None, answers: Answers, roles: Roles) -> bool:
    """Item names (PHQ9_1, HAMD_01), or numbers 1 … k, or words in a column that says item, several at one time."""
    codes = [v for v in column.values if v.lower() not in REASON_OF]
    if not FEWEST <= len(codes) <= 200 or column.name in roles.constant:
        return False
    at = _at(roles)
    if int(at.duplicated().sum()) < 0.5 * len(at):
        return False
    says_item = re.fullmatch(ITEMS, plain(column.delivered)) is not None
    if column.kind == "number":
        running = column.whole and column.low in (0, 1) and column.high - column.low + 1 == len(column.known)
        return running and (says_item or counts_items(column, at))
    numbered = [v for v in codes if _split(v)[1] is not None]
    stems = {_split(v)[0] for v in numbered}
    if len(numbered) >= FEWEST and len(numbered) >= 0.6 * len(codes) and len(stems) <= max(1, len(numbered) // FEWEST):
        return len(numbered) > len([v for v in numbered if named(v, answers)]) or len(numbered) > 4
    instruments = [v for v in codes if named(column.labels.get(v, v), answers)]
    most = max((value.by_value[v] for v in value.values if v in value.known), default=0)
    return says_item and not instruments and most <= 10 and scale is not column


def _at(roles: Roles, *more: Profile | None) -> pd.DataFrame:
    """Person, time and what else tells rows apart."""
    assert roles.identity is not None
    columns = {"k": roles.identity.text}
    if roles.clock is not None:
        columns["t"] = roles.clock.column.text
    if roles.occasion is not None:
        columns["o"] = roles.occasion.text
    columns |= {str(i): c.text for i, c in enumerate(more) if c is not None}
    return pd.DataFrame(columns)


def _parts(scale: Profile | None) -> list[tuple[Profile | None, str]]:
    if scale is None:
        return [(None, "")]
    return [(scale, v) for v in sorted(scale.values) if v.lower() not in REASON_OF]


def _of_part(
    table: Table,
    item: Profile,
    value: Profile,
    part: tuple[Profile | None, str],
    answers: Answers,
    said: dict[str, str],
) -> list[Score]:
    """The scores of all rows, or of those in which a column names one instrument."""
    scale, of_scale = part
    rows = item.text.where(scale.text == of_scale, "") if scale is not None else item.text
    in_order = [c for c in dict.fromkeys(rows[rows != ""]) if c.lower() not in REASON_OF]
    hints = [scale.labels.get(of_scale, of_scale)] if scale is not None else []
    found = []
    for group in _groups(in_order, item, answers, said):
        stems = [*hints, group.stem, value.delivered, item.delivered, table.form]
        instrument = next((i for s in stems if s and (i := named(s, answers))), None)
        codes = ([group.total] if group.total else []) + group.codes
        parts = [_column(item, value, c, n, rows) for n, c in enumerate(codes, start=1)]
        items = tuple(parts[1:] if group.total else parts)
        instrument = instrument or of_items(group.stem, items, answers, plain(table.file.name))
        if instrument and group.question:
            _by_names(instrument, group)
            codes = ([group.total] if group.total else []) + group.codes
            parts = [_column(item, value, c, n, rows) for n, c in enumerate(codes, start=1)]
            items = tuple(parts[1:] if group.total else parts)
        stem = hints[0] if hints else group.stem if not re.fullmatch(NO_STEM, group.stem) else plain(table.form)
        moment = Moment("", 0, total=parts[0] if group.total else None, items=items)
        score = Score(instrument or "", stem, [moment], f"one row per item of {item.delivered}")
        question = group.question if instrument and scale_row(instrument) else ""
        score.rows = ItemRows(item, value, tuple(codes), scale, of_scale, question)
        found.append(score)
    return found


def _descriptions(item: Profile, columns: list[Profile]) -> dict[str, str]:
    """What another column says of each item, where it has one text for each: QSTEST beside QSTESTCD."""
    for column in columns:
        pairs = set(zip(item.text, column.text, strict=True))
        if column is not item and len(pairs) == len(item.values) == len(column.values) and column.kind == "text":
            return dict(pairs)
    return {}


def _groups(codes: list[str], item: Profile, answers: Answers, said: dict[str, str]) -> list[_Found]:
    """Codes by what they have in common: items in the order of their numbers, and the code of their total."""
    by_stem: dict[str, dict[int, str]] = defaultdict(dict)
    totals = {c for c in codes if re.search(rf"(^|_){_SURE_TOTAL}(_|$)", plain(said.get(c, "")))}
    for code in (c for c in codes if c not in totals):
        stem, number = _split(code)
        if number is not None:
            by_stem[stem].setdefault(number, code)
    sets = {s: of for s, of in by_stem.items() if len(of) >= FEWEST}
    if not sets:
        total = next((c for c in codes if re.fullmatch(TOTAL, plain(c))), "")
        words = [c for c in codes if c != total]
        return [_Found(plain(item.delivered), words, total, IN_ORDER)] if len(words) >= FEWEST else []
    found = []
    rest = [c for c in codes if not any(c in of.values() for of in sets.values())]
    for stem, of in sets.items():
        total = next((c for c in rest if c in totals and _split(c)[0] == stem), "")
        total = total or next((c for c in rest if _is_total(c, stem, len(sets) == 1, answers)), "")
        found.append(_Found(stem, [of[n] for n in sorted(of)], total))
    return found


def _is_total(code: str, stem: str, alone: bool, answers: Answers) -> bool:
    bare = re.sub(rf"_?({TOTAL})$|^({TOTAL})_", "", plain(code))
    if bare != plain(code) and bare in ({"", stem} if alone else {stem}):
        return True
    return named(code, answers) is not None and named(code, answers) == named(stem, answers)


def _by_names(instrument: str, group: _Found) -> None:
    """Order items by the names that reference.scale_items has, where all are known."""
    try:
        listed = item_rows(instrument)
    except KeyError:
        return
    place = {plain(r[c]): n for n, r in enumerate(listed) for c in ("item_name", "item_id")}
    if all(plain(c) in place for c in group.codes) and len(group.codes) == len(listed):
        group.codes.sort(key=lambda c: place[plain(c)])
        group.question = ""


def _split(code: str) -> tuple[str, int | None]:
    """'PHQ9_1' is (phq9, 1), 'HAMD17-02' (hamd17, 2), 'Item 3' (item, 3), '4' ('', 4); other words have no number."""
    name = plain(code)
    for pattern in (r"(.+)_(\d{1,4})", r"(.*?[a-z])(\d{1,4})", r"()(\d{1,3})"):
        if hit := re.fullmatch(pattern, name):
            return hit[1].strip("_"), int(hit[2])
    return name, None


def _column(item: Profile, value: Profile, code: str, n: int, rows: pd.Series) -> Profile:
    """The column that joining makes of one item."""
    made = Profile(code, f"{{{n}}}", value.position, value.text.where(rows == code, ""), labels=value.labels)
    made.decimal = value.decimal
    made.missing = {c: why for c, why in value.missing.items() if c in made.values}
    return made


def _ask(item: Profile, value: Profile, scores: Scores) -> None:
    listed = ", ".join(sorted(item.values)[:4])
    why = f"a row is one item ({listed} …) with its answer in {value.delivered}: which of them belong to one form?"
    remedy = f"Name the items FORM_1, FORM_2 … in the file, or write unpivot: {item.name} -> {value.name}: code, code"
    scores.questions.append((item.name, why, remedy))
    scores.waiting[value.name] = ("", f"a row is one item of {item.delivered}")
    scores.set_aside |= {value.name, item.name}


def _tell(item: Profile, value: Profile, found: list[Score], scores: Scores) -> None:
    named_ones = [s.rows for s in found if s.rows is not None]
    parts = [f"{s.instrument or s.stem}: {', '.join(r.codes)}" for s, r in zip(found, named_ones, strict=True)]
    scores.notes.append(
        f"{item.delivered}: a row is one item with its answer in {value.delivered}; joined as {'; '.join(parts)};"
        f" otherwise --instrument {item.delivered}=ID"
    )
    used = {c for r in named_ones for c in r.codes}
    left = {v: n for v, n in item.values.items() if v not in used and v.lower() not in REASON_OF}
    if left:
        listed = ", ".join(f"{v} ({n})" for v, n in list(left.items())[:8])
        scores.notes.append(f"{item.delivered}: rows of {listed} belong to no form: not mapped")
    for rows in named_ones:
        if rows.question:
            remedy = f"Put the items in order in unpivot, then write complete for the row `items` ({rows.codes[0]} …)"
            scores.questions.append((item.name, rows.question, remedy))


def share_codes(scores: Scores) -> None:
    """Codes for missing found in single items hold for the column of the values, where no item allows them."""
    joined = [s for s in scores.found if s.rows is not None]
    for value in {s.rows.value.name: s.rows.value for s in joined if s.rows is not None}.values():
        mine = [s for s in joined if s.rows is not None and s.rows.value is value]
        ranges = [r for s in mine for r in _ranges(s)]
        for score in mine:
            for column in score.columns:
                for code, why in column.missing.items():
                    x = column.by_value.get(code)
                    if x is None or not any(low <= x <= high for low, high in ranges):
                        value.missing.setdefault(code, why)


def _ranges(score: Score) -> list[tuple[float, float]]:
    """What the items, and the total where there is one, can be."""
    items = score.moments[0].items
    of_items_ = [score.own_items] if score.own_items else ranges_of_items(score.instrument, len(items)) or []
    has_total = score.moments[0].total is not None
    total = None
    if has_total and score.own is not None:
        total = (float(score.own["total_min"]), float(score.own["total_max"]))
    elif has_total:
        total = instrument_range(score.instrument)
    return [*of_items_, *([total] if total else [])]
