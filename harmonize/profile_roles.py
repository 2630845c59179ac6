"""Which column of a file is what: the person, the time of a row, sex, age, arm, site."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from harmonize.dates import DATE_FORMATS
from harmonize.profile import REASON_OF, Profile, Table
from harmonize.profile_codes import find_codes
from harmonize.profile_names import DAYS_PER, plain, read_time

ID_NAMES = (
    r"subject_?key|guid",
    r"usubjid|subj(ect)?_?(id|nr|no|num|number)|subjid|src_subject_id",
    r"(patient|pat|participant|person|part|proband|teilnehmer|case|respondent|member|client)_?(id|nr|no|num|number|code)",
    r"pid|ppid|ptid|patid|seqn|record_?id|vpn|id_?(patient|pat|subject|person|code)?",
    r"subject|patient|participant|proband|person|pat|subj|case|teilnehmer|client|code|nr|no",
)
NOT_AN_ID = (
    r"site|cent(er|re)|zentrum|klinik|clinic|rater|visit|row|file|dataset|collection|image|form|item|study|index"
)
SEX_NAMES = r"sex|gender|geschlecht|sexe|sex_.*|gender_.*|.*_sex|.*_gender|male|female|is_male|is_female"
AGE_NAMES = (
    r"age(_?(years?|yrs?|baseline|bl|at_baseline|at_entry|enrol(l)?ment|v1|t0))?|ageyears|baseline_age|age_.*months?"
    r"|alter|lebensalter|ridageyr|interview_age"
)
SITE_NAMES = r"(pool)?(site|cent(er|re)|zentrum|clinic|klinik|inv)(_?(id|nr|no|code|num|name))?|poolinv|siteid|clinicid"
ARM_NAMES = (
    r"arm(_?(assigned|code|name))?|trt(_?(arm|grp|group))?|treat(ment)?(_?(arm|group|grp|code|name))?|tx(assign|_?arm|_?group)?|actarm|armcd|trtp|trta",
    r"(rand(om)?(i[sz]ed|i[sz]ation)?)_?(arm|group|grp)|intervention(_?group)?|therapy|therapie|behandlung(sgruppe|sarm)?",
    r"group|grp|gruppe|condition|bedingung|kohorte",
    r"drug|medication|medikament|substanz",
)
LABEL_NAMES = (
    r"(visit|vis|avisit|event|redcap_event_name|time_?point|timept|zeitpunkt|messzeitpunkt|mzp|phase|wave|occasion|occ"
    r"|session|sess|assessment|period|time|besuch|welle|epoch|t)(_?(name|label|no|nr|num|number|id|code|n))?"
    r"|visitnum|avisitn"
)
TIME_UNITS = {
    "day": (
        r"(study_?|rel_?|elapsed_?|visit_?)?(days?|tage?)(_?(from|since|post|nr|no|num).*)?|reldays?|elapsed_?days?"
        r"|days_(baseline|since.*|from.*|in.*|post.*)|ady|vstdy|dy|studienta?g"
    ),
    "week": r"(study_?|visit_?)?(weeks?|wks?|wochen?)(_?(no|nr|num|number|baseline))?|weeks_.*",
    "month": r"(study_?|visit_?)?(months?|mon|monate?)(_?(no|nr|num|number))?|months_.*",
    "year": r"(study_?|visit_?)?(years?|jahre?)_?(no|nr|num|since.*|from.*)",
}
"""Columns that hold a time as a number of days, weeks, months or years."""

FEMALE = {"f", "female", "w", "weiblich", "woman", "women", "frau", "fem", "femme"}
MALE = {"m", "male", "man", "men", "mann", "männlich", "maennlich", "homme"}
OTHER = {"other", "divers", "d", "o", "non-binary", "nonbinary", "x"}


@dataclass
class Clock:
    """How a row says its day: a verb over a column; `codes` are days of labels, without those that say none."""

    column: Profile
    verb: str
    args: str
    why: str
    codes: dict[str, str] = field(default_factory=dict)
    undecided: list[str] = field(default_factory=list)


@dataclass
class Roles:
    """What the columns of one file are. `identity` None: no column names a person, a row is one.

    `repeated` says that a person has several rows. `questions` are (column, what is undecided, what to do).
    """

    identity: Profile | None = None
    identity_why: str = ""
    repeated: bool = False
    clock: Clock | None = None
    label: Profile | None = None
    sex: Profile | None = None
    sex_codes: dict[str, str] = field(default_factory=dict)
    age: Profile | None = None
    age_in_months: bool = False
    arm: Profile | None = None
    site: Profile | None = None
    constant: set[str] = field(default_factory=set)
    date_formats: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    questions: list[tuple[str, str, str]] = field(default_factory=list)

    def taken(self) -> set[str]:
        """Names of columns that have a role."""
        found = (self.identity, self.label, self.sex, self.age, self.arm, self.site)
        return {c.name for c in found if c is not None} | ({self.clock.column.name} if self.clock else set())


@dataclass(frozen=True)
class Answers:
    """What the data manager said on the command line: columns, days of time labels, instruments of names."""

    identity: str | None = None
    visit: str | None = None
    day: str | None = None
    sex: dict[str, str] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    instruments: dict[str, str] = field(default_factory=dict)

    def day_of(self, label: str) -> int | None:
        """The day given for a label, whatever its case and signs."""
        wanted = plain(label)
        return next((d for k, d in self.times.items() if plain(k) == wanted), None)


def find_roles(table: Table, answers: Answers) -> Roles:
    """Give columns their roles, by name and by what they hold."""
    roles = Roles()
    _identity(table, answers, roles)
    key = roles.identity.text if roles.identity is not None else pd.Series(range(table.n_rows))
    roles.repeated = bool(key.duplicated().any())
    roles.constant = {c.name for c in table.columns if not roles.repeated or not _varies(c, key)}
    for column in table.columns:
        name = plain(column.delivered)
        if roles.identity is column or column.kind == "empty":
            continue
        if roles.sex is None and re.fullmatch(SEX_NAMES, name) and 1 <= len(column.values) <= 8:
            roles.sex = column
        elif roles.age is None and re.fullmatch(AGE_NAMES, name) and column.kind == "number":
            roles.age = column
        elif roles.site is None and re.fullmatch(SITE_NAMES, name):
            roles.site = column
    _arm(table, roles)
    if roles.repeated:
        _time(table, answers, roles, key)
    _sex(roles, answers)
    if roles.age is not None:
        roles.age_in_months = "month" in plain(roles.age.delivered) or "month" in roles.age.description.lower()
        find_codes(roles.age, (0, 1440) if roles.age_in_months else (0, 120))
        if not roles.age_in_months and roles.age.high > 120:
            roles.notes.append(f"{roles.age.delivered}: values to {roles.age.high:g} are no years of age")
    return roles


def _identity(table: Table, answers: Answers, roles: Roles) -> None:
    if answers.identity and (named := table.column(answers.identity)) is not None:
        roles.identity, roles.identity_why = named, "named on the command line"
        return
    for strength, pattern in enumerate(ID_NAMES):
        for column in table.columns:
            name = plain(column.delivered)
            fits = re.fullmatch(pattern, name) is not None and not re.search(NOT_AN_ID, name)
            if fits and (strength < 2 or _names_persons(column, table.n_rows)) and column.n_filled:
                roles.identity = column
                roles.identity_why = f"its name; {len(column.values)} different values in {table.n_rows} rows"
                return
    for column in table.columns[:3]:
        unique = column.n_filled == table.n_rows == len(column.values) and table.n_rows > 1
        row_number = not column.delivered.strip() and column.kind == "number"
        is_key = re.search(r"(^|_)(id|nr|no|code|key)$", plain(column.delivered)) is not None
        if unique and not row_number and column.whole and (is_key or (column.position == 0 and column.kind == "text")):
            roles.identity = column
            roles.identity_why = f"every one of the {table.n_rows} rows has a value of its own"
            return


def _names_persons(column: Profile, n_rows: int) -> bool:
    """Whether a column could name persons: filled nearly everywhere, no fractions, more than a few values."""
    return column.n_filled >= 0.9 * n_rows and column.whole and len(column.values) > min(2, n_rows - 1)


def _varies(column: Profile, key: pd.Series) -> bool:
    filled = column.text.where(~column.is_missing())
    return bool((filled.groupby(key).nunique() > 1).any())


def _arm(table: Table, roles: Roles) -> None:
    taken = roles.taken()
    for pattern in ARM_NAMES:
        for column in table.columns:
            if column.name in taken or not re.fullmatch(pattern, plain(column.delivered)):
                continue
            n = len([v for v in column.values if v.lower() not in ("na", ".")])
            if column.name in roles.constant and 1 <= n <= 12 and n < max(table.n_rows, 2):
                roles.arm = column
                return
            why = "varies within a person" if column.name not in roles.constant else f"has {n} different values"
            roles.notes.append(f"{column.delivered}: named like an arm, but it {why}")


def _sex(roles: Roles, answers: Answers) -> None:
    if roles.sex is None:
        return
    codes, unclear = {}, []
    name = plain(roles.sex.delivered)
    for value in roles.sex.values:
        if value in roles.sex.missing or value.lower() in REASON_OF:
            continue
        meaning = answers.sex.get(value, roles.sex.labels.get(value, value)).strip().lower()
        if meaning in FEMALE:
            codes[value] = "female"
        elif meaning in MALE:
            codes[value] = "male"
        elif meaning in OTHER:
            codes[value] = "other"
        elif value in ("0", "1") and (found := re.search(r"female|male|weiblich|maennlich", name)):
            said = "female" if found[0] in ("female", "weiblich") else "male"
            codes[value] = said if value == "1" else {"female": "male", "male": "female"}[said]
        else:
            unclear.append(value)
    roles.sex_codes = codes
    if unclear:
        listed = ", ".join(sorted(unclear)[:6])
        roles.questions.append(
            (
                roles.sex.name,
                f"which of {listed} is female, which male?",
                "Run again with --sex CODE=female and --sex CODE=male",
            )
        )


def _time(table: Table, answers: Answers, roles: Roles, key: pd.Series) -> None:
    taken = roles.taken()
    free = [c for c in table.columns if c.name not in taken and c.kind != "empty"]
    day = table.column(answers.day) if answers.day else None
    label = table.column(answers.visit) if answers.visit else None
    numeric: list[tuple[str, Profile]] = []
    if day is not None:
        unit = next((u for u, p in TIME_UNITS.items() if re.fullmatch(p, plain(day.delivered))), "day")
        numeric.append((unit, day))
    elif label is None or not answers.times:
        for unit, pattern in TIME_UNITS.items():
            numeric += [(unit, c) for c in free if re.fullmatch(pattern, plain(c.delivered)) and c.kind == "number"]
    if label is None:
        times = {c.name for _, c in numeric}
        named = [c for c in free if re.fullmatch(LABEL_NAMES, plain(c.delivered)) and c.name not in times]
        named += [
            c
            for c in free
            if c.kind == "text" and any(re.fullmatch(p, plain(c.delivered)) for p in TIME_UNITS.values())
        ]
        named.sort(key=lambda c: c.kind != "text")
        label = next((c for c in named if len(c.values) <= 200), None)
    if label is None and not numeric:
        label = _stepping(free, key, roles)
    roles.label = label
    if numeric:
        unit, column = numeric[0]
        find_codes(column, (-60 / DAYS_PER[unit], 3650 / DAYS_PER[unit]))
        roles.clock = _counted(unit, column)
        roles.label = label or next((c for _, c in numeric[1:]), None) or (column if column.whole else None)
    elif label is not None:
        roles.clock = _labelled(label, answers)
        if not roles.clock.codes and (dated := _dated(free, roles)) is not None:
            roles.clock = dated
    if roles.clock is None:
        roles.clock = _dated(free, roles)
    if roles.clock is None:
        dates = [c.delivered for c in free if c.kind == "date"]
        which = (
            f"dates stand in {', '.join(dates)}: name a first date for days_between" if dates else "no time was found"
        )
        roles.questions.append(("", f"on which day is a row? {which}", "Run again with --day COLUMN or --visit COLUMN"))


def _dated(free: list[Profile], roles: Roles) -> Clock | None:
    """Days between a person's first date, one and the same in all rows, and the date of the row."""
    dates = [c for c in free if c.kind == "date"]
    first = next((c for c in dates if c.name in roles.constant), None)
    then = next((c for c in dates if c.name not in roles.constant), None)
    if first is None or then is None:
        return None
    for column in (first, then):
        written = _date_format(column)
        if written is None:
            how = "is written in several ways, or so that day and month cannot be told apart"
            roles.questions.append((column.name, f"the date {how}", "Declare dates: in the sources YAML"))
            return None
        roles.date_formats[column.name] = written
    return Clock(then, "days_between", f"{first.name}; {then.name}", f"days from {first.delivered}")


