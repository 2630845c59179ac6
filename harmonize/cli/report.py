"""`trd report` and `trd demo`: the page, and the whole way from files to it."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from harmonize.cli import console
from harmonize.cli.app import command, warehouse_of
from harmonize.cli.build import refusals, run_build, show_build
from harmonize.cli.land import land_synthetic, land_with_progress, show_landing, synthetic_study, write_synthetic
from harmonize.paths import Warehouse, public_data
from harmonize.published import connect
from harmonize.sources import Study, studies

PAGE = "analysis.report.page"
TO_TRY = (
    "select study_id, treatment_class, exit_kind, count(*) as patients, round(avg(weeks_on_treatment), 1) as weeks "
    "from marts.first_line group by all order by all"
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
    """Write the report from the published file, and its definitions beside it: pages that make no outside request."""
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


@dataclass
class _Parts:
    """The parts of a demo: says what is done and how long it took, and remembers it."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, what: str) -> Iterator[None]:
        """One part, announced and timed."""
        console.say(f"\n== {what}", "bold")
        started = time.monotonic()
        yield
        self.seconds[what] = time.monotonic() - started
        console.say(f"== {self.seconds[what]:.1f} s")


@command(
    "demo",
    examples=["trd demo", "trd demo --n 200 --seed 7", "trd --warehouse /tmp/demo demo"],
    fails="a step failed, or the warehouse holds real data of its studies",
    panel="Results",
)
def demo(
    ctx: typer.Context,
    n: Annotated[
        int | None, typer.Option("--n", min=1, help="Persons of each synthetic study; without it as many as enrolled.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same files.")] = 1,
) -> None:
    """Go the whole way: synthetic studies and the real public trials are landed, built and reported.

    It can be run again: files that are the same are not landed twice.
    """
    from harmonize.synthetic.studies import available

    house = warehouse_of(ctx)
    written = [found for found in studies() if found.name in available()]
    _refuse_real(house, written)
    parts = _Parts()
    for found in written:
        persons = n or synthetic_study(found.name).N
        delivery = house.root / "demo" / found.name
        with parts.part(f"write synthetic {found.title} files, {persons} persons, seed {seed}"):
            done = write_synthetic(found.name, delivery, persons, seed)
            console.say(f"{sum(done['rows'].values())} rows in {len(done['rows'])} files: {delivery}")
        with parts.part(f"land {found.title} as SYNTHETIC"):
            show_landing(land_synthetic(found, delivery, house, done))
    for found in studies():
        if found.public_folder:
            with parts.part(f"land {found.title}, real public data"):
                _land_public(found, found.public_folder, house)
    with parts.part("dbt build"):
        _build(house)
    with parts.part("report"):
        page = write_page(house, house.report / "index.html")
        console.say(str(page))
    console.say("")
    console.show_table("", ["part", "s"], [[what, f"{s:.1f}"] for what, s in parts.seconds.items()])
    console.say(f"Done in {sum(parts.seconds.values()):.1f} s.", "bold")
    console.say(f"Report:  {page}")
    console.say(f'Try:     trd sql "{TO_TRY}"')


def _refuse_real(warehouse: Warehouse, written: list[Study]) -> None:
    from harmonize.landing import current_landings

    titles = {found.name: found.title for found in written}
    real = [(study, form) for (study, form), of in current_landings(warehouse).items() if not of.synthetic]
    found = sorted(f"{study}.{form}" for study, form in real if study in titles)
    if found:
        named = sorted({titles[study] for study, _ in real if study in titles})
        raise console.CommandError(
            f"the warehouse holds real data of {', '.join(named)} ({', '.join(found)}); the demo would overwrite them",
            file=str(warehouse.root),
            remedy="Run it in another warehouse: trd --warehouse /tmp/demo demo",
        )


def _land_public(study: Study, name: str, warehouse: Warehouse) -> None:
    """A real trial, where its files are; says where they were looked for when they are not."""
    folder = public_data()
    if folder is None:
        named = os.environ.get("TRD_PUBLIC_DATA")
        where = f"TRD_PUBLIC_DATA names {named}, which is no folder" if named else "no ../shared/data"
        console.say(f"left out: the public data are not here ({where}); set TRD_PUBLIC_DATA to have them")
    elif not (folder / name).is_dir():
        console.say(f"left out: there is no {folder / name}")
    else:
        show_landing(land_with_progress(study, folder / name, warehouse, synthetic=False, replace=False))


def _build(warehouse: Warehouse) -> None:
    result = run_build(warehouse)
    show_build(result, refusals(warehouse) if result.published else None)
    if not result.ok:
        raise console.CommandError("dbt build failed; see above", remedy="trd build --full-log shows all that dbt says")
