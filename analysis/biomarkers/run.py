"""One run of aim D on a warehouse: target, weights, effects, sensitivity; writes `results.biomarker_*`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from analysis.biomarkers import estimators, sensitivity
from analysis.biomarkers.chain import chain
from analysis.biomarkers.cohort import Target, read_target, selection_formula
from analysis.biomarkers.estimate import DIFFERENCE, RATIOS
from analysis.biomarkers.estimators import PRIMARY, StudyFit, study_fit
from analysis.biomarkers.outcome import Outcome, read_outcome
from analysis.biomarkers.power import needed_odds_ratio
from analysis.biomarkers.scores import Scores, from_table, from_weights, with_genotyping
from analysis.plan import Plan, read_plan
from analysis.report.biomarker_counts import may_be_shown
from analysis.report.disclosure import minimum_count
from analysis.results import Stamp, stamp_of, write_result
from analysis.trajectories.cohort import CohortError
from analysis.warehouse import Warehouse, connect
from analysis.weighting.covariates import variables
from analysis.weighting.errors import WeightingError

Say = Callable[[str], None]
STUDY = "stard"


@dataclass(frozen=True)
class Asked:
    """What is asked. `weights` (a scoring file) or `scores` (a table); None elsewhere takes the plan's default.

    studies: each analysed by itself, then pooled. draw_week: week of the blood draw; None: not known. ancestry: a
    condition on the persons of the target, e.g. `race == 'white'`. selection, adjust: formulas. missing: of covariates
    of the selection model. replicates: bootstraps of the whole chain; 0: none. minimum: smallest count shown; None:
    TRD_MIN_CELL, else 5.
    """

    weights: Path | None = None
    scores: Path | None = None
    outcome: str = "tf"
    studies: tuple[str, ...] = (STUDY,)
    mode: str = "additive"
    variant: str | None = None
    in_derivation: bool = False
    draw_week: float | None = None
    ancestry: str | None = None
    selection: str | None = None
    adjust: str | None = None
    method: str = "logistic"
    missing: str = "category"
    run: str | None = None
    shuffles: int | None = None
    replicates: int = 0
    landmarks: tuple[float, ...] = (2.0, 4.0)
    seed: int = 1
    minimum: int | None = None


@dataclass(frozen=True)
class Run:
    """What a run found; `tables` are written as `results.biomarker_<name>`, small counts withheld."""

    run_id: str
    stamp: Stamp
    verdict: str
    fits: tuple[StudyFit, ...]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


def run_biomarker(database: Path, asked: Asked, say: Say = lambda what: None) -> Run:
    """Aim D on the published file `database`, written beside it. Raises CohortError, WeightingError, GeneticsError."""
    plan = read_plan()
    if (asked.weights is None) == (asked.scores is None):
        raise CohortError("give a weights file (--weights) or a table of scores (--scores), one of them")
    with connect(database) as warehouse:
        say("scores of persons")
        scores = _scores(warehouse, asked)
        say("target population")
        target = read_target(warehouse, asked.studies, scores, week=asked.draw_week, ancestry=asked.ancestry)
        say(f"outcome {asked.outcome}")
        outcome = read_outcome(warehouse, plan, asked.outcome, asked.studies, asked.run)
        marks = _landmarks(warehouse, asked, scores)
    stamp = stamp_of(database, seed=asked.seed, studies=asked.studies)
    return _run(database, plan, asked, scores, target, outcome, marks, stamp, say)


def _scores(warehouse: Warehouse, asked: Asked) -> Scores:
    if asked.scores is not None:
        found = from_table(asked.scores)
    else:
        assert asked.weights is not None
        found = from_weights(
            warehouse, asked.weights, asked.studies, mode=asked.mode, variant=asked.variant,
            allow_derivation=asked.in_derivation,
        )  # fmt: skip
    return with_genotyping(warehouse, found, asked.studies)


def _landmarks(warehouse: Warehouse, asked: Asked, scores: Scores) -> dict[float, Target]:
    """Targets in study at a landmark, where the week of the draw is not known."""
    found: dict[float, Target] = {}
    for week in asked.landmarks if asked.draw_week is None else ():
        found[week] = read_target(warehouse, asked.studies, scores, week=week, ancestry=asked.ancestry)
    return found


def _run(
    database: Path, plan: Plan, asked: Asked, scores: Scores, target: Target, outcome: Outcome,
    marks: dict[float, Target], stamp: Stamp, say: Say,
) -> Run:  # fmt: skip
    aim = plan.aim_d
    fits: list[StudyFit] = []
    effects: list[pd.DataFrame] = []
    checks: list[pd.DataFrame] = []
    paths: list[pd.DataFrame] = []
    for study in asked.studies:
        frame = target.frame[target.frame["study_id"] == study]
        say(f"{study}: weights and effects")
        fit = study_fit(study, frame, outcome, asked)
        fits.append(fit)
        effects.append(estimators.table(fit, outcome, asked, aim["truncation"]))
        for week, mark in marks.items():
            effects.append(_landmark(study, week, mark, outcome, asked))
        n = aim["shuffles"] if asked.shuffles is None else asked.shuffles
        if n:
            turned = sensitivity.shuffled(
                fit.primary,
                "score",
                fit.adjust,
                n,
                asked.seed,
                lambda k, s=study: say(f"{s}: shuffled {k}"),  # type: ignore[misc]
            )
            checks.append(turned.assign(study_id=study))
        checks.append(sensitivity.e_values(fit.primary).assign(study_id=study))
        checks.append(sensitivity.tipping(fit.primary, len(frame)).assign(study_id=study))
        paths.append(sensitivity.truncation(fit.weights, fit.primary, "score", fit.adjust).assign(study_id=study))
        if asked.replicates:
            drawn = chain(
                fit.primary, outcome, "score", fit.adjust, asked.replicates, asked.seed,
                lambda k, s=study: say(f"{s}: bootstrap {k} of {asked.replicates}"),  # type: ignore[misc]
            )  # fmt: skip
            effects.append(estimators.bootstrapped(study, fit, drawn))
    if len(fits) > 1:
        effects.append(estimators.pooled(fits, outcome))
    every = _adjusted(pd.concat(effects, ignore_index=True))
    run_id = _run_id(scores, asked)
    tables = {
        "runs": pd.DataFrame([_about(asked, plan, scores, target, outcome, fits, every)]),
        "flow": target.flow,
        "balance": pd.concat([_balance(f) for f in fits], ignore_index=True),
        "weights": pd.concat([f.weights.summary().assign(study_id=f.study) for f in fits], ignore_index=True),
        "overlap": pd.concat([f.weights.overlap().assign(study_id=f.study) for f in fits], ignore_index=True),
        "effects": every,
        "sensitivity": pd.concat(checks, ignore_index=True),
        "truncation": pd.concat(paths, ignore_index=True),
        "derivation": _derivation(scores, target),
        "problems": pd.DataFrame(
            [
                {"study_id": f.study, "problem": problem, "grave": grave}
                for f in fits
                for problem, grave in [(str(p), p.grave) for p in f.problems] or [("no problem was found", False)]
            ]
        ),
    }
    tables = may_be_shown(tables, minimum_count(asked.minimum))
    say("writing")
    for name, table in tables.items():
        table.insert(0, "run_id", run_id)
        write_result(f"biomarker_{name}", table, stamp=stamp, key=["run_id"], run_id=run_id, say=say)
    return Run(run_id, stamp, str(tables["runs"]["verdict"].iloc[0]), tuple(fits), tables)


def _landmark(study: str, week: float, mark: Target, outcome: Outcome, asked: Asked) -> pd.DataFrame:
    """The effect among those in study at a landmark, weighted by what was known until then."""
    frame = mark.frame[mark.frame["study_id"] == study]
    try:
        fit = study_fit(study, frame, outcome, asked)
    except WeightingError as error:
        return estimators.failed(study, f"landmark week {week:g}", str(error))
    what = f"in study at week {week:g}, weighted also by the course until then (the day of the draw is not known)"
    return estimators.lines(study, f"landmark week {week:g}", what, fit.primary, fit.weights.ess)


def _balance(fit: StudyFit) -> pd.DataFrame:
    """Balance with the covariate that each level belongs to, in `variable`."""
    found = fit.weights.balance().assign(study=fit.study)
    known = variables(fit.weights.nodes[0].node.formula, fit.weights.frame)
    own = [max((v for v in known if c == v or c.startswith(f"{v}_")), key=len, default=c) for c in found["covariate"]]
    # a column that marks missing values is a covariate of its own
    marks = found["covariate"].isin(fit.weights.frame.columns)
    return found.assign(variable=np.where(marks, found["covariate"], own))


def _adjusted(effects: pd.DataFrame) -> pd.DataFrame:
    """Holm and Benjamini-Hochberg over the headline tests of the run: the primary difference of each study."""
    effects["p_holm"], effects["p_bh"] = np.nan, np.nan
    primary = effects["is_primary"] & (effects["measure"] == DIFFERENCE) & effects["p_value"].notna()
    if primary.any():
        p = effects.loc[primary, "p_value"].to_numpy(dtype=float)
        effects.loc[primary, "p_holm"] = multipletests(p, method="holm")[1]
        effects.loc[primary, "p_bh"] = multipletests(p, method="fdr_bh")[1]
    return effects


def _run_id(scores: Scores, asked: Asked) -> str:
    parts = [scores.name, asked.outcome, *asked.studies]
    if asked.mode != "additive":
        parts.insert(1, asked.variant or asked.mode)
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", "_".join(parts))


def _derivation(scores: Scores, target: Target) -> pd.DataFrame:
    """Persons of the target by study and whether they helped to derive the score."""
    frame = target.frame[target.frame["score"].notna()]
    if "in_derivation" not in frame or not len(frame):
        return pd.DataFrame({"study_id": [], "in_derivation": [], "n": []})
    word = frame["in_derivation"].astype("boolean").map({True: "yes", False: "no"}).astype(object)
    word = word.where(word.notna(), "not known")
    return frame.assign(in_derivation=word).groupby(["study_id", "in_derivation"]).size().rename("n").reset_index()


def _about(
    asked: Asked,
    plan: Plan,
    scores: Scores,
    target: Target,
    outcome: Outcome,
    fits: list[StudyFit],
    effects: pd.DataFrame,
) -> dict[str, object]:
    departed = _departed(asked, plan, fits)
    circular = bool(target.frame.get("in_derivation", pd.Series(dtype="boolean")).astype("boolean").eq(True).any())
    n_typed = int(target.frame["score"].notna().sum())
    share = float(outcome.evidence.marginal.mean())
    power = needed_odds_ratio(n_typed, share)
    return {
        "score": scores.name,
        "score_text": scores.text,
        "outcome": outcome.name,
        "outcome_text": outcome.text,
        "studies": ";".join(asked.studies),
        "target": target.text,
        "draw_week": np.nan if asked.draw_week is None else float(asked.draw_week),
        "mode": asked.mode,
        "n_target": len(target.frame),
        "n_scored": n_typed,
        "certainty": outcome.evidence.certainty,
        "selection": "; ".join(f"{f.study}: {f.weights.nodes[0].node.model()}" for f in fits),
        "adjusted_for": "; ".join(f"{f.study}: {f.adjust}" for f in fits),
        "power_text": f"{n_typed} scored, {100 * share:.0f} % with the outcome: 80 % power needs an odds ratio of "
        f"about {power:.2f} per SD (a seen outcome, no weights; class error and weights need more)",
        "circular": circular,
        "warnings": "; ".join(scores.warnings),
        "deviations": "; ".join(departed),
        "verdict": _verdict(effects, circular, asked),
    }


def _departed(asked: Asked, plan: Plan, fits: list[StudyFit]) -> list[str]:
    lines = []
    if asked.shuffles is not None and asked.shuffles != plan.aim_d["shuffles"]:
        lines.append(f"shuffles: {asked.shuffles} instead of {plan.aim_d['shuffles']}")
    if asked.method != "logistic":
        lines.append(f"selection model: {asked.method} instead of logistic")
    if asked.outcome != "tf":
        lines.append(f"outcome: {asked.outcome} instead of tf")
    if asked.selection or asked.adjust:
        lines.append("own formulas of selection or adjustment")
    if not asked.adjust:
        lines += [line for f in fits for line in estimators.not_adjusted(f)]
    if asked.in_derivation:
        lines.append("tested where it was derived")
    return lines


def _verdict(effects: pd.DataFrame, circular: bool, asked: Asked) -> str:
    """The headline in a sentence, of the pooled estimate where there are several studies."""
    rows = effects[effects["is_primary"] & (effects["measure"] == DIFFERENCE)]
    rows = rows[rows["study_id"] == "pooled"] if (rows["study_id"] == "pooled").any() else rows
    row = rows.iloc[0]
    low, high = 100 * float(row["lower"]), 100 * float(row["upper"])
    what = "treatment failure" if asked.outcome == "tf" else asked.outcome
    text = f"+1 SD of the score: P({what}) {100 * float(row['estimate']):+.1f} points ({low:.1f} to {high:.1f})"
    if low <= 0 <= high:
        text += "; no effect is shown"
    if circular:
        text += "; CIRCULAR: persons helped to derive the score"
    return text


__all__ = ["PRIMARY", "RATIOS", "Asked", "Run", "run_biomarker", "selection_formula"]
