"""The section on genetic scores: what `trd biomarker` wrote. Counts pass the small-cell rule; no probability of a
person, no identifier and no histogram of persons enters the page.
"""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from analysis.report import figures, genotyping
from analysis.report.biomarker_counts import balance as shown_balance
from analysis.report.biomarker_counts import masked, stages
from analysis.report.disclosure import Shown
from analysis.report.shown import about, is_current
from analysis.warehouse import Warehouse

DIFFERENCE, PRIMARY = "difference in P per SD", "weighted (primary)"
BEFORE, AFTER = "#d8a47f", "#2f6f8f"
ODDS = ("marginal odds ratio per SD", "adjusted odds ratio per SD")


def sections(warehouse: Warehouse, minimum: int) -> list[dict[str, Any]]:
    """What the page says of each run; nothing where there was none."""
    if "results.biomarker_runs" not in warehouse.columns:
        return []
    runs = warehouse.table("results.biomarker_runs").sort_values("run_id")
    return [_section(warehouse, run, minimum) for run in runs.to_dict("records")]


def _section(warehouse: Warehouse, run: dict[Any, Any], minimum: int) -> dict[str, Any]:
    name, studies = str(run["run_id"]), str(run["studies"]).split(";")
    effects = _of(warehouse, "effects", name)
    balance = shown_balance(_of(warehouse, "balance", name), minimum)
    flow = _flow(_of(warehouse, "flow", name), minimum)
    hidden = any(cell.value is None for cells in flow.values() for _, cell in cells)
    drawn = f"biomarker-{name}".replace("_", "-").replace(".", "-")
    return {
        "run": {**run, "power_text": "" if hidden else run["power_text"]},
        "synthetic": bool(run["is_synthetic"]),
        "is_current": is_current(warehouse, studies, str(run["release"])),
        "flow": list(flow.items()),
        "weights": _of(warehouse, "weights", name).to_dict("records"),
        "effects": _effects(effects),
        "balance": balance.to_dict("records"),
        "love": _figure(balance, f"{drawn}-love", _love) if len(balance) else None,
        "forest": _figure(effects, f"{drawn}-forest", _forest),
        "sensitivity": _of(warehouse, "sensitivity", name).to_dict("records"),
        "truncation": _of(warehouse, "truncation", name).to_dict("records"),
        "problems": [
            {**row, "problem": masked(str(row["problem"]), minimum)}
            for row in _of(warehouse, "problems", name).to_dict("records")
        ],
        "strega": _strega(run, _of(warehouse, "derivation", name), genotyping.sentences(warehouse, studies, minimum)),
    }


def _of(warehouse: Warehouse, table: str, run_id: str) -> pd.DataFrame:
    if f"results.biomarker_{table}" not in warehouse.columns:
        return pd.DataFrame()
    return warehouse.frame(f"select * from results.biomarker_{table} where run_id = :run", run=run_id)


def _flow(flow: pd.DataFrame, minimum: int) -> dict[str, list[tuple[str, Shown]]]:
    """Persons at each stage, as the run wrote them and by this page's rule."""
    known = flow[flow["n"].notna()]
    published = stages(known)[0].protect(minimum)
    found: dict[str, list[tuple[str, Shown]]] = {}
    for row in flow.to_dict("records"):
        study, stage = str(row["study_id"]), str(row["stage"])
        withheld = Shown(None, "withheld", str(row["shown"]))
        cell = withheld if pd.isna(row["n"]) else published[("flow", study, stage)]
        found.setdefault(study, []).append((stage, cell))
    return found


def _effects(effects: pd.DataFrame) -> list[dict[str, Any]]:
    """One entry per study and estimator, with its measures by name and persons about."""
    found = []
    for (study, estimator), own in effects.groupby(["study_id", "estimator"], sort=False):
        first = own.iloc[0]
        by = {str(r["measure"]): r for r in own.to_dict("records")}
        n = first["n"]
        found.append(
            {
                "study": study, "estimator": estimator, "estimates": first["estimates"], "note": first["note"] or "",
                "primary": bool(first["is_primary"]), "by": by, "n": "" if pd.isna(n) or n == 0 else about(n),
                "difference": by.get(DIFFERENCE), "marginal": by.get(ODDS[0]), "adjusted": by.get(ODDS[1]),
            }
        )  # fmt: skip
    return found


def _figure(frame: pd.DataFrame, name: str, draw: Any) -> figures.Figure:
    return figures.Figure(*(figures.svg(draw(frame, w), f"{name}-{k}") for k, w in figures.WIDTHS.items()))


