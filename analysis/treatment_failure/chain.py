"""Bootstrap of the whole chain: persons drawn anew, classes, weights and outcomes refitted in each.

A check of the stacked sandwich, which takes predicted exit severity as known.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from analysis.trajectories import Trajectories
from analysis.trajectories.errors import DesignError
from analysis.trajectories.inference import InferenceError
from analysis.treatment_failure.again import refit
from analysis.treatment_failure.aim_a import MODELS, contrast, three_states
from analysis.treatment_failure.aim_a_run import CLASSES, AimA
from analysis.treatment_failure.own_fall import exit_severity
from analysis.treatment_failure.section import Context
from analysis.twostep import ClassStep


def chain_bootstrap(context: Context, found: AimA) -> pd.DataFrame:
    """Errors of M0, M1 and M2 by bootstrap beside those of the sandwich, in points; empty without classes."""
    classes = context.classes["trials"]
    if CLASSES not in found.steps or classes.fit is None:
        return pd.DataFrame()
    from analysis.trajectories import labels

    tf, pr = classes.numbered(labels.TF), classes.numbered(labels.PR)
    started = time.monotonic()
    seeds = np.random.SeedSequence(context.seed).spawn(context.replicates)
    work = (delayed(once)(classes.fit, classes.cohort.frame, found.people, tf, pr, s) for s in seeds)
    drawn = []
    for done, row in enumerate(Parallel(n_jobs=context.jobs, return_as="generator")(work), start=1):
        drawn.append(row)
        if done % max(1, context.replicates // 20) == 0:
            context.say(f"Aim A: {done} of {context.replicates} bootstraps of the chain")
    context.seconds["chain bootstrap"] = time.monotonic() - started
    table = pd.DataFrame([d for d in drawn if d is not None], columns=list(MODELS))
    rows = []
    for model in MODELS:
        own, main = 100 * table[model].dropna(), found.main[CLASSES, model]
        unweighted = contrast(model, found.steps[CLASSES][0], found.people, [1], [2])
        rows.append(
            {
                "model": model,
                "replicates": len(own),
                "estimate": 100 * unweighted.estimate,
                "sandwich SE": 100 * unweighted.se,
                "bootstrap SE": float(own.std()),
                "bootstrap low": float(own.quantile(0.025)),
                "bootstrap high": float(own.quantile(0.975)),
                "weighted sandwich SE": 100 * main.se,
            }
        )
    return pd.DataFrame(rows)


def once(
    fit: Trajectories,
    scores: pd.DataFrame,
    people: pd.DataFrame,
    tf: list[int],
    pr: list[int],
    seed: np.random.SeedSequence,
) -> list[float] | None:
    """One replicate: M0, M1, M2 without weights, or None where the class model did not converge."""
    rng = np.random.default_rng(seed)
    ids = pd.Index(fit.design.persons)
    drawn = ids[rng.integers(0, len(ids), len(ids))]
    copies = pd.DataFrame({"subject_id": drawn})
    copies["copy"] = copies["subject_id"] + "#" + copies.groupby("subject_id").cumcount().astype(str)
    frame = copies.merge(scores, on="subject_id").drop(columns="subject_id").rename(columns={"copy": "subject_id"})
    try:
        new = refit(fit.spec, frame, fit)
        step = three_states(ClassStep.of(new), tf, pr)
    except (InferenceError, DesignError, np.linalg.LinAlgError):
        return None
    mine = copies.merge(people, on="subject_id").drop(columns="subject_id").rename(columns={"copy": "subject_id"})
    last = frame.groupby("subject_id")["week"].max()
    mine["exit_severity"] = mine["subject_id"].map(exit_severity(new, last))
    return [contrast(m, step, mine, [1], [2]).estimate for m in MODELS]
