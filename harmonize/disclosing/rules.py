"""What must not leave: small counts, calendar dates, keys of the archives, pseudonyms, requests to the outside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb

from harmonize.paths import Warehouse
from harmonize.sources import ROW_KEY, studies

KINDS = {
    "small cell": "a count of patients or of their rows below the minimum",
    "date": "a calendar date: time in the warehouse is relative",
    "key": "a key of the archive, or the secret of the pseudonyms",
    "person": "the pseudonym of a person in an output that is about groups",
    "site": "the number of a site, which is a cluster and never exported",
    "request": "something that a page would fetch from outside",
    "unread": "a file that cannot be looked into",
}
REMEDIES = {
    "small cell": "Make it with the small-cell rule (analysis.report.disclosure), or leave the cell out",
    "date": "Give days from enrolment instead",
    "key": "Leave the column out; the link table stays restricted",
    "person": "Give counts or estimates instead of rows of persons",
    "site": "Leave the column out",
    "request": "Put it into the page, or leave it out",
    "unread": "Write it as HTML, SVG, CSV, Parquet or text, or take it away",
}

_COUNTS = re.compile(
    r"(^|[_ ])(n|count|counts|freq|frequency|number|persons?|patients?|people|subjects?|cases|events|ratings|visits"
    r"|rows|met|found|entered|remitted|responders)($|[_ ])",
    re.IGNORECASE,
)
_NO_COUNTS = re.compile(
    r"^(n_(items|needed|weeks|classes|parts|scored_components|studies|groups|parameters|bootstraps|starts|files|tables|"
    r"columns|instruments|points|nodes|knots|draws|steps|methods|imputations|cycles)|subject_id|visit_(no|id|label)"
    r"|(min|max)_.*|.*_(id|no|order|weeks|days|points|low|high|se|pct|share))$",
    re.IGNORECASE,
)
NO_COUNT_HEADER = re.compile(
    r"\b(weeks?|days?|months?|order|degrees?|classes|class|score|scores|points?|lower|upper|level|items?|columns?|bit|"
    r"width|df|k|studies|se|sd|share|percent|%|cut|threshold|gap|dose|minimum|why|half)\b|^step$",
    re.IGNORECASE,
)
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_ISO = re.compile(r"(?<![\d.-])((?:18|19|20)\d\d)-(\d{1,2})-(\d{1,2})(?![\d-])")
_NUMERIC = re.compile(r"(?<![\d./-])(\d{1,2})([./-])(\d{1,2})\2((?:18|19|20)\d\d)(?![\d./-])")
_YEAR = r"((?:18|19|20)\d\d)"
_WORDS = re.compile(
    rf"\b(\d{{1,2}})\.?[ -]([A-Za-z]{{3}})[a-z]*\.?[ -]{_YEAR}\b"
    rf"|\b([A-Za-z]{{3}})[a-z]*\.? (\d{{1,2}}),? {_YEAR}\b"
)
_TOKEN = re.compile(r"[A-Za-z0-9_]{4,}")
_SAID = re.compile(r"(?<![\d.,<])([1-9]\d*) (persons?|patients?|people|subjects?)\b", re.IGNORECASE)
_IS_N = re.compile(r"\bn\s*=\s*([1-9]\d*)(?![\d.,])", re.IGNORECASE)
_JSON_COUNT = re.compile(r'"([A-Za-z_ ]+)"\s*:\s*([1-9]\d*)(?=\s*[,}\]])')
_OUTSIDE = r"""["']?\s*(?:https?:)?//"""
_ATTRIBUTES = r"\bsrc|\bsrcset|\bdata|\bposter|\bbackground|\bformaction|\baction|xlink:href"
_CALLS = "fetch|importScripts|import|XMLHttpRequest|WebSocket|EventSource|sendBeacon"
REQUESTS = (
    re.compile(rf"(?:{_ATTRIBUTES})\s*=\s*{_OUTSIDE}", re.IGNORECASE),
    re.compile(rf"<(?:link|use|image|base)\b[^>]*\bhref\s*=\s*{_OUTSIDE}", re.IGNORECASE),
    re.compile(rf"url\(\s*{_OUTSIDE}", re.IGNORECASE),
    re.compile(rf"@import\s+{_OUTSIDE}", re.IGNORECASE),
    re.compile(rf"""<meta\b[^>]*http-equiv\s*=\s*["']?refresh[^>]*url=\s*{_OUTSIDE}""", re.IGNORECASE),
    re.compile(rf"""\b(?:{_CALLS})\s*\(\s*["'`](?:https?|wss?):""", re.IGNORECASE),
    re.compile(r"""\.open\(\s*["'][A-Z]+["']\s*,\s*["'`]https?:""", re.IGNORECASE),
)
"""Ways in which a page fetches something by itself. A link that a reader may follow is none."""


@dataclass(frozen=True)
class Finding:
    """Something that must not leave: what kind, in which file, and where in it."""

    file: str
    kind: str
    where: str
    what: str


@dataclass(frozen=True)
class Rules:
    """What this warehouse has to hide. `keys` are those of the archives, told apart from other words by their form."""

    minimum: int
    keys: frozenset[str] = frozenset()
    short_keys: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    pseudonym: re.Pattern[str] = field(default=re.compile(r"(?!)"))

    def is_small(self, number: float) -> bool:
        """A count that is neither zero nor large enough."""
        return number == int(number) and 0 < number < self.minimum

    def words(self, text: str, *, persons_allowed: bool = False) -> Iterator[tuple[str, str]]:
        """(kind, what) of everything in a running text but small cells of tables."""
        if any(dates_in(text)):
            yield "date", "a calendar date"
        if self.keys and not self.keys.isdisjoint(t.lower() for t in _TOKEN.findall(text)):
            yield "key", "a key of the archive"
        if any(secret in text for secret in self.secrets):
            yield "key", "the secret of the pseudonyms"
        if not persons_allowed and self.pseudonym.search(text):
            yield "person", "the pseudonym of a person"

    def said_counts(self, text: str) -> Iterator[str]:
        """Small counts that a text says in words: n = 3, 3 patients, "persons": 3."""
        for found in _SAID.finditer(text):
            if self.is_small(int(found[1])):
                yield f"a number of {found[2].lower()}"
        for found in _IS_N.finditer(text):
            if self.is_small(int(found[1])):
                yield "n ="
        for found in _JSON_COUNT.finditer(text):
            if is_count(found[1]) and self.is_small(int(found[2])):
                yield f"the value of {found[1]}"


def is_count(header: str) -> bool:
    """Whether a column of this name counts patients or their rows."""
    name = header.strip()
    return bool(_COUNTS.search(name)) and not _NO_COUNTS.match(name)


def dates_in(text: str) -> Iterator[date]:
    """Calendar dates with a year of four digits that exist."""
    for found in _ISO.finditer(text):
        yield from _date(int(found[1]), int(found[2]), int(found[3]))
    for found in _NUMERIC.finditer(text):
        one, other, year = int(found[1]), int(found[3]), int(found[4])
        yield from _date(year, other, one) or _date(year, one, other)
    for found in _WORDS.finditer(text):
        day, month, of = (found[1], found[2], found[3]) if found[1] else (found[5], found[4], found[6])
        if month.lower() in _MONTHS:
            yield from _date(int(of), _MONTHS.index(month.lower()) + 1, int(day))


def _date(year: int, month: int, day: int) -> list[date]:
    try:
        return [date(year, month, day)]
    except ValueError:
        return []


def requests_in(text: str) -> Iterator[int]:
    """Where, counted in characters, a page would ask for something outside."""
    for pattern in REQUESTS:
        for found in pattern.finditer(text):
            yield found.start()


def rules_of(warehouse: Warehouse, minimum: int) -> Rules:
    """What this warehouse has to hide, read from its landed forms and its restricted folder."""
    keys: set[str] = set()
    for study in studies():
        if study.subject_key == (ROW_KEY,):
            continue
        for path in sorted((warehouse.raw / study.name).glob("*.parquet")):
            with duckdb.connect() as connection:
                source = "read_parquet('" + str(path).replace("'", "''") + "')"
                columns = [r[0] for r in connection.execute(f"describe select * from {source}").fetchall()]
                for key in study.subject_key:
                    if key in columns:
                        found = connection.execute(f'select distinct trim("{key}"::varchar) from {source}').fetchall()
                        keys |= {v.lower() for (v,) in found if v}
    telling = {k for k in keys if len(k) >= 6 and (not k.isdigit() or len(k) >= 8) and not k.isalpha()}
    secrets = set()
    if warehouse.restricted.is_dir():
        for path in warehouse.restricted.glob("*.key"):
            secrets.add(_read(path).strip())
    names = "|".join(re.escape(study.name) for study in studies())
    return Rules(
        minimum,
        frozenset(telling),
        frozenset(keys - telling),
        frozenset(s for s in secrets if len(s) >= 16),
        re.compile(rf"\b(?:{names})-[0-9a-f]{{16}}\b"),
    )


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="replace")