def _date_format(column: Profile) -> str | None:
    """The one way of writing dates that all values have."""
    texts = [v for v in column.values if v.lower() not in REASON_OF]
    fits = [
        name
        for name, how in DATE_FORMATS.items()
        if not how.is_serial
        and all(re.fullmatch(how.pattern, v, re.IGNORECASE) and _is_date(v, how.read) for v in texts)
    ]
    return fits[0] if len(fits) == 1 else None


def _is_date(text: str, read: str) -> bool:
    try:
        datetime.strptime(text[:10] if read == "%Y-%m-%d" else text, read)
    except ValueError:
        return False
    return True


def _stepping(free: list[Profile], key: pd.Series, roles: Roles) -> Profile | None:
    """A column with few values, none twice for a person: likely the time."""
    for column in free:
        if column.name in roles.constant or len(column.values) > 40 or column.n_filled < len(key):
            continue
        if not pd.DataFrame({"k": key, "v": column.text}).duplicated().any():
            roles.notes.append(f"{column.delivered}: taken as the visit, as no person has one of its values twice")
            return column
    return None


def _counted(unit: str, column: Profile) -> Clock:
    per = DAYS_PER[unit]
    if unit == "day" and column.whole:
        return Clock(column, "copy", column.name, "days as the file counts them")
    factor = "1461/48" if unit == "month" else "1461/4" if unit == "year" else f"{per:g}"
    why = {"day": "days, rounded", "week": "7 days a week", "month": "30.4 days a month", "year": "365.25 days a year"}
    return Clock(column, "linear", f"{column.name}; {factor}; 0", why[unit])


def _labelled(label: Profile, answers: Answers) -> Clock:
    codes: dict[str, str] = {}
    undecided, readings = [], set()
    hint = plain(label.delivered)
    for value in sorted(label.values):
        if value in label.missing or value.lower() in REASON_OF:
            continue
        meaning = label.labels.get(value, value)
        time = read_time(meaning)
        said = answers.day_of(value)
        if said is None and time.unit == "number" and (unit := _unit_in(hint)):
            time = read_time(f"{unit} {meaning}")
        day = said if said is not None else time.day
        if day is None:
            undecided.append(value)
        else:
            codes[value] = str(day)
            readings.add("as given" if said is not None else time.unit)
    why = f"days of the labels, read as {', '.join(sorted(readings)) or 'nothing'}"
    return Clock(label, "recode", label.name, why, codes, undecided)


def _unit_in(name: str) -> str | None:
    """The unit a visit column's own name says."""
    return next((u for u, p in TIME_UNITS.items() if re.fullmatch(p, name)), None) or (
        "session" if re.match(r"sess", name) else None
    )
