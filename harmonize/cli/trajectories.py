"""`trd trajectories`: latent courses of the first treatment, chosen and labelled by the plan."""

from __future__ import annotations

import re
from typing import Annotated

import pandas as pd
import typer

from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of
from harmonize.published import connect

SHOWN = "models classes".split()


@command(
    "trajectories",
    examples=[
        "trd trajectories",
        "trd trajectories --population mars --seed 7",
        "trd trajectories --study dia --scale HRSD17 --k 1-3",
        "trd trajectories --population all --json",
        "trd sql 'select * from results.trajectory_classes'",
    ],
    fails="the view holds no such scores, or no model could be fitted",
    panel="Results",
)
def trajectories(
    ctx: typer.Context,
    population: Annotated[
        str, typer.Option("--population", metavar="NAME", help="Population of the plan: trials, mars, all.")
    ] = "trials",
    view: Annotated[
        str, typer.Option("--view", metavar="VIEW", help="Where the scores are; columns as of the mart.")
    ] = "marts.trajectory_input",
    study: Annotated[
        list[str] | None, typer.Option("--study", help="These studies instead of the plan's; may come again.")
    ] = None,
    scale: Annotated[str | None, typer.Option("--scale", metavar="SCALE", help="Another scale.")] = None,
    k: Annotated[str | None, typer.Option("--k", metavar="FROM-TO", help="Numbers of classes; plan: 1-6.")] = None,
    family: Annotated[
        list[str] | None, typer.Option("--family", help="gaussian or censored (floor at 0); plan: both.")
    ] = None,
    starts: Annotated[int | None, typer.Option("--starts", min=1, help="Random starts; plan: 50, up to 400.")] = None,
    bootstraps: Annotated[
        int | None, typer.Option("--bootstraps", min=0, help="Refits that try the labels; plan: 200.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes of the bootstrap.")] = 2,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same numbers.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Fit growth mixtures with 1, 2, … classes, choose by the plan, and label the courses.

    Without options the analysis plan is followed; what departs from it is named in the result. Written to
    results.trajectory_runs, _models, _classes, _courses, _parameters and _persons beside the published file. "No TF
    class" and "one class" are possible answers.
    """
    house = warehouse_of(ctx)
    connect(house).close()
    from analysis.plan import read_plan
    from analysis.results import results_file
    from analysis.trajectories import DesignError
    from analysis.trajectories.cohort import CohortError
    from analysis.trajectories.run import Asked, run_trajectories

    console.one_of(population, read_plan().populations, "population")
    for name in family or ():
        console.one_of(name, ("gaussian", "censored"), "family")
    asked = Asked(
        population, view, tuple(study) if study else None, scale, _numbers(k), tuple(family) if family else None,
        starts, bootstraps, seed, jobs,
    )  # fmt: skip
    try:
        with console.node_progress() as bar:
            task = bar.add_task("…", total=None)

            def say(what: str) -> None:
                bar.update(task, description=what)
                if bar.disable:
                    console.note(what)

            run = run_trajectories(house.database, asked, say)
    except (CohortError, DesignError) as error:
        raise console.CommandError(str(error)) from error
    if as_json:
        tables = {name: console.records(run.tables[name]) for name in ("runs", *SHOWN) if name in run.tables}
        stamp = {key: value for key, value in vars(run.stamp).items() if key != "database"}
        console.show_json({"run_id": run.run_id, "verdict": run.verdict, **stamp, **tables})
        return
    _show(run.tables, run.verdict, synthetic=run.stamp.is_synthetic)
    console.say(f"Written: results.trajectory_* in {results_file(house.database)} (release {run.stamp.release})")


def _numbers(text: str | None) -> tuple[int, ...] | None:
    """`1-6` or `3` as numbers of classes."""
    if text is None:
        return None
    found = re.fullmatch(r"([1-9]\d?)(?:-([1-9]\d?))?", text.strip())
    if found is None or int(found[2] or found[1]) < int(found[1]):
        raise typer.BadParameter(f"--k {text!r} is no range of numbers of classes; write 1-6, or 3")
    return tuple(range(int(found[1]), int(found[2] or found[1]) + 1))


def _show(tables: dict[str, pd.DataFrame], verdict: str, *, synthetic: bool) -> None:
    about = tables["runs"].iloc[0]
    console.say(f"{about['run_id']}{', SYNTHETIC persons' if synthetic else ''}: {verdict}", "bold")
    console.say(
        f"{about['persons']} persons of {about['studies'].replace(';', ', ')}, {about['scores_used']} scores on"
        f" {about['scale']}; {about['persons_without_baseline']} persons without baseline left out"
    )
    console.say(str(about["why"]))
    if about["deviations"]:
        console.say(f"Departs from the plan: {about['deviations']}")
    for name in SHOWN:
        if name in tables:
            table = tables[name].drop(columns="run_id")
            rows = [[console.cell(value, 3) for value in row] for row in table.itertuples(index=False, name=None)]
            console.show_table(name, [str(c).replace("_", " ") for c in table.columns], rows)
