"""Wide files: scores whose times stand in the names of their columns."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from harmonize.profile import Profile
from harmonize.profile_found import NO_SCORE, Moment, Score, Scores, named
from harmonize.profile_items import looks_like_items, numbered, of_items, running
from harmonize.profile_names import CHANGE, instrument_of, is_change, plain
from harmonize.profile_roles import Answers
from harmonize.profile_times import Time, read_time, split_time
from harmonize.reference import instrument_range

REMEDY = (
    "Run again with --time LABEL=DAY for each (--ignore COLUMN for a column that is no score of its own), or write the"
    " days into the unpivot list"
)
NO_TIME = (
    r"(.*_)?(response|responder|remission|remitter|remitted|sev|severity|cat|category|class|group|date|perc\w*|rank|flag"
    r"|missing|item_?\d*|kategorie|schweregrad|stufe|klasse|einteilung)"
)
"""Words beside the name of an instrument that are no time, but another variable."""
Members = dict[str, tuple[Time, Profile]]


def find_series(free: dict[str, Profile], answers: Answers, scores: Scores) -> None:
    """Columns whose names hold a time: one series per stem, with items where the stem still ends in a number."""
    stems: dict[str, Members] = defaultdict(dict)
    for column in free.values():
        way = _way(column, answers)
        if way is not None:
            stem, said, time = way
            stems[stem].setdefault(said, (time, column))
    _glued(stems, free, answers)
    _items_by_time(stems, free, answers, scores)
    groups: dict[str, Members] = defaultdict(dict)
    for stem, of_stem in stems.items():
        for said, (time, column) in of_stem.items():
            if column.name in free:
                groups[_key(stem, answers)].setdefault(said, (time, column))
    _odd_labels(groups, free, answers)
    for stem, found in groups.items():
        members = {k: v for k, v in found.items() if v[1].name in free}
        if not all(v[1].is_coded for v in members.values()):
            members = {k: v for k, v in members.items() if not v[1].is_coded}
        if not members or (len(members) == 1 and not named(stem, answers) and not is_change(stem)):
            continue
        if re.fullmatch(NO_SCORE, plain(stem)) and not named(stem, answers):
            continue
        _join_numbers(stem, members, free, answers, scores)
        _add_series(stem, members, free, answers, scores)
    _numbered_series(free, answers, scores)
    by_label: dict[str, list[str]] = defaultdict(list)
    for label, delivered in scores.open_times:
        by_label[label].append(delivered)
    if by_label:
        which = ", ".join(f"{label} ({', '.join(columns)})" for label, columns in by_label.items())
        scores.questions.append(("", f"on which {'days are' if len(by_label) > 1 else 'day is'} {which}?", REMEDY))


def _glued(stems: dict[str, Members], free: dict[str, Profile], answers: Answers) -> None:
    """'wk2rq' beside rq_intake and rq_s3: a stem that other columns have ends or begins the name."""
    taken = {c.name for members in stems.values() for _, c in members.values()}
    known = [stem for stem, members in stems.items() if len(members) > 1 and len(stem) > 1]
    for column in free.values():
        name = plain(column.delivered)
        if column.name in taken:
            continue
        for stem in known:
            rest = name.removesuffix(stem) if name.endswith(stem) else name.removeprefix(stem)
            time = read_time(rest.strip("_"))
            if rest and rest != name and time.known:
                stems[stem].setdefault(rest.strip("_"), (time, column))
                break


def _way(column: Profile, answers: Answers) -> tuple[str, str, Time] | None:
    """Stem, label and time of a column's name; the day may stand in its description."""
    for stem, said in split_time(column.delivered):
        time = read_time(said)
        if time.unit == "number" and answers.day_of(said) is None:
            continue
        if time.day is None and (described := _described(column)) is not None:
            time = described
        return stem, said, time
    return None