def _love(balance: pd.DataFrame, width: int) -> alt.LayerChart | alt.FacetChart:
    """Absolute standardised mean differences of the scored from the target, before and after weighting."""
    frame = balance.assign(label=balance["study"].astype(str) + " · " + balance["covariate"].astype(str))
    long = frame.melt(["label"], ["smd_before", "smd_after"], "when", "smd")
    long["smd"] = long["smd"].abs()
    long["when"] = long["when"].map({"smd_before": "before weighting", "smd_after": "after weighting"})
    order = frame.assign(s=frame["smd_before"].abs()).sort_values("s", ascending=False)["label"].tolist()
    colour = alt.Color(
        "when:N", title=None, legend=alt.Legend(orient="top"),
        scale=alt.Scale(domain=["before weighting", "after weighting"], range=[BEFORE, AFTER]),
    )  # fmt: skip
    y = alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=220, ticks=False, domain=False))
    x = alt.X("smd:Q", title="absolute standardised mean difference", axis=_axis())
    points = alt.Chart(long).mark_point(filled=True, size=55, opacity=0.9).encode(x=x, y=y, color=colour)
    limit = alt.Chart(pd.DataFrame({"at": [0.1]})).mark_rule(strokeDash=[4, 3], color=figures.QUIET).encode(x="at:Q")
    return alt.layer(limit, points).properties(width=width - (230 if width > 500 else 150), height=18 * len(order))


def _forest(effects: pd.DataFrame, width: int) -> alt.LayerChart | alt.FacetChart:
    """The difference in points with 95 % limits, estimator by estimator."""
    own = effects[(effects["measure"] == DIFFERENCE) & effects["estimate"].notna()].copy()
    for c in ("estimate", "lower", "upper"):
        own[c] = 100 * own[c].astype(float)
    own["label"] = own["study_id"].astype(str) + " · " + own["estimator"].astype(str)
    own["kind"] = ["primary" if p else "beside it" for p in own["is_primary"]]
    y = alt.Y(
        "label:N", sort=own["label"].tolist(), title=None, axis=alt.Axis(labelLimit=260, ticks=False, domain=False)
    )
    colour = alt.Color(
        "kind:N", legend=None, scale=alt.Scale(domain=["primary", "beside it"], range=[AFTER, "#8b98a5"])
    )
    base = alt.Chart(own)
    title = "difference in P per SD, points"
    bars = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("lower:Q", title=title, axis=_axis()), x2="upper:Q", y=y, color=colour
    )
    points = base.mark_point(filled=True, size=70, opacity=1).encode(x="estimate:Q", y=y, color=colour)
    zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(strokeDash=[4, 3], color=figures.QUIET).encode(x="at:Q")
    return alt.layer(zero, bars, points).properties(width=width - (270 if width > 500 else 180), height=22 * len(own))


def _axis() -> alt.Axis:
    return alt.Axis(grid=True, gridColor=figures.RULE, tickCount=5, domain=False, ticks=False)


def _strega(run: dict[Any, Any], derivation: pd.DataFrame, typed: tuple[str, str]) -> list[tuple[str, str]]:
    """STREGA (Little et al. 2009), numbers of the items from memory; what a run cannot say is said."""
    overlap = ", ".join(sorted({str(v) for v in derivation["in_derivation"]})) if len(derivation) else "not known"
    warned = run["warnings"] or "no warning"
    return [
        ("3 objectives", "effect of a previously derived score; not a search for variants"),
        ("6 participants", f"{run['target']}; {run['studies'].replace(';', ', ')}"),
        ("7 genetic exposure", f"{run['score']}, mode {run['mode']}; {run.get('score_text') or ''}{warned}"),
        ("7 population stratification", f"adjusted for {run['adjusted_for']}"),
        ("8 genotyping, call rates, quality control", typed[0]),
        ("9 bias", f"selection into genotyping is weighted for: {run['selection']}"),
        ("11 quantitative variables", "per standard deviation of the score in the target population"),
        ("12 Hardy-Weinberg, relatedness", typed[1]),
        ("12 statistics", f"{run['outcome_text']}; stacked sandwich over class model, weights and outcome model"),
        ("12 multiple comparisons", "Holm and Benjamini-Hochberg over the primary tests of a run"),
        ("13 genotyped and successful", "flow above"),
        ("14-16 results", "effects above, each with what it estimates"),
        ("17 other analyses", "sign-shuffled scores, E-value, tipping point, truncation path"),
        ("Derivation overlap", f"persons who helped to derive the score: {overlap}"),
        ("Power", str(run["power_text"]) or "not shown"),
        ("Syntax", f"trd biomarker, plan {str(run['plan_hash'])[:12]}, seed {run['seed']}, {run['release']}"),
    ]
