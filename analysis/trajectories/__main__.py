"""`python -m analysis.trajectories WAREHOUSE_FILE …`: the class step without the `trd` command, with its options."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from analysis.results import ResultError
from analysis.trajectories.cohort import CohortError
from analysis.trajectories.enumeration import numbers_of_classes
from analysis.trajectories.errors import DesignError
from analysis.trajectories.items import AskedItem, ItemRun, run_item
from analysis.trajectories.run import Asked, Run, run_trajectories
from analysis.warehouse import WarehouseMissing


def main(
    database: Annotated[Path, typer.Argument(help="The published file, warehouse/trd.duckdb.")],
    population: Annotated[str, typer.Option(help="Population of the plan: trials, mars, all.")] = "trials",
    view: Annotated[str, typer.Option(help="Where the scores are.")] = "marts.trajectory_input",
    study: Annotated[list[str] | None, typer.Option(help="These studies instead of the plan's.")] = None,
    scale: Annotated[str | None, typer.Option(help="Another scale.")] = None,
    k: Annotated[str | None, typer.Option(help="Numbers of classes, 1-6 or 3; plan: 1-6.")] = None,
    family: Annotated[list[str] | None, typer.Option(help="gaussian or censored; plan: both.")] = None,
    baseline_change: Annotated[
        Literal["class", "equal"] | None, typer.Option(help="Effect of the baseline on the change: class, equal.")
    ] = None,
    item: Annotated[str | None, typer.Option(help="A single item by an ordinal model: CGI_S, PGI_I, hrsd_01.")] = None,
    link: Annotated[str, typer.Option(help="Of an item: logit or probit.")] = "logit",
    starts: Annotated[int | None, typer.Option(help="Random starts; plan: 50, up to 400.")] = None,
    bootstraps: Annotated[int | None, typer.Option(help="Refits that try the labels; plan: 200.")] = None,
    plausible: Annotated[int | None, typer.Option(help="Draws of linked scores; plan: 20 for all.")] = None,
    lrt: Annotated[int, typer.Option(help="Replicates of the bootstrap likelihood-ratio test.")] = 0,
    folds: Annotated[int, typer.Option(help="Folds of the predictive likelihood.")] = 0,
    halves: Annotated[int, typer.Option(help="Random divisions into halves.")] = 0,
    jobs: Annotated[int, typer.Option(help="Processes of the bootstrap.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same numbers.")] = 1,
) -> None:
    """Fit, choose and label by the plan, and write results.trajectory_* beside the file."""
    studies = tuple(study) if study else None
    try:
        numbers = numbers_of_classes(k)
        run: Run | ItemRun
        if item:
            wanted = AskedItem(item, population, studies, link, numbers, starts, seed, jobs, lrt, folds, halves)
            run = run_item(database, wanted, _say)
        else:
            asked = Asked(
                population, view, studies, scale, numbers, tuple(family) if family else None,
                starts, bootstraps, seed, jobs, plausible, lrt, folds, halves, baseline_change,
            )  # fmt: skip
            run = run_trajectories(database, asked, _say)
    except (CohortError, DesignError, ResultError, ValueError, WarehouseMissing) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from error
    print(f"{run.run_id}{' (SYNTHETIC)' if run.stamp.is_synthetic else ''}: {run.verdict}")
    for name in ("models", "classes", "halves"):
        if name in run.tables:
            print(run.tables[name].to_string(index=False))


def _say(what: str) -> None:
    print(what, file=sys.stderr)


if __name__ == "__main__":
    typer.run(main)
