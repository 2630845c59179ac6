"""Which columns of a file are scores: of which instrument, at which times, as totals or items."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from harmonize.profile import Profile, Table
from harmonize.profile_codes import find_codes
from harmonize.profile_names import (
    READINGS,
    TOTAL,
    WORSE_IS_LOWER,
    Time,
    instrument_of,
    is_change,
    plain,
    read_time,
    split_time,
)
from harmonize.profile_roles import Answers, Roles
from harmonize.reference import instrument_range, item_ranges, seed_rows

NO_SCORE = (
    r"(.*_)?(dose|dosis|mg|weight|gewicht|height|groesse|bmi|bp|sbp|dbp|pulse|puls|hr|temp|date|datum|year|jahr|freq"
    r"|count|n|num.*|educ.*|income|duration|dauer|onset|episodes?|version|raters?|log_.*|intcpt|intercept)(_.*)?"
)
"""Numbers whose name says that they are no score."""


@dataclass
class Moment:
    """A score at one time: its total, its items, or both. `day` None: not decided."""

    label: str
    day: int | None
    total: Profile | None = None
    items: tuple[Profile, ...] = ()
    time: Time | None = None

    @property
    def columns(self) -> tuple[Profile, ...]:
        """All its columns, the total first."""
        return ((self.total,) if self.total else ()) + self.items


@dataclass
class Score:
    """One instrument of a file. `own` is the row of a scale that the study must declare itself."""

    instrument: str
    stem: str
    moments: list[Moment]
    why: str
    partial: bool = False
    own: dict[str, str] | None = None
    own_items: tuple[float, float] | None = None
    with_items: bool = True

    @property
    def columns(self) -> list[Profile]:
        """Every column it reads."""
        return [c for m in self.moments for c in m.columns]


@dataclass
class Scores:
    """What was found: the scores, what was read how (notes), what is undecided (column, question, remedy)."""

    found: list[Score] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    questions: list[tuple[str, str, str]] = field(default_factory=list)

    def taken(self) -> set[str]:
        """Columns that belong to a score."""
        return {c.name for s in self.found for c in s.columns}


def find_scores(table: Table, roles: Roles, answers: Answers, study: str) -> Scores:
    """All scores of a file."""
    scores = Scores()
    free = {c.name: c for c in table.columns if c.name not in roles.taken() and c.kind == "number"}
    if not roles.repeated:
        _by_time(free, answers, scores)
    _item_sets(free, table, answers, scores, roles)
    _singles(free, roles, answers, scores)
    for score in scores.found:
        if len({c.decimal for c in score.columns}) > 1:
            scores.notes.append(
                f"{_first(score)}: decimal commas beside points: read as commas, the rest are cell issues"
            )
            for column in score.columns:
                column.decimal = ","
        _fit(score, study, scores)
    return scores


# --- wide: one column per time ---------------------------------------------------------------------------------


def _named(stem: str, answers: Answers) -> str | None:
    given = {plain(k): v for k, v in answers.instruments.items()}
    given |= {plain(v): v for v in answers.instruments.values()}
    named = given.get(plain(stem)) or instrument_of(stem)
    return given.get(plain(named), named) if named else None


def _by_time(free: dict[str, Profile], answers: Answers, scores: Scores) -> None:
    """Columns whose names hold a time: one series per stem, with items where the stem still ends in a number."""
    groups: dict[str, dict[str, tuple[Time, Profile]]] = defaultdict(dict)
    for column in free.values():
        for stem, said in split_time(column.delivered):
            time = read_time(said)
            if time.unit == "number" and answers.day_of(said) is None:
                continue
            groups[_key(stem, answers)].setdefault(said, (time, column))
            break
    _items_by_time(groups, free, answers, scores)
    for stem, members in groups.items():
        members = {k: v for k, v in members.items() if v[1].name in free}
        if not members or (len(members) == 1 and not _named(stem, answers)):
            continue
        _join_numbers(stem, members, free, answers, scores)
        _add_series(stem, members, free, answers, scores)
    _numbered_series(free, answers, scores)


def _key(stem: str, answers: Answers) -> str:
    """Stems that name one instrument with the same kind of value are one series."""
    named = None if is_change(stem) else _named(stem, answers)
    return named or plain(stem)


def _items_by_time(
    groups: dict[str, dict[str, tuple[Time, Profile]]], free: dict[str, Profile], answers: Answers, scores: Scores
) -> None:
    """phq9_1_w4: the stem without its time ends in an item number."""
    by_base: dict[str, dict[int, str]] = defaultdict(dict)
    for stem in groups:
        found = re.fullmatch(r"(.*?[a-z](?:\d+_)?|.*_)(\d+)", stem) or re.fullmatch(r"(.*[a-z])(\d+)", stem)
        if found and found[1].strip("_"):
            by_base[found[1].strip("_")][int(found[2])] = stem
    for base, numbered in by_base.items():
        order = sorted(numbered)
        if len(order) < 4 or not _running(order):
            continue
        labels = [label for label in groups[numbered[order[0]]] if all(label in groups[numbered[n]] for n in order)]
        moments = []
        for label in labels:
            columns = tuple(groups[numbered[n]][label][1] for n in order)
            time = groups[numbered[order[0]]][label][0]
            moments.append(Moment(label, _day(label, time, answers), items=columns, time=time))
        if not moments:
            continue
        instrument = _of_items(base, moments[0].items, answers, "")
        scores.found.append(Score(instrument or "", base, moments, f"{len(order)} items at each time"))
        for moment in moments:
            for column in moment.items:
                free.pop(column.name, None)
        for n in order:
            groups.pop(numbered[n], None)
        totals = groups.pop(_key(base, answers), {})
        for label, (_, column) in totals.items():
            for moment in moments:
                if moment.label == label and column.name in free:
                    moment.total = column
                    free.pop(column.name)


def _day(label: str, time: Time, answers: Answers) -> int | None:
    said = answers.day_of(label)
    return said if said is not None else time.day


def _join_numbers(
    stem: str,
    members: dict[str, tuple[Time, Profile]],
    free: dict[str, Profile],
    answers: Answers,
    scores: Scores,
) -> None:
    """bdi1 and bdi beside bdi_s2 …: a bare number is of the unit that the others have; a bare name is the start."""
    units = Counter(t.unit for t, _ in members.values() if t.number is not None and t.unit != "start")
    if units and units.most_common(1)[0][1] >= 2:
        unit = units.most_common(1)[0][0]
        numbers = {t.number for t, _ in members.values() if t.unit == unit}
        for column in free.values():
            for other, said in split_time(column.delivered):
                time = read_time(said)
                if time.unit != "number" or _key(other, answers) != stem:
                    continue
                as_unit = read_time(f"{unit} {said}")
                if as_unit.number in numbers or any(c is column for _, c in members.values()):
                    continue
                members[f"{unit}{said}"] = (as_unit, column)
                scores.notes.append(f"{column.delivered}: {said} read as {unit} {said}, like the other columns")
    bare = next((c for c in free.values() if _key(c.delivered, answers) == stem), None)
    if bare is None or any(c is bare for _, c in members.values()):
        return
    if any(t.number == 1 or t.day == 0 for t, _ in members.values()):
        return
    numbered = sorted(t.number for t, _ in members.values() if t.number is not None)
    if numbered and numbered[0] == 2 and not any(t.day is not None for t, _ in members.values()):
        unit = next(t.unit for t, _ in members.values() if t.number == 2)
        time = read_time("1" if unit == "number" else f"{unit} 1")
    else:
        time = read_time("baseline")
    members[time.label.replace(" ", "")] = (time, bare)
    scores.notes.append(f"{bare.delivered}: no time in its name, read as {time.label}")


def _add_series(
    stem: str,
    members: dict[str, tuple[Time, Profile]],
    free: dict[str, Profile],
    answers: Answers,
    scores: Scores,
) -> None:
    moments = [Moment(label, _day(label, t, answers), total=c, time=t) for label, (t, c) in members.items()]
    far = float("inf")
    moments.sort(key=lambda m: (m.day if m.day is not None else far, m.time.number or 0 if m.time else 0))
    days = Counter(m.day for m in moments if m.day is not None)
    for moment in moments:
        if moment.day is not None and days[moment.day] > 1:
            which = ", ".join(m.total.delivered for m in moments if m.day == moment.day and m.total)
            scores.questions.append((moment.columns[0].name, f"{which} fall on the same day {moment.day}", _TIMES))
            for m in moments:
                if m.day == moment.day and m is not moment:
                    m.day = None
            days[moment.day] = 1
    undecided = [m for m in moments if m.day is None]
    if undecided:
        which = ", ".join(f"{m.label} ({m.columns[0].delivered})" for m in undecided)
        scores.questions.append(("", f"on which days are {which}?", _TIMES))
    instrument = _named(stem, answers) or ""
    scores.found.append(Score(instrument, stem, moments, f"{len(moments)} times, by the names of the columns"))
    if any(m.time and m.time.unit == "session" and answers.day_of(m.label) is None for m in moments):
        scores.notes.append(f"{stem}: sessions are taken as weekly, session 1 on day 7; otherwise --time LABEL=DAY")
    for moment in moments:
        for column in moment.columns:
            free.pop(column.name, None)


_TIMES = "Run again with --time LABEL=DAY for each, or write the days into the unpivot list"


def _numbered_series(free: dict[str, Profile], answers: Answers, scores: Scores) -> None:
    """qids_1 … qids_4 of totals: a number that is no item; the day of each is not said."""
    for stem, members in _numbered(free).items():
        if len(members) < 2 or _looks_like_items(stem, list(members.values()), answers):
            continue
        numbers = sorted(members)
        named = _named(stem, answers)
        different = {x for c in members.values() for x in c.known.values()}
        if not named and (len(numbers) < 3 or len(different) < 4 or re.fullmatch(NO_SCORE, plain(stem))):
            continue
        timed = {str(n): (read_time(str(n)), members[n]) for n in numbers}
        bare = next((c for c in free.values() if plain(c.delivered) == stem), None)
        if bare is not None and 1 not in members:
            timed["1"] = (read_time("1"), bare)
        _add_series(stem if named is None else named, timed, free, answers, scores)


def _numbered(free: dict[str, Profile]) -> dict[str, dict[int, Profile]]:
    groups: dict[str, dict[int, Profile]] = defaultdict(dict)
    for column in free.values():
        for stem, said in split_time(column.delivered):
            if said.isdigit():
                groups[stem][int(said)] = column
                break
    return groups


def _running(numbers: list[int]) -> bool:
    """Numbers run in equal steps: 1, 2, 3 … or 10, 20, 30 …"""
    steps = np.diff(numbers)
    return len(numbers) > 1 and len(set(steps.tolist())) == 1 and numbers[0] in (0, 1, steps[0])


# --- items -----------------------------------------------------------------------------------------------------


def _looks_like_items(stem: str, columns: list[Profile], answers: Answers) -> bool:
    """Many columns with few small whole values; of a known instrument, as many as it has items."""
    highest = max((c.high for c in columns if not math.isnan(c.high)), default=0)
    whole = all(c.whole for c in columns)
    named = _named(stem, answers)
    if named and (scale := _scale(named)):
        n = int(scale["n_items"])
        most = float(scale["item_score_max"] or 9)
        codes = {7.0, 8.0, 9.0, 77.0, 88.0, 99.0}
        small = all(x <= max(most, 4) or x in codes for c in columns for x in c.known.values())
        return whole and n - 1 <= len(columns) <= n + 1 and small
    return whole and len(columns) >= 5 and highest <= 10


def _scale(instrument: str) -> dict[str, str] | None:
    return next((r for r in seed_rows("ref_scales") if r["scale_id"] == instrument), None)


def _of_items(stem: str, items: tuple[Profile, ...], answers: Answers, hint: str) -> str | None:
    """The instrument of an item set: by its name, else by the file's name where number and range agree."""
    if named := _named(stem, answers):
        return named
    highest = max(c.high for c in items)
    for word in re.split(r"[_\W]+", hint):
        named = instrument_of(word) if len(word) > 2 else None
        scale = _scale(named) if named else None
        if named and scale and int(scale["n_items"]) == len(items) and highest <= float(scale["item_score_max"]):
            return named
    return None


