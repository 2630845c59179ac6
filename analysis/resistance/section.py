"""Aim B as a part of the report of treatment failure."""

from __future__ import annotations

import math
from time import perf_counter

import pandas as pd

from analysis.resistance import charts
from analysis.resistance.before import MODELS
from analysis.resistance.later import MODELS as LATER
from analysis.resistance.people import DEFINITION, MIN_WEEKS, OTHERS, ResistanceError, read_people
from analysis.resistance.run import Found, analyse, of_classes
from analysis.results import stamp_of, write_result
from analysis.treatment_failure.section import Context, Drawing, Item, Section, Table
from analysis.warehouse import connect

KEY, TITLE = "resistance", "Aim B: treatment failure and treatment resistance"
COUNTED = {
    DEFINITION: "surely failed, label minimum for 4 weeks (primary)",
    "possible": "and those that cannot be told",
}


def sections(context: Context) -> list[Section]:
    """Aim B in MARS; a section that says why, where it cannot be asked."""
    classes = context.classes.get("mars")
    if classes is None:
        return [Section(KEY, TITLE, verdict="Not asked: MARS is not in this warehouse.")]
    started = perf_counter()
    try:
        with connect(context.database) as warehouse:
            people = read_people(warehouse, classes.cohort.studies)
        found = analyse(
            context.plan, of_classes(classes), people, seed=context.seed, minimum=context.minimum, say=context.say
        )
    except ResistanceError as error:
        return [Section(KEY, TITLE, verdict=f"Not asked: {error}.")]
    context.seconds["Aim B"] = perf_counter() - started
    stamp = stamp_of(context.database, seed=context.seed, studies=classes.cohort.studies)
    run_id = "_".join(["resistance", *classes.cohort.studies])
    for name, table in found.tables.items():
        written = table.copy()
        written.insert(0, "run_id", run_id)
        write_result(f"resistance_{name}", written, stamp=stamp, key=["run_id"], run_id=run_id, say=context.say)
    return [section(found)]


def section(found: Found) -> Section:
    """The section of what was found."""
    t = found.tables
    drawn = []
    if "trials" in t:
        text = "Two-step estimates with 95 % limits; the error of classification is carried."
        drawn.append(
            Drawing("by-trials", "Treatment failure by failed trials before", charts.by_trials(t["trials"]), text)
        )
        text = "The index trial stands in none of these scores."
        drawn.append(Drawing("by-scores", "Treatment failure and staging scores", charts.by_score(t["scores"]), text))
    return Section(
        KEY,
        TITLE,
        verdict=found.verdicts[0],
        methods=METHODS,
        results=(*found.verdicts[1:], *_said(t)),
        cautions=CAUTIONS,
        tables=_tables(t),
        figures=tuple(drawn),
        checklist=(
            Item(
                "STROBE", "7", "exposure of Aim B", f"Adequate failed trials of the episode, definition {DEFINITION}."
            ),
            Item("STROBE", "9", "bias of Aim B", "The index trial is left out of what is tested; see the cautions."),
            Item("STROBE", "12", "methods of Aim B", "Two-step multinomial logit, standardised; stacked sandwich."),
            Item("STROBE", "16", "estimates of Aim B", found.verdicts[0]),
        ),
    )


METHODS = (
    "Counted are adequate trials of the episode that failed before admission: label minimum for 4 weeks, a fall below"
    " 25 % or reported without success. What the record cannot tell is not counted (and counted in a second look). The"
    " index trial and all after it are left out; whoever was not scored on treatment at week 4 is not evaluable.",
    "The class is regressed on the number by a two-step multinomial logit (Bakk & Kuha 2018): the courses stay as they"
    " are, the error of classification and of the class model is in the errors. Shown is P(treatment failure),"
    " standardised to the evaluable persons, crude (B0) and given baseline, age, sex, chronicity, episodes and anxious"
    " features (B1). No weights for discharge are used here.",
    f"Prospective: the next trial begun after {MIN_WEEKS} weeks or more, readmissions included. The class comes from"
    " the scores up to its first day alone, by a class model of its own; the score of that day ends the first trial"
    " and opens the next. Failure of the next trial is a fall below 25 %, judged from its own entry.",
)
CAUTIONS = (
    "Reported trials count as failed because the patient was admitted; how much they had helped is not known.",
    "Staging scores over all trials hold the index trial, whose course is what is classified (part–whole): they are"
    " shown and not tested.",
    "Where failed trials go with severity at entry alone, the crude relation appears and the adjusted one does not"
    " (worlds W1 and W2): only B1 answers the question.",
    "The regression of q on the number is attenuated, as q is drawn towards the mean of everybody.",
)


