"""Courses of a single item on a warehouse: who and what, the ordinal model, and `results.trajectory_item_*`.

An item is an instrument of one question (CGI_S, PGI_I) or a question of an instrument (`hrsd_03`). The plan has no
primary analysis of items; its persons, weeks, search and choice are used, and every run is named as secondary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.plan import Plan, deviations, read_plan
from analysis.results import Stamp, stamp_of, write_result
from analysis.trajectories import checks
from analysis.trajectories.cohort import CohortError
from analysis.trajectories.enumeration import Enumeration, enumerate_classes
from analysis.trajectories.ordinal import OrdinalGrowth, OrdinalTrajectories
from analysis.trajectories.ordinal.spec import LINKS
from analysis.trajectories.run import with_shown
from analysis.warehouse import Warehouse, connect

Say = Callable[[str], None]
CAUTION = "without random effects a continuum of courses is cut into classes, too"
"""What is said wherever the ordinal model finds classes."""
NEEDED = ("cdm.scales", "cdm.scale_items", "marts.first_line")
_SQL = """
    with ratings as (
        select subject_id, instrument_id, day, rater, contact, occasion, score_used as value
        from cdm.scales where instrument_id = :item
        union all
        select subject_id, instrument_id, day, rater, contact, occasion, value
        from cdm.scale_items where item_id = :item
    ),
    placed as (
        select
            ratings.subject_id, first_line.study_id,
            first_line.study_id || ':' || coalesce(cast(first_line.site_no as varchar), ratings.subject_id) as site,
            (ratings.day - first_line.start_day) / 7.0 as week, value,
            row_number() over (
                partition by ratings.subject_id, ratings.day
                order by ratings.instrument_id, occasion, rater, contact
            ) as place
        from ratings
        inner join marts.first_line as first_line on ratings.subject_id = first_line.subject_id
        where value is not null and first_line.start_day is not null and first_line.study_id in ({studies})
    ),
    baselines as (
        select subject_id, value as baseline from placed where place = 1 and week <= 0
        qualify row_number() over (partition by subject_id order by week desc) = 1
    )
    select placed.subject_id, study_id, site, week, value as item, baseline
    from placed left join baselines on placed.subject_id = baselines.subject_id
    where place = 1 and week > 0
    order by study_id, placed.subject_id, week
"""


@dataclass(frozen=True)
class AskedItem:
    """What is asked of an item; None takes the plan's default."""

    item: str
    population: str = "trials"
    studies: tuple[str, ...] | None = None
    link: str = "logit"
    k: tuple[int, ...] | None = None
    starts: int | None = None
    seed: int = 1
    jobs: int = 1
    lrt: int = 0
    folds: int = 0
    halves: int = 0


@dataclass(frozen=True)
class ItemCohort:
    """`frame`: subject_id, study_id, site, week, item, baseline (only where it is used). `counts`: persons, ratings."""

    frame: pd.DataFrame
    counts: dict[str, int]

    @property
    def studies(self) -> tuple[str, ...]:
        """Studies with a person in it."""
        return tuple(sorted(self.frame["study_id"].unique()))


@dataclass(frozen=True)
class ItemRun:
    """What a run found. `tables` are written as `results.trajectory_item_<name>`; `fit` is the chosen one or None."""

    run_id: str
    cohort: ItemCohort
    stamp: Stamp
    enumeration: Enumeration
    fit: OrdinalTrajectories | None
    verdict: str
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


def read_item(
    warehouse: Warehouse, plan: Plan, item: str, population: str = "trials", studies: Sequence[str] | None = None
) -> ItemCohort:
    """The answers to an item after the first day of the first treatment, within the plan's weeks. Raises CohortError.

    The last answer up to that day is the baseline. Where somebody has one it is a covariate and persons without one
    are left out; a question about change (PGI_I) has none.
    """
    of = plan.populations.get(population)
    if of is None:
        raise CohortError(f"the plan has no population {population!r}; it has {', '.join(plan.populations)}")
    absent = [name for name in NEEDED if name not in warehouse.columns]
    if absent:
        raise CohortError(f"there is no {', '.join(absent)} in {warehouse.database.name}: run trd build")
    wanted = list(studies or of.studies)
    listed = ", ".join(f":s{i}" for i in range(len(wanted)))
    found = warehouse.frame(_SQL.format(studies=listed), item=item, **{f"s{i}": s for i, s in enumerate(wanted)})
    horizon = found["study_id"].map(plan.persons.horizon)
    found = found[found["week"] <= horizon].reset_index(drop=True)
    if found.empty:
        raise CohortError(
            f"nobody of {', '.join(wanted)} has an answer to {item!r} after the first day: name an instrument of one "
            "question (CGI_S) or an item_id of cdm.scale_items (hrsd_01), or other studies with --study"
        )
    counts = {"persons_with_answers": int(found["subject_id"].nunique()), "answers": len(found)}
    if found["baseline"].notna().any():
        found = found[found["baseline"].notna()].reset_index(drop=True)
    else:
        found = found.drop(columns="baseline")
    counts |= {"persons": int(found["subject_id"].nunique()), "answers_used": len(found)}
    kinds = {c: "float64" for c in ("week", "item", "baseline") if c in found.columns}
    return ItemCohort(found.astype(kinds), counts)


