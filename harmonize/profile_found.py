"""The scores of a file as data: instruments, times, totals, items."""

from __future__ import annotations

from dataclasses import dataclass, field

from harmonize.profile import Profile
from harmonize.profile_names import instrument_of, plain
from harmonize.profile_roles import Answers
from harmonize.profile_times import Time
from harmonize.reference import item_ranges, seed_rows

NO_SCORE = (
    r"(.*_)?(dose|dosis|mg|weight|gewicht|poids|peso|height|groesse|taille|talla|bmi|bp|sbp|dbp|pulse|puls|hr|temp|date"
    r"|datum|year|jahr|yob|freq|count|n|num.*|educ.*|bildung.*|income|duration|dauer|onset|episodes?|version|raters?"
    r"|log_.*|intcpt|intercept|age.*|alter|seq|aseq|row|line|ecg|qtc?|crp|glucose|therapist|site)(_.*)?"
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


@dataclass(frozen=True)
class ItemRows:
    """Where a row of the file is one item: the column that names it, the column of its value, the names in order.

    `named_in` has `code` in the rows of the instrument, where a column says it. `question`: what to decide about the
    order of the items.
    """

    item: Profile
    value: Profile
    codes: tuple[str, ...]
    named_in: Profile | None = None
    code: str = ""
    question: str = ""

    @property
    def columns(self) -> set[str]:
        """Names of the columns it reads."""
        return {c.name for c in (self.item, self.value, self.named_in) if c is not None}


@dataclass
class Score:
    """One instrument of a file. `own` is the row of a scale that the study must declare itself.

    `named_in` is the column whose value says the instrument, with `code` the value: a file with one row per person,
    time and instrument.
    """

    instrument: str
    stem: str
    moments: list[Moment]
    why: str
    partial: bool = False
    own: dict[str, str] | None = None
    own_items: tuple[float, float] | None = None
    with_items: bool = True
    named_in: Profile | None = None
    code: str = ""
    rows: ItemRows | None = None
    """Then the columns of `moments` are those that joining the rows makes: {1}, {2} …"""

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
    open_times: list[tuple[str, str]] = field(default_factory=list)
    """Labels in names of columns whose day is not known, with the column."""
    waiting: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Column that may hold scores → (instrument or '', why it was not read): a block that waits for an answer."""
    one_occasion: bool = False
    """Items in rows without any time: each person answered once."""
    set_aside: set[str] = field(default_factory=set)
    """Columns that are neither scores nor facts of the person: what they are is asked."""

    def taken(self) -> set[str]:
        """Columns that belong to a score, or that wait for an answer."""
        found = {c.name for s in self.found for c in s.columns}
        found |= {name for s in self.found if s.rows is not None for name in s.rows.columns}
        return found | {s.named_in.name for s in self.found if s.named_in is not None} | self.set_aside


def named(stem: str, answers: Answers) -> str | None:
    """The instrument of a stem: as the data manager said, else by its name."""
    given = {plain(k): v for k, v in answers.instruments.items()}
    given |= {plain(v): v for v in answers.instruments.values()}
    found = given.get(plain(stem)) or instrument_of(stem)
    return given.get(plain(found), found) if found else None


def scale_row(instrument: str) -> dict[str, str] | None:
    """The row of reference.scales."""
    return next((r for r in seed_rows("ref_scales") if r["scale_id"] == instrument), None)


def ranges_of_items(instrument: str, n: int) -> list[tuple[float, float]] | None:
    """Ranges of the items, where the seed has them; one unscored item at the end may be left out."""
    try:
        ranges = item_ranges(instrument)
    except KeyError:
        return None
    return ranges[:n] if n <= len(ranges) else None


def shown(score: Score) -> str:
    """A score's columns for a message."""
    columns = score.columns
    if score.named_in is not None:
        return f"{columns[0].delivered} where {score.named_in.delivered} is {score.code}"
    return columns[0].delivered if len(columns) == 1 else f"{columns[0].delivered} … {columns[-1].delivered}"
