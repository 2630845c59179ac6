"""Bootstrap of the whole chain: everything from the class model to the contrast refitted to redrawn sites.

A check of the stacked sandwich, which takes two things as known: predicted exit severity and filled-in covariates.
Sites are drawn with all their persons, within their study, so that every study keeps its number of sites; a study with
one site, and a cohort with too few sites for clustered errors, has its persons drawn instead. In each replicate the
class model, the one-class model with exit severity, the filled-in covariates, the weights for missing exits and the
outcome models are fitted anew.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from analysis.trajectories import Trajectories, labels
from analysis.trajectories.errors import DesignError
from analysis.trajectories.inference import InferenceError
from analysis.treatment_failure.again import refit
from analysis.treatment_failure.aim_a import MODELS, contrast, three_states
from analysis.treatment_failure.aim_a_run import CLASSES, AimA, weigh
from analysis.treatment_failure.next_step import fill
from analysis.treatment_failure.own_fall import exit_severity
from analysis.treatment_failure.section import Context
from analysis.twostep import ClassStep

COLUMNS = (
    "model", "replicates", "failed", "estimate", "sandwich SE", "bootstrap SE", "bootstrap low", "bootstrap high"
)  # fmt: skip


@dataclass(frozen=True)
class Chain:
    """What a replicate starts from. `people`: of the class model, covariates as measured; `population` marks those
    that are analysed. `visits`: of their next step. `scores`: of the class model. tf, pr: classes, from 1.
    """

    fit: Trajectories
    single: Trajectories
    scores: pd.DataFrame
    people: pd.DataFrame
    visits: pd.DataFrame
    tf: list[int]
    pr: list[int]


def chain_bootstrap(context: Context, found: AimA) -> pd.DataFrame:
    """Errors of the primary M0, M1, M2 by bootstrap beside those of the sandwich, in points; empty without classes."""
    classes = context.classes["trials"]
    if CLASSES not in found.steps or classes.fit is None:
        return pd.DataFrame()
    tf, pr = classes.numbered(labels.TF), classes.numbered(labels.PR)
    chain = Chain(classes.fit, classes.single, classes.cohort.frame, found.measured, found.visits, tf, pr)
    started = time.monotonic()
    seeds = np.random.SeedSequence(context.seed).spawn(context.replicates)
    work = (delayed(once)(chain, s) for s in seeds)
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
        ends = own.quantile([0.025, 0.975]).tolist()
        failed = context.replicates - len(own)
        rows.append((model, len(own), failed, 100 * main.estimate, 100 * main.se, float(own.std()), *ends))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def redraw(persons: pd.DataFrame, by_site: bool, rng: np.random.Generator) -> pd.DataFrame:
    """Persons drawn with replacement within their study, whole sites where `by_site` and the study has two or more.

    persons: subject_id, study_id, site, one row per person. Gives `subject_id` and `copy`, a name of its own for each
    time that a person was drawn.
    """
    parts = []
    for _, own in persons.groupby("study_id", sort=True):
        unit = own["site"] if by_site and own["site"].nunique() > 1 else own["subject_id"]
        names = unit.unique()
        drawn = pd.DataFrame({"unit": names[rng.integers(0, len(names), len(names))]})
        parts.append(drawn.merge(pd.DataFrame({"unit": unit, "subject_id": own["subject_id"]}), on="unit"))
    found = pd.concat(parts, ignore_index=True)[["subject_id"]]
    found["copy"] = found["subject_id"] + "#" + found.groupby("subject_id").cumcount().astype(str)
    return found


def once(chain: Chain, seed: np.random.SeedSequence) -> list[float] | None:
    """One replicate: M0, M1, M2 with their weights, or None where the class model or the weights had no solution."""
    rng = np.random.default_rng(seed)
    persons = chain.scores.drop_duplicates("subject_id")[["subject_id", "study_id", "site"]]
    copies = redraw(persons, chain.fit.spec.cluster is not None, rng)

    def copied(frame: pd.DataFrame) -> pd.DataFrame:
        found = copies.merge(frame, on="subject_id").drop(columns="subject_id")
        return found.rename(columns={"copy": "subject_id"})

    scores, mine, visits = copied(chain.scores), copied(chain.people), copied(chain.visits)
    try:
        new, one = refit(chain.fit.spec, scores, chain.fit), refit(chain.single.spec, scores, chain.single)
        step = three_states(ClassStep.of(new), chain.tf, chain.pr)
    except (InferenceError, DesignError, np.linalg.LinAlgError):
        return None
    mine["exit_one"] = mine["subject_id"].map(exit_severity(one, scores.groupby("subject_id")["week"].max()))
    everyone, _ = fill(mine)
    people = everyone[everyone["population"]].reset_index(drop=True)
    why: list[str] = []
    weights = weigh(people, visits, why, "replicate")
    if why:
        return None
    return [contrast(m, step, people, [1], [2], weights=weights).estimate for m in MODELS]
