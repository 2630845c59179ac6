"""`trd report` and `trd demo`: the page, and the whole way from files to it."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from harmonize.cli import console
from harmonize.cli.app import command, warehouse_of
from harmonize.cli.build import refusals, run_build, show_build
from harmonize.cli.land import known_study, land_synthetic, land_with_progress, show_landing, write_synthetic
from harmonize.paths import Warehouse, public_data
from harmonize.published import connect

PAGE = "analysis.report.page"
PUBLIC = {"dia": "dia_antidepressant", "riesby": "riesby", "btheb": "btheb"}
"""Real public trials: the study and its folder in the public data."""
TO_TRY = (
    "select study_id, step_id, definition_id, instrument_id, verdict, count(*) as patients from marts.outcomes "
    "where outcome = 'remission' group by all order by all"
)


@command(
    "report",
    examples=["trd report", "trd report --out /tmp/report.html"],
    fails="nothing is published yet, or the page could not be made",
    panel="Results",
)
def report(
    ctx: typer.Context,
    out: Annotated[
        Path | None, typer.Option("--out", dir_okay=False, help="The page. Without it, report/index.html there.")
    ] = None,
) -> None:
    """Write the report from the published file: one page that makes no outside request."""
    house = warehouse_of(ctx)
    console.say(f"Report: {write_page(house, out or house.report / 'index.html')}")


def write_page(warehouse: Warehouse, out: Path) -> Path:
    """Write the page and say where it lies."""
    connect(warehouse).close()
    try:
        page = importlib.import_module(PAGE)
    except ModuleNotFoundError as error:
        if not PAGE.startswith(error.name or "?"):
            raise
        raise console.CommandError(
            f"the report is not part of this installation: there is no module {error.name}",
            remedy="Use a checkout that has it; the numbers can be had with trd sql and trd quarantine",
        ) from error
    out.parent.mkdir(parents=True, exist_ok=True)
    return Path(page.write_report(warehouse.database, out))


@command(
    "demo",
    examples=["trd demo", "trd demo --n 200 --seed 7", "trd --warehouse /tmp/demo demo"],
    fails="a step failed, or the warehouse holds real STAR*D data",
    panel="Results",
)
def demo(
    ctx: typer.Context,
    n: Annotated[int, typer.Option("--n", min=1, help="How many synthetic persons.")] = 4041,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same files.")] = 1,
) -> None:
    """Go the whole way: synthetic STAR*D and the real public trials are landed, built and reported.

    It can be run again: files that are the same are not landed twice.
    """
    house = warehouse_of(ctx)
    _refuse_real(house)
    started = time.monotonic()
    with _step(f"write synthetic STAR*D files, {n} persons, seed {seed}"):
        delivery = house.root / "demo" / "stard"
        done = write_synthetic("stard", delivery, n, seed, faults=False)
        console.say(f"{sum(done['rows'].values())} rows in {len(done['rows'])} files: {delivery}")
    with _step("land STAR*D as SYNTHETIC"):
        show_landing(land_synthetic(known_study("stard"), delivery, house, done))
    _land_public(house)
    with _step("dbt build"):
        _build(house)
    with _step("report"):
        page = write_page(house, house.report / "index.html")
        console.say(str(page))
    console.say(f"\nDone in {time.monotonic() - started:.1f} s.", "bold")
    console.say(f"Report:  {page}")
    console.say(f'Try:     trd sql "{TO_TRY}"')


def _refuse_real(warehouse: Warehouse) -> None:
    from harmonize.landing import current_landings

    real = [form for (study, form), of in current_landings(warehouse).items() if study == "stard" and not of.synthetic]
    if real:
        raise console.CommandError(
            f"the warehouse holds real STAR*D data ({', '.join(sorted(real))}); the demo would overwrite them",
            file=str(warehouse.root),
            remedy="Run it in another warehouse: trd --warehouse /tmp/demo demo",
        )


def _land_public(warehouse: Warehouse) -> None:
    """The real trials, where their files are; says where they were looked for when they are not."""
    folder = public_data()
    for study, name in PUBLIC.items():
        with _step(f"land {study}, a real public trial"):
            if folder is None:
                named = os.environ.get("TRD_PUBLIC_DATA")
                where = f"TRD_PUBLIC_DATA names {named}, which is no folder" if named else "no ../shared/data"
                console.say(f"left out: the public data are not here ({where}); set TRD_PUBLIC_DATA to have them")
            elif not (folder / name).is_dir():
                console.say(f"left out: there is no {folder / name}")
            else:
                found = known_study(study)
                show_landing(land_with_progress(found, folder / name, warehouse, synthetic=False, replace=False))


def _build(warehouse: Warehouse) -> None:
    result = run_build(warehouse)
    show_build(result, refusals(warehouse) if result.published else None)
    if not result.ok:
        raise console.CommandError("dbt build failed; see above", remedy="trd build --full-log shows all that dbt says")


@contextmanager
def _step(what: str) -> Iterator[None]:
    """Says what is done and how long it took."""
    console.say(f"\n== {what}", "bold")
    started = time.monotonic()
    yield
    console.say(f"== {time.monotonic() - started:.1f} s")
