"""What the draws of a link add to a population's section: sentence, table of classes, courses with pooled bands."""

from __future__ import annotations

import pandas as pd

from analysis.trajectories import labels
from analysis.treatment_failure import charts
from analysis.treatment_failure.link_draws import LinkDraws
from analysis.treatment_failure.section import Classes, Drawing, Table

NOTE = (
    "Each draw is one linking function for everybody; how a person lies beside the link is in the residual of the "
    "model and not drawn again. Intervals by Rubin's rules. Variance of the link: share of the variance that the draws "
    "add. Fall from the mean baseline of the draw."
)
LABELS = {
    "class": "Class",
    "label": "Label",
    "share %": "Share %",
    "share, 95 %": "95 % interval",
    "fall_8": "Fall week 8 %",
    "fall_8, 95 %": "95 % interval ",
    "fall_end": "Fall at T %",
    "fall_end, 95 %": "95 % interval  ",
    "last_week": "T, week",
    "kept": "Label kept in draws %",
    "link": "Variance of the link % (share)",
    "link_end": "Variance of the link % (fall at T)",
}


def said(found: Classes, over: LinkDraws) -> tuple[str, ...]:
    """How the link's error was carried and what it does, in words."""
    q, (low, high) = over.own, over.range_q
    told = [
        f"Link error over {over.draws} draws of the linking function ({over.source}): mean q of evaluable persons "
        f"{100 * q['estimate']:.1f} % (standard error {100 * q['se']:.1f}; from {100 * low:.1f} to {100 * high:.1f} % "
        f"over the draws; {100 * q['share_of_link']:.0f} % of its variance is due to the link)."
    ]
    if over.classes is not None and found.fit is not None:
        kept = over.classes.agreement(found.labels)
        failed = f"; {over.classes.failed} did not converge and stay out" if over.classes.failed else ""
        held = (
            "every class keeps its label in all of them"
            if kept.min() == 1
            else f"the least certain class keeps its label in {100 * float(kept.min()):.0f} % of them"
        )
        told.append(f"A class is treatment failure in {100 * over.failing():.0f} % of the draws; {held}{failed}.")
    return tuple(told)


def answer(found: Classes, over: LinkDraws) -> str:
    """What the draws add to the verdict, to follow it; empty without a failing class."""
    failing = found.numbered(labels.TF)
    if over.classes is None or not failing:
        return ""
    shares = over.pooled("share").set_index("class").loc[failing]
    if len(failing) == 1:
        low, high = 100 * shares["lower"].iloc[0], 100 * shares["upper"].iloc[0]
        interval = f" (95 % interval {low:.1f} to {high:.1f})"
    else:
        interval = ""
    return f"; {100 * float(shares['estimate'].sum()):.1f} %{interval} with the error of the link"


def table(found: Classes, over: LinkDraws) -> Table:
    """One row per class: share and falls pooled over the draws, and how often the label was kept."""
    if over.classes is None or found.fit is None:
        return Table("link-draws", "Classes over draws of the link", pd.DataFrame({"class": []}), note=NOTE)
    shares, falls = over.pooled("share"), over.pooled("fall")
    kept = over.classes.agreement(found.labels)
    rows = []
    for g, label in enumerate(found.labels):
        last = int(found.fit.last_weeks[g])
        share = _figures(shares[shares["class"] == g + 1])
        week = {w: _figures(falls[(falls["class"] == g + 1) & (falls["term"] == f"week {w}")]) for w in {8, last}}
        row = {"class": g + 1, "label": label, "share %": share["estimate"], "share, 95 %": _interval(share)}
        if last >= 8:
            row |= {"fall_8": week[8]["estimate"], "fall_8, 95 %": _interval(week[8])}
        row |= {"fall_end": week[last]["estimate"], "fall_end, 95 %": _interval(week[last]), "last_week": last}
        row |= {"kept": 100 * float(kept[g]), "link": share["share_of_link"], "link_end": week[last]["share_of_link"]}
        rows.append(row)
    digits = {"share %": 1, "fall_8": 0, "fall_end": 0, "kept": 0, "link": 0, "link_end": 0}
    return Table("link-draws", f"Classes over {over.draws} draws of the link", pd.DataFrame(rows), NOTE, digits, LABELS)


def _figures(rows: pd.DataFrame) -> dict[str, float]:
    """Estimate, interval and share of the link of the first row, in per cent; missing where there is none."""
    names = ("estimate", "lower", "upper", "share_of_link")
    return {c: 100 * float(rows[c].iloc[0]) if len(rows) else float("nan") for c in names}


def _interval(row: dict[str, float]) -> str:
    return f"{row['lower']:.1f} to {row['upper']:.1f}".replace("-", "−")


def drawing(found: Classes, over: LinkDraws) -> tuple[Drawing, ...]:
    """Courses pooled over the draws, bands with the error of the link."""
    if over.classes is None or found.fit is None:
        return ()
    frame = over.pooled("course").rename(columns={"estimate": "mean"})
    frame["week"] = frame["term"].str.removeprefix("week ").astype(float)
    frame = frame[frame["week"] <= found.fit.last_weeks[frame["class"].to_numpy(dtype=int) - 1]]
    frame = frame.assign(
        label=[found.labels[c - 1] for c in frame["class"]],
        course=[f"{c}: {found.labels[c - 1]}" for c in frame["class"]],
    )
    text = (
        f"Mean course of each class, pooled over {over.draws} draws of the linking function by Rubin's rules, with its "
        "pointwise 95 % band, to the last week it carries. The baseline enters as a covariate."
    )
    scale = found.cohort.scale.replace("_", "-")
    return (Drawing("courses", f"Courses on the {scale}, error of the link included", charts.courses(frame, scale),
                    text),)  # fmt: skip


def results(name: str, over: LinkDraws) -> dict[str, pd.DataFrame]:
    """Tables for `results.treatment_failure_*`."""
    own = pd.DataFrame([{"quantity": "mean q", "class": 0, "term": "evaluable", **over.own}])
    whole = own if over.classes is None else pd.concat([over.classes.table, own], ignore_index=True)
    made = {"link_draws": whole.assign(population=name, draws=over.draws, link_error=over.source)}
    if over.classes is not None:
        made["link_persons"] = over.classes.persons.assign(population=name)
    return made
