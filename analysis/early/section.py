"""Aim C as a part of the report of treatment failure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from analysis.early import charts, flow
from analysis.early.judge import ALL
from analysis.early.material import NONRESPONSE, TARGETS, EarlyError
from analysis.early.models import BOTH, CLASSES, LAST, LOGISTIC
from analysis.early.referral import THRESHOLDS
from analysis.early.run import BOOTSTRAPS, Asked, Run, run_early
from analysis.early.text import only, said
from analysis.early.tripod import items
from analysis.treatment_failure.section import Context, Drawing, Section, Table

KEY, TITLE = "early", "Aim C: telling failure early"
SHOWN = (LAST, LOGISTIC, CLASSES, BOTH)
AT = (0.3, 0.5, 0.7)
"""Thresholds of the short table; all stand in a longer one, in the figure and in `results.early_referral`."""
MEASURES = {"auc": 3, "auc_gain": 3, "auc_classes": 3, "brier": 3, "intercept": 2, "slope": 2}
LABELS = {
    "auc": "AUC",
    "auc_gain": "AUC less that of the last score",
    "auc_classes": "AUC less that of one class",
    "brier": "Brier score",
    "intercept": "calibration intercept",
    "slope": "calibration slope",
    "validation": "validated in",
}
EVERY = tuple(float(t) for t in THRESHOLDS)
REFERRAL = (
    "Cross-validated, 95 % limits. Referred: whose predicted risk reaches the threshold. Weeks saved: of those who "
    "fail, from the landmark to the end of that treatment. A threshold is withheld (–) where steps to the next would "
    "give away few persons."
)
LEAST_DRAWS = 100
"""Draws of persons behind the intervals where no bootstraps are asked for; nothing is refitted to them."""
QUANTITIES = {
    "referred": ("referred", 0),
    "true_referred": ("of them fail", 0),
    "good_referred": ("would have responded", 0),
    "true_missed": ("fail, not referred", 0),
    "per_true": ("referred per failure", 2),
    "weeks_saved": ("weeks saved", 0),
}


def sections(context: Context) -> list[Section]:
    """Aim C on the studies of the plan that are there. A section that says why, where the data cannot carry it."""
    draws = int(context.options.get("early_bootstraps", BOOTSTRAPS if context.replicates else LEAST_DRAWS))
    asked = Asked(bootstraps=draws, seed=context.seed, jobs=context.jobs, minimum=context.minimum)
    try:
        run = run_early(context.database, asked, context.say)
    except EarlyError as error:
        return [Section(KEY, TITLE, verdict=f"Not asked: {error}.")]
    for part, seconds in run.seconds.items():
        context.seconds[f"Aim C, {part}"] = seconds
    return [section(run, draws)]


def section(run: Run, draws: int) -> Section:
    """The section of a run."""
    t = run.tables
    weeks = sorted(t["performance"]["landmark"].unique())
    week = float(weeks[0])
    return Section(
        KEY,
        TITLE,
        verdict=run.verdicts[0],
        methods=_methods(run, draws),
        results=tuple(run.verdicts[1:]) + _referral_said(t, week) + _elsewhere(t, week),
        cautions=_cautions(run),
        tables=_tables(t, week),
        figures=_figures(t, week),
        checklist=items(run, draws),
    )


def _methods(run: Run, draws: int) -> tuple[str, ...]:
    t = run.tables
    folds, about = t["folds"], t["runs"].iloc[0]
    cross = only(folds, kind="cross-validation")
    classes = ", ".join(str(k) for k in cross["k"])
    weeks = str(about["landmarks"]).replace(";", " and ")
    linked = (
        f" The link of QIDS-SR16 to HRSD17 had {_range(cross['link_persons'])} persons."
        if (cross["link_persons"].max() > 0)
        else ""
    )
    return (
        f"Everybody still in treatment at week {weeks} (three days of grace for a late visit) was asked for: will the"
        " treatment end in less than a 50 % fall on the HRSD17, and, where a next step was entered, will it end above 7"
        " on it? Predictors had the scores up to that day and what was known at entry. An end reached by the"
        " landmark is no target.",
        f"In {about['folds']} folds, with each study left out, and in all trials for MARS, everything was fitted anew"
        " to the training persons: the link between scales, the number of classes"
        f" ({classes} in the folds), growth models with and without classes, and all predictors.{linked} Test persons"
        " gave their scores up to the landmark and nothing else.",
        "Beside the growth models stand a fall below 20 %, baseline and last score, a regression on everything known"
        " (ridge), and boosted trees. The last two also know the HRSD17 at entry, of which the end is a share; where"
        " the course is followed on the QIDS-SR16 that is more than the growth models have.",
        f"Intervals are percentiles of {draws} draws of persons within studies, models held as fitted."
        if draws
        else "No bootstrap was asked, so there are no intervals.",
        "Departures from the plan: " + "; ".join(run.deviations) + ".",
    )


def _range(values: pd.Series) -> str:
    low, high = int(values.min()), int(values.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _referral_said(t: dict[str, pd.DataFrame], week: float) -> tuple[str, ...]:
    table = only(t.get("referral", pd.DataFrame()), kind="cross-validation") if "referral" in t else pd.DataFrame()
    lines = []
    for predictor in (LAST, BOTH):
        rows = only(table, landmark=week, target=NONRESPONSE, predictor=predictor, threshold=0.5)
        if rows.empty or not bool(rows["is_shown"].iloc[0]):
            continue
        told = {name: said(rows, 2 if name == "per_true" else 0, quantity=name) for name in QUANTITIES}
        lines.append(
            f"Referring at week {week:g} whoever has a predicted risk of 0.5 or more ({predictor}) would refer"
            f" {told['referred']} of 1,000 in treatment, {told['true_referred']} of them failures, and save these"
            f" {told['weeks_saved']} weeks on the failing treatment; {told['good_referred']} who would have responded"
            f" would be referred too, {told['per_true']} referred per failure found."
        )
    return tuple(lines)


def _elsewhere(t: dict[str, pd.DataFrame], week: float) -> tuple[str, ...]:
    rows = only(t["performance"], landmark=week, target=NONRESPONSE, predictor=LOGISTIC)
    lines = []
    for validation in rows.loc[rows["kind"] != "cross-validation", "validation"].unique():
        own = only(rows, validation=validation)
        kind = "left out" if str(own["kind"].iloc[0]) == "leave one study out" else "external"
        lines.append(
            f"{validation} ({kind}), regression at week {week:g}: AUC {said(own, 2, measure='auc')}, calibration"
            f" intercept {said(own, 2, measure='intercept')}, slope {said(own, 2, measure='slope')}."
        )
    return tuple(lines)


def _cautions(run: Run) -> tuple[str, ...]:
    end = only(run.tables["flow"], target=NONRESPONSE)
    wide = end.pivot_table(index="landmark", columns="stage", values="n_persons", aggfunc="sum", dropna=False)
    asked, known = wide[flow.IN_TREATMENT].iloc[0], wide[flow.KNOWN].iloc[0]
    missing = ""
    if pd.notna(asked) and pd.notna(known) and asked:
        missing = f" ({100 * (1 - float(known) / float(asked)):.0f} % at the first landmark)"
    return (
        f"Who has no exit rating is not judged{missing}: if they end otherwise than the rated, all figures move.",
        "A calibration intercept away from 0 in another study means that its risk level has to be learned there before"
        " a threshold means anything.",
        "Weeks saved assume that a referral ends the treatment at the landmark and that the end without it would have"
        " been as it was; what the next treatment brings is not counted.",
        "Intervals hold the fitted models; they are too narrow for what another sample of training persons would give.",
        "The latent label is a target only where the truth is known (validate/early.py): a posterior judged by its own"
        " data flatters.",
    )


def _tables(t: dict[str, pd.DataFrame], week: float) -> tuple[Table, ...]:
    performance = t["performance"]
    named = performance.assign(target=performance["target"].map(TARGETS))
    inside, outside = (named[(named["kind"] == "cross-validation") == flag] for flag in (True, False))
    found = [
        Table(
            "flow",
            "Persons on the way to a judged prediction",
            _flow(t["flow"]),
            note="Each stage within the one before; small counts are withheld.",
        ),
        Table(
            "performance",
            "Cross-validated performance",
            _wide(inside),
            labels=LABELS,
            group="asked",
            note="With 95 % limits. Calibration: intercept 0 and slope 1 are right.",
        ),
    ]
    if len(outside):
        found.append(
            Table(
                "elsewhere",
                "In studies left out, and in MARS",
                _wide(outside, study=True),
                labels=LABELS,
                group="asked",
            )
        )
    if "referral" in t:
        found.append(
            Table(
                "referral",
                f"What referral at week {week:g} would change, per 1,000 in treatment",
                _referral(t["referral"], week),
                group="predictor",
                note=REFERRAL,
            )
        )
        weeks = sorted(t["referral"]["landmark"].unique())
        every = [_referral(t["referral"], w, EVERY).assign(week=f"{w:g}") for w in weeks]
        found.append(
            Table(
                "referral-thresholds",
                "Referral at each threshold and landmark, per 1,000 in treatment",
                pd.concat(every, ignore_index=True)[["week", *every[0].columns.drop("week")]],
                note=f"{REFERRAL} The same stands in results.early_referral.",
            )
        )
    found.append(Table("subgroups", "In parts of the population", _subgroups(t["subgroups"], week), group="by"))
    keys = "kind split n_train k link_persons why".split()
    named_columns = {"n_train": "training persons", "k": "classes", "link_persons": "persons of the link"}
    found.append(
        Table(
            "fits",
            "What was fitted",
            t["folds"][keys],
            labels=named_columns,
            note="n of training persons, not of a cell.",
        )
    )
    return tuple(found)


def _flow(table: pd.DataFrame) -> pd.DataFrame:
    named = table.assign(target=table["target"].map(TARGETS), landmark=table["landmark"].map("{:g}".format))
    index = ["target", "landmark", "study_id"]
    wide = named.pivot(index=index, columns="stage", values="shown")
    stages = list(dict.fromkeys(table["stage"]))
    found = wide[stages].reset_index().rename(columns={"study_id": "study", "landmark": "week"})
    return found.rename_axis(columns=None)


def _wide(table: pd.DataFrame, study: bool = False) -> pd.DataFrame:
    """One row per target, landmark, (validation) and predictor; each measure with its limits."""
    keys = ["target", "landmark", *(["validation"] if study else []), "predictor"]
    rows: list[dict[str, Any]] = []
    for key, part in table.groupby(keys, sort=False):
        of = dict(zip(keys, key, strict=True))
        about = {"asked": f"{of['target']}, week {of['landmark']:g}"}
        about |= {c: str(of[c]) for c in keys[2:]}
        measures = {m: said(part, d, sign=m.startswith("auc_"), measure=m) for m, d in MEASURES.items()}
        rows.append(about | {"n": part["n"].iloc[0], "bad ends": part["events"].iloc[0]} | measures)
    return pd.DataFrame(rows)


def _referral(table: pd.DataFrame, week: float, thresholds: Sequence[float] = AT) -> pd.DataFrame:
    own = only(table, kind="cross-validation", landmark=week, target=NONRESPONSE)
    rows = []
    for predictor in (p for p in SHOWN if p in set(own["predictor"])):
        for threshold in thresholds:
            part = only(own, predictor=predictor, threshold=threshold)
            values = {label: said(part, d, quantity=name) for name, (label, d) in QUANTITIES.items()}
            rows.append({"predictor": predictor, "threshold": f"{threshold:g}"} | values)
    return pd.DataFrame(rows)


def _subgroups(table: pd.DataFrame, week: float) -> pd.DataFrame:
    own = only(table, landmark=week, target=NONRESPONSE)
    rows = []
    for (by, group, predictor), part in own.groupby(["by", "group", "predictor"], sort=False):
        values = {"AUC": said(part, 3, measure="auc"), "calibration intercept": said(part, 2, measure="intercept")}
        rows.append({"by": by, "group": group, "predictor": predictor} | values)
    return pd.DataFrame(rows, columns=["by", "group", "predictor", "AUC", "calibration intercept"])


def _figures(t: dict[str, pd.DataFrame], week: float) -> tuple[Drawing, ...]:
    chosen = {"kind": "cross-validation", "landmark": week, "target": NONRESPONSE}
    drawn = []
    if len(rows := only(t["calibration"], **chosen)):
        text = "Groups of like predicted risk with 95 % limits of the share; on the dashed line they agree."
        title = f"Calibration at week {week:g}, non-response, cross-validated"
        drawn.append(Drawing("calibration-plot", title, charts.calibration(rows, SHOWN), text))
    if len(rows := only(t["net_benefit"], **chosen)):
        text = "Above the line of referring everybody and above zero a predictor is worth using at that threshold."
        title = f"Decision curves at week {week:g}, non-response, cross-validated"
        drawn.append(Drawing("decision-curves", title, charts.decision(rows, (*SHOWN, ALL)), text))
    if "referral" in t and len(rows := only(t["referral"], **chosen)):
        text = "Along a line the threshold falls from left to right; 0.3, 0.5 and 0.7 are marked."
        title = f"What referral at week {week:g} saves and what it costs"
        drawn.append(Drawing("referral-curves", title, charts.referral(rows, SHOWN), text))
    return tuple(drawn)