def _said(t: dict[str, pd.DataFrame]) -> tuple[str, ...]:
    q = t["own_fall"]
    own = q[q["model"] == "B1"]
    told = [
        f"{row['q']}: {100 * row['estimate']:+.1f} points ({100 * row['lower']:+.1f} to {100 * row['upper']:+.1f})"
        for _, row in own.iterrows()
    ]
    if not told:
        return ()
    return (
        f"Without classes, the probability that the own fall stays below 25 % changes per trial by {'; '.join(told)}.",
    )


def _points(row: pd.Series, sign: bool = True) -> str:
    values = [100 * float(row[c]) for c in ("estimate", "lower", "upper")]
    if math.isnan(values[0]):
        return "–"
    form = "{:+.1f}" if sign else "{:.1f}"
    value, low, high = (form.format(v) for v in values)
    return f"{value} ({low} to {high})"


def _lines(table: pd.DataFrame, keys: list[str], head: str, models: dict[str, str]) -> pd.DataFrame:
    """One row per key, one column per model with the estimate in points."""
    rows = []
    for key, part in table.groupby(keys, sort=False):
        row = dict(zip(keys, key if isinstance(key, tuple) else (key,), strict=True))
        for model in models:
            own = part[part["model"] == model]
            row[f"{model}, {head}"] = (
                _points(own.iloc[0], sign=row.get("quantity") != "probability") if len(own) else "–"
            )
        rows.append(row)
    return pd.DataFrame(rows)


def _tables(t: dict[str, pd.DataFrame]) -> tuple[Table, ...]:
    found = [Table("flow", "Persons of Aim B", t["flow"][["stage", "shown"]], labels={"shown": "persons"})]
    note = "; ".join(f"{m}: {text}" for m, text in MODELS.items())
    if "trials" in t:
        trials = _lines(t["trials"].fillna({"at": ""}), ["quantity", "at"], "points", MODELS)
        found.append(Table("trials", "Treatment failure by adequate failed trials before", trials, note=note))
        counted = t["definitions"].assign(
            counted=t["definitions"]["counted_by"].map(COUNTED | {d: f"definition {d}" for d in OTHERS})
        )
        other = _lines(counted, ["counted"], "points per trial", MODELS)
        found.append(Table("definitions", "The same, trials counted otherwise", other, note=note))
        scores = _lines(t["scores"], ["score"], "points per SD", MODELS)
        found.append(Table("scores", "Treatment failure and staging scores without the index trial", scores, note=note))
        decimals = dict.fromkeys(["mean_failure", "mean_others", "difference"], 2)
        labels = {"mean_failure": "mean, failure", "mean_others": "mean, others"}
        part = t["part_whole"].drop(columns="n")
        title = "Staging scores with and without the index trial: shown, not tested"
        found.append(Table("part-whole", title, part, decimals=decimals, labels=labels))
        reverse = _lines(t["reverse"], ["quantity", "at"], "points", MODELS)
        found.append(Table("reverse", "Failed trials before: failing against other classes", reverse, note=note))
    if "later" in t:
        rows = t["later"][t["later"]["measure"] == "difference"]
        later = _lines(rows, ["estimator"], "points", LATER)
        found.append(
            Table(
                "later",
                "Failure of the next trial, failing against other classes",
                later,
                note="; ".join(f"{m}: {text}" for m, text in LATER.items())
                + ". BCH checks the two-step estimate; with few persons in the failing class they can lie apart.",
            )
        )
    return tuple(found)
