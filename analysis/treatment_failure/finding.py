"""The class step: courses, how many, which of them is treatment failure, and the same without classes.

Everything here works through the `Door`, which holds no next step and no genotype.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from analysis.plan import Plan
from analysis.trajectories import Trajectories, labels
from analysis.trajectories.bootstrap import label_stability
from analysis.trajectories.cohort import Cohort, read_cohort, specification
from analysis.trajectories.enumeration import Enumeration, enumerate_classes
from analysis.trajectories.run import rule_of
from analysis.treatment_failure.door import FIRST_LINE, Door
from analysis.treatment_failure.own_fall import exit_severity, states
from analysis.treatment_failure.section import Classes

Say = Callable[[str], None]


@dataclass(frozen=True)
class Search:
    """How classes are sought; None takes the plan's default, anything else is named as a deviation."""

    k: tuple[int, ...] | None = None
    families: tuple[str, ...] | None = None
    starts: int | None = None
    seed: int = 1
    jobs: int = 1
    replicates: int = 0


def read(
    door: Door, plan: Plan, population: str, *, studies: tuple[str, ...] | None = None, scale: str | None = None
) -> Cohort:
    """Scores of a population; studies that are not landed are left out. Raises CohortError, TypeError for no Door."""
    if not isinstance(door, Door):
        raise TypeError(f"the class step reads through a Door, not a {type(door).__name__}: see class_door")
    return read_cohort(door, plan, population, studies=studies, scale=scale)


def about(door: Door, cohort: Cohort) -> pd.DataFrame:
    """What the class step may know of how the first episode went, indexed by subject_id in the cohort's order."""
    wanted = [c for c in FIRST_LINE if c != "study_id"]
    found = door.table("marts.first_line", wanted).set_index("subject_id")
    return found.reindex(cohort.persons["subject_id"])


def find(
    plan: Plan, cohorts: Mapping[str, Cohort], abouts: Mapping[str, pd.DataFrame], search: Search, say: Say
) -> dict[str, Classes]:
    """The class step of each population, populations and families side by side on `search.jobs` processes."""
    families = search.families or tuple(plan.model.family)
    tasks = [(name, family) for name in cohorts for family in families]
    work = (delayed(enumerate_one)(plan, cohorts[name], family, search) for name, family in tasks)
    done: dict[tuple[str, str], Enumeration] = {}
    for (name, family), found in zip(tasks, Parallel(n_jobs=search.jobs, return_as="generator")(work), strict=True):
        done[name, family] = found
        say(f"classes of {name}, {family}: {found.why}")
    return {
        name: settle(plan, cohort, {f: done[name, f] for f in families}, abouts[name], search, say)
        for name, cohort in cohorts.items()
    }


def enumerate_one(plan: Plan, cohort: Cohort, family: str, search: Search) -> Enumeration:
    """Numbers of classes of the plan for one family."""
    starts = search.starts or plan.search.starts
    return enumerate_classes(
        specification(plan, cohort, family=family),
        cohort.frame,
        search.k or tuple(plan.search.k),
        starts=starts,
        max_starts=max(plan.search.max_starts, starts) if search.starts is None else starts,
        seed=search.seed,
    )


def choose_family(enumerations: Mapping[str, Enumeration]) -> tuple[str, str]:
    """The plan's rule where the two families choose differently: the censored one, said."""
    numbers = {f: e.chosen for f, e in enumerations.items()}
    if len(set(numbers.values())) == 1:
        return next(iter(numbers)), "Both families choose the same number." if len(numbers) > 1 else ""
    told = ", ".join(f"{f} {k if k is not None else 'none'}" for f, k in numbers.items())
    return "censored", f"The families differ ({told}); the censored one is used."


