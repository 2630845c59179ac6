"""`trd resistance`: does treatment failure go with treatment resistance (Aim B of the plan)?"""

from __future__ import annotations

from typing import Annotated

import typer

from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of
from harmonize.published import connect

SHOWN = ("trials", "scores", "later")


@command(
    "resistance",
    examples=[
        "trd resistance",
        "trd resistance --k 1-4 --starts 20",
        "trd resistance --json",
        "trd sql 'select * from results.resistance_trials'",
    ],
    fails="the warehouse lacks what it needs, or nobody is evaluable",
    panel="Results",
)
def resistance(
    ctx: typer.Context,
    study: Annotated[
        list[str] | None, typer.Option("--study", help="These studies instead of MARS; may come again.")
    ] = None,
    k: Annotated[str | None, typer.Option("--k", metavar="FROM-TO", help="Numbers of classes; plan: 1-6.")] = None,
    starts: Annotated[int | None, typer.Option("--starts", min=1, help="Random starts; plan: 50, up to 400.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes.")] = 2,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same numbers.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Relate treatment failure to failed trials before admission, to staging scores, and to the next trial.

    Two-step estimators with the error of classification carried; the index trial stands in nothing that is tested.
    "No relation is shown" and "no TF class" are possible answers. Written to results.resistance_flow, _trials,
    _definitions, _reverse, _scores, _part_whole, _own_fall, _later, _later_classes and _runs. A research view, no
    medical advice.
    """
    house = warehouse_of(ctx)
    connect(house).close()
    from analysis.resistance.people import ResistanceError
    from analysis.resistance.run import Asked, run_resistance
    from analysis.results import results_file
    from analysis.trajectories import DesignError
    from analysis.trajectories.cohort import CohortError
    from harmonize.cli.trajectories import numbers_of

    asked = Asked(tuple(study) if study else None, numbers_of(k), starts, seed, jobs)
    try:
        with console.node_progress() as bar:
            task = bar.add_task("…", total=None)

            def say(what: str) -> None:
                bar.update(task, description=what)
                if bar.disable:
                    console.note(what)

            run = run_resistance(house.database, asked, say)
    except (CohortError, DesignError, ResistanceError) as error:
        raise console.CommandError(str(error)) from error
    if as_json:
        stamp = {key: value for key, value in vars(run.stamp).items() if key != "database"}
        tables = {name: console.records(table) for name, table in run.tables.items()}
        console.show_json({"run_id": run.run_id, "verdicts": run.verdicts, **stamp, **tables})
        return
    console.say(f"{run.run_id}{', SYNTHETIC persons' if run.stamp.is_synthetic else ''}", "bold")
    for line in (str(run.tables["runs"]["classes"].iloc[0]), *run.verdicts):
        console.say(line)
    for name in SHOWN:
        if name in run.tables:
            table = run.tables[name].drop(columns="run_id")
            rows = [[console.cell(value, 3) for value in row] for row in table.itertuples(index=False, name=None)]
            console.show_table(name, [str(c).replace("_", " ") for c in table.columns], rows)
    console.say(f"Written: results.resistance_* in {results_file(house.database)} (release {run.stamp.release})")
