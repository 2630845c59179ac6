"""`trd correct` and `trd corrections`: repairing a raw cell without touching the file, and what became of it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import typer

from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of
from harmonize.cli.land import StudyArgument, known_study
from harmonize.corrections.enter import Request, enter, withdraw
from harmonize.corrections.ledger import Correction
from harmonize.corrections.replay import FATES, OPEN, replay
from harmonize.sources import studies
from harmonize.trace import described

Text = str | None
COLUMNS = ("form", "row", "column", "before", "after", "reason", "approver")


@command(
    "correct",
    examples=[
        "trd correct dia antidepressant --row 4 --column hamdtl17 --before x4 ...",
        "trd correct stard --from-file corrections.csv",
        "trd correct stard --withdraw 3 --reason 'as on paper' --approver Monitor",
    ],
    fails="refused; nothing has changed",
    panel="Quality",
)
def correct(
    ctx: typer.Context,
    study_id: StudyArgument,
    form: Annotated[Text, typer.Argument(metavar="[FORM]", help="A raw form of the study.")] = None,
    row: Annotated[int | None, typer.Option("--row", min=1, help="Row as a spreadsheet shows the file.")] = None,
    column: Annotated[Text, typer.Option("--column", help="Raw column.")] = None,
    before: Annotated[Text, typer.Option("--before", help="Text the cell holds now; '' for an empty cell.")] = None,
    after: Annotated[Text, typer.Option("--after", help="Text it should hold; '' to empty it.")] = None,
    reason: Annotated[Text, typer.Option("--reason", help="Why, and where that stands.")] = None,
    approver: Annotated[Text, typer.Option("--approver", help="Who approved it.")] = None,
    from_file: Annotated[
        Path | None,
        typer.Option("--from-file", exists=True, dir_okay=False, help=f"CSV with the columns {', '.join(COLUMNS)}."),
    ] = None,
    withdrawn: Annotated[
        int | None, typer.Option("--withdraw", help="Take back the correction of this number.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Enter a correction of a raw cell; the next build replays it.

    Needed are --row, --column, --before, --after, --reason and --approver, or a list of them with --from-file.
    The delivered file stays as it is. --before must be what the cell holds now, after earlier corrections. Of several
    corrections in a file all are entered or none.
    """
    house, study = warehouse_of(ctx), known_study(study_id)
    if withdrawn is not None:
        _no_more({"--row": row, "--column": column, "--before": before, "--after": after, "--from-file": from_file})
        gone = withdraw(withdrawn, house, reason=reason or "", approver=approver or "")
        _show([gone], "Withdrawn", as_json=as_json)
        return
    if from_file is not None:
        _no_more({"--row": row, "--column": column, "--before": before, "--after": after})
        requests = read_requests(from_file)
    else:
        needed = {"FORM": form, "--row": row, "--column": column, "--before": before, "--after": after}
        absent = [n for n, v in {**needed, "--reason": reason, "--approver": approver}.items() if v is None]
        if absent:
            raise typer.BadParameter(f"{', '.join(absent)} needed; or name a list with --from-file")
        assert form is not None
        assert row is not None
        assert column is not None
        console.one_of(form, [f.name for f in study.forms], f"form of {study.name}")
        requests = [Request(form, row, column, before, after, reason or "", approver or "")]
    _show(enter(study, requests, house), "Entered", as_json=as_json)


def read_requests(path: Path) -> list[Request]:
    """The corrections of a CSV file. Raises CommandError with file, row and column."""
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        lacking = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if lacking:
            raise console.CommandError(
                f"the file has no column {', '.join(lacking)}",
                file=path.name,
                remedy=f"Its columns must be {', '.join(COLUMNS)}",
            )
        requests = []
        for line in reader:
            given = {name: line[name] or "" for name in COLUMNS}
            if not given["row"].strip().isdigit():
                raise console.CommandError(
                    "the row is no number",
                    file=path.name,
                    row=reader.line_num,
                    column="row",
                    value=given["row"],
                    remedy="Give the row as a spreadsheet shows the delivered file",
                )
            requests.append(Request(**{**given, "row": int(given["row"])}))  # type: ignore[arg-type]
    return requests


@command(
    "corrections",
    examples=["trd corrections", "trd corrections --study stard --open", "trd corrections --json"],
    fails="with --open: some wait for a decision",
    panel="Quality",
)
def corrections(
    ctx: typer.Context,
    study: Annotated[Text, typer.Option("--study", metavar="STUDY", help="Only this study.")] = None,
    only_open: Annotated[
        bool, typer.Option("--open", help="Only those a person has to decide on; exit code 1 where there are any.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List all corrections and what they come to on the forms that are landed now.

    A correction whose row or text is no more in the delivery is not applied: withdraw it, or enter it again.
    """
    known = studies()
    console.one_of(study, [s.name for s in known], "study")
    found = [described(each) for each in replay(known, warehouse_of(ctx)) if study in (None, each.correction.study)]
    if only_open:
        found = [each for each in found if each["fate"] in OPEN]
    if as_json:
        console.show_json({"corrections": found})
    elif not found:
        console.say("No corrections." if not only_open else "No correction waits for a decision.")
    else:
        columns = ["no", "study", "form", "row", "column", "before", "after", "fate", "reason", "approver", "entered"]
        names = ["correction_id", *columns[1:-1], "entered_at"]
        found = [{**each, "row": each["row"] or f"was {each['entered_row']}"} for each in found]
        rows = [[each[name] for name in names] for each in found]
        console.show_table("corrections", columns, rows)
        for fate in sorted({each["fate"] for each in found}):
            console.say(f"{fate}: {FATES[fate]}")
    if only_open and found:
        raise typer.Exit(1)


def _no_more(given: dict[str, object]) -> None:
    """A usage error where an option is given that does not go with the others."""
    wrong = [name for name, value in given.items() if value is not None]
    if wrong:
        raise typer.BadParameter(f"{', '.join(wrong)} cannot be given with it")


def _show(entries: list[Correction], what: str, *, as_json: bool) -> None:
    if as_json:
        names = ("correction_id", "study", "form", "row", "column", "before", "after", "reason", "approver")
        told = [{n: getattr(e, n) for n in (*names, "entered_at", "event")} for e in entries]
        console.show_json({"entered": told})
        return
    for entry in entries:
        console.say(
            f"{what}: correction {entry.correction_id}, {entry.study}.{entry.form} row {entry.row} {entry.column}"
        )
    console.say("Next: trd build")
