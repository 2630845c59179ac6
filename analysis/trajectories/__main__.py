"""`python -m analysis.trajectories WAREHOUSE_FILE …`: the class step without the `trd` command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from analysis.trajectories.cohort import CohortError
from analysis.trajectories.errors import DesignError
from analysis.trajectories.run import Asked, run_trajectories
from analysis.warehouse import WarehouseMissing


def main(
    database: Annotated[Path, typer.Argument(help="The published file, warehouse/trd.duckdb.")],
    population: Annotated[str, typer.Option(help="Population of the plan: trials, mars, all.")] = "trials",
    view: Annotated[str, typer.Option(help="Where the scores are.")] = "marts.trajectory_input",
    seed: Annotated[int, typer.Option(help="The same seed gives the same numbers.")] = 1,
    bootstraps: Annotated[int | None, typer.Option(help="Refits that try the labels; plan: 200.")] = None,
) -> None:
    """Fit, choose and label by the plan, and write results.trajectory_* beside the file."""
    asked = Asked(population=population, view=view, seed=seed, replicates=bootstraps)
    try:
        run = run_trajectories(database, asked, lambda what: print(what, file=sys.stderr))
    except (CohortError, DesignError, WarehouseMissing) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from error
    print(f"{run.run_id}{' (SYNTHETIC)' if run.stamp.is_synthetic else ''}: {run.verdict}")
    for name in ("models", "classes"):
        if name in run.tables:
            print(run.tables[name].to_string(index=False))


if __name__ == "__main__":
    typer.run(main)
