"""One run of the class step on a warehouse: fit, choose, label, and write `results.trajectory_*`.

It reads the view of scores and `marts.first_line`, nothing of a next step and no genotype.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.plan import BaselineChange, Plan, deviations, read_plan, with_baseline_change
from analysis.results import Stamp, stamp_of, write_result
from analysis.trajectories import checks, labels
from analysis.trajectories.bootstrap import label_stability
from analysis.trajectories.cohort import Cohort, first_lines, read_cohort, specification
from analysis.trajectories.enumeration import Enumeration, enumerate_classes
from analysis.trajectories.labels import TfRule
from analysis.trajectories.linked import Carried, Draws, draw
from analysis.trajectories.result import Trajectories
from analysis.warehouse import connect

Say = Callable[[str], None]
SHOWN = ("predictive", "blrt")
"""Criteria that cost more than a fit: computed where they are asked for."""


@dataclass(frozen=True)
class Asked:
    """What is asked; None takes the plan's default, anything else is named as a deviation.

    studies, scale: of the population. k: numbers of classes. families: `gaussian`, `censored`. replicates: bootstrap
    refits for the stability of labels; 0 leaves them out. plausible: draws of linked scores. lrt: replicates of the
    bootstrap likelihood-ratio test of each number against one fewer; folds: of the predictive likelihood; halves:
    random divisions for the stability of the classes. The last three decide nothing, and 0 leaves them out.
    baseline_change: effect of the baseline on the change, `class` or `equal`.
    """

    population: str = "trials"
    view: str = "marts.trajectory_input"
    studies: tuple[str, ...] | None = None
    scale: str | None = None
    k: tuple[int, ...] | None = None
    families: tuple[str, ...] | None = None
    starts: int | None = None
    replicates: int | None = None
    seed: int = 1
    jobs: int = 1
    plausible: int | None = None
    lrt: int = 0
    folds: int = 0
    halves: int = 0
    baseline_change: BaselineChange | None = None


@dataclass(frozen=True)
class Run:
    """What a run found. `tables` are written as `results.trajectory_<name>`; `fit` is the chosen one or None."""

    run_id: str
    cohort: Cohort
    stamp: Stamp
    enumerations: dict[str, Enumeration]
    family: str
    fit: Trajectories | None
    verdict: str
    deviations: list[str]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


def run_trajectories(database: Path, asked: Asked, say: Say = lambda what: None) -> Run:
    """Classes of a population of the published file `database`, written beside it. Raises CohortError."""
    plan = with_baseline_change(read_plan(), asked.baseline_change)
    with connect(database) as warehouse:
        say("scores")
        cohort = read_cohort(
            warehouse, plan, asked.population, view=asked.view, studies=asked.studies, scale=asked.scale
        )
        about = first_lines(warehouse, cohort)
        wanted = plan.populations[asked.population].plausible_values if asked.plausible is None else asked.plausible
        draws = None
        if wanted and cohort.linked:
            say(f"plausible values: {wanted} draws of the linked scores")
            draws = draw(warehouse, cohort, n=wanted, seed=asked.seed, view=asked.view)
    stamp = stamp_of(database, seed=asked.seed, studies=cohort.studies)
    families = asked.families or tuple(plan.model.family)
    enumerations = {family: _enumerate(plan, cohort, asked, family, say) for family in families}
    family, choice = _family(enumerations)
    chosen = enumerations[family]
    fit = chosen.best if chosen.chosen is not None else None
    departed = _departed(plan, asked)
    run_id = "_".join([asked.population, *(asked.studies or ())])
    tables, verdict = _tables(plan, cohort, asked, fit, about, draws, say)
    models = [e.table.assign(family=f, chosen=e.table["k"] == e.chosen) for f, e in enumerations.items()]
    tables["models"] = pd.concat([with_shown(m) for m in models], ignore_index=True)
    tables["runs"] = pd.DataFrame(
        [
            {
                "studies": ";".join(cohort.studies),
                "view": asked.view,
                "scale": cohort.scale,
                "linked_studies": ";".join(cohort.linked),
                "draws": 0 if draws is None else len(draws),
                "link_error": "" if draws is None else draws.source,
                **cohort.counts,
                "mean_baseline": cohort.mean_baseline,
                "k": chosen.chosen,
                "family": family,
                "baseline_change": plan.model.baseline_change,
                "why": f"{choice} {chosen.why}".strip(),
                "verdict": verdict,
                "is_primary": plan.populations[asked.population].primary and not departed,
                "deviations": "; ".join(departed),
            }
        ]
    ).astype({"k": "Int64"})
    tables = {name: _keyed(table, run_id) for name, table in tables.items()}
    for name, table in tables.items():
        write_result(f"trajectory_{name}", table, stamp=stamp, key=["run_id"], run_id=run_id, say=say)
    return Run(run_id, cohort, stamp, enumerations, family, fit, verdict, departed, tables)


def with_shown(table: pd.DataFrame) -> pd.DataFrame:
    """A table of models with the criteria that are shown, missing where they were not asked for, as last columns."""
    others = [c for c in table.columns if c not in SHOWN]
    return table.reindex(columns=[*others, *SHOWN]).astype(dict.fromkeys(SHOWN, float))


def _keyed(table: pd.DataFrame, run_id: str) -> pd.DataFrame:
    found = table.copy()
    found.insert(0, "run_id", run_id)
    return found


def _enumerate(plan: Plan, cohort: Cohort, asked: Asked, family: str, say: Say) -> Enumeration:
    return enumerate_classes(
        specification(plan, cohort, family=family),
        cohort.frame,
        asked.k or tuple(plan.search.k),
        starts=asked.starts or plan.search.starts,
        max_starts=max(plan.search.max_starts, asked.starts or 0),
        seed=asked.seed,
        folds=asked.folds,
        replicates=asked.lrt,
        jobs=asked.jobs,
        progress=lambda what: say(f"{family}: {what}"),
    )


def _family(enumerations: dict[str, Enumeration]) -> tuple[str, str]:
    """The plan's rule where the two families choose differently: the censored one, said."""
    if len(enumerations) == 1:
        return next(iter(enumerations)), ""
    numbers = {f: e.chosen for f, e in enumerations.items()}
    if len(set(numbers.values())) == 1:
        return "gaussian", "Both families choose the same number."
    told = ", ".join(f"{f} {k if k is not None else 'none'}" for f, k in numbers.items())
    return "censored", f"The families differ ({told}); the censored one is used."


