"""Remission by step under several methods: counts for the small-cell rule, and what the page shows of them.

A rate is computed here again from counts that may be shown, never taken from the mart. Where a count is withheld only
because another method differs from it by a few persons, remission up to the step is given in whole per cent of a cohort
so large that a per cent hides those few; in a smaller cohort the curve ends before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import altair as alt
import pandas as pd

from analysis.report.disclosure import Counts, Key, Published, Shown
from analysis.report.figures import INK, QUIET, RULE, WIDTHS, Figure, svg
from analysis.warehouse import Warehouse

MART = "marts.cumulative_remission"
KINDS = {"n_counted": 6.0, "n_remitted": 5.0, "n_cohort": 15.0, "n_remitted_so_far": 12.0}
"""The counts that the page shows, or from which it takes a rate; those of low weight are withheld first."""
CURVES = ("rush2006", "pigott2023", "seed_article")
"""The methods drawn as curves; the bridge leads from the first to the second."""
COLOURS = ("#2f6f8f", "#b5651d", "#66727f")


@dataclass(frozen=True)
class Step:
    """One step of one method: counts as shown, rates from them alone (%), and what was published."""

    order: int
    counted: Shown
    remitted: Shown
    step_pct: float | None
    cumulative_pct: float | None
    published_step_pct: float | None
    published_cumulative_pct: float | None
    is_coarse: bool = False
    """The cumulative rate is in whole per cent."""


@dataclass(frozen=True)
class Method:
    """One method with its steps, and the row of its parameters."""

    method_id: str
    kind: str
    label: str
    changed: str
    source: str
    verified: str
    note: str
    study_id: str
    steps: tuple[Step, ...] = field(default=())

    def at(self, order: int) -> float | None:
        """Remission up to a step, %; None where it cannot be shown."""
        return next((s.cumulative_pct for s in self.steps if s.order == order), None)


def _key(study: str, method: str, step: int, kind: str) -> Key:
    return (study, "remission", method, str(step), kind)


def has_mart(warehouse: Warehouse) -> bool:
    """Whether the published file has the table; a file of an older release may not."""
    return MART in warehouse.columns


def collect_remission(warehouse: Warehouse, counts: Counts) -> None:
    """Add the counts of every method and step, and how they lie within each other."""
    if not has_mart(warehouse):
        return
    listed = ", ".join(f"counted.{kind}" for kind in KINDS)
    frame = warehouse.frame(
        f"select counted.study_id, method_id, step_order, {listed}, methods.kind, methods.changed"
        f" from {MART} as counted inner join reference.remission_methods as methods using (method_id)"
        " where counted.study_id in (select study from quality.landings) order by display_order, step_order"
    )
    before: dict[int, str] = {}
    for row in frame.to_dict("records"):
        study, method, step = str(row["study_id"]), str(row["method_id"]), int(row["step_order"])
        keys = {kind: _key(study, method, step, kind) for kind in KINDS}
        for kind, key in keys.items():
            counts.add(key, int(row[kind]), KINDS[kind])
        counts.within(keys["n_remitted"], keys["n_counted"])
        counts.within(keys["n_remitted_so_far"], keys["n_cohort"])
        if step > 1:
            last = _key(study, method, step - 1, "n_remitted_so_far")
            counts.within(last, keys["n_remitted_so_far"])
            counts.same([_key(study, method, step - 1, "n_cohort"), keys["n_cohort"]])
        else:
            counts.same([keys["n_cohort"], keys["n_counted"]])
            counts.same([keys["n_remitted_so_far"], keys["n_remitted"]])
        # a row that changes one assumption of another differs from it by the persons whom the assumption concerns
        start = "rush2006" if row["kind"] == "alone" else before.get(step)
        if row["changed"] and start is not None:
            for kind in KINDS:
                other = _key(study, start, step, kind)
                if other in counts.values:
                    one, two = sorted((keys[kind], other), key=lambda k: counts.values[k])
                    counts.within(one, two)
        if row["kind"] != "alone":
            before[step] = method


def methods(warehouse: Warehouse, cells: Published, shown: set[str]) -> list[Method]:
    """Every method of the studies `shown`, with what may be shown of its steps, in their order."""
    if not has_mart(warehouse):
        return []
    rules = warehouse.frame("select * from reference.remission_methods order by display_order")
    figures = warehouse.frame(f"select * from {MART} order by method_id, step_order")
    found = []
    for rule in rules.astype(object).where(rules.notna(), "").to_dict("records"):
        mine = figures[figures["method_id"] == rule["method_id"]]
        if str(rule["study_id"]) in shown and len(mine):
            steps = _steps(rule, mine, cells)
            texts = {k: str(rule[k]) for k in ("kind", "label", "changed", "source", "verified", "note", "study_id")}
            found.append(Method(method_id=str(rule["method_id"]), steps=steps, **texts))
    return found


def _steps(rule: Mapping[Any, Any], mine: pd.DataFrame, cells: Published) -> tuple[Step, ...]:
    study, method = str(rule["study_id"]), str(rule["method_id"])
    steps = []
    failure: float | None = 1.0
    for row in mine.to_dict("records"):
        order = int(row["step_order"])
        part = {kind: _key(study, method, order, kind) for kind in KINDS}
        step_pct = cells.percent(part["n_remitted"], part["n_counted"])
        known = step_pct is not None or cells[part["n_counted"]].value == 0
        failure = failure * (1 - (step_pct or 0) / 100) if failure is not None and known else None
        coarse = None
        if rule["dropouts"] == "not_remitted":
            cumulative = cells.percent(part["n_remitted_so_far"], part["n_cohort"])
            coarse = _coarse(row, cells.minimum) if cumulative is None else None
            cumulative = coarse if cumulative is None else cumulative
        else:
            cumulative = None if failure is None else 100 * (1 - failure)
        steps.append(
            Step(
                order=order,
                counted=cells[part["n_counted"]],
                remitted=cells[part["n_remitted"]],
                step_pct=step_pct,
                cumulative_pct=cumulative,
                published_step_pct=_number(row["published_step_pct"]),
                published_cumulative_pct=_number(row["published_cumulative_pct"]),
                is_coarse=coarse is not None,
            )
        )
    return tuple(steps)


def _coarse(row: Mapping[Any, Any], minimum: int) -> float | None:
    """Remission up to a step in whole per cent, each of which stands for twice `minimum` persons or more."""
    remitted, cohort = int(row["n_remitted_so_far"]), int(row["n_cohort"])
    if cohort < 200 * minimum or not minimum <= remitted <= cohort - minimum:
        return None
    return float(round(100 * remitted / cohort))


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def last_step(found: list[Method]) -> int:
    """The last step up to which every row of the bridge can be shown; 0 where there is none."""
    bridge = [m for m in found if m.kind != "alone"]
    shown = [{s.order for s in m.steps if s.cumulative_pct is not None} for m in bridge]
    return max(set.intersection(*shown), default=0) if shown else 0


def curves(found: list[Method], name: str) -> Figure | None:
    """Remission up to each step under the published methods, here (line) and as published (open marks)."""
    rows = []
    for m in (m for m in found if m.method_id in CURVES):
        label = m.label.partition(":")[0]
        here = takewhile(lambda s: s.cumulative_pct is not None, m.steps)  # no line over a step that is not shown
        rows += [{"method": label, "step": s.order, "value": s.cumulative_pct, "of": "here"} for s in here]
        rows += [
            {"method": label, "step": s.order, "value": s.published_cumulative_pct, "of": "published"}
            for s in m.steps
            if s.published_cumulative_pct is not None
        ]
    if not any(r["of"] == "here" for r in rows):
        return None
    return Figure(*(svg(_curves(pd.DataFrame(rows), w), f"{name}-{k}") for k, w in WIDTHS.items()))


def _curves(frame: pd.DataFrame, width: int) -> alt.LayerChart | alt.FacetChart:
    labels = list(dict.fromkeys(frame["method"]))
    axis = alt.Axis(grid=True, gridColor=RULE, domain=False, ticks=False)
    legend = alt.Legend(orient="top", direction="horizontal", columns=3 if width > 500 else 1, labelLimit=300)
    x = alt.X("step:O", title="treatment step", axis=alt.Axis(labelAngle=0, ticks=False))
    y = alt.Y("value:Q", title="remitted up to the step, %", scale=alt.Scale(domain=[0, 80]), axis=axis)
    colour = alt.Color("method:N", title=None, scale=alt.Scale(domain=labels, range=list(COLOURS)), legend=legend)
    here = alt.Chart(frame[frame["of"] == "here"])
    lines = here.mark_line(strokeWidth=2).encode(x=x, y=y, color=colour, detail="method:N")
    dots = here.mark_point(filled=True, size=60, opacity=1).encode(x=x, y=y, color=colour)
    published = alt.Chart(frame[frame["of"] == "published"]).mark_point(
        shape="diamond", filled=False, size=110, strokeWidth=1.8, opacity=1
    )
    layers = alt.layer(lines, dots, published.encode(x=x, y=y, color=colour))
    return layers.properties(width=width - 90, height=260)


def bridge(found: list[Method], name: str) -> Figure | None:
    """The same persons under one method after the other, each with one assumption changed."""
    until = last_step(found)
    rows = [
        {
            "label": m.label if m.kind == "method" else m.label.removeprefix("… "),
            "value": m.at(until),
            "is_coarse": any(s.is_coarse for s in m.steps if s.order == until),
            "kind": m.kind,
            "published": m.steps[until - 1].published_cumulative_pct if len(m.steps) >= until else None,
        }
        for m in found
        if m.kind in ("method", "bridge") and m.method_id != "seed_article"
    ]
    if not until or not rows:
        return None
    return Figure(*(svg(_bridge(pd.DataFrame(rows), w), f"{name}-{k}") for k, w in WIDTHS.items()))


def _bridge(frame: pd.DataFrame, width: int) -> alt.LayerChart | alt.FacetChart:
    order = list(frame["label"])
    texts = zip(frame["value"], frame["is_coarse"], strict=True)
    frame = frame.assign(text=[f"{v:.0f}" if coarse else f"{v:.1f}" for v, coarse in texts])
    space = 330 if width > 500 else 150
    y = alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=space, ticks=False, domain=False))
    axis = alt.Axis(grid=True, gridColor=RULE, domain=False, ticks=False, tickCount=5)
    x = alt.X("value:Q", title="remitted up to the last step shown, %", scale=alt.Scale(domain=[0, 80]), axis=axis)
    colour = alt.Color(
        "kind:N", scale=alt.Scale(domain=["method", "bridge"], range=["#2f6f8f", "#9cc3d5"]), legend=None
    )
    base = alt.Chart(frame)
    bars = base.mark_bar(height={"band": 0.66}).encode(x=x, y=y, color=colour)
    # at the foot of the bar, where no published mark can lie on it
    ink = alt.when(alt.datum.kind == "method").then(alt.value("white")).otherwise(alt.value(INK))
    labels = base.mark_text(align="left", dx=6, fontSize=11).encode(x=alt.datum(0), y=y, text="text:N", color=ink)
    layers = [bars, labels]
    marks = frame[frame["published"].notna()]
    if len(marks):
        point = alt.Chart(marks).mark_point(shape="diamond", filled=False, size=110, strokeWidth=1.8, color=QUIET)
        layers.append(point.encode(x=alt.X("published:Q"), y=y))
    return alt.layer(*layers).properties(width=width - space - 40, height=30 * len(order))