def _item_sets(free: dict[str, Profile], table: Table, answers: Answers, scores: Scores, roles: Roles) -> None:
    for stem, members in _numbered(free).items():
        columns = [members[n] for n in sorted(members)]
        if not _running(sorted(members)) or not _looks_like_items(stem, columns, answers):
            continue
        if re.fullmatch(NO_SCORE, plain(stem)) and not _named(stem, answers):
            continue
        items = tuple(columns)
        instrument = _of_items(stem, items, answers, plain(table.file.name))
        if instrument and (ranges := _ranges(instrument, len(items))):
            for column, valid in zip(items, ranges, strict=True):
                find_codes(column, valid)
        total, how = _total_of(stem, instrument, items, free)
        moment = Moment("", 0, total=total, items=items)
        scores.found.append(Score(instrument or "", stem, [moment], f"{len(items)} items{how}"))
        for column in moment.columns:
            free.pop(column.name, None)


def _ranges(instrument: str, n: int) -> list[tuple[float, float]] | None:
    """Ranges of the items, where the seed has them; one unscored item at the end may be left out."""
    try:
        ranges = item_ranges(instrument)
    except KeyError:
        return None
    return ranges[:n] if n <= len(ranges) else None


def _total_of(
    stem: str, instrument: str | None, items: tuple[Profile, ...], free: dict[str, Profile]
) -> tuple[Profile | None, str]:
    """The column that holds the total: by name, or because it is the sum of the items."""
    sums = pd.concat([c.numbers() for c in items], axis=1).sum(axis=1, skipna=False)
    rest = [c for c in free.values() if c not in items]
    for column in rest:
        name = plain(column.delivered)
        bare = re.sub(rf"^({TOTAL})_?|_?({TOTAL})$", "", name)
        if bare != name and (bare in ("", stem) or (instrument and instrument_of(bare) == instrument)):
            return column, f" with their total {column.delivered}"
    for column in rest:
        both = (sums - column.numbers()).dropna()
        if len(both) >= 5 and float((both == 0).mean()) >= 0.9:
            return column, f" with {column.delivered}, their sum in {int((both == 0).sum())} of {len(both)} rows"
    return None, ""


