"""The page and its files: HTML, Markdown, every figure as SVG and PNG, every table as CSV, each with its stamp."""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import vl_convert as vlc
from great_tables import GT
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from analysis.report.figures import FONT, INK, QUIET, WIDTHS, svg
from analysis.results import Stamp
from analysis.treatment_failure.section import Drawing, Item, Section, Table, check

PAGE, TEXT, FOLDER = "treatment-failure.html", "treatment-failure.md", "treatment-failure"
FONTS = ["Helvetica Neue", "Arial", "sans-serif"]
LONG = 24
"""Tables with more rows are folded away."""


@dataclass(frozen=True)
class About:
    """What stands on every output: stamp, plan, what departs from it, names of SYNTHETIC studies.

    names: titles of studies by their id, for the cells and heads of tables.
    """

    stamp: Stamp
    plan_version: str
    synthetic: tuple[str, ...]
    deviations: tuple[str, ...]
    absent: tuple[str, ...]
    minimum: int
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """One line for figures, tables and text."""
        mark = f"SYNTHETIC ({', '.join(self.synthetic)}), " if self.synthetic else ""
        plan = str(self.stamp.plan_hash or "none")[:16]
        return f"{mark}release {self.stamp.release}, plan {self.plan_version} {plan}, seed {self.stamp.seed}"


def write(sections: Sequence[Section], about: About, out: Path) -> Path:
    """Write page, text and files into the folder `out`; gives the page. Raises ValueError for names that clash."""
    keys = [s.key for s in sections]
    twice = {k for k in keys if keys.count(k) > 1}
    if twice:
        raise ValueError(f"{', '.join(sorted(twice))}: more than one section of this key")
    for section in sections:
        check(section)
    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if old.suffix in (".svg", ".png", ".csv"):
            old.unlink()
    shown = []
    read = [_titled(section, about.names) for section in sections]
    for section in read:
        for table in section.tables:
            _write(folder / f"{section.key}-{table.name}.csv", as_csv(table, about.line))
        figures = []
        for figure in section.figures:
            name = f"{section.key}-{figure.name}"
            chart = stamped(figure.chart(WIDTHS["wide"]), figure.title, about.line)
            _write(folder / f"{name}.svg", vlc.vegalite_to_svg(chart))
            (folder / f"{name}.png").write_bytes(vlc.vegalite_to_png(chart, scale=2))
            figures.append(_figure(figure, name))
        shown.append(_shown(section, figures))
    _write(out / TEXT, as_text(read, about))
    synthetic = [about.names.get(s, s) for s in about.synthetic]
    page = _environment().get_template("treatment_failure.html.j2").render(
        sections=shown, stamp=about.stamp, plan_version=about.plan_version, synthetic=synthetic,
        deviations=about.deviations, absent=about.absent, minimum=about.minimum, folder=FOLDER,
    )  # fmt: skip
    return _write(out / PAGE, page)


SCALE = re.compile(r"\b([A-Z]+)_([A-Z]+[0-9]+)\b")


def _titled(section: Section, names: Mapping[str, str]) -> Section:
    """The section with studies by their titles and scales as they are written, in prose, cells and heads of tables."""

    def read(text: str) -> str:
        return in_titles(text, names)

    tables = []
    for table in section.tables:
        frame = table.frame.rename(columns=lambda c: read(c) if c in names else c)
        for column in frame.columns:
            if any(isinstance(v, str) for v in frame[column]):
                frame[column] = [read(v) if isinstance(v, str) else v for v in frame[column]]
        tables.append(replace(table, frame=frame, title=read(table.title), note=read(table.note)))
    return replace(
        section,
        verdict=read(section.verdict),
        methods=tuple(map(read, section.methods)),
        results=tuple(map(read, section.results)),
        cautions=tuple(map(read, section.cautions)),
        tables=tuple(tables),
        checklist=tuple(replace(i, said=read(i.said)) for i in section.checklist),
    )


def in_titles(text: str, names: Mapping[str, str]) -> str:
    """Studies by their titles, scales with a hyphen; an id that is a word too (`WORDS`) counts beside a mark only."""
    found = SCALE.sub(r"\1-\2", text)
    for study, title in names.items():
        alone = r"(?=$|[:,;.)]| \(| alone\b| →)" if study in WORDS else r"\b"
        found = re.sub(rf"\b{re.escape(study)}{alone}", lambda m, title=title: str(title), found)  # type: ignore[misc]
    return found


WORDS = frozenset({"predict"})
"""Ids of studies that are English words."""


def _shown(section: Section, figures: list[dict[str, Any]]) -> dict[str, Any]:
    by: dict[str, list[Item]] = {}
    for item in section.checklist:
        by.setdefault(item.guideline, []).append(item)
    return {
        "key": section.key,
        "title": section.title,
        "verdict": section.verdict,
        "methods": section.methods,
        "results": section.results,
        "cautions": section.cautions,
        "figures": figures,
        "tables": [
            {"name": t.name, "title": t.title, "note": t.note, "rows": len(t.frame), "long": len(t.frame) > LONG,
             "html": Markup(as_html(t))}  # great_tables escapes cells itself
            for t in section.tables
        ],
        "checklist": list(by.items()),
    }  # fmt: skip


