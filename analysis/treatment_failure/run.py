"""The whole analysis of treatment failure on a warehouse: class step, aims, results, page."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from analysis.plan import BaselineChange, Plan, deviations, read_plan, with_baseline_change
from analysis.report.disclosure import minimum_count
from analysis.results import Stamp, stamp_of, write_result
from analysis.trajectories.cohort import Cohort, CohortError
from analysis.trajectories.linked import Draws, draw
from analysis.treatment_failure import link_section, page
from analysis.treatment_failure.door import class_door
from analysis.treatment_failure.finding import Search, about, find, read
from analysis.treatment_failure.invariance import invariance
from analysis.treatment_failure.link_draws import link_draws
from analysis.treatment_failure.section import PLUGINS, Classes, Context, Section
from analysis.warehouse import connect

Say = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """What is asked; None takes the plan's default and anything else is named as a deviation.

    populations: of the plan. studies, scale: instead of those of the (one) population. k, families, starts: of the
    class step. replicates: bootstrap refits of labels and chain, 0 for none. parts: of the report, names of `PLUGINS`.
    baseline_change: `class` or `equal`.
    """

    populations: tuple[str, ...] = ("trials", "mars", "all")
    view: str = "marts.trajectory_input"
    studies: tuple[str, ...] | None = None
    scale: str | None = None
    k: tuple[int, ...] | None = None
    families: tuple[str, ...] | None = None
    starts: int | None = None
    replicates: int = 0
    seed: int = 1
    jobs: int = 2
    minimum: int | None = None
    plausible: int | None = None
    parts: tuple[str, ...] | None = None
    baseline_change: BaselineChange | None = None

    @property
    def wanted(self) -> tuple[str, ...]:
        """Parts of the report: those asked, else all; with other studies than the plan's those that follow them."""
        return self.parts or (tuple(PLUGINS) if self.studies is None else ("finding", "aim-a"))


@dataclass(frozen=True)
class Done:
    """What a run made."""

    page: Path
    sections: tuple[Section, ...]
    classes: dict[str, Classes]
    stamp: Stamp
    seconds: dict[str, float]
    context: Context


def run(database: Path, asked: Asked, out: Path, say: Say = lambda what: None) -> Done:
    """Run all aims on the published file and write page and results. Raises CohortError where nothing can be asked."""
    plan = with_baseline_change(read_plan(), asked.baseline_change)
    seconds: dict[str, float] = {}
    timed = _Clock(seconds)
    with timed("scores"):
        scores = read_scores(database, plan, asked)
    cohorts = scores.cohorts
    studies = sorted({s for c in cohorts.values() for s in c.studies})
    stamp = stamp_of(database, seed=asked.seed, studies=studies)
    search = Search(asked.k, asked.families, asked.starts, asked.seed, asked.jobs, asked.replicates)
    with timed("classes" + (" and label bootstraps" if asked.replicates else "")):
        classes = find(plan, cohorts, scores.known, search, say)
    with timed("invariance"):
        checked = {
            n: invariance(plan, c, scores.points.get(n, 1.0), say, asked.seed) for n, c in classes.items() if n != "all"
        }
    with timed("draws of the link"):
        linked = {n: link_draws(plan, classes[n], d, asked.jobs, say) for n, d in scores.draws.items()}
    context = Context(
        database=database,
        plan=plan,
        stamp=stamp,
        classes=classes,
        seed=asked.seed,
        replicates=asked.replicates,
        jobs=asked.jobs,
        minimum=minimum_count(asked.minimum),
        say=say,
        seconds=seconds,
        options={"invariance": checked, "linked": linked, "names": titles(database)},
    )
    sections, absent = gather(context, timed, asked.wanted)
    with timed("page"):
        made = page.write(sections, _about(context, asked, [*absent, *scores.left_out]), out)
    with timed("results"):
        write_results(context)
    return Done(made, tuple(sections), classes, stamp, seconds, context)