def _described(column: Profile) -> Time | None:
    """The one time with a day that a column's description says."""
    pieces = re.split(r"[,;:()\[\]]|\s[-–]\s", column.description)
    words = column.description.split()
    tails = [" ".join(words[-n:]) for n in range(1, min(5, len(words)) + 1)]
    found = {t.day: t for t in (read_time(p) for p in (*pieces, *tails) if p.strip()) if t.day is not None}
    return next(iter(found.values())) if len(found) == 1 else None


def _key(stem: str, answers: Answers) -> str:
    """Stems that name one instrument with the same kind of value are one series."""
    instrument = None if is_change(stem) else named(stem, answers)
    return instrument or plain(stem)


def _odd_labels(groups: dict[str, Members], free: dict[str, Profile], answers: Answers) -> None:
    """Other columns that carry the instrument's name: the rest of the name is a label nobody can read."""
    taken = {c.name for members in groups.values() for _, c in members.values()}
    found: dict[str, Members] = defaultdict(dict)
    for column in free.values():
        if column.name in taken or is_change(column.delivered):
            continue
        instrument, rest = _instrument_and_rest(column, answers)
        valid = instrument_range(instrument) if instrument else None
        if (
            not instrument
            or not rest
            or valid is None
            or re.fullmatch(NO_TIME, rest)
            or read_time(rest).unit == "number"
        ):
            continue
        if valid[0] <= column.low and column.high <= valid[1] and len(column.known) > 2:
            found[instrument][rest] = (Time(rest, "unknown", None, None, "no time is said"), column)
    for instrument, members in found.items():
        said = sum(answers.day_of(rest) is not None for rest in members)
        if len(groups.get(instrument, {})) + len(members) > 1 or said:
            for rest, member in members.items():
                groups[instrument].setdefault(rest, member)


def _instrument_and_rest(column: Profile, answers: Answers) -> tuple[str | None, str]:
    words = plain(column.delivered).split("_")
    for n in range(len(words) - 1, 0, -1):
        for stem, rest in ((words[:n], words[n:]), (words[-n:], words[:-n])):
            if instrument := named("_".join(stem), answers):
                return instrument, "_".join(rest)
    return None, ""


def _items_by_time(stems: dict[str, Members], free: dict[str, Profile], answers: Answers, scores: Scores) -> None:
    """phq9_1_w4: the stem without its time ends in an item number."""
    by_base: dict[str, dict[int, str]] = defaultdict(dict)
    for stem in stems:
        found = re.fullmatch(r"(.*?[a-z](?:\d+_)?|.*_)(\d+)", stem) or re.fullmatch(r"(.*[a-z])(\d+)", stem)
        if found and found[1].strip("_"):
            by_base[found[1].strip("_")][int(found[2])] = stem
    for base, of_number in by_base.items():
        order = sorted(of_number)
        if len(order) < 4 or not running(order):
            continue
        labels = [label for label in stems[of_number[order[0]]] if all(label in stems[of_number[n]] for n in order)]
        moments = []
        for label in labels:
            columns = tuple(stems[of_number[n]][label][1] for n in order)
            time = stems[of_number[order[0]]][label][0]
            if looks_like_items(base, list(columns), answers):
                moments.append(Moment(label, _day(label, time, answers), items=columns, time=time))
        if not moments:
            continue
        instrument = of_items(base, moments[0].items, answers, "")
        for stem, members in stems.items():
            if stem in of_number.values() or _key(stem, answers) != _key(base, answers):
                continue
            for moment in moments:
                if moment.total is None and moment.label in members:
                    moment.total = members[moment.label][1]
        scores.found.append(Score(instrument or "", base, moments, f"{len(order)} items at each time"))
        _ask_days(scores, moments)
        for moment in moments:
            for column in moment.columns:
                free.pop(column.name, None)


def _day(label: str, time: Time, answers: Answers) -> int | None:
    said = answers.day_of(label)
    return said if said is not None else time.day


