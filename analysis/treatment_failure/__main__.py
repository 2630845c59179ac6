"""`python -m analysis.treatment_failure WAREHOUSE_FILE …`: the analysis without the `trd` command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from analysis.trajectories.cohort import CohortError
from analysis.trajectories.errors import DesignError
from analysis.treatment_failure.run import Asked, run
from analysis.warehouse import WarehouseMissing


def main(
    database: Annotated[Path, typer.Argument(help="The published file, warehouse/trd.duckdb.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the page; without it report/ beside the file.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same numbers.")] = 1,
    bootstraps: Annotated[int, typer.Option(help="Refits of labels and of the chain; 0 leaves them out.")] = 0,
    plausible: Annotated[int | None, typer.Option(help="Draws of the link of linked scores; plan: 20.")] = None,
    jobs: Annotated[int, typer.Option(help="Processes.")] = 2,
) -> None:
    """Find treatment failure, ask whether it matters, write the page and results.treatment_failure_*."""
    asked = Asked(seed=seed, replicates=bootstraps, jobs=jobs, plausible=plausible)
    try:
        done = run(database, asked, out or database.parent / "report", lambda what: print(what, file=sys.stderr))
    except (CohortError, DesignError, WarehouseMissing) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from error
    for section in done.sections:
        if section.verdict:
            print(f"{section.title}: {section.verdict}")
    print(done.page)


if __name__ == "__main__":
    typer.run(main)
