"""Which columns of a file are scores: of which instrument, at which times, as totals or items."""

from __future__ import annotations

import re

from harmonize.profile import Profile, Table
from harmonize.profile_clock import LABEL_NAMES, TIME_UNITS
from harmonize.profile_fit import fit
from harmonize.profile_found import NO_SCORE, Moment, Score, Scores, named, shown
from harmonize.profile_item_rows import find_item_rows, share_codes
from harmonize.profile_items import find_item_sets
from harmonize.profile_long import find_named_scores
from harmonize.profile_names import TOTAL, is_change, plain
from harmonize.profile_roles import Answers, Roles
from harmonize.profile_series import changed_instrument, find_series
from harmonize.profile_times import split_time


def find_scores(table: Table, roles: Roles, answers: Answers, study: str) -> Scores:
    """All scores of a file."""
    scores = Scores()
    taken = roles.taken() | {plain(i) for i in answers.ignore}
    columns = [c for c in table.columns if c.name not in taken and plain(c.delivered) not in taken]
    free = {c.name: c for c in columns if c.kind == "number" and not _of_time(c, roles, table.n_rows)}
    if not find_item_rows(table, roles, free, answers, scores):
        find_named_scores(table, roles, free, answers, scores)
    if not roles.repeated:
        find_series(free, answers, scores)
    find_item_sets(free, table, answers, scores)
    _singles(free, roles, answers, scores)
    _texts(columns, answers, scores)
    _given_twice(scores)
    for score in scores.found:
        if len({c.decimal for c in score.columns}) > 1:
            scores.notes.append(
                f"{shown(score)}: decimal commas beside points: read as commas, the rest are cell issues"
            )
            for column in score.columns:
                column.decimal = ","
        fit(score, study, scores)
    share_codes(scores)
    return scores


def _given_twice(scores: Scores) -> None:
    """Two columns with one instrument at one time: the first is taken, the other waits for an answer."""
    seen: dict[tuple[str, str, int | None], Score] = {}
    for score in list(scores.found):
        if not score.instrument or score.named_in is not None:
            continue
        first = next((seen[k] for m in score.moments if (k := (score.instrument, m.label, m.day)) in seen), None)
        if first is None:
            seen |= {(score.instrument, m.label, m.day): score for m in score.moments}
            continue
        scores.found.remove(score)
        for column in score.columns:
            why = f"{score.instrument} at the same time as {shown(first)}"
            scores.questions.append((column.name, f"{why}: not mapped", "Leave one out with --ignore COLUMN"))
            scores.waiting[column.name] = (score.instrument, why)
            scores.set_aside.add(column.name)


def _of_time(column: Profile, roles: Roles, n_rows: int) -> bool:
    """A second column about the time of a row, or one that counts the rows: no score."""
    if not roles.repeated:
        return False
    name = plain(column.delivered)
    if re.fullmatch(LABEL_NAMES, name) or any(re.fullmatch(p, name) for p in TIME_UNITS.values()):
        return True
    if column.whole and len(column.values) == n_rows and n_rows > 20 and column.high - column.low == n_rows - 1:
        return True
    beside = roles.clock.column if roles.clock is not None else roles.label
    if beside is None or len(column.values) != len(beside.values) or len(column.values) < 3:
        return False
    pairs = set(zip(column.text, beside.text, strict=True))
    return len(pairs) == len(column.values) and column.name not in roles.constant


def _singles(free: dict[str, Profile], roles: Roles, answers: Answers, scores: Scores) -> None:
    """Totals by name; with several rows per person also numbers that vary within a person."""
    for column in list(free.values()):
        stem = plain(column.twin_of or column.delivered)
        change = is_change(stem) and column.delivered not in answers.instruments
        known = None if change else named(stem, answers)
        varies = roles.repeated and column.name not in roles.constant
        scorelike = roles.repeated and re.search(rf"(^|_){TOTAL}(_|$)", stem) is not None
        unknown = (varies or scorelike) and not re.fullmatch(NO_SCORE, stem)
        if change and not roles.repeated:
            of = changed_instrument(stem)
            scores.notes.append(
                f"{column.delivered}: a change{f' of {of}' if of else ''} without a time: kept as a fact of the person,"
                " no score of a day"
            )
        if not (known or unknown):
            continue
        if roles.repeated and not varies and known:
            scores.notes.append(f"{column.delivered}: the same in every row of a person, taken as the baseline score")
        elif not roles.repeated:
            scores.notes.append(f"{column.delivered}: no time in its name, taken as one occasion on day 0")
        scores.found.append(Score(known or "", stem, [Moment("", 0, total=column)], "one column"))
        free.pop(column.name)


def _texts(columns: list[Profile], answers: Answers, scores: Scores) -> None:
    """A column with the name of an instrument that holds words: nobody can say which scores these are."""
    for column in (c for c in columns if c.name not in scores.taken()):
        stems = [plain(column.delivered), *(s for s, _ in split_time(column.delivered))]
        instrument = next((i for s in stems if (i := named(s, answers))), None)
        if column.kind != "text" or instrument is None:
            continue
        seen = ", ".join(repr(v) for v, _ in column.values.most_common(3))
        scores.questions.append(
            (
                column.name,
                f"named like {instrument}, but it holds text ({seen})",
                "Correct the file, map it with the verb parse or recode, or leave it out with --ignore COLUMN",
            )
        )
        scores.waiting[column.name] = (instrument, f"{column.delivered} holds text ({seen})")
        scores.set_aside.add(column.name)
