"""`trd facts`: what the delivered files say of their own columns."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of
from harmonize.readers.facts import ColumnFacts, facts_of
from harmonize.sources import studies


@command(
    "facts",
    examples=["trd facts ispotd", "trd facts ispotd clinical --json"],
    fails="a landed file cannot be read",
    panel="Quality",
)
def facts(
    ctx: typer.Context,
    study: Annotated[str, typer.Argument(metavar="STUDY", help="A study that was landed.")],
    form: Annotated[str | None, typer.Argument(metavar="[FORM]", help="One of its forms; without it, all.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what landed files say of their columns: labels, value labels, declared missing codes, formats.

    They are kept as the file has them and never interpreted: the sources file decides. Text files say nothing.
    """
    known = {found.name: found for found in studies()}
    console.one_of(study, known, "study")
    forms = [f.name for f in known[study].forms]
    console.one_of(form, forms, f"form of {study}")
    raw = warehouse_of(ctx).raw / study
    found = {name: facts_of(raw / f"{name}.parquet") for name in forms if form in (None, name)}
    if as_json:
        console.show_json({"study": study, "forms": {n: asdict(of) if of else None for n, of in found.items()}})
        return
    for name, of in found.items():
        if of is None or not of.columns:
            console.say(f"{study}.{name}: the file says nothing of its columns, or is not landed.")
            continue
        rows = [_row(column) for column in of.columns]
        columns = ["column", "label", "stored as", "value labels", "declared missing (cells)"]
        console.show_table(f"{study}.{name}: {of.kind}", columns, rows)
        for remark in (*of.notes, *of.remarks):
            console.say(remark)


def _row(column: ColumnFacts) -> list[str | None]:
    stored = " ".join(filter(None, (column.storage, column.format, column.date)))
    labels = "; ".join(f"{value} = {label}" for value, label in column.value_labels.items())
    missing = "; ".join(str(declared) for declared in column.missing)
    seen = ", ".join(f"{value}: {n}" for value, n in column.missing_seen.items())
    return [column.name, column.label, stored, labels, f"{missing} ({seen})" if seen else missing]
