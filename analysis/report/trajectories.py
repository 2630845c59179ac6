"""The section on latent courses: what `trd trajectories` wrote, with the items of GRoLTS filled in from the fit.

Courses are drawn as class means with their bands; scores of single persons never enter a page (design, decision 14).
"""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from analysis.report import figures
from analysis.report.disclosure import Counts, Key, Published, Shown
from analysis.report.shown import is_current
from analysis.warehouse import Warehouse

COLOURS = ("#2f6f8f", "#6aa3bd", "#8f9a5b", "#d8a47f", "#b5533c", "#5b4a72")
_RULES = """
    select
        persons.subject_id,
        max(case when outcomes.verdict = 'met' then outcomes.definition_id end) as category
    from results.trajectory_persons as persons
    inner join marts.first_line as first on persons.subject_id = first.subject_id
    inner join marts.outcomes as outcomes
        on persons.subject_id = outcomes.subject_id
        and first.step_id = outcomes.step_id
        and outcomes.instrument_id = :scale
        and outcomes.definition_id in ('response_50', 'partial_25_49', 'nonresponse_lt25')
    where persons.run_id = :run
    group by persons.subject_id
"""
CATEGORIES = {
    "response_50": "response (50 %)",
    "partial_25_49": "partial (25 %)",
    "nonresponse_lt25": "non-response",
    "none": "no exit score",
}


def sections(warehouse: Warehouse, minimum: int) -> list[dict[str, Any]]:
    """What the page says of each run; nothing where there was none."""
    if "results.trajectory_runs" not in warehouse.columns:
        return []
    runs = warehouse.table("results.trajectory_runs").sort_values("run_id")
    return [_section(warehouse, run, minimum) for run in runs.to_dict("records")]


def _section(warehouse: Warehouse, run: dict[Any, Any], minimum: int) -> dict[str, Any]:
    name, studies = str(run["run_id"]), str(run["studies"]).split(";")
    models = _of(warehouse, "models", name).to_dict("records")
    found: dict[str, Any] = {
        "run": run,
        "studies": studies,
        "link_error": "" if pd.isna(run.get("link_error")) else str(run["link_error"]),
        "linked": [s for s in str(run["linked_studies"] or "").split(";") if s],
        "synthetic": bool(run["is_synthetic"]),
        "is_current": is_current(warehouse, studies, str(run["release"])),
        "models": models,
        "shown": any(not pd.isna(m.get(c)) for m in models for c in ("predictive", "blrt")),
        "classes": [],
        "figure": None,
    }
    classes = _of(warehouse, "classes", name) if not pd.isna(run["k"]) else pd.DataFrame()
    if classes.empty:
        return found
    classes = classes.sort_values("class")
    persons = _of(warehouse, "persons", name)
    cells, groups = _counts(warehouse, run, persons, minimum)
    titles = [f"{c}: {label}" for c, label in zip(classes["class"], classes["label"], strict=True)]
    keys = [f"class {c}" for c in classes["class"]]
    found |= {
        "classes": [
            row | {"persons": cells[("all", key)], "hidden": cells[("all", key)].value is None}
            for row, key in zip(classes.to_dict("records"), keys, strict=True)
        ],
        "titles": titles,
        "by": [
            {
                "by": by,
                "rows": [(group, cells[(by, group)], _cells(cells, (by, group), keys)) for group in members],
            }
            for by, members in groups.items()
        ],
        "figure": _figure(_of(warehouse, "courses", name), titles, run),
        "grolts": _grolts(run, models, classes, studies),
    }
    return found


def _cells(cells: Published, row: Key, keys: list[str]) -> list[tuple[Shown, float | None]]:
    """Persons of a row in each class, with their share of the row."""
    return [(cells[(*row, k)], cells.percent((*row, k), row)) for k in keys]


def _of(warehouse: Warehouse, table: str, run_id: str) -> pd.DataFrame:
    if f"results.trajectory_{table}" not in warehouse.columns:
        return pd.DataFrame()
    return warehouse.frame(f"select * from results.trajectory_{table} where run_id = :run", run=run_id)


