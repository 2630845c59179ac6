"""Walk through folders and look into every file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harmonize.disclosing.frame import database_findings, file_findings
from harmonize.disclosing.page import page_findings
from harmonize.disclosing.rules import Finding, Rules, requests_in
from harmonize.paths import Warehouse

PAGES = (".html", ".htm", ".svg", ".xhtml")
TABLES = (".csv", ".tsv", ".parquet", ".csv.gz", ".tsv.gz", ".dta")
TEXTS = (".json", ".jsonl", ".txt", ".md", ".css", ".js", ".xml", ".yml", ".yaml", ".toml", ".do", ".r", ".py", ".sql")
OWN_TIMES = ("manifest.json", "datapackage.json", "croissant.json")
"""Files that say when a release was made."""


@dataclass(frozen=True)
class Place:
    """A folder or file to look into. In a release rows of persons are meant to be; dates and keys are not.

    `is_inside`: tables of persons in a database stay where they are and are left out, those about groups are not.
    """

    path: Path
    persons_allowed: bool = False
    is_inside: bool = False


def places(warehouse: Warehouse) -> list[Place]:
    """Everything that is made to leave the warehouse, as far as it is there."""
    found = [
        Place(warehouse.report),
        Place(warehouse.root / "exports"),
        Place(warehouse.root / "results.duckdb", is_inside=True),
        Place(warehouse.releases, persons_allowed=True),
    ]
    return [p for p in found if p.path.exists()]


def scan(where: Sequence[Place], rules: Rules, seen: Callable[[Path], None] = lambda _: None) -> Iterator[Finding]:
    """Everything that must not leave, file by file; `seen` is told of each file."""
    for place in where:
        files = [place.path] if place.path.is_file() else sorted(p for p in place.path.rglob("*") if p.is_file())
        for path in files:
            seen(path)
            shown = path.name if place.path.is_file() else str(path.relative_to(place.path.parent))
            found = dict.fromkeys(_look(path, rules, place))
            yield from (Finding(shown, kind, at, what) for kind, at, what in found)


def _look(path: Path, rules: Rules, place: Place) -> Iterator[tuple[str, str, str]]:
    kind, persons_allowed = path.suffix.lower(), place.persons_allowed
    if path.name.lower().endswith(TABLES):
        yield from file_findings(path, rules, persons_allowed=persons_allowed)
    elif kind == ".duckdb":
        yield from database_findings(path, rules, persons_allowed=persons_allowed, is_inside=place.is_inside)
    elif kind in PAGES:
        yield from page_findings(path.read_text(encoding="utf-8", errors="replace"), rules)
    elif kind in TEXTS:
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), start=1):
            for name, what in rules.words(line, persons_allowed=persons_allowed):
                if not (name == "date" and path.name in OWN_TIMES):
                    yield name, f"line {number}", what
            for what in () if persons_allowed else rules.said_counts(line):
                yield "small cell", f"line {number}", what
        for start in requests_in(text):
            yield "request", f"line {text.count(chr(10), 0, start) + 1}", "asks another host"
    else:
        yield "unread", "the whole file", f"no way to read {kind or 'a file without an ending'}"
