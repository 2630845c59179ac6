"""`trd results`: what analyses wrote, from which data and plan, and what of it is outdated."""

from __future__ import annotations

from typing import Annotated

import typer

from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of
from harmonize.paths import Warehouse
from harmonize.published import NotPublishedError
from harmonize.releases.manifest import read_manifest, release_names


@command(
    "results",
    examples=["trd results", "trd results --stale", "trd results --json"],
    fails="with --stale: some are outdated; or nothing is published",
    panel="Releases",
)
def results(
    ctx: typer.Context,
    stale: Annotated[bool, typer.Option("--stale", help="Only outdated ones; exit code 1 if any.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the results of analyses: their release, plan, seed, and whether data or plan are others by now.

    A result is outdated when a landed file, a correction or a published row of its studies has changed since, or the
    analysis plan. Names are of frozen releases that hold the same data.
    """
    from analysis.results_list import listed

    house = warehouse_of(ctx)
    if not house.database.exists():
        raise NotPublishedError(f"nothing is published yet: there is no {house.database}", remedy="Run trd build")
    found = listed(house.database, frozen_data(house))
    if stale:
        found = [each for each in found if each.stale]
    if as_json:
        console.show_json({"results": found})
    elif not found:
        console.say("No results are outdated." if stale else "No results yet.")
    else:
        rows = [
            [
                each.name,
                each.n_rows,
                ", ".join(each.studies),
                ", ".join(each.frozen) or each.release,
                (each.plan_hash or "none")[:12],
                each.seed,
                "SYNTHETIC" if each.is_synthetic else "real",
                "; ".join(each.stale) or "current",
            ]
            for each in found
        ]
        columns = ["result", "rows", "studies", "release", "plan", "seed", "data", "state"]
        console.show_table("results", columns, rows)
    if stale and found:
        raise typer.Exit(1)


def frozen_data(warehouse: Warehouse) -> dict[str, dict[str, str]]:
    """What each release was made from, as the results name it."""
    return {name: read_manifest(warehouse.releases / name).data for name in release_names(warehouse)}