# --- one column ------------------------------------------------------------------------------------------------


def _singles(free: dict[str, Profile], roles: Roles, answers: Answers, scores: Scores) -> None:
    """Totals by name; with several rows per person also numbers that vary within a person."""
    for column in list(free.values()):
        stem = plain(column.delivered)
        change = is_change(stem) and column.delivered not in answers.instruments
        known = None if change else _named(stem, answers)
        changed = change and instrument_of(re.sub(rf"_?{_CHANGE_WORD}_?", "_", stem).strip("_"))
        varies = roles.repeated and column.name not in roles.constant
        scorelike = re.search(rf"(^|_){TOTAL}(_|$)", stem) is not None
        unknown = (varies or scorelike or change) and not re.fullmatch(NO_SCORE, stem)
        if not (known or changed or unknown):
            continue
        if roles.repeated and not varies and known:
            scores.notes.append(f"{column.delivered}: the same in every row of a person, taken as the baseline score")
        scores.found.append(Score(known or "", stem, [Moment("", 0, total=column)], "one column"))
        free.pop(column.name)


_CHANGE_WORD = "(change|chg|delta|diff|difference|improvement|improve|imp|verbesserung|cfb|reduction)"


# --- does the instrument fit? ----------------------------------------------------------------------------------


def _fit(score: Score, study: str, scores: Scores) -> None:
    """Hold values against the instrument's range; declare a scale of the study where there is none that fits."""
    totals = [m.total for m in score.moments if m.total is not None]
    items = [c for m in score.moments for c in m.items]
    valid = instrument_range(score.instrument) if score.instrument else None
    for column in totals:
        scores.notes += [f"{column.delivered}: {doubt}" for doubt in find_codes(column, valid)]
    for column in (*totals, *items):
        for code in [c for c in column.missing if c in column.by_value and column in totals]:
            if valid is not None and valid[0] <= column.by_value[code] <= valid[1]:
                column.missing.pop(code)
                scores.notes.append(
                    f"{column.delivered}: the file declares {code} as missing, but it can be a score: taken as a value"
                )
    if score.instrument and not valid:
        scores.questions.append(
            (
                totals[0].name if totals else "",
                f"the instrument {score.instrument} is not known",
                "Correct --instrument",
            )
        )
    if valid:
        values = [(x, c.values[v]) for c in totals for v, x in c.known.items()]
        outside = sum(n for x, n in values if not valid[0] <= x <= valid[1])
        seen = sum(n for _, n in values)
        if outside and (outside > max(3, 0.05 * seen) or min(x for x, _ in values) < 0 <= valid[0]):
            scores.notes.append(
                f"{_first(score)}: {outside} of {seen} values lie outside {score.instrument} ({valid[0]:g} to"
                f" {valid[1]:g}): declared as a scale of the study"
            )
            score.instrument = ""
        elif outside:
            scores.notes.append(
                f"{_first(score)}: {outside} of {seen} values lie outside {score.instrument} ({valid[0]:g} to"
                f" {valid[1]:g}): the gate will refuse them"
            )
        if score.instrument in READINGS:
            score.partial = True
            scores.notes.append(
                f"{_first(score)}: taken as {score.instrument} ({READINGS[score.instrument]});"
                f" otherwise --instrument {score.stem}=ID"
            )
    for moment in score.moments if score.instrument else ():
        for column, of_item in zip(moment.items, _ranges(score.instrument, len(moment.items)) or (), strict=False):
            find_codes(column, of_item)
    if score.instrument and items:
        _fit_items(score, items, scores)
    if not score.instrument:
        _declare(score, study, totals, items, scores)