def _departed(plan: Plan, asked: Asked) -> list[str]:
    lines = []
    of = plan.populations[asked.population]
    if asked.studies is not None or asked.scale is not None:
        used = {"studies": list(asked.studies or of.studies), "scale": asked.scale or of.scale}
        lines += deviations(of, used)
    lines += deviations(
        plan.search, {"k": list(asked.k or plan.search.k), "starts": asked.starts or plan.search.starts}
    )
    how = {"family": list(asked.families or plan.model.family), "baseline_change": plan.model.baseline_change}
    lines += deviations(read_plan().model, how)
    if asked.plausible is not None:
        lines += deviations(of, {"plausible_values": asked.plausible})
    if asked.replicates is not None:
        lines += deviations(plan.labels, {"bootstrap_refits": asked.replicates})
    return lines


def rule_of(plan: Plan, *, variant: bool = False) -> TfRule:
    """The plan's thresholds of the labels; `variant` with the 30 % border."""
    of = plan.labels
    return TfRule(
        failure=of.failure_below_variant if variant else of.failure_below,
        response=of.response_from,
        relapse=of.transient_loss,
        first_week=int(of.week_from),
        last_week=int(of.last_week_cap),
        still_seen=of.last_week_share,
    )


def _tables(
    plan: Plan,
    cohort: Cohort,
    asked: Asked,
    fit: Trajectories | None,
    about: pd.DataFrame,
    draws: Draws | None,
    say: Say,
) -> tuple[dict[str, pd.DataFrame], str]:
    if fit is None:
        return {}, "no admissible number of classes: the criteria and problems of each fit say why"
    baseline, rule = cohort.mean_baseline, rule_of(plan)
    named, variant = fit.labels(baseline, rule), fit.labels(baseline, rule_of(plan, variant=True))
    replicates = plan.labels.bootstrap_refits if asked.replicates is None else asked.replicates
    agreement: Any = np.full(fit.k, np.nan)
    if replicates:
        say(f"labels: {replicates} bootstrap refits")
        agreement = label_stability(
            fit, baseline, replicates=replicates, rule=rule, seed=asked.seed, jobs=asked.jobs, progress=say
        ).agreement
    uncertain = [bool(a < plan.labels.uncertain_below) for a in agreement]
    extra, over = {}, None
    if asked.halves and fit.k > 1:
        extra["halves"] = checks.halves(fit, asked.halves, asked.seed, say)
    if draws is not None:
        more, over = checks.plausible(plan, fit, cohort, draws, rule, say, asked.jobs)
        extra |= more
    say("courses and persons")
    grid = np.arange(0, int(np.ceil(fit.design.time.max())) + 1, dtype=float)
    courses = fit.courses(grid).assign(fall=lambda c: 1 - c["mean"] / baseline)
    classes = fit.classes.assign(
        label=named, label_30=variant, agreement=agreement, uncertain=uncertain, last_week=fit.last_weeks,
        agreement_draws=np.full(fit.k, np.nan) if over is None else over.agreement(named),
    )  # fmt: skip
    for week in (plan.labels.week_from, plan.labels.common_week):
        at = fit.courses([week])
        classes[f"fall_week_{week:g}"] = 1 - at["mean"].to_numpy() / baseline
    tables = {
        "classes": classes,
        "courses": courses,
        "parameters": fit.parameters("cluster" if fit.design.clusters is not None else "sandwich"),
        "persons": _persons(plan, cohort, fit, named, about),
    }
    return tables | extra, _verdict(plan, classes, fit) + _over(over, plan)


