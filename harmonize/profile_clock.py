"""How a row of a long file says its day: a count, a label, or dates."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

import pandas as pd

from harmonize.profile import REASON_OF, Profile
from harmonize.profile_codes import find_codes
from harmonize.profile_dates import date_formats, reader_of
from harmonize.profile_names import instrument_of, plain
from harmonize.profile_times import DAYS_PER, START, Time, read_time, split_time

LABEL_NAMES = (
    r"(a?visite?|visita|vis|event|redcap_event_name|time_?points?|timept|zeitpunkt|messzeitpunkt|mzp|zp|phase|wave"
    r"|occasion|occ|session|sess|sitzung|seance|sesion|assessment|period|time|zeit|besuch|welle|epoch|t|moment|momento"
    r"|termin|messung|erhebung|untersuchung|stage|folder(name)?|instance(name)?|periode|temps|tiempo)"
    r"(_?(name|label|no|nr|num|number|nummer|id|code|n|nom|nombre|numero|typ|type))?"
    r"|visitnum|avisitn|studienwoche"
)
TIME_UNITS = {
    "day": (
        r"(study_?|rel_?|elapsed_?|visit_?|studien_?|treatment_?)?(days?|tage?|jours?|dias?)(_?(from|since|post|nr|no|num"
        r"|seit|in|after|baseline).*)?|reldays?|elapsed_?days?|ady|vstdy|qsdy|dy|studienta?g"
    ),
    "week": (
        r"(study_?|visit_?|studien_?|treatment_?)?(weeks?|wks?|wk|wochen?|semaines?|semanas?)(_?(no|nr|num|number|baseline"
        r"|seit|since|from).*)?"
    ),
    "month": r"(study_?|visit_?)?(months?|mon|monate?|mois|mes|meses)(_?(no|nr|num|number|since.*|from.*|baseline))?",
    "year": r"(study_?|visit_?)?(years?|jahre?)_?(no|nr|num|since.*|from.*)",
}
"""Columns that hold a time as a number of days, weeks, months or years."""
DATE_WORDS = (
    r"(^|_)(birth|geburt\w*|dob|geb|naissance|nacimiento|death|onset|diagnos\w*|export|entered|entry_date_time)(_|$)"
)
"""Dates that are not of a visit."""
START_WORDS = (
    r"(^|_)(start\w*|begin\w*|baseline|bl|enrol\w*|inclusion|consent|rand\w*|first|erst\w*|einschluss\w*|aufnahme\w*"
    r"|index|t0|debut|inicio|admission|entry)(_|$)"
)
TWO_DIGIT_YEAR = r"\d{1,2}[./-]\d{1,2}[./-]\d{2}"


OCCASIONS = (
    r"(^|_)(rater|interviewer|assessor|beurteiler|untersucher|occasion|tageszeit|time_of_day|session|beep|prompt|attempt"
    r"|informant|source|quelle|method|mode|version|am_pm|part)(_|$)"
)
"""Columns of words that can tell ratings of one day apart."""
ITEMS = (
    r"(item|question|frage|symptom|element|variable|param|paramcd|test|qstestcd|scale|instrument)"
    r"(_?(id|no|nr|num\w*|name|code|cd))?"
)


@dataclass
class Clock:
    """How a row says its day: a verb over a column; `codes` are days of labels, without those that say none."""

    column: Profile
    verb: str
    args: str
    why: str
    codes: dict[str, str] = field(default_factory=dict)
    undecided: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


@dataclass
class Times:
    """What was found of the time: clock and label, dates with their forms, notes and questions as in Roles."""

    clock: Clock | None = None
    label: Profile | None = None
    date_formats: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    questions: list[tuple[str, str, str]] = field(default_factory=list)


def time_columns(columns: list[Profile]) -> list[Profile]:
    """Columns that by name or content are about the time of a row, the surest first."""
    counted = [c for _, c in _counting(columns)]
    named = [c for c in columns if re.fullmatch(LABEL_NAMES, plain(c.delivered)) and not _is_instrument(c)]
    by_content = [c for c in columns if _labels_times(c)]
    dates = [c for c in columns if c.kind == "date" and not re.search(DATE_WORDS, plain(c.delivered))]
    return list({c.name: c for c in (*counted, *by_content, *named, *dates)}.values())


def find_times(
    free: list[Profile],
    key: pd.Series,
    constant: set[str],
    day: Profile | None,
    label: Profile | None,
    day_of: dict[str, int],
) -> Times:
    """The clock of a long file. `day` and `label` were named by a person, `day_of` are plain labels with their days."""
    times = Times()
    free = [c for c in free if c is day or c is label or not re.fullmatch(ITEMS, plain(c.delivered))]
    numeric = [(_unit_of(day) or "day", day)] if day is not None else _counting(free)
    if label is not None and day is None and day_of:
        numeric = []
    given = label
    counted = {c.name for _, c in numeric}
    labels = [label] if label is not None else _label_columns(free, counted, key, constant, times)
    times.label = labels[0] if labels else None
    dated = _dated(free, key, constant, times)
    if numeric:
        unit, column = numeric[0]
        find_codes(column, (-60 / DAYS_PER[unit], 3650 / DAYS_PER[unit]))
        times.clock = _counted(unit, column)
        times.label = times.label or next((c for _, c in numeric[1:]), None) or (column if column.whole else None)
        return times
    if times.label is not None:
        times.clock = labelled(times.label, day_of, key)
        weekly = "session" in times.clock.why and not day_of
        if dated is not None and given is None and not day_of and (times.clock.undecided or weekly):
            times.notes.append(
                f"{times.label.delivered}: its labels do not all say a day ({', '.join(times.clock.undecided[:4])}),"
                " so the days are those of the dates"
                if times.clock.undecided
                else f"{times.label.delivered}: sessions say no day, so the days are those of the dates"
            )
            times.clock = dated
            _without_start(times.label, key, times)
    elif dated is not None:
        times.clock = dated
    if times.clock is None:
        _ask([c for c in free if c.name not in constant], times)
    if times.clock is not dated:
        times.date_formats = {}
        times.questions = [q for q in times.questions if not q[1].startswith("the date")]
    return times


def _without_start(label: Profile, key: pd.Series, times: Times) -> None:
    """Persons whose first date is not that of a visit called the start: of a screening, or of a later one."""
    clock = times.clock
    if clock is None or not clock.args.startswith("first("):
        return
    starts = [v for v in label.values if read_time(label.labels.get(v, v)).day == 0]
    starts.sort(key=lambda v: _rank(label.labels.get(v, v)))
    starts = [v for v in starts if _rank(v)[0] == _rank(starts[0])[0]]
    dates = clock.column.text.map(reader_of(times.date_formats[clock.column.name]))
    rows = pd.DataFrame({"k": key, "v": label.text, "s": label.text.isin(starts), "d": dates}).sort_values(["k", "d"])
    later = rows.groupby("k")["s"].any()
    n = int((~later).sum())
    early = later & ~rows.groupby("k")["s"].first()
    if starts and early.any():
        first = ", ".join(rows.groupby("k")["v"].first()[early].value_counts().index[:2])
        times.questions.append(
            (
                label.name,
                f"{int(early.sum())} of {len(early)} persons have a date before {' or '.join(starts)} ({first}), and"
                " their days would count from it",
                "Run again with --time LABEL=DAY for the labels that say no day; then the labels say all days",
            )
        )
    if starts and n:
        times.questions.append(
            (
                label.name,
                f"{n} of {len(later)} persons have no {' or '.join(starts)}: their days would count from a later visit",
                "Run again with --time LABEL=DAY for the labels that say no day; then the labels say all days",
            )
        )


def _ask(free: list[Profile], times: Times) -> None:
    dates = [c.delivered for c in free if c.kind == "date"]
    unit = next((c for c in free if re.fullmatch(LABEL_NAMES, plain(c.delivered)) and c.kind == "number"), None)
    if unit is not None and not dates:
        problem = f"{unit.delivered} holds numbers ({unit.low:g} to {unit.high:g}), and nothing says of which unit"
        remedy = (
            f"--day {unit.delivered} where they are days; else then write the verb linear: {unit.name}; 7; 0 for weeks"
        )
        times.questions.append(("", f"on which day is a row? {problem}", remedy))
        return
    which = f"dates stand in {', '.join(dates)}, and they could not be used" if dates else "no time was found"
    times.questions.append(("", f"on which day is a row? {which}", "Run again with --day COLUMN or --visit COLUMN"))


def _is_instrument(column: Profile) -> bool:
    stems = (plain(column.delivered), *(s for s, _ in split_time(column.delivered)))
    return any(instrument_of(s) for s in stems)


def _unit_of(column: Profile) -> str | None:
    name = plain(column.delivered)
    return next((u for u, p in TIME_UNITS.items() if re.fullmatch(p, name)), None) or (
        "session" if re.match(r"(sess|sitzung)", name) else None
    )


def _counting(columns: list[Profile]) -> list[tuple[str, Profile]]:
    """Numeric columns named as days, weeks, months or years."""
    found = []
    for unit, pattern in TIME_UNITS.items():
        found += [(unit, c) for c in columns if re.fullmatch(pattern, plain(c.delivered)) and c.kind == "number"]
    return found


def _labels_times(column: Profile) -> bool:
    """Text most of whose different values are read as times."""
    if column.kind != "text" or len(column.values) > 60 or len(column.values) < 2:
        return False
    if any(re.search("[<>≤≥]", v) for v in column.values):
        return False  # durations, not times
    read = sum(read_time(column.labels.get(v, v)).known for v in column.values if v.lower() not in REASON_OF)
    return read >= 0.6 * len(column.values)


def _label_columns(
    free: list[Profile], counted: set[str], key: pd.Series, constant: set[str], times: Times
) -> list[Profile]:
    free = [c for c in free if c.name not in counted and not _is_instrument(c) and c.kind in ("text", "number")]
    by_content = [c for c in free if _labels_times(c) and c.name not in constant]
    free = [c for c in free if c.name not in constant]  # what is the same in all rows of a person tells none apart
    named = [c for c in free if re.fullmatch(LABEL_NAMES, plain(c.delivered)) and c.whole and len(c.values) <= 200]
    named += [c for c in free if c.kind == "text" and _unit_of(c) is not None and len(c.values) <= 200]
    named.sort(key=lambda c: c.kind != "text")
    found = list({c.name: c for c in (*by_content, *named)}.values())
    if found or counted:
        return found
    stepping = _stepping(free, key, constant)
    if stepping is None:
        return []
    times.notes.append(
        f"{stepping.delivered}: taken as the visit, as it counts up from {stepping.low:g} and no person has one of its"
        " values twice; if it numbers items, call the column item"
    )
    return [stepping]


def _stepping(free: list[Profile], key: pd.Series, constant: set[str]) -> Profile | None:
    """A column of small whole numbers without a gap, none twice for a person, the same first ones for all."""
    for column in free:
        if column.kind != "number" or column.name in constant or column.n_filled < len(key) or not column.whole:
            continue
        numbers = sorted(set(column.known.values()))
        if len(numbers) > 40 or numbers[0] not in (0, 1) or len(numbers) != numbers[-1] - numbers[0] + 1:
            continue
        rows = pd.DataFrame({"k": key, "v": column.numbers()})
        in_order = rows.groupby("k")["v"].apply(lambda v: bool((v.diff().dropna() > 0).all())).mean()
        if not rows.duplicated().any() and in_order > 0.9:
            return column
    return None


def find_occasion(free: list[Profile], key: pd.Series, times: Times) -> Profile | None:
    """A column of few values that tells the rows of a person at one time apart: a rater, a beep, a number."""
    beside = times.clock.column if times.clock is not None else times.label
    if beside is None:
        return None
    at = pd.DataFrame({"k": key, "t": beside.text})
    if int(at.duplicated().sum()) < max(2, 0.02 * len(at)):
        return None
    for column in free:
        n = len(column.values)
        few = 2 <= n <= 30 and column.n_filled == len(at) and not _is_instrument(column)
        counting = (
            column.kind == "number" and column.whole and column.low >= 1 and column.high <= 99 and column.high < 3 * n
        )
        name = plain(column.delivered)
        if re.fullmatch(ITEMS, name):
            continue
        naming = column.kind == "text" and re.search(OCCASIONS, name) is not None
        if (
            few
            and (counting or naming)
            and not counts_items(column, at)
            and not at.assign(o=column.text).duplicated().any()
        ):
            return column
    return None


def counts_items(column: Profile, at: pd.DataFrame) -> bool:
    """Five numbers or more, all of which nearly every person has at one time: items of a form, no occasions."""
    if column.kind != "number" or len(column.known) < 5:
        return False
    sets = at.assign(v=column.text).groupby(list(at.columns))["v"].nunique()
    return float((sets == len(column.known)).mean()) >= 0.8


# --- counts and labels -----------------------------------------------------------------------------------------


def _counted(unit: str, column: Profile) -> Clock:
    per = DAYS_PER[unit]
    if unit == "day" and column.whole:
        return Clock(column, "copy", column.name, "days as the file counts them")
    factor = "1461/48" if unit == "month" else "1461/4" if unit == "year" else f"{per:g}"
    why = {
        "day": "days, rounded",
        "week": "7 days a week",
        "month": "30.4 days a month",
        "year": "365.25 days a year",
        "session": "sessions taken as weekly",
    }
    return Clock(column, "linear", f"{column.name}; {factor}; 0", why[unit])


def labelled(label: Profile, day_of: dict[str, int], key: pd.Series) -> Clock:
    """Days of labels. Labels that fall on one day though a person has both are asked for, all but the best."""
    read: dict[str, Time] = {}
    for value in sorted(label.values):
        if value in label.missing or value.lower() in REASON_OF:
            continue
        meaning = label.labels.get(value, value)
        time = read_time(meaning)
        if time.unit == "number" and (unit := _unit_of(label)):
            time = read_time(f"{unit} {meaning}")
        read[value] = time
    _negative(read)
    codes: dict[str, str] = {}
    undecided, readings, doubts = [], set(), []
    clashing = _clashing(label, read, key, day_of)
    for value, time in read.items():
        said = next((day_of[k] for k in (plain(value), plain(time.label)) if k in day_of), None)
        if said is None and (time.day is None or value in clashing):
            undecided.append(value)
            continue
        codes[value] = str(time.day if said is None else said)
        readings.add("as given" if said is not None else time.unit)
        if said is None and time.doubtful:
            doubts.append(value)
    why = f"days of the labels, read as {', '.join(sorted(readings)) or 'nothing'}"
    return Clock(label, "recode", label.name, why, codes, undecided, doubts)


def _negative(read: dict[str, Time]) -> None:
    """'W-1' beside 'W1' is the week before."""
    for value, time in read.items():
        twins = [v for v, t in read.items() if v != value and t.day == time.day and t.day]
        if twins and re.search(r"[A-Za-z] ?-\d+$", value):
            read[value] = Time(time.label, time.unit, -(time.number or 0), -(time.day or 0), "before the start")


def _clashing(label: Profile, read: dict[str, Time], key: pd.Series, day_of: dict[str, int]) -> set[str]:
    """Labels on one day of which a person has several: all but the one that is most plainly a start."""
    by_day: dict[int, list[str]] = defaultdict(list)
    for value, time in read.items():
        if time.day is not None and plain(value) not in day_of:
            by_day[time.day].append(value)
    found: set[str] = set()
    rows = pd.DataFrame({"k": key, "v": label.text}).drop_duplicates()
    for values in by_day.values():
        if len(values) < 2 or not rows[rows["v"].isin(values)].duplicated("k").any():
            continue
        found |= set(sorted(values, key=lambda v: _rank(read[v].label))[1:])
    return found


def _rank(label: str) -> tuple[int, str]:
    """Baseline before screening."""
    name = plain(label)
    first = next((i for i, word in enumerate(START.split()) if word in name.split("_")), 99)
    return (50 if re.search("scr", name) else first, name)


# --- dates -----------------------------------------------------------------------------------------------------


def _dated(free: list[Profile], key: pd.Series, constant: set[str], times: Times) -> Clock | None:
    """Days to the date of a row, from a date that is one per person, else from the person's first date."""
    dates = [c for c in free if c.kind == "date" and not re.search(DATE_WORDS, plain(c.delivered))]
    then = next((c for c in dates if c.name not in constant), None)
    if then is None:
        return None
    starts = [
        c for c in dates if c.name in constant and (len(c.values) > 1 or re.search(START_WORDS, plain(c.delivered)))
    ]
    first = min(starts, key=lambda c: re.search(START_WORDS, plain(c.delivered)) is None, default=None)
    for column in (first, then) if first is not None else (then,):
        written = date_formats(column, [f for c in dates if c is not column for f in date_formats(c)])
        if not written:
            how = "is written so that day and month cannot be told apart"
            if any(re.fullmatch(TWO_DIGIT_YEAR, v) for v in column.values):
                how = "has years of two digits, whose century the file does not say"
            odd = ", ".join(repr(v) for v in list(column.values)[:3])
            remedy = (
                f"Declare `dates:` of {column.name} in the sources YAML (DD/MM/YYYY or MM/DD/YYYY), or correct the file"
            )
            times.questions.append((column.name, f"the date {how}: {odd}", remedy))
            return None
        times.date_formats[column.name] = written
        if any("20YY" in name for name in written):
            times.notes.append(f"{column.delivered}: years of two digits are read as 20yy; otherwise change dates")
    if first is None:
        return Clock(
            then, "days_between", f"first({then.name}); {then.name}", "days from the person's first date in it"
        )
    filled = bool((~first.is_missing()).all())
    start = first.name if filled else f"first({first.name})"
    return Clock(then, "days_between", f"{start}; {then.name}", f"days from {first.delivered}")