def _first(score: Score) -> str:
    columns = score.columns
    return columns[0].delivered if len(columns) == 1 else f"{columns[0].delivered} … {columns[-1].delivered}"


def _fit_items(score: Score, items: list[Profile], scores: Scores) -> None:
    n = len(score.moments[0].items)
    ranges = _ranges(score.instrument, n)
    has_total = all(m.total is not None for m in score.moments)
    why = ""
    if ranges is None:
        why = f"reference.scale_items does not list {n} items of {score.instrument}"
    else:
        low = min(c.low for c in items)
        high = max(c.high for c in items)
        if high > max(r[1] for r in ranges) or low < min(r[0] for r in ranges):
            allowed = f"{min(r[0] for r in ranges):g} to {max(r[1] for r in ranges):g}"
            why = f"the items run from {low:g} to {high:g}, those of {score.instrument} from {allowed}"
    if not why:
        return
    if has_total:
        score.with_items = False
        score.partial = True
        scores.notes.append(f"{score.stem}: {why}: only the total is mapped")
    else:
        scores.notes.append(f"{score.stem}: {why}, and there is no total: declared as a scale of the study")
        score.instrument = ""


def _declare(score: Score, study: str, totals: list[Profile], items: list[Profile], scores: Scores) -> None:
    """A row for the study's own scales, with the range of the data."""
    base = re.sub(r"[^a-z0-9]+", "_", plain(score.stem)) or "score"
    score.instrument = f"{base}_{study}".upper()
    score.partial = True
    known = [x for c in totals for x in c.known.values()]
    spread = (math.floor(min(known)), math.ceil(max(known))) if known else None
    n = max(len(score.moments[0].items), 1)
    row = {"scale_id": score.instrument, "scale_name": f"{score.stem} of {study}", "n_items": str(n)}
    if items:
        low, high = min(c.low for c in items), max(c.high for c in items)
        score.own_items = (low, high)
        row |= {"item_score_min": f"{low:g}", "item_score_max": f"{high:g}"}
        by_items = (math.floor(n * low), math.ceil(n * high))
        spread = by_items if spread is None else (min(spread[0], by_items[0]), max(spread[1], by_items[1]))
    assert spread is not None
    for column in totals:
        find_codes(column, spread)  # what is a code in one column can be a score in another: then it is a score in both
    for column in items:
        find_codes(column, score.own_items)
    better = re.search(WORSE_IS_LOWER, plain(score.stem)) is not None
    row |= {
        "total_min": f"{spread[0]:g}",
        "total_max": f"{spread[1]:g}",
        "higher_is_worse": "0" if better else "1",
        "note": "range of the data, not of the form; say whether a higher value is worse",
        "source": ", ".join(c.delivered for c in (totals or items)[:3]) + (" …" if len(totals or items) > 3 else ""),
        "verified": "draft",
    }
    score.own = row
    scores.notes.append(
        f"{_first(score)}: no known instrument; declared as {score.instrument}, {spread[0]:g} to {spread[1]:g} as in"
        f" the data, {'a higher value is better' if better else 'a higher value is worse'};"
        f" otherwise --instrument {score.stem}=ID, or correct scales.csv"
    )
