"""`trd disclose`: nothing leaves that could tell of a person."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of


@command(
    "disclose",
    examples=["trd disclose", "trd disclose /tmp/for-the-paper", "trd disclose --minimum 10 --json"],
    fails="something was found, or a file cannot be read",
    ok="nothing was found",
    panel="Quality",
)
def disclose(
    ctx: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            exists=True, help="Files and folders that are to leave. Without it, all that the warehouse has."
        ),
    ] = None,
    minimum: Annotated[
        int | None,
        typer.Option("--minimum", min=1, help="Smallest count that may be shown. Without it TRD_MIN_CELL, else 5."),
    ] = None,
    persons: Annotated[
        bool, typer.Option("--persons", help="The paths hold rows of persons for who may have them: no look at counts.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Look through all that leaves: small counts, calendar dates, keys, pseudonyms, requests to the outside.

    Without a path: report/, exports/, the results of analyses, and the releases, in which rows of persons are meant to
    be but dates and keys are not. What is found is named by its place, never repeated.
    """
    from analysis.report.disclosure import minimum_count
    from harmonize.disclosing.rules import KINDS, REMEDIES, rules_of
    from harmonize.disclosing.scan import Place, places, scan

    house = warehouse_of(ctx)
    try:
        rules = rules_of(house, minimum_count(minimum))
    except ValueError as error:
        raise console.CommandError(str(error), remedy="Set TRD_MIN_CELL to a whole number") from error
    where = [Place(p, persons) for p in paths] if paths else places(house)
    files: list[Path] = []
    found = list(scan(where, rules, files.append))
    tally = Counter(f.kind for f in found)
    if as_json:
        console.show_json(
            {
                "findings": [{**vars(f), "remedy": REMEDIES[f.kind]} for f in found],
                "files": len(files), "kinds": {k: tally[k] for k in KINDS}, "minimum": rules.minimum,
            }
        )  # fmt: skip
    else:
        if found:
            console.show_table(
                "must not leave", ["file", "kind", "where", "what"], [list(vars(f).values()) for f in found]
            )
            for kind in KINDS:
                if tally[kind]:
                    console.say(f"{tally[kind]} × {kind}: {KINDS[kind]}. {REMEDIES[kind]}.")
        looked = ", ".join(str(p.path) for p in where) or "nothing that leaves is there yet"
        console.say(f"{len(files)} files looked into ({looked}), {len(found)} findings; minimum {rules.minimum}.")
    if found:
        raise typer.Exit(1)