def _figure(figure: Drawing, name: str) -> dict[str, Any]:
    drawn = {k: Markup(svg(figure.chart(width), f"{name}-{k}")) for k, width in WIDTHS.items()}
    return {"name": figure.name, "title": figure.title, "text": figure.text, **drawn}


def stamped(chart: alt.LayerChart | alt.FacetChart, title: str, line: str) -> dict[str, Any]:
    """The chart as a file of its own: with title, and the stamp below it."""
    made = chart.properties(
        title=alt.TitleParams(
            title, subtitle=line, anchor="start", fontSize=15, subtitleColor=QUIET, subtitleFontSize=10
        )
    )
    made = made.configure(font=FONT, background="white", padding=14).configure_view(stroke=None)
    made = made.configure_axis(labelColor=INK, titleColor=QUIET, titleFontWeight="normal", labelFontSize=11)
    found: dict[str, Any] = made.to_dict()
    return found


def printable(table: Table) -> pd.DataFrame:
    """Cells as they are printed: numbers rounded, missing as an en dash."""
    found = table.frame.copy()
    for column in found.columns:
        digits = table.decimals.get(str(column))
        found[column] = [_cell(v, digits) for v in found[column]]
    return found


def _cell(value: Any, digits: int | None) -> str:
    if value is None or (isinstance(value, float) and value != value) or value is pd.NA:
        return "–"
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int) or (hasattr(value, "dtype") and value.dtype.kind in "iu"):
        return f"{int(value):,}".replace("-", "−")
    if digits == 3 and 0 <= float(value) < 0.0005:
        return "<0.001"
    if digits is not None:
        return f"{float(value):.{digits}f}".replace("-", "−")
    return f"{float(value):.3g}".replace("-", "−")


def as_html(table: Table) -> str:
    """The table by great-tables, without requests outside."""
    frame = printable(table)
    frame.columns = [str(c) for c in frame.columns]
    group = table.group if table.group in frame.columns else None
    made = GT(frame, groupname_col=group)
    labels: dict[str, Any] = {c: table.labels.get(c, c) for c in frame.columns if c != group}
    numbers = [c for c in frame.columns if c != group and _numeric(frame[c])]
    made = (
        made.cols_label(cases=labels).cols_align("right", columns=numbers) if numbers else made.cols_label(cases=labels)
    )
    made = made.tab_options(
        table_font_size="13px", table_width="auto", data_row_padding="4px", heading_align="left",
        row_group_font_weight="600", table_border_top_style="none", table_font_names=FONTS,
    )  # fmt: skip
    return str(made.as_raw_html())


def _numeric(column: pd.Series) -> bool:
    text = column.str.replace("[,−–<% .]", "", regex=True).replace({"withheld": "", "uncertain": ""})
    return bool(text.str.fullmatch(r"[0-9e+\-]*").all())


def as_csv(table: Table, line: str) -> str:
    """The numbers unrounded, the stamp as a comment in the first line."""
    stream = io.StringIO()
    stream.write(f"# {table.title}; {line}\n")
    table.frame.to_csv(stream, index=False, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
    return stream.getvalue()


def as_text(sections: Sequence[Section], about: About) -> str:
    """Methods and results as Markdown, every number filled in."""
    lines = ["# Treatment failure: methods and results", "", f"{about.line}.", ""]
    if about.deviations:
        lines += [f"**Departs from the plan:** {'; '.join(about.deviations)}.", ""]
    lines += ["## Answers", ""]
    lines += [f"- **{s.title}.** {s.verdict}" for s in sections if s.verdict]
    lines += ["", "## Methods", ""]
    for s in sections:
        if s.methods:
            lines += [f"### {s.title}", "", *[x for p in s.methods for x in (p, "")]]
    lines += ["## Results", ""]
    for s in sections:
        lines += [f"### {s.title}", "", *[x for p in (s.verdict, *s.results) if p for x in (p, "")]]
        lines += [f"- {c}" for c in s.cautions] + ([""] if s.cautions else [])
        for table in s.tables:
            lines += [f"**{table.title}**", "", *_markdown(table), ""]
            if table.note:
                lines += [table.note, ""]
        lines += [f"Figure: {f.title} ({FOLDER}/{s.key}-{f.name}.svg)" for f in s.figures] + ([""] if s.figures else [])
    lines += ["## Reporting items", ""]
    for s in sections:
        for item in s.checklist:
            lines.append(f"- {item.guideline} {item.item}, {item.topic} ({s.title}): {item.said}")
    if about.absent:
        lines += ["", "## Not in this installation", "", *[f"- {a}" for a in about.absent]]
    # a star within a word would begin emphasis
    return ("\n".join(lines) + "\n").replace("STAR*D", "STAR\\*D")


def _markdown(table: Table) -> list[str]:
    frame = printable(table)
    head = [table.labels.get(str(c), str(c)) for c in frame.columns]
    rows = [
        [str(v).replace("|", "/").replace("\n", " ") for v in row] for row in frame.itertuples(index=False, name=None)
    ]
    return ["| " + " | ".join(r) + " |" for r in (head, ["---"] * len(head), *rows)]


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("analysis.treatment_failure", "templates"),
        autoescape=select_autoescape(["html", "j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _write(out: Path, text: str) -> Path:
    """All at once."""
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=".part-", suffix=out.suffix)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    part = Path(name)
    part.chmod(0o644)
    return part.replace(out)
