"""TRIPOD+AI (Collins et al. 2024, BMJ 385:e078378) for Aim C: what this run says to each item, or that it does not.

Topics are named in own words. What only the people behind a study can say is said to be missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.early.material import NONRESPONSE
from analysis.early.text import only
from analysis.treatment_failure.section import Item

if TYPE_CHECKING:
    from analysis.early.run import Run

MISSING = "Not said here: to be written by the authors of a report."


def items(run: Run, draws: int) -> tuple[Item, ...]:
    """The 27 items, subitems together where one answer serves them."""
    t = run.tables
    about, folds = t["runs"].iloc[0], t["folds"]
    studies = str(about["studies"]).replace(";", ", ")
    elsewhere = str(about["transport"]).replace(";", ", ") or "none"
    weeks = str(about["landmarks"]).replace(";", " and ")
    synthetic = " The persons are SYNTHETIC." if run.stamp.is_synthetic else ""
    cross = only(t["performance"], kind="cross-validation", target=NONRESPONSE, measure="auc")
    first = cross.iloc[0] if len(cross) else None
    size = (
        "withheld"
        if first is None or first.isna()["n"]
        else f"{int(first['n']):,} persons, {int(first['events']):,} bad ends"
    )
    said = (
        (
            "1",
            "title",
            f"Development and validation of predictions of non-response at week {weeks} of a first treatment.",
        ),
        ("2", "abstract", "The verdict at the head of this section."),
        ("3a–c", "background", "Aim C of the analysis plan; known inequalities between groups are not reviewed here."),
        ("4", "objectives", "Development, internal validation, validation in each study left out and in MARS."),
        ("5a–b", "data", f"Trials: {studies}; external: {elsewhere}. Dates are not kept in the warehouse.{synthetic}"),
        (
            "6a–c",
            "participants",
            "First treatment episode, with a baseline, still in treatment at the landmark; table flow.",
        ),
        (
            "7",
            "data preparation",
            "The warehouse's mapping documents, the same for all groups; refused rows are counted.",
        ),
        (
            "8a–c",
            "outcome",
            "Fall below 50 % on the HRSD17 at exit; HRSD17 above 7 at the exit of the next step. Raters of"
            " STAR*D are blinded to treatment; self-report enters the predictors alone.",
        ),
        (
            "9a–c",
            "predictors",
            "Chosen beforehand: scores up to the landmark, baseline, age, sex, chronicity, episodes, anxious features.",
        ),
        ("10", "sample size", f"All persons there are: {size} at the first landmark; none was computed beforehand."),
        (
            "11",
            "missing data",
            "Scores: maximum likelihood in growth models, last known score else. Entry columns: median of"
            " the training persons (trees take gaps as they are). Missing ends are left out and counted.",
        ),
        (
            "12a–c",
            "analysis",
            f"{about['folds']}-fold cross-validation; link, classes, growth models and predictors fitted"
            " anew in each; standardised columns, ridge 1, trees with fixed settings; nothing was tuned.",
        ),
        ("12d", "heterogeneity", "Each study left out; table elsewhere."),
        (
            "12e",
            "performance",
            "AUC, Brier score, calibration intercept, slope and plot, net benefit, referral per 1,000.",
        ),
        ("12f", "updating", "None."),
        ("12g", "predictions for evaluation", "From the fitted objects of the split; settings in analysis/early."),
        ("13", "class imbalance", "Nothing was resampled or reweighted."),
        ("14", "fairness", "Performance by sex, age and study; table subgroups. Ancestry is not judged."),
        ("15", "output", "A probability; thresholds from 0.05 to 0.95 are shown and none is recommended."),
        (
            "16",
            "training against evaluation",
            "Trials of outpatients against inpatients in MARS, where the HRSD21 was rated"
            " weekly by clinicians and treatment was chosen by doctors.",
        ),
        ("17", "ethics", MISSING),
        ("18a–b", "funding, interests", MISSING),
        (
            "18c–d",
            "protocol, registration",
            f"analysis/plan.toml, SHA-256 {run.stamp.plan_hash}; registration: see 17.",
        ),
        (
            "18e–f",
            "data and code",
            f"Release {run.stamp.release}; code in this repository; patients' data stay inside.",
        ),
        ("19", "patients and public", MISSING),
        (
            "20a–c",
            "flow and characteristics",
            "Table flow; characteristics: tables of persons in the first sections.",
        ),
        (
            "21",
            "numbers in development",
            f"Table fits: {int(folds['n_train'].min()):,} to {int(folds['n_train'].max()):,} training persons.",
        ),
        (
            "22",
            "the model in full",
            "Not printed: every validation has its own. A run with the same release and seed gives the same ones.",
        ),
        ("23a–b", "performance with intervals", f"Tables performance, elsewhere, subgroups; {draws} draws of persons."),
        ("24", "results of updating", "None."),
        ("25", "interpretation", run.verdicts[0]),
        ("26", "limitations", "The cautions of this section."),
        (
            "27a–c",
            "use in care",
            "A research view: nothing here is to be used on patients. Missing inputs are handled as in 11.",
        ),
    )
    return tuple(Item("TRIPOD", number, topic, text) for number, topic, text in said)