def _counts(
    warehouse: Warehouse, run: dict[Any, Any], persons: pd.DataFrame, minimum: int
) -> tuple[Published, dict[str, list[str]]]:
    """Persons by modal class, and the same by study, treatment and rule-based category, as a page may show them."""
    frame = pd.DataFrame({"class": "class " + persons["modal"].astype(str), "study": persons["study_id"].astype(str)})
    if "treatment_class" in persons:
        frame["first treatment"] = persons["treatment_class"].fillna("not known").astype(str).to_numpy()
    if {"marts.outcomes", "marts.first_line"} <= set(warehouse.columns):
        ruled = warehouse.frame(_RULES, run=run["run_id"], scale=run["scale"]).set_index("subject_id")["category"]
        category = ruled.reindex(persons["subject_id"]).fillna("none").map(CATEGORIES)
        frame["cut-offs at exit"] = category.to_numpy()
    counts = Counts()
    classes = sorted(frame["class"].unique())
    whole = counts.add(("all",), len(frame), 3)
    sizes = frame["class"].value_counts()
    counts.total(whole, [counts.add(("all", c), int(sizes[c]), 2) for c in classes])
    groups = {}
    for by in frame.columns[1:]:
        table = pd.crosstab(frame[by], frame["class"])
        groups[str(by)] = [str(g) for g in table.index]
        rows = [counts.add((by, g), int(table.loc[g].sum()), 2) for g in table.index]
        counts.total(whole, rows)
        for g in table.index:
            counts.total((by, g), [counts.add((by, g, c), int(table.loc[g, c])) for c in classes])  # type: ignore[call-overload]
        for c in classes:
            counts.total(("all", c), [(by, g, c) for g in table.index])
    return counts.protect(minimum), groups


def _figure(courses: pd.DataFrame, titles: list[str], run: dict[Any, Any]) -> figures.Figure:
    name = f"courses-{run['run_id']}".replace("_", "-")
    drawn = [figures.svg(_chart(courses, titles, run, width), f"{name}-{k}") for k, width in figures.WIDTHS.items()]
    return figures.Figure(*drawn)


def _chart(
    courses: pd.DataFrame, titles: list[str], run: dict[Any, Any], width: int
) -> alt.LayerChart | alt.FacetChart:
    """Mean course of each class in its 95 % band."""
    frame = courses.astype({"class": int, "week": float, "mean": float, "lower": float, "upper": float})
    frame["course"] = [titles[c - 1] for c in frame["class"]]
    colours = [COLOURS[i % len(COLOURS)] for i in range(len(titles))]
    legend = alt.Legend(orient="top", columns=2 if width > 500 else 1, labelLimit=300)
    colour = alt.Color("course:N", title=None, scale=alt.Scale(domain=titles, range=colours), legend=legend)
    x = alt.X("week:Q", title="week of the first treatment", axis=figures.number_axis())
    y = alt.Y("mean:Q", title=str(run["scale"]), axis=figures.number_axis())
    base = alt.Chart(frame)
    band = base.mark_area(opacity=0.2).encode(x=x, y=alt.Y("lower:Q", title=""), y2="upper:Q", color=colour)
    line = base.mark_line(strokeWidth=2.2).encode(x=x, y=y, color=colour)
    return alt.layer(band, line).properties(width=width - 60, height=320 if width > 500 else 260)


def _grolts(
    run: dict[Any, Any], models: list[dict[Any, Any]], classes: pd.DataFrame, studies: list[str]
) -> list[tuple[str, str]]:
    """GRoLTS (van de Schoot et al. 2017), numbers of the items from memory; what a run cannot say is said."""
    chosen = [m for m in models if m["chosen"] and m["family"] == run["family"]]
    last = ", ".join(f"{w:.0f}" for w in classes["last_week"])
    one = any(m["k"] == 1 for m in models)
    starts = ", ".join(f"{m['family']} {m['k']}: {m['replication']} of {m['starts']}" for m in models)
    return [
        ("1 metric of time", "weeks from the start of the first treatment, as measured"),
        ("2 mean and variance of time", "visits are irregular; each person's own times enter the model"),
        ("3a missing data", "missing at random, by full likelihood; planned exits are not drop-out"),
        ("3b variables related to attrition", "not in the class model; see attrition by study"),
        ("3c handling", f"{run['persons_without_baseline']} persons without a baseline are left out"),
        ("4 distribution", "scores pile up at 0: " + "; ".join(sorted({str(m["family"]) for m in models})) + " fitted"),
        ("5 software", "trd-warehouse, analysis.trajectories"),
        ("6a within-class heterogeneity", "random intercept and slope on log(1 + week)"),
        ("6b covariance between classes", "common covariance; residual variance by study"),
        ("7 shape", "1, log(1 + week), week, free in every class"),
        ("8 covariates", "baseline on intercept and slope, equal in all classes; study in membership and intercept"),
        ("9 starts that reached the best value", starts),
        ("10 selection", str(run["why"])),
        ("11 number of models", f"{len(models)}, {'one class included' if one else 'one class not fitted'}"),
        ("12 cases per class", "below; of models not chosen the smallest class stands in the table of models"),
        ("13 entropy", "; ".join(f"{m['entropy']:.3f}" for m in chosen)),
        ("14 plots", "means with bands; curves of single persons are not shown on a page"),
        ("15 description of classes", f"labels, falls and sizes below; last week carried by each class: {last}"),
        ("16 syntax", f"trd trajectories, plan {str(run['plan_hash'])[:12]}, seed {run['seed']}, {', '.join(studies)}"),
    ]
