"""`trd dictionary` and `trd checks`: what everything is, where it comes from, whether the data are as they should."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of
from harmonize.published import connect


@command(
    "dictionary",
    examples=["trd dictionary", "trd dictionary --out /tmp/dictionary"],
    fails="nothing is published yet, or the pages could not be made",
    panel="Results",
)
def dictionary(
    ctx: typer.Context,
    out: Annotated[
        Path | None, typer.Option("--out", file_okay=False, help="The folder. Without it, report/dictionary there.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the data dictionary: offline pages and CSV.

    Every table, column and code list, with form, columns, verb, comment and reference in each study, missing reasons,
    tests and first release; the coverage matrix; and a page for each data quality check.
    """
    from harmonize.dictionary import site

    house = warehouse_of(ctx)
    folder = out or house.report / "dictionary"
    with connect(house) as connection:
        found = site.gather(connection, house)
    n_files = site.write(found, folder)
    if as_json:
        console.show_json(
            {
                "folder": str(folder), "files": n_files, "tables": len(found.tables),
                "columns": sum(len(t.columns) for t in found.tables), "mapping_rows": len(found.origins),
                "checks": len({r.check.name for r in found.results}), "synthetic": found.synthetic,
            }
        )  # fmt: skip
        return
    console.say(f"Dictionary: {folder / 'index.html'} ({n_files} files)")


@command(
    "checks",
    examples=["trd checks", "trd checks --study stard --all", "trd checks --json"],
    fails="a check failed, nothing is published yet, or a threshold cannot be read",
    ok="no check failed",
    panel="Quality",
)
def checks(
    ctx: typer.Context,
    study: Annotated[str | None, typer.Option("--study", metavar="STUDY", help="Only this study.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also the checks that passed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Hold the published data against the thresholds of seeds/reference/check_thresholds.csv.

    The file is read as it stands: a changed threshold needs no build.
    """
    from harmonize.dictionary.checks import VERDICTS, CheckError, results

    with connect(warehouse_of(ctx)) as connection:
        try:
            found = results(connection)
        except CheckError as error:
            raise console.CommandError(error.problem, remedy=error.remedy, **error.fields) from error
    if study is not None:
        console.one_of(study, sorted({r.study_id for r in found}), "study")
        found = [r for r in found if r.study_id == study]
    tally = Counter(r.verdict for r in found)
    rows = [
        {
            "check": r.check.name, "study": r.study_id, "verdict": r.verdict, "n_found": r.n_found,
            "n_checked": r.n_checked, "max_pct": r.max_pct,
        }
        for r in found
    ]  # fmt: skip
    if as_json:
        console.show_json({"checks": rows, "verdicts": {v: tally[v] for v in VERDICTS}})
    else:
        shown = [list(row.values()) for row in rows if every or row["verdict"] == "failed"]
        if shown:
            console.show_table("checks", list(rows[0]), shown)
        console.say(", ".join(f"{tally[v]} {v}" for v in VERDICTS) + ". trd dictionary writes a page for each.")
    if tally["failed"]:
        raise typer.Exit(1)
