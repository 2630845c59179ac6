"""`trd compile` and `trd build`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from harmonize.build import BuildResult, Event, Failure, dbt_build, is_building
from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of
from harmonize.paths import REPO, Warehouse
from harmonize.published import connect

REFUSED = """
    select study_id, count(*) as n
    from (select distinct study_id, entity, src_form, src_row, block, slot_no from quality.quarantine)
    group by study_id order by study_id
"""
CELLS = "select study_id, count(*) as n from quality.cell_issues group by study_id order by study_id"
ChoiceOption = list[str] | None


@command(
    "compile",
    examples=["trd compile", "trd compile --check", "trd compile --json"],
    fails="a document is wrong, or with --check a file is stale",
)
def compile_(
    ctx: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; list the files that are stale.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the generated dbt files from sources files, mapping documents and schemas."""
    warehouse_of(ctx)
    from harmonize import compiler

    if check:
        _show_stale([str(path.relative_to(REPO)) for path in compiler.stale()], as_json)
        return
    written, removed = ([str(path.relative_to(REPO)) for path in paths] for paths in compiler.write_all())
    if as_json:
        console.show_json({"written": written, "removed": removed})
        return
    for what, paths in (("written", written), ("removed", removed)):
        for path in paths:
            console.say(f"{what}  {path}")
    console.say(f"{len(written)} written, {len(removed)} removed" if written or removed else "All files are fresh.")


def _show_stale(stale: list[str], as_json: bool) -> None:
    remedy = "Run trd compile and commit what it writes; never edit these files by hand"
    if as_json:
        console.show_json({"fresh": not stale, "stale": stale, "remedy": remedy if stale else None})
    elif stale:
        for path in stale:
            console.say(f"stale  {path}", "red")
        console.say(f"{len(stale)} stale. {remedy}.")
    else:
        console.say("All files are fresh.")
    if stale:
        raise typer.Exit(1)


@command(
    "build",
    examples=["trd build", "trd build --threads 4", "trd build --select 'stg_stard__hrsd01+'", "trd build --json"],
    fails="dbt failed, or nothing was chosen; the published file is as it was",
    ok="dbt was green; a full build is published, a partial one never",
)
def build(
    ctx: typer.Context,
    select: Annotated[ChoiceOption, typer.Option("--select", "-s", help="Only these nodes (dbt's syntax).")] = None,
    exclude: Annotated[ChoiceOption, typer.Option("--exclude", help="All but these nodes.")] = None,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="Threads of dbt and DuckDB.")] = None,
    full_log: Annotated[
        bool, typer.Option("--full-log", help="All that dbt says, on stderr; may quote values of patients.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run dbt build, and publish when all of it was green.

    Rows that break a rule never fail a build: they are refused, and counted here by study.
    """
    house = warehouse_of(ctx)
    result = run_build(house, select=select or [], exclude=exclude or [], threads=threads, full_log=full_log)
    counts = refusals(house) if result.published else None
    if as_json:
        console.show_json({**console.plain(result), **(counts or {})})
    else:
        show_build(result, counts)
    if not result.ok:
        raise typer.Exit(1)


def run_build(
    warehouse: Warehouse,
    *,
    select: list[str] | None = None,
    exclude: list[str] | None = None,
    threads: int | None = None,
    full_log: bool = False,
) -> BuildResult:
    """Build with progress on stderr. Raises CommandError when another build is at work."""
    if is_building(warehouse):
        raise console.CommandError(
            "another build is working in this warehouse",
            file=str(warehouse.next),
            remedy="Wait until it has ended; trd status shows whether it has",
        )
    with _following(full_log) as on_event:
        return dbt_build(warehouse, select=select or [], exclude=exclude or [], threads=threads, on_event=on_event)


@contextmanager
def _following(full_log: bool) -> Iterator[Callable[[Event], None]]:
    """Shows events: a bar with the nodes at work on a terminal, else one line for the plan and each failure."""
    running: list[str] = []
    with console.node_progress() as bar:
        task = bar.add_task("dbt reads the project", total=None)

        def show(event: Event) -> None:
            if full_log and event.text:
                console.note(event.text) if bar.disable else bar.console.print(event.text, markup=False)
            if event.kind == "plan":
                bar.update(task, total=event.total)
                if bar.disable and not full_log:
                    console.note(f"dbt build: {console.counted(event.total, 'node')}")
            elif event.kind == "start":
                running.append(event.node)
            elif event.kind == "finish":
                if event.node in running:
                    running.remove(event.node)
                bar.advance(task)
                bar.update(task, total=max(bar.tasks[0].total or 0, bar.tasks[0].completed))
                if event.status in ("error", "fail", "runtime error") and not full_log:
                    bar.console.print(f"failed: {event.node}", style="red", markup=False)
            bar.update(task, description=console.shortened(running[-1]) if running else "…")

        yield show


def refusals(warehouse: Warehouse) -> dict[str, Any]:
    """Refused rows and cell issues by study, from the published file."""
    with connect(warehouse) as connection:
        return {
            "refused_rows": dict(connection.execute(REFUSED).fetchall()),
            "cell_issues": dict(connection.execute(CELLS).fetchall()),
        }


def show_build(result: BuildResult, counts: dict[str, Any] | None) -> None:
    """A build for people."""
    for failure in result.failures:
        _show_node(failure, "red")
    for warning in result.warnings:
        _show_node(warning, "yellow")
    total = sum(result.nodes.values())
    by_status = ", ".join(f"{n} {status}" for status, n in result.nodes.items())
    console.say(f"{console.counted(total, 'node')} in {result.seconds} s{': ' + by_status if by_status else ''}")
    console.say(("Published: " if result.published else "Not published: ") + result.reason)
    if counts is None:
        return
    studies = sorted({*counts["refused_rows"], *counts["cell_issues"]})
    if studies:
        rows = [[s, counts["refused_rows"].get(s, 0), counts["cell_issues"].get(s, 0)] for s in studies]
        console.show_table("", ["study", "refused rows", "cell issues"], rows)
        console.say("Which and why: trd quarantine, trd quarantine --cells")
    else:
        console.say("No row was refused and every cell could be used.")


def _show_node(failure: Failure, style: str) -> None:
    console.say(f"{failure.status}: {failure.kind} {failure.node}{f' ({failure.path})' if failure.path else ''}", style)
    for line in failure.message.splitlines():
        console.say(f"    {line}")


def terminal() -> bool:
    """Whether a person sits at both ends."""
    return sys.stdin.isatty() and sys.stdout.isatty()