def _join_numbers(
    stem: str,
    members: Members,
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
    in_order = sorted(t.number for t, _ in members.values() if t.number is not None)
    if in_order and in_order[0] == 2 and not any(t.day is not None for t, _ in members.values()):
        unit = next(t.unit for t, _ in members.values() if t.number == 2)
        time = read_time("1" if unit == "number" else f"{unit} 1")
    else:
        time = read_time("baseline")
    members[time.label.replace(" ", "")] = (time, bare)
    scores.notes.append(f"{bare.delivered}: no time in its name, read as {time.label}")


def _add_series(
    stem: str,
    members: Members,
    free: dict[str, Profile],
    answers: Answers,
    scores: Scores,
) -> None:
    moments = [Moment(label, _day(label, t, answers), total=c, time=t) for label, (t, c) in members.items()]
    far = float("inf")
    moments.sort(key=lambda m: (m.day if m.day is not None else far, _later(m), m.time.number or 0 if m.time else 0))
    days = Counter(m.day for m in moments if m.day is not None)
    for moment in moments:
        if moment.day is not None and days[moment.day] > 1:
            which = ", ".join(m.total.delivered for m in moments if m.day == moment.day and m.total)
            scores.questions.append((moment.columns[0].name, f"{which} fall on the same day {moment.day}", REMEDY))
            for m in moments:
                if m.day == moment.day and m is not moment:
                    m.day = None
            days[moment.day] = 1
    _ask_days(scores, moments)
    instrument = named(stem, answers) or ""
    scores.found.append(Score(instrument, stem, moments, f"{len(moments)} times, by the names of the columns"))
    if any(m.time and m.time.unit == "session" and answers.day_of(m.label) is None for m in moments):
        scores.notes.append(f"{stem}: sessions are taken as weekly, session 1 on day 7; otherwise --time LABEL=DAY")
    doubtful = [m for m in moments if m.time and m.time.doubtful and answers.day_of(m.label) is None]
    if doubtful:
        listed = ", ".join(f"{m.label} = {m.day}" for m in doubtful)
        scores.notes.append(f"{stem}: {listed}, counted from the start; if from the end of treatment, --time LABEL=DAY")
    for moment in moments:
        for column in moment.columns:
            free.pop(column.name, None)


def _later(moment: Moment) -> int:
    """Of two starts the screening is the other one."""
    return int(moment.label.startswith("scr"))


def _ask_days(scores: Scores, moments: list[Moment]) -> None:
    scores.open_times += [(m.label, m.columns[0].delivered) for m in moments if m.day is None]


def _numbered_series(free: dict[str, Profile], answers: Answers, scores: Scores) -> None:
    """qids_1 … qids_4 of totals: a number that is no item; the day of each is not said."""
    for stem, members in numbered(free).items():
        if len(members) < 2 or looks_like_items(stem, list(members.values()), answers):
            continue
        numbers = sorted(members)
        instrument = named(stem, answers)
        different = {x for c in members.values() for x in c.known.values()}
        if not instrument and (len(numbers) < 3 or len(different) < 4 or re.fullmatch(NO_SCORE, plain(stem))):
            continue
        timed = {str(n): (_described(members[n]) or read_time(str(n)), members[n]) for n in numbers}
        bare = next((c for c in free.values() if plain(c.delivered) == stem), None)
        if bare is not None and 1 not in members:
            timed["1"] = (read_time("1"), bare)
        _add_series(stem if instrument is None else instrument, timed, free, answers, scores)


def is_plain_change(column: Profile) -> bool:
    """A change without a time, of a known instrument or of none."""
    return is_change(column.delivered) and not any(t for _, t in split_time(column.delivered) if not t.isdigit())


def changed_instrument(name: str) -> str | None:
    """The instrument whose change a name says."""
    return instrument_of(re.sub(rf"_?{CHANGE}_?", "_", plain(name)).strip("_"))