def specification(plan: Plan, cohort: ItemCohort, link: str = "logit") -> OrdinalGrowth:
    """The plan's curves and covariates as an ordinal latent class growth model of one class."""
    several = len(cohort.studies) > 1
    curve = " + ".join(term for term in plan.model.curve if term != "1")
    baseline = " + baseline" if "baseline" in cohort.frame.columns else ""
    many = cohort.frame["site"].nunique() >= plan.clusters["min_clusters"]
    return OrdinalGrowth(
        1,
        fixed=f"~ {curve}{baseline}{' + study_id' if several else ''}",
        class_specific=f"~ {curve}",
        membership="~ study_id" if several else "~ 1",
        link=link,
        cluster="site" if many else None,
    )


def run_item(database: Path, asked: AskedItem, say: Say = lambda what: None) -> ItemRun:
    """Classes of the courses of an item, written beside the published file `database`. Raises CohortError."""
    plan = read_plan()
    if asked.link not in LINKS:
        raise CohortError(f"link {asked.link!r} is none of {', '.join(LINKS)}")
    with connect(database) as warehouse:
        say("answers")
        cohort = read_item(warehouse, plan, asked.item, asked.population, asked.studies)
    stamp = stamp_of(database, seed=asked.seed, studies=cohort.studies)
    frame = cohort.frame.assign(synthetic=stamp.is_synthetic)
    found = enumerate_classes(
        specification(plan, cohort, asked.link),
        frame,
        asked.k or tuple(plan.search.k),
        starts=asked.starts or plan.search.starts,
        max_starts=max(plan.search.max_starts, asked.starts or 0),
        seed=asked.seed,
        folds=asked.folds,
        replicates=asked.lrt,
        jobs=asked.jobs,
        progress=say,
    )
    fit = found.best if found.chosen is not None else None
    tables = {"models": _models(found)}
    verdict = "no admissible number of classes: the criteria and problems of each fit say why"
    if fit is not None:
        kind = "cluster" if fit.design.clusters is not None else "sandwich"
        grid = np.arange(0, int(np.ceil(fit.design.time.max())) + 1, dtype=float)
        last = fit.courses([float(fit.design.time.max())])
        tables |= {
            "classes": fit.classes.assign(mean_at_end=last["mean"]),
            "courses": _long(fit, fit.courses(grid, kind=kind)),
            "parameters": fit.parameters(kind),
            "persons": _persons(fit),
        }
        if asked.halves and fit.k > 1:
            tables["halves"] = checks.halves(fit, asked.halves, asked.seed, say)
        verdict = f"{fit.k} classes; {CAUTION}" if fit.k > 1 else "one class: the courses do not fall into classes"
    run_id = "_".join([asked.population, *(asked.studies or ()), asked.item])
    tables["runs"] = _runs(plan, cohort, asked, found, fit, verdict)
    tables = {name: table.assign(run_id=run_id)[["run_id", *table.columns]] for name, table in tables.items()}
    for name, table in tables.items():
        write_result(f"trajectory_item_{name}", table, stamp=stamp, key=["run_id"], run_id=run_id, say=say)
    return ItemRun(run_id, cohort, stamp, found, fit, verdict, tables)


def _models(found: Enumeration) -> pd.DataFrame:
    return with_shown(found.table.assign(chosen=found.table["k"] == found.chosen))


def _long(fit: OrdinalTrajectories, courses: pd.DataFrame) -> pd.DataFrame:
    """One row per class, week and category; the mean category of the class stands in each."""
    time = fit.spec.time
    parts = [
        courses[["class", time, "mean", "se", "lower", "upper"]].assign(
            category=c,
            probability=courses[f"p_{c}"],
            probability_se=courses[f"se_{c}"],
            probability_lower=courses[f"lower_{c}"],
            probability_upper=courses[f"upper_{c}"],
        )
        for c in fit.ordinal.categories
    ]
    return pd.concat(parts, ignore_index=True).sort_values(["class", time, "category"], ignore_index=True)


def _persons(fit: OrdinalTrajectories) -> pd.DataFrame:
    found = fit.posterior
    wide = [f"p{g + 1}" for g in range(fit.k)]
    found["probabilities"] = found[wide].to_numpy().tolist()
    return found.drop(columns=wide)


def _runs(
    plan: Plan,
    cohort: ItemCohort,
    asked: AskedItem,
    found: Enumeration,
    fit: OrdinalTrajectories | None,
    verdict: str,
) -> pd.DataFrame:
    used = {"k": list(asked.k or plan.search.k), "starts": asked.starts or plan.search.starts}
    return pd.DataFrame(
        [
            {
                "item": asked.item,
                "studies": ";".join(cohort.studies),
                **cohort.counts,
                "has_baseline": "baseline" in cohort.frame.columns,
                "family": f"cumulative {asked.link}",
                "k": found.chosen,
                "why": found.why,
                "verdict": verdict,
                "problems": "" if fit is None else "; ".join(p.public for p in fit.problems),
                "is_primary": False,
                "deviations": "; ".join(["an item, of which the plan says nothing", *deviations(plan.search, used)]),
            }
        ]
    ).astype({"k": "Int64"})
