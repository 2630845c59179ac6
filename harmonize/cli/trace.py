"""`trd trace`: the history of a value from the delivered cell to the marts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of
from harmonize.cli.land import known_study
from harmonize.trace import CellTrace, RowFate, opened, rowless, rows_of, trace_cell

Text = str | None


@command(
    "trace",
    examples=[
        "trd trace stard-0123456789abcdef",
        "trd trace stard-0123456789abcdef --form hrsd01",
        "trd trace stard-0123456789abcdef --form hrsd01 --row 17 --column hdtot_r",
        "trd trace stard-0123456789abcdef --form hrsd01 --row 17 --json",
    ],
    fails="nothing is published yet, or there is no such person, row or column",
    panel="Quality",
)
def trace(
    ctx: typer.Context,
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="A pseudonym, <study>-<16 hex digits>.")],
    form: Annotated[Text, typer.Option("--form", help="Only this raw form.")] = None,
    row: Annotated[int | None, typer.Option("--row", min=1, help="Only this row; needs --form.")] = None,
    column: Annotated[Text, typer.Option("--column", help="The whole way of this cell; needs --row.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show where a person's values came from and where they went. Values of a patient are shown.

    Without --column every raw row of the person and what became of it: dropped, refused (by which rule), accepted.
    With --form, --row and --column one cell: as delivered, its corrections, as staged, the mapping rows that read it,
    the gate's verdict, the published rows and the rows of marts that belong to them.
    """
    house = warehouse_of(ctx)
    if (row is not None and form is None) or (column is not None and row is None):
        raise typer.BadParameter("--row needs --form, and --column needs --row")
    study = known_study(subject.rpartition("-")[0])
    console.one_of(form, [f.name for f in study.forms], f"form of {study.name}")
    with opened(house) as connection:
        found = rows_of(connection, study, subject, house)
        lost = rowless(study, subject, house)
        if not found and not lost:
            raise console.CommandError(
                f"no landed row is of {subject}",
                remedy=f'trd sql "select subject_id from cdm.subjects" lists {study.name}',
            )
        found = [r for r in found if form in (None, r.form) and row in (None, r.row)]
        if not found and form is not None:
            raise console.CommandError(
                f"{subject} has no such row in {form}", remedy=f"trd trace {subject} lists the person's rows"
            )
        if column is None:
            _show_rows(subject, found, lost, as_json=as_json)
            return
        assert form is not None
        assert row is not None
        named = study.form(form)
        console.one_of(column, named.column_names, f"column of {study.name}.{form}")
        told = trace_cell(connection, study, named, row, column, house)
    if as_json:
        console.show_json({"subject_id": subject, "form": form, **_plain(told)})
    else:
        _show_cell(subject, form, told)


def _plain(told: CellTrace) -> dict[str, Any]:
    return {name: getattr(told, name) for name in told.__dataclass_fields__}


def _show_rows(subject: str, found: Sequence[RowFate], lost: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        rows = [{n: getattr(r, n) for n in r.__dataclass_fields__} for r in found]
        console.show_json({"subject_id": subject, "rows": rows, "corrections_without_row": lost})
        return
    lines = []
    for each in found:
        corrected = ", ".join(f"{c['correction_id']} ({c['fate']})" for c in each.corrections)
        for block in each.blocks or ({"block": "", "table": "", "fate": "not mapped", "rules": []},):
            by = ", ".join(block["rules"])
            lines.append([each.form, each.row, block["block"], block["table"], block["fate"], by, corrected])
    columns = ["form", "row", "block", "table", "fate", "by", "corrections"]
    console.show_table(f"raw rows of {subject}", columns, lines)
    for each_lost in lost:
        where = f"{each_lost['form']} row {each_lost['entered_row']} {each_lost['column']}"
        console.say(f"correction {each_lost['correction_id']} of {where}: {each_lost['meaning']}", "yellow")
    console.say("Add --form, --row and --column for the way of one cell.")


def _show_cell(subject: str, form: str, told: CellTrace) -> None:
    at = told.delivered
    console.say(f"{subject}: {form} row {at['row']} {at['column']}", "bold")
    console.say(
        f"delivered  {_text(at['text'])}  in {at['file']}, landed {at['landed_at']} (sha256 {at['sha256'][:12]})"
    )
    for each in told.corrections:
        change = f"{_text(each['before'])} → {_text(each['after'])}"
        who = f"{each['reason']}; {each['approver']}, {each['entered_at']}"
        console.say(f"corrected  {change}  no {each['correction_id']}, {each['fate']}: {who}")
    staged = told.staged
    dropped = f"; the row is dropped by {staged['drop_rule']}" if staged["drop_rule"] else ""
    missing = f" (missing: {staged['missing']})" if staged["missing"] else ""
    console.say(f"staged     {_text(staged['value'])}{missing}{dropped}")
    for each in told.mapped:
        target = f"{each['table']}.{each['column']}" if each["column"] else f"rows of {each['table']}"
        value = ", ".join(_text(c) for c in each["candidates"])
        verdict = each["fate"] + (f" by {', '.join(each['rules'])}" if each["rules"] else "")
        console.say(f"mapped     {target} by {each['verb']} {each['arguments']}: {value or 'no row'}  {verdict}")
    for each in told.issues:
        console.say(f"cell issue {each['rule']}: {_text(each['text'])}")
    if not told.mapped:
        console.say("mapped     no mapping row reads this column")
    for each in told.accepted:
        console.say(f"accepted   {each['table']}: {_pairs(each['row'])}")
    for each in told.marts:
        console.say(f"mart       {each['table']}: {_pairs(each['row'])}")
    counts = ", ".join(f"{table} ({n})" for table, n in told.marts_of_person.items())
    if counts:
        console.say(f"marts      rows of the person that rest on these tables too: {counts}")


def _text(value: object) -> str:
    return "(empty)" if value is None else str(value)


def _pairs(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in row.items() if value is not None and name != "subject_id")