class _Clock:
    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds

    @contextmanager
    def __call__(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.seconds[what] = time.monotonic() - started


@dataclass
class Scores:
    """What the class step reads, by population: cohorts, what is known of their people, HRSD17 points per point of
    their scale, draws of the link; and in words what is left out.
    """

    cohorts: dict[str, Cohort] = field(default_factory=dict)
    known: dict[str, pd.DataFrame] = field(default_factory=dict)
    points: dict[str, float] = field(default_factory=dict)
    draws: dict[str, Draws] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def read_scores(database: Path, plan: Plan, asked: Asked) -> Scores:
    """The populations that have scores. Raises CohortError where none has."""
    found = Scores()
    with class_door(database, asked.view) as door:
        landed = set(door.frame("select distinct study_id from marts.trajectory_input")["study_id"].astype(str))
        for name in asked.populations:
            wanted = asked.studies or tuple(s for s in plan.populations[name].studies if s in landed)
            try:
                if not wanted:
                    raise CohortError(f"none of {', '.join(plan.populations[name].studies)} is landed")
                cohort = read(door, plan, name, studies=wanted, scale=asked.scale)
            except CohortError as error:
                found.left_out.append(f"Population {name}: {error}.")
                continue
            found.cohorts[name], found.known[name] = cohort, about(door, cohort)
            slope = door.frame(
                "select regr_slope(hrsd17_equiv, score) as slope from marts.trajectory_input where instrument_id = "
                ":scale",
                scale=cohort.scale,
            )["slope"].iloc[0]
            found.points[name] = 1.0 if pd.isna(slope) else float(slope)
            n = plan.populations[name].plausible_values if asked.plausible is None else asked.plausible
            if n and cohort.linked:
                try:
                    found.draws[name] = draw(door, cohort, n=n, seed=asked.seed)
                except CohortError as error:
                    found.left_out.append(f"Population {name}: no draws of the link, {error}.")
    if not found.cohorts:
        raise CohortError(" ".join(found.left_out))
    return found


def gather(context: Context, timed: Callable[[str], object], parts: tuple[str, ...]) -> tuple[list[Section], list[str]]:
    """Sections of the parts, and one line for each that is not installed."""
    found: list[Section] = []
    absent = []
    for name in parts:
        place = PLUGINS[name]
        module, _, function = place.partition(":")
        try:
            made = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if not module.startswith(error.name or "?"):
                raise
            absent.append(f"{module}: this part is not installed.")
            continue
        context.say(f"section {module}")
        with timed(module.removeprefix("analysis.")):  # type: ignore[attr-defined]
            found += getattr(made, function)(context)
    return found, absent


def titles(database: Path) -> dict[str, str]:
    """Titles of studies by their id; empty where they are not published."""
    with connect(database) as warehouse:
        if "reference.studies" not in warehouse.columns:
            return {}
        found = warehouse.table("reference.studies", ["study_id", "title"])
    return dict(zip(found["study_id"].astype(str), found["title"].astype(str), strict=True))


def _about(context: Context, asked: Asked, absent: list[str]) -> page.About:
    plan = context.plan
    with connect(context.database) as warehouse:
        marks = warehouse.frame("select study, bool_or(is_synthetic) as made from quality.landings group by study")
    mine = {s for c in context.classes.values() for s in c.cohort.studies}
    synthetic = sorted(str(s) for s, made in zip(marks["study"], marks["made"], strict=True) if made and s in mine)
    told = deviations(plan.search, {"k": list(asked.k or plan.search.k), "starts": asked.starts or plan.search.starts})
    used = {"family": list(asked.families or plan.model.family), "baseline_change": plan.model.baseline_change}
    told += deviations(read_plan().model, used)
    told += deviations(plan.labels, {"bootstrap_refits": asked.replicates})
    if asked.plausible is not None and "all" in context.classes:
        told += deviations(plan.populations["all"], {"plausible_values": asked.plausible})
    for name, c in context.classes.items():
        planned = plan.populations[name]
        lacking = sorted(set(planned.studies) - set(c.cohort.studies))
        if lacking:
            told.append(f"{name}: without {', '.join(lacking)}")
        if c.cohort.scale != planned.scale:
            told.append(f"{name}: scale {c.cohort.scale} instead of {planned.scale}")
    names = context.options["names"]
    return page.About(context.stamp, plan.version, tuple(synthetic), tuple(told), tuple(absent), context.minimum, names)


def write_results(context: Context) -> None:
    """`results.treatment_failure_*`: persons of each population, and the tables that the aims left."""
    persons = [c.persons.assign(population=n, p_tf=c.persons["p_tf"].astype(float)) for n, c in context.classes.items()]
    columns = (
        "population subject_id study_id baseline last_week modal label p_tf q_one q_one_8 q_k q_k_8 exit_one exit_k"
    )
    drawn = [link_section.results(n, over) for n, over in context.options.get("linked", {}).items()]
    tables = {"persons": pd.concat(persons, ignore_index=True)[columns.split()]} | context.results
    for key in sorted({k for made in drawn for k in made}):
        tables[key] = pd.concat([made[key] for made in drawn if key in made], ignore_index=True)
    for name, table in tables.items():
        if len(table.columns):
            write_result(f"treatment_failure_{name}", table, stamp=context.stamp)
