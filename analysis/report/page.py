"""Writes the one-page report of a warehouse: one HTML file without outside requests that passes the small-cell rule.

The page depends on the content of the warehouse alone: the same data give the same bytes.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from analysis.report import biomarkers, coverage, figures, linking, remission, resistance, tables, trajectories
from analysis.report.counts import collect
from analysis.report.definitions import render_definitions
from analysis.report.disclosure import Published, Shown, minimum_count
from analysis.warehouse import Warehouse, connect

DEFINITIONS = "definitions.html"


def write_report(database: Path, out: Path, *, minimum: int | None = None) -> Path:
    """Write the report of the published file `database` to `out`, all at once, and give its path.

    The page of definitions that it links is written beside it, as definitions.html.
    `minimum` is the smallest count above zero that may be shown: without it `$TRD_MIN_CELL`, else 5.
    """
    smallest = minimum_count(minimum)
    with connect(database) as warehouse:
        html = render(warehouse, smallest)
        definitions = render_definitions(warehouse, _environment())
    out.parent.mkdir(parents=True, exist_ok=True)
    _write(definitions, out.parent / DEFINITIONS)
    return _write(html, out)


def _write(html: str, out: Path) -> Path:
    """Write a page all at once."""
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=".report-", suffix=".html")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(html)
    part = Path(name)
    part.chmod(0o644)
    return part.replace(out)


def render(warehouse: Warehouse, minimum: int) -> str:
    """The page as text."""
    cells = collect(warehouse).protect(minimum)
    names = tables.labels(warehouse)
    shown = tables.studies(warehouse, cells)
    outcomes = warehouse.frame("select outcome_id, outcome from reference.outcome_definitions")
    kinds = {str(i): str(o) for i, o in outcomes.itertuples(index=False, name=None)}
    sections = [_study(warehouse, s, cells, names, kinds) for s in shown]
    used = sorted({v.definition_id for s in sections for row in s["outcomes"] for v in row.verdicts})
    page = _environment().get_template("page.html.j2")
    return page.render(
        studies=shown,
        sections=sections,
        synthetic=[s for s in shown if s.synthetic],
        definitions=tables.definitions(warehouse, used),
        instruments={i: names.instruments.get(i, "") for i in sorted(_instruments(sections))},
        side_by_side=tables.side_by_side(cells, shown),
        compared=[s for s in shown if (s.study_id, "first", "persons") in cells.cells],
        coverage=coverage.columns(warehouse, cells, shown),
        variables=coverage.variables(warehouse, cells, shown),
        resistance=_resistance(warehouse, cells, shown, minimum),
        remission=_remission(warehouse, cells, shown),
        trajectories=[
            {**t, "figure": _drawn(t["figure"]) if t["figure"] else None}
            for t in trajectories.sections(warehouse, minimum)
        ],
        biomarkers=[
            {**b, "forest": _drawn(b["forest"]), "love": _drawn(b["love"]) if b["love"] else None}
            for b in biomarkers.sections(warehouse, minimum)
        ],
        linking=[{**link, "figure": _drawn(link["figure"])} for link in linking.sections(warehouse)],
        cells=cells,
        minimum=minimum,
        kinds=(*tables.EXCLUSIVE, "remission"),
    )


def _study(
    warehouse: Warehouse, study: tables.Study, cells: Published, names: tables.Labels, kinds: dict[str, str]
) -> dict[str, Any]:
    """All that the page says of one study."""
    name = study.study_id
    flow = tables.flow(name, cells, names)
    outcomes = tables.outcomes(name, cells, names, kinds)
    return {
        "study": study,
        "flow": flow,
        "flow_figure": _drawn(figures.attrition(flow, f"flow-{name}")) if flow else None,
        "exits": tables.exits(name, cells, names),
        "outcomes": outcomes,
        "outcome_figure": _drawn(figures.outcomes(outcomes, f"outcomes-{name}")) if _has_bars(outcomes) else None,
        "refusals": tables.refusals(name, cells, names),
        "issues": tables.issues(name, cells),
        "forms": tables.form_identity(warehouse, name, cells),
        "entities": tables.entity_identity(warehouse, name, cells),
        "findings": tables.findings(warehouse, name, cells, names),
        "reconciliation": tables.reconciliation(warehouse, name, cells),
    }


def _resistance(warehouse: Warehouse, cells: Published, shown: list[tables.Study], minimum: int) -> dict[str, Any]:
    found = resistance.section(warehouse, cells, shown, minimum)
    return found | {"heat": {study: _drawn(figure) for study, figure in found["heat"].items()}}


def _remission(warehouse: Warehouse, cells: Published, shown: list[tables.Study]) -> dict[str, Any] | None:
    """Remission by step under several methods; None where no study with such a method is landed."""
    found = remission.methods(warehouse, cells, {s.study_id for s in shown})
    if not found:
        return None
    study = next(s for s in shown if s.study_id == found[0].study_id)
    drawn = {"curves": remission.curves(found, "remission"), "bridge": remission.bridge(found, "bridge")}
    return {
        "methods": found,
        "until": remission.last_step(found),
        "title": study.title,
        "synthetic": study.synthetic,
        **{k: _drawn(figure) if figure else None for k, figure in drawn.items()},
    }


def _has_bars(rows: list[tables.OutcomeRow]) -> bool:
    return any(row.entered.value for row in rows)


def _instruments(sections: list[dict[str, Any]]) -> set[str]:
    return {row.instrument for section in sections for row in section["outcomes"]}


def _drawn(figure: figures.Figure) -> figures.Figure:
    """The drawing is ours and safe; everything else on the page is escaped."""
    return figures.Figure(Markup(figure.wide), Markup(figure.narrow))


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("analysis.report", "templates"),
        autoescape=select_autoescape(["html", "j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = _count
    environment.globals["one_decimal"] = _one_decimal
    environment.filters["percent"] = tables.percent
    return environment


def _one_decimal(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} %"


def _count(cell: Shown | None) -> Markup:
    """A count as the page prints it."""
    if cell is None:
        return Markup("–")
    if cell.mark == "shown":
        return Markup("{}").format(cell.text)
    title = "a small count" if cell.mark == "small" else "withheld, so that no small count can be computed"
    return Markup('<span class="mark" title="{}">{}</span>').format(title, cell.text)
