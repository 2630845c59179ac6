"""`python -m analysis.biomarkers WAREHOUSE_FILE …`: aim D without the `trd` command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from analysis.biomarkers.run import Asked, run_biomarker
from analysis.genetics.errors import GeneticsError
from analysis.results import ResultError
from analysis.trajectories.cohort import CohortError
from analysis.trajectories.errors import DesignError
from analysis.trajectories.inference import InferenceError
from analysis.warehouse import WarehouseMissing


def main(
    database: Annotated[Path, typer.Argument(help="The published file, warehouse/trd.duckdb.")],
    weights: Annotated[
        Path | None, typer.Option(help="Weights file of the score (PGS Catalog, or rsid and weight).")
    ] = None,
    scores: Annotated[Path | None, typer.Option(help="Or a table: subject_id, score, PC1 …")] = None,
    outcome: Annotated[str, typer.Option(help="tf, q, or a definition such as remission_qids_5.")] = "tf",
    study: Annotated[list[str] | None, typer.Option(help="Studies, each by itself and pooled; default stard.")] = None,
    draw_week: Annotated[float | None, typer.Option(help="Week in which blood was drawn, where known.")] = None,
    ancestry: Annotated[str | None, typer.Option(help="Condition on the target, race == 'white'.")] = None,
    missing: Annotated[str, typer.Option(help="category, complete, impute or refuse.")] = "category",
    bootstraps: Annotated[int, typer.Option(help="Refits of the whole chain.")] = 0,
    shuffles: Annotated[int | None, typer.Option(help="Sign-shuffled scores; plan: 200.")] = None,
    in_derivation: Annotated[bool, typer.Option(help="Test also where the score was derived; marked.")] = False,
    seed: Annotated[int, typer.Option(help="The same seed gives the same numbers.")] = 1,
) -> None:
    """Estimate, and write results.biomarker_* beside the file."""
    asked = Asked(
        weights=weights, scores=scores, outcome=outcome, studies=tuple(study or ("stard",)), draw_week=draw_week,
        ancestry=ancestry, missing=missing, replicates=bootstraps, shuffles=shuffles, in_derivation=in_derivation,
        seed=seed,
    )  # fmt: skip
    try:
        run = run_biomarker(database, asked, lambda what: print(what, file=sys.stderr))
    except (CohortError, DesignError, InferenceError, GeneticsError, ResultError, WarehouseMissing) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from error
    print(f"{run.run_id}{' (SYNTHETIC)' if run.stamp.is_synthetic else ''}: {run.verdict}")
    for name in ("flow", "effects", "sensitivity"):
        print(run.tables[name].drop(columns="run_id").to_string(index=False))


if __name__ == "__main__":
    typer.run(main)
