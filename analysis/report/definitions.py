"""The page of definitions: every reference table that says where its rows come from, with citations and glossary.

A table is on the page when it stands in the schema `reference` and has the columns `source` and `verified`: a seed that
is added later is there without a change here. Names, descriptions and meanings of columns are those of the tables
themselves. The page holds no data of patients.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from jinja2 import Environment
from markupsafe import Markup

from analysis.warehouse import Warehouse

TITLES = {
    "outcome_definitions": "Outcomes",
    "reliable_change": "Reliable change",
    "remission_methods": "Remission by step: methods",
    "remission_published": "Remission by step: published figures",
    "feature_definitions": "Features of the episode",
    "feature_criteria": "Criteria of the features",
    "trd_definitions": "Treatment resistance",
    "trd_points": "Treatment resistance: points and stages",
    "trial_rules": "Trials of treatment",
    "adequacy_rules": "Adequacy of a trial",
    "dose_rules": "Doses of adequacy rules",
    "protocol_doses": "Doses of trial protocols",
    "referral_criteria": "Referral: criteria",
    "tms_eligibility": "Referral: criteria as read",
    "scales": "Rating scales",
    "subscales": "Subscales",
    "severity_bands": "Bands of severity",
    "link_rules": "Linking: rules",
    "link_assumptions": "Linking: assumptions",
    "crosswalk": "Crosswalks between scales",
    "crosswalk_formulas": "Linear equating",
    "treatments": "Treatments",
    "scale_items": "Items of the scales",
}
"""Tables that come first, in this order; all others follow by name."""
WIDE, LONG = 11, 60
"""A row of more columns is a card; a table of more rows is folded."""
LABELS = ("label", "name", "title", "outcome", "criterion", "definition", "description", "citation", "feature")
CHECKED = {
    "verified": "read in the source",
    "read": "read in the source",
    "mixed": "partly from memory",
    "memory": "from memory, not read",
    "derived": "computed from rows that were read",
    "proposal": "choice of this project",
    "study": "declared by the study",
    "draft": "draft, not reviewed",
}
CITED = re.compile(r"\bS_[A-Z0-9_]+\b")


@dataclass(frozen=True)
class Row:
    """One row: its id (empty where the table has none), and the filled cells in order of columns."""

    anchor: str
    name: str
    label: str
    cells: tuple[tuple[str, Markup], ...]
    source: Markup
    verified: str


@dataclass(frozen=True)
class Table:
    """One table of definitions."""

    name: str
    title: str
    about: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]

    @property
    def is_wide(self) -> bool:
        """A row is a card."""
        return len(self.columns) > WIDE

    @property
    def is_long(self) -> bool:
        """The table is folded."""
        return len(self.rows) > LONG

    @property
    def n_memory(self) -> int:
        """Rows that were not, or not wholly, read in their source."""
        return sum(row.verified in ("memory", "mixed") for row in self.rows)


def definition_tables(warehouse: Warehouse) -> list[str]:
    """Tables of the schema reference with the columns source and verified, those of TITLES first."""
    found = [
        name.removeprefix("reference.")
        for name, columns in warehouse.columns.items()
        if name.startswith("reference.") and {"source", "verified"} <= set(columns)
    ]
    order = list(TITLES)
    return sorted(found, key=lambda n: (order.index(n) if n in order else len(order), n))


def cited(text: str) -> list[str]:
    """The ids of citations in the text of a source."""
    return CITED.findall(text)


def read_table(warehouse: Warehouse, name: str, known: Iterable[str]) -> Table:
    """One table with its rows; sources link to citations among `known`."""
    comments = warehouse.frame(
        "select column_name, coalesce(comment, '') as comment from duckdb_columns()"
        " where schema_name = 'reference' and table_name = :name order by column_index",
        name=name,
    )
    about = warehouse.frame(
        "select coalesce(comment, '') as comment from duckdb_tables()"
        " where schema_name = 'reference' and table_name = :name",
        name=name,
    )
    frame = warehouse.frame(f'select * from reference."{name}" order by rowid')
    columns = [(str(c), str(d)) for c, d in comments.itertuples(index=False, name=None)]
    shown = tuple((c, d) for c, d in columns if c not in ("source", "verified"))
    return Table(
        name=name,
        title=TITLES.get(name, name.replace("_", " ").capitalize()),
        about=str(about["comment"].iloc[0]) if len(about) else "",
        columns=shown,
        rows=tuple(_rows(name, frame, [c for c, _ in shown], set(known))),
    )


def _rows(name: str, frame: pd.DataFrame, columns: list[str], known: set[str]) -> list[Row]:
    key, label = _key_of(frame, columns), _label_of(columns)
    rows = []
    for record in frame.astype(object).to_dict("records"):
        texts = {c: _text(record[c]) for c in frame.columns}
        rows.append(
            Row(
                anchor=f"{name}-{texts[key]}" if key else "",
                name=texts[key] if key else "",
                label=texts[label] if label else "",
                cells=tuple((c, _linked(texts[c], known)) for c in columns),
                source=_linked(texts["source"], known),
                verified=texts["verified"],
            )
        )
    return rows


def _key_of(frame: pd.DataFrame, columns: list[str]) -> str | None:
    """The column that names the rows: the first whose name ends in _id and whose values differ."""
    return next((c for c in columns if c.endswith("_id") and frame[c].notna().all() and frame[c].is_unique), None)


def _label_of(columns: list[str]) -> str | None:
    named = [c for word in LABELS for c in columns if c == word or c.endswith(f"_{word}")]
    return named[0] if named else None


def _text(value: Any) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _linked(text: str, known: set[str]) -> Markup:
    """The text with ids of citations as links, a space after semicolons so that lines can break."""
    safe = str(Markup.escape(text)).replace(";", "; ") if CITED.search(text) else str(Markup.escape(text))
    return Markup(CITED.sub(lambda m: f'<a href="#{m[0]}">{m[0][2:]}</a>' if m[0] in known else m[0], safe))


def render_definitions(warehouse: Warehouse, environment: Environment) -> str:
    """The page as text."""
    citations = (
        warehouse.frame("select * from reference.citations order by source_id")
        if "reference.citations" in warehouse.columns
        else pd.DataFrame(columns=["source_id", "kind", "citation", "doi_or_id", "where_read", "depth_read"])
    )
    listed = [{str(k): _text(v) for k, v in row.items()} for row in citations.astype(object).to_dict("records")]
    known = {row["source_id"] for row in listed}
    tables = [read_table(warehouse, name, known) for name in definition_tables(warehouse)]
    terms = sorted(
        {(row.name, row.label, row.anchor) for t in tables for row in t.rows if row.anchor and row.name},
        key=lambda term: (term[0].lower(), term),
    )
    page = environment.get_template("definitions.html.j2")
    return page.render(tables=tables, citations=listed, terms=terms, checked=CHECKED)