def settle(
    plan: Plan,
    cohort: Cohort,
    enumerations: Mapping[str, Enumeration],
    known: pd.DataFrame,
    search: Search,
    say: Say = lambda what: None,
) -> Classes:
    """Family, number and labels by the plan, with the bootstrap of the labels where it was asked for."""
    family, choice = choose_family(enumerations)
    chosen = enumerations[family]
    fit = chosen.best if chosen.chosen is not None else None
    single = next((f for f in chosen.fits if f.k == 1), None)
    if single is None:
        single = replace(specification(plan, cohort, family=family), k=1).fit(cohort.frame)
    b = cohort.mean_baseline
    agreement: tuple[float, ...] = ()
    named = fit.labels(b, rule_of(plan)) if fit is not None else ()
    variant = fit.labels(b, rule_of(plan, variant=True)) if fit is not None else ()
    if fit is not None:
        agreement = tuple([float("nan")] * fit.k)
        if search.replicates:
            say(f"labels of {cohort.name}: {search.replicates} bootstrap refits")
            agreement = tuple(
                map(
                    float,
                    label_stability(
                        fit,
                        b,
                        replicates=search.replicates,
                        rule=rule_of(plan),
                        seed=search.seed,
                        jobs=search.jobs,
                        progress=say,
                    ).agreement,
                )
            )
    return Classes(
        population=cohort.name,
        cohort=cohort,
        enumerations=dict(enumerations),
        family=family,
        fit=fit,
        single=single,
        labels=tuple(named),
        labels_30=tuple(variant),
        agreement=agreement,
        persons=persons(plan, cohort, fit, single, tuple(named), known),
        why=f"{choice} {chosen.why}".strip(),
        verdict=verdict(plan, fit, tuple(named), agreement),
    )


def persons(
    plan: Plan,
    cohort: Cohort,
    fit: Trajectories | None,
    single: Trajectories,
    named: tuple[str, ...],
    known: pd.DataFrame,
) -> pd.DataFrame:
    """One row per person in the order of the fit: see `section.Classes`."""
    ids = pd.Index(single.design.persons, name="subject_id")
    found = pd.DataFrame({"subject_id": ids})
    found = found.merge(cohort.persons[["subject_id", "study_id", "baseline"]], on="subject_id", how="left")
    last = cohort.frame.groupby("subject_id")["week"].max().reindex(ids)
    ending = cohort.frame.sort_values("week").groupby("subject_id")["score"].last().reindex(ids)
    found["last_week"], found["last_score"] = last.to_numpy(dtype=float), ending.to_numpy(dtype=float)
    end = float(single.last_weeks[0])
    week = min(float(plan.own_fall["weeks"][0]), end)
    below = float(plan.own_fall["below"])
    one = states(single, plan, end)
    found["q_one"], found["q_one_pr"] = one[:, 0], one[:, 1]
    found["q_one_8"] = single.predict().no_fall([week], below, "baseline").to_numpy()
    found["exit_one"] = exit_severity(single, last).to_numpy()
    found["exit_k"] = found["exit_one"] if fit is None else exit_severity(fit, last).to_numpy()
    if fit is None:
        found["modal"], found["label"], found["p_tf"] = 0, labels.NONE, np.nan
        found["q_k"], found["q_k_8"] = np.nan, np.nan
    else:
        p = fit.probabilities
        failing = np.array([name == labels.TF for name in named])
        found["modal"] = p.argmax(axis=1) + 1
        found["label"] = np.asarray(named, dtype=object)[p.argmax(axis=1)]
        found["p_tf"] = p[:, failing].sum(axis=1)
        found["q_k"] = states(fit, plan, end)[:, 0]
        found["q_k_8"] = fit.predict().no_fall([week], below, "baseline").to_numpy()
    return found.merge(known.reset_index(), on="subject_id", how="left")


def verdict(plan: Plan, fit: Trajectories | None, named: tuple[str, ...], agreement: tuple[float, ...]) -> str:
    """What the classes say of treatment failure, in a sentence; the worst class is never promoted."""
    if fit is None:
        return f"{plan.labels.no_failure}: no number of classes is admissible"
    if fit.k == 1 and labels.TF not in named:
        return f"{plan.labels.no_failure}: one class describes the courses best, a continuum"
    failing = [g for g, name in enumerate(named) if name == labels.TF]
    if not failing:
        return f"{plan.labels.no_failure}: {fit.k} classes, and in none of them the fall stays below 25 %"
    share = 100 * float(fit.classes["share"].to_numpy()[failing].sum())
    doubt = [agreement[g] for g in failing if agreement[g] < plan.labels.uncertain_below]
    said = f"{fit.k} classes; treatment failure, {share:.0f} % of persons"
    if doubt:
        said += f"; label uncertain, kept in {100 * min(doubt):.0f} % of bootstrap refits"
    return said
