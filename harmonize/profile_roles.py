"""Which column of a file is what: the person, the time of a row, sex, age, arm, site, drugs with their doses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pandas as pd

from harmonize.profile import REASON_OF, Profile, Table
from harmonize.profile_clock import Clock, find_occasion, find_times, time_columns
from harmonize.profile_codes import SENTINELS, find_codes
from harmonize.profile_drugs import Drug, find_drugs, find_intervals
from harmonize.profile_identity import find_identity, find_row_number, key_beside
from harmonize.profile_names import instrument_of, plain
from harmonize.profile_times import split_time
from harmonize.profile_words import AGE, AGE_REST, ARM, SEX, SITE, YES_NO, sexes


@dataclass
class Roles:
    """What the columns of one file are. `identity` None: no column names a person, a row is one.

    `repeated` says that a person has several rows, each of another time. `questions` are (column, what is undecided,
    what to do).
    """

    identity: Profile | None = None
    identity_why: str = ""
    row_number: Profile | None = None
    repeated: bool = False
    clock: Clock | None = None
    label: Profile | None = None
    occasion: Profile | None = None
    sex: Profile | None = None
    sex_codes: dict[str, str] = field(default_factory=dict)
    age: Profile | None = None
    age_in_months: bool = False
    arm: Profile | None = None
    site: Profile | None = None
    drugs: list[Drug] = field(default_factory=list)
    constant: set[str] = field(default_factory=set)
    date_formats: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    questions: list[tuple[str, str, str]] = field(default_factory=list)

    def taken(self) -> set[str]:
        """Names of columns that have a role."""
        found = (self.identity, self.row_number, self.label, self.occasion, self.sex, self.age, self.arm, self.site)
        drugs = {c.name for d in self.drugs for c in (d.name, d.dose, d.start, d.stop, d.unit) if c is not None}
        clock = {self.clock.column.name} if self.clock else set()
        return {c.name for c in found if c is not None} | clock | drugs


@dataclass(frozen=True)
class Answers:
    """What the data manager said on the command line: columns, days of time labels, instruments of names."""

    identity: str | None = None
    visit: str | None = None
    day: str | None = None
    sex: dict[str, str] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    instruments: dict[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()

    def day_of(self, label: str) -> int | None:
        """The day given for a label, whatever its case and signs."""
        wanted = plain(label)
        return next((d for k, d in self.times.items() if plain(k) == wanted), None)


def find_roles(table: Table, answers: Answers) -> Roles:
    """Give columns their roles, by name and by what they hold."""
    roles = Roles(row_number=find_row_number(table))
    if roles.row_number is not None:
        roles.notes.append(f"{roles.row_number.delivered or 'the first column'}: counts the rows, not read")
    ignored = {plain(name) for name in answers.ignore}
    others = [
        c
        for c in table.columns
        if c is not roles.row_number and c.kind != "empty" and plain(c.delivered) not in ignored
    ]
    roles.identity, roles.identity_why = find_identity(table, answers.identity, roles.row_number)
    if roles.identity is None:
        _identity_by_time(table, others, roles)
    key = roles.identity.text if roles.identity is not None else pd.Series(range(table.n_rows))
    twice = int(key[key != ""].duplicated().sum())
    roles.repeated = twice > 0 and not _is_wide(others, key, answers, roles)
    if twice and not roles.repeated:
        roles.notes.append(
            f"{twice} rows are of a person who has another row; the times stand in the names of the columns, so a row"
            " is a person: what agrees is merged, what differs is refused (key:conflict)"
        )
    roles.constant = {c.name for c in table.columns if not roles.repeated or not _varies(c, key)}
    _persons(others, roles)
    _contradictions(key, roles)
    _arm(table, others, roles)
    if roles.repeated:
        free = [c for c in others if c.name not in roles.taken()]
        day = table.column(answers.day) if answers.day else None
        label = table.column(answers.visit) if answers.visit else None
        days = {plain(k): d for k, d in answers.times.items()}
        times = find_times(free, key, roles.constant, day, label, days)
        roles.clock, roles.label, roles.date_formats = times.clock, times.label, times.date_formats
        roles.notes += times.notes
        roles.questions += times.questions
        free = [c for c in others if c.name not in roles.taken()]
        roles.occasion = find_occasion(free, key, times)
        if roles.occasion is not None:
            roles.notes.append(f"{roles.occasion.delivered}: tells ratings of one day apart, taken as the occasion")
    find_drugs([c for c in others if c.name not in roles.taken() - _name(roles.arm)], roles)
    find_intervals([c for c in others if c is not roles.identity], roles)
    _sex(roles, answers)
    _age(roles)
    return roles


def _name(column: Profile | None) -> set[str]:
    return {column.name} if column is not None else set()


def _identity_by_time(table: Table, others: list[Profile], roles: Roles) -> None:
    """Rows that carry a time belong to persons, even where no name says who they are."""
    times = time_columns(others)
    several = [t for t in times if len(t.values) > 1 and t.n_filled > 1.5 * len(t.values)]
    if not several:
        return
    column = key_beside(table, several, roles.row_number)
    if column is not None:
        roles.identity = column
        roles.identity_why = (
            f"no value of it occurs twice at one {several[0].delivered}, though its name does not say so"
        )
        return
    roles.questions.append(
        (
            "",
            f"who is a row about? {several[0].delivered} repeats as if persons were seen several times, and no column"
            " names the person",
            "Run again with --id COLUMN; without one every row is taken for a person",
        )
    )


def _is_wide(columns: list[Profile], key: pd.Series, answers: Answers, roles: Roles) -> bool:
    """Several rows of a person in a file whose columns carry the times: duplicates, not visits.

    So it is where one score stands at two times or more in the names, and either no column tells the rows of a person
    apart or most persons have one row.
    """
    if answers.day or answers.visit:
        return False
    timed: dict[str, int] = {}
    for column in columns:
        way = next(((s, t) for s, t in split_time(column.delivered) if not t.isdigit()), None)
        if way is not None and column.kind in ("number", "text"):
            stem = instrument_of(way[0]) or way[0]
            timed[stem] = timed.get(stem, 0) + 1
    if max(timed.values(), default=0) < 2:
        return False
    single = float((key[key != ""].value_counts() == 1).mean())
    times = [c for c in time_columns([c for c in columns if c is not roles.identity]) if _varies(c, key)]
    return single >= 0.5 or not times


def _varies(column: Profile, key: pd.Series) -> bool:
    filled = column.text.where(~column.is_missing())
    return bool((filled.groupby(key).nunique() > 1).any())


def _persons(others: list[Profile], roles: Roles) -> None:
    for column in others:
        name = plain(column.delivered)
        if column is roles.identity:
            continue
        if roles.sex is None and re.fullmatch(SEX, name) and 1 <= len(column.values) <= 8:
            roles.sex = column
        elif roles.age is None and re.fullmatch(AGE.replace("{rest}", AGE_REST), name) and column.kind == "number":
            roles.age = column
        elif roles.site is None and re.fullmatch(SITE, name):
            roles.site = column


def _contradictions(key: pd.Series, roles: Roles) -> None:
    """Facts of the person that differ between rows: a person with two sexes is refused."""
    for column in (roles.sex, roles.site):
        if column is None or column.name in roles.constant:
            continue
        filled = column.text.where(~column.is_missing())
        n = int((filled.groupby(key).nunique() > 1).sum())
        roles.questions.append(
            (
                column.name,
                f"{n} of {key.nunique()} persons have several values: they would be refused (key:conflict)",
                "Correct the file, or map another column; a person refused takes all rows along",
            )
        )


def _arm(table: Table, others: list[Profile], roles: Roles) -> None:
    taken = roles.taken()
    for strength, pattern in enumerate(ARM):
        for column in others:
            if column.name in taken or not re.fullmatch(pattern, plain(column.delivered)):
                continue
            real = [v for v in column.values if v.lower() not in REASON_OF]
            n = len(real)
            why = f"has {n} different values"
            if strength == 3 and {plain(v) for v in real} <= YES_NO:
                why = "says yes or no"
            elif column.name not in roles.constant:
                why = "varies within a person"
            elif 1 <= n <= 12 and n < max(table.n_rows, 2) and column.kind != "date" and column.whole:
                roles.arm = column
                return
            roles.notes.append(f"{column.delivered}: named like an arm, but it {why}")


def _sex(roles: Roles, answers: Answers) -> None:
    if roles.sex is None:
        return
    values = [v for v in roles.sex.values if v not in roles.sex.missing and v.lower() not in REASON_OF]
    said = {v: answers.sex.get(v, roles.sex.labels.get(v, v)) for v in values}
    by_meaning = sexes(list(said.values()), roles.sex.delivered)
    roles.sex_codes = {v: by_meaning[meaning] for v, meaning in said.items() if meaning in by_meaning}
    unclear = [v for v in values if v not in roles.sex_codes]
    codes = [v for v in unclear if v in roles.sex.by_value and roles.sex.by_value[v] in SENTINELS | {9.0}]
    codes += [v for v in unclear if v.lower() in ("u", "unbek.")]
    if len(values) - len(codes) >= 2:
        for code in codes:
            roles.sex.missing[code] = ("unknown", f"{code} occurs {roles.sex.values[code]} times beside two sexes")
        unclear = [v for v in unclear if v not in codes]
    if unclear:
        listed = ", ".join(sorted(unclear)[:6])
        question = f"which of {listed} is female, which male?" if len(unclear) > 1 else f"what does {listed} mean?"
        roles.questions.append(
            (roles.sex.name, question, "Run again with --sex CODE=female and --sex CODE=male (or other)")
        )


def _age(roles: Roles) -> None:
    if roles.age is None:
        return
    roles.age_in_months = "month" in plain(roles.age.delivered) or "month" in roles.age.description.lower()
    find_codes(roles.age, (0, 1440) if roles.age_in_months else (0, 120))
    if not roles.age_in_months and roles.age.high > 120:
        roles.notes.append(f"{roles.age.delivered}: values to {roles.age.high:g} are no years of age")
