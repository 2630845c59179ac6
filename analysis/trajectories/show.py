"""How a fit is shown: text for a terminal, a chart, one page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
import pandas as pd
import vl_convert as vlc
from numpy.typing import NDArray

from analysis.report.disclosure import Counts, Published, minimum_count
from analysis.trajectories.errors import Problem

if TYPE_CHECKING:
    from analysis.trajectories.fitted import Fitted

Array = NDArray[np.float64]

COLOURS = ("#2f6f8f", "#6aa3bd", "#8f9a5b", "#d8a47f", "#b5533c", "#5b4a72")
BINS = 14
STYLE = """
body { font: 15px/1.45 Helvetica, Arial, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #1f2933 }
table { border-collapse: collapse }
td, th { padding: .2em .7em; text-align: right; border-bottom: 1px solid #d9dee3 }
"""


def summary(result: Fitted) -> str:
    """Model, criteria, classes, parameters and problems as text."""
    spec, counts = result.spec, result.design.counts
    lines = [
        f"{result.k} class{'es' * (result.k > 1)}, {spec.fixed}; random {result.design.spec.random or 'none'}; "
        f"family {result.family}",
        f"{counts['persons_used']:,} persons, {counts['rows_used']:,} scores",
        f"left out: {counts['rows_without_score']:,} rows without a score, {counts['persons_without_score']:,} persons "
        "without any (missing at random by full likelihood)",
        f"log-likelihood {result.loglik:.4f}, {result.n_parameters} parameters, BIC {result.bic:.2f}, "
        f"adjusted BIC {result.sabic:.2f}, AIC {result.aic:.2f}, ICL {result.icl:.2f}, entropy {result.entropy:.3f}",
        f"best value reached by {result.search.replication} of {result.search.n_starts} starts; "
        f"{len(result.search.maxima)} different ends",
        "",
        result.classes.to_string(index=False, float_format="%.3f"),
        "",
        result.parameters().drop(columns=["lower", "upper"]).to_string(index=False, float_format="%.4f", na_rep=""),
    ]
    if result.problems:
        lines += ["", "Problems", *(f"- {p}" for p in result.problems)]
    return "\n".join(lines)


def observed(result: Fitted, minimum: int | None = None) -> pd.DataFrame:
    """Mean score seen per class and bin of time, weighted by the posterior; bins of fewer persons are left out.

    Columns `class`, time, `mean`, `fitted` (the mean of the class course at the times in the bin), `persons` (rounded).
    """
    design, least = result.design, minimum_count(minimum)
    time = design.time
    inner = np.unique(np.quantile(time, np.linspace(0, 1, BINS + 1)))
    seen = np.unique(time)
    edges = (seen[1:] + seen[:-1]) / 2 if len(seen) <= 2 * BINS else inner[1:-1]
    place = np.digitize(time, edges)
    weight = result.probabilities[design.person]
    if design.panel.weight is not None:
        weight = weight * design.panel.weight[design.person][:, None]
    means = result.row_means()
    rows = []
    for b in np.unique(place):
        inside = place == b
        for g in range(result.k):
            w = weight[inside, g]
            if w.sum() >= least:
                average = [float(np.average(v[inside], weights=w)) for v in (time, design.y, means[g])]
                rows.append((g + 1, *average, round(float(w.sum()))))
    return pd.DataFrame(rows, columns=["class", design.spec.time, "mean", "fitted", "persons"])


def plot(
    result: Fitted,
    *,
    names: tuple[str, ...] = (),
    sample: int = 0,
    seed: int = 0,
    level: float = 0.95,
    width: int = 560,
) -> alt.LayerChart | alt.FacetChart:
    """Mean course of each class with its band, dots at the means seen (weighted by the posterior).

    `names` label the classes. `sample` draws the scores of so many persons behind: values of patients, so for the
    screen of who may see them and never for a page.
    """
    time = result.spec.time
    title = {g + 1: (names[g] if g < len(names) else f"class {g + 1}") for g in range(result.k)}
    share = result.classes.set_index("class")["share"]
    legend = [f"{title[g]} ({share[g]:.0%})" for g in title]
    frame = result.courses(level=level)
    frame["course"] = [legend[g - 1] for g in frame["class"]]
    dots = observed(result)
    dots["course"] = [legend[g - 1] for g in dots["class"]]
    scale = alt.Scale(domain=legend, range=[COLOURS[g % len(COLOURS)] for g in range(result.k)])
    colour = alt.Color("course:N", title=None, scale=scale, legend=alt.Legend(orient="top", columns=2))
    x = alt.X(f"{time}:Q", title=time)
    base = alt.Chart(frame)
    layers: list[Any] = []
    if sample:
        layers.append(_persons(result, sample, seed, x))
    layers += [
        base.mark_area(opacity=0.2).encode(
            x=x, y=alt.Y("lower:Q", title=result.spec.outcome), y2="upper:Q", color=colour
        ),
        base.mark_line(strokeWidth=2.2).encode(x=x, y="mean:Q", color=colour),
        alt.Chart(dots).mark_point(filled=True, size=28).encode(x=x, y="mean:Q", color=colour),
    ]
    return alt.layer(*layers).properties(width=width, height=300)


def _persons(result: Fitted, sample: int, seed: int, x: alt.X) -> alt.Chart:
    design = result.design
    chosen = np.random.default_rng(seed).choice(design.n, min(sample, design.n), replace=False)
    rows = np.isin(design.person, chosen)
    frame = pd.DataFrame(
        {"person": design.person[rows], result.spec.time: design.time[rows], "score": design.y[rows]},
    )
    line = alt.Chart(frame).mark_line(color="#9aa5b1", opacity=0.35, strokeWidth=0.8)
    found: alt.Chart = line.encode(x=x, y="score:Q", detail="person:N")
    return found


def class_counts(result: Fitted, minimum: int | None = None) -> Published:
    """Persons by modal class as a page may show them; keys ("class 1",) … and ("all",)."""
    counts = Counts()
    whole = counts.add(("all",), result.n)
    sizes = zip(result.classes["class"], result.classes["persons"], strict=True)
    parts = [counts.add((f"class {g}",), int(n)) for g, n in sizes]
    counts.total(whole, parts)
    return counts.protect(minimum_count(minimum))


def to_html(result: Fitted, minimum: int | None = None) -> str:
    """One page: figure, criteria, classes, parameters, problems; no request outside, no scores of persons."""
    shown = class_counts(result, minimum)
    classes = result.classes.assign(persons=[shown[(f"class {g}",)].text for g in result.classes["class"]])
    hidden = [shown[(f"class {g}",)].value is None for g in classes["class"]]
    classes["share"] = [("withheld" if h else f"{s:.1%}") for h, s in zip(hidden, classes["share"], strict=True)]
    criteria = pd.DataFrame([result.criteria()]).T.reset_index()
    criteria.columns = pd.Index(["criterion", "value"])
    svg = vlc.vegalite_to_svg(result.plot().to_dict())
    synthetic = "<p><strong>SYNTHETIC</strong></p>" if result.design.counts.get("synthetic") else ""
    problems = "".join(f"<li>{escape(_withheld(p, hidden))}</li>" for p in result.problems) or "<li>none</li>"
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Trajectories</title>",
        f"<style>{STYLE}</style>",
        f"<h1>{result.k} latent course{'s' * (result.k > 1)} of {escape(result.spec.outcome)}</h1>{synthetic}",
        f"<p>{escape(repr(result.spec))}</p><p>{shown[('all',)].text} persons.</p>{svg}",
        "<h2>Problems</h2><ul>" + problems + "</ul>",
        "<h2>Classes</h2>" + _table(classes),
        "<h2>Criteria</h2>" + _table(criteria),
        "<h2>Parameters</h2>" + _table(result.parameters()),
    ]
    return "\n".join(parts)


def _table(frame: pd.DataFrame) -> str:
    found: str = frame.to_html(index=False, float_format="{:.4f}".format, na_rep="", border=0)
    return found


def _withheld(problem: Problem, hidden: list[bool]) -> str:
    """The problem as text, without persons and without the size of a class that is withheld."""
    if "holds" in problem.what and any(hidden):
        return f"{problem.parameter}: too small; {problem.remedy}"
    return problem.public