def _persons(plan: Plan, cohort: Cohort, fit: Trajectories, named: Sequence[str], about: pd.DataFrame) -> pd.DataFrame:
    """One row per person: posterior of each class, modal class with its label, P(TF class), and q of the plan."""
    found = fit.posterior.merge(cohort.persons[["subject_id", "study_id", "baseline"]], on="subject_id")
    probabilities = fit.probabilities
    failing = np.array([name == labels.TF for name in named])
    last = float(fit.last_weeks.max())
    weeks = [*map(float, plan.own_fall["weeks"]), last]
    found["label"] = np.asarray(named, dtype=object)[found["modal"].to_numpy() - 1]
    found["p_tf"] = probabilities[:, failing].sum(axis=1)
    q = fit.predict().no_fall(weeks[:2], plan.own_fall["below"], "baseline", fit.last_weeks.tolist())
    found["q"] = q.reindex(found["subject_id"]).to_numpy()
    wide = [f"p{g + 1}" for g in range(fit.k)]
    found["probabilities"] = found[wide].to_numpy().tolist()
    found = found.drop(columns=wide)
    return found.merge(about.reset_index(), on="subject_id", how="left") if len(about.columns) else found


def _verdict(plan: Plan, classes: pd.DataFrame, fit: Trajectories) -> str:
    """What the classes say of treatment failure, in a sentence."""
    failing = classes[classes["label"] == labels.TF]
    if fit.k == 1:
        return f"One class: the courses are one continuum, no classes; {plan.labels.no_failure}"
    if failing.empty:
        return f"{fit.k} classes; {plan.labels.no_failure}: in no class the fall stays below 25 %"
    share = 100 * float(failing["share"].sum())
    doubt = "; label uncertain in the bootstrap" if failing["uncertain"].any() else ""
    return f"{fit.k} classes; treatment failure: {share:.0f} % of persons{doubt}"


def _over(over: Carried | None, plan: Plan) -> str:
    """What the draws of linked scores add to the verdict."""
    if over is None:
        return ""
    found = over.persons["p_tf"].mean()
    failing = (over.labels == labels.TF).any(axis=1).mean()
    failed = f" ({over.failed} did not converge)" if over.failed else ""
    told = f"treatment failure in {failing:.0%} of them, {found:.0%} of persons on average" if failing else ""
    return f"; over {len(over.labels)} draws of the linked scores{failed}: {told or plan.labels.no_failure}"
