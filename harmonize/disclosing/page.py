"""HTML and SVG: cells of tables, labels of figures, running text, and what a page would fetch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from harmonize.disclosing.own_words import is_own
from harmonize.disclosing.rules import NO_COUNT_HEADER, Rules, is_count, requests_in

_NUMBER = re.compile(r"[1-9]\d*")
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
REFERENCE = {"checked", "verified", "why this threshold"}
"""Headers of tables of definitions: their numbers are not counts of patients."""


class _Reader(HTMLParser):
    """Collects tables with their headers, labels of figures, and the text with its lines."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.cells: list[tuple[int, list[str], str, str, str]] = []
        self.labels: list[tuple[int, str]] = []
        self.text: list[tuple[int, str]] = []
        self.aria: list[tuple[int, str]] = []
        self.tables: list[dict[str, list[str]]] = []
        self.open: list[tuple[str, str]] = []
        self.cell: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        for name in ("aria-label", "title", "alt"):
            if values.get(name):
                self.aria.append((self.getpos()[0], str(values[name])))
        if tag not in _VOID:
            self.open.append((tag, values.get("class") or ""))
        if tag == "table":
            self.tables.append({"heads": [], "row": [], "first": []})
        elif tag == "tr" and self.tables:
            self.tables[-1]["row"] = []
            self.tables[-1]["first"] = []
        elif tag in ("td", "th"):
            self.cell = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self.cell is not None and self.tables:
            table, said = self.tables[-1], " ".join("".join(self.cell).split())
            in_head = any(t == "thead" for t, _ in self.open)
            if in_head:
                table["heads"].append(said)
            else:
                place = len(table["row"])
                table["row"].append(said)
                if tag == "th" or place == 0:
                    table["first"].append(said)
                header = table["heads"][place] if place < len(table["heads"]) else ""
                if tag == "td":
                    row = table["first"][0] if table["first"] else ""
                    self.cells.append((self.getpos()[0], table["heads"], header, row if place else "", said))
            self.cell = None
        elif tag == "table" and self.tables:
            self.tables.pop()
        names = [t for t, _ in self.open]
        if tag in names:
            del self.open[len(names) - 1 - names[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        if not data.strip():
            return
        inside = [t for t, _ in self.open]
        if self.cell is not None:
            self.cell.append(data)
        if "style" in inside:
            return
        self.text.append((self.getpos()[0], data))
        if "text" in inside and any("role-axis" in c or "role-legend" in c for _, c in self.open):
            return
        if "text" in inside or "tspan" in inside:
            self.labels.append((self.getpos()[0], data.strip()))


def page_findings(text: str, rules: Rules) -> Iterator[tuple[str, str, str]]:
    """(kind, where, what) of everything on a page that must not leave."""
    reader = _Reader()
    reader.feed(text)
    for line, heads, header, row, said in reader.cells:
        if {h.lower() for h in heads} & REFERENCE:
            continue
        if _NUMBER.fullmatch(said) and rules.is_small(int(said)) and _counts(header, row):
            yield "small cell", f"line {line}, row {row or '?'}, column {header or '?'}", f"below {rules.minimum}"
    for line, said in reader.labels:
        if _NUMBER.fullmatch(said) and rules.is_small(int(said)):
            yield "small cell", f"line {line}, label of a figure", f"below {rules.minimum}"
    for line, said in reader.text + reader.aria:
        found = [("small cell", what) for what in rules.said_counts(said)] + list(rules.words(said))
        if found and not is_own(said):
            yield from ((kind, f"line {line}, text", what) for kind, what in found)
    for place in requests_in(text):
        yield "request", f"line {text.count(chr(10), 0, place) + 1}", "asks another host"


def _counts(header: str, row: str) -> bool:
    """A cell is a count unless its column, or its row where the column says nothing, measures something else."""
    if header:
        return is_count(header) or not NO_COUNT_HEADER.search(header)
    return not (row and NO_COUNT_HEADER.search(row))
