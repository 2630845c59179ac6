"""`trd new-study` and `trd check-study`."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of

Pairs = list[str] | None


@command(
    "new-study",
    examples=[
        "trd new-study mystudy data/*.csv --dry-run",
        "trd new-study mystudy scores.csv --title 'My study'",
        "trd new-study mystudy scores.csv --id patnr --time V1=0 --force",
        "trd new-study mystudy scores.csv --instrument hamd=HRSD21 --force",
    ],
    fails="a file cannot be read, or the study is there already",
    ok="the draft is written (or, with --dry-run, shown)",
    panel="A new study",
)
def new_study(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Short name: lower-case letters, digits and _, from a letter.")],
    files: Annotated[
        list[Path], typer.Argument(help="The study's files as delivered; a dictionary may be among them.")
    ],
    title: Annotated[str | None, typer.Option(help="Name for people.")] = None,
    identity: Annotated[str | None, typer.Option("--id", help="The column that names the person.")] = None,
    visit: Annotated[str | None, typer.Option(help="The column with the visit's label.")] = None,
    day: Annotated[str | None, typer.Option(help="The column with days (or weeks, months) from the start.")] = None,
    time: Annotated[Pairs, typer.Option(help="LABEL=DAY: the day of a visit label or of a time in names.")] = None,
    sex: Annotated[Pairs, typer.Option(help="CODE=female or CODE=male: what a code of sex means.")] = None,
    instrument: Annotated[Pairs, typer.Option(help="NAME=ID: the scale (reference.scales) that a name means.")] = None,
    ignore: Annotated[Pairs, typer.Option(help="COLUMN to land and leave unmapped.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the files of a study of this name.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would be written.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at the files of a study and write a draft of its sources file, mapping document and study rows.

    What can be read in two ways is said with the way that was taken; what cannot be decided is marked `todo`.
    The options are answers: run again with them and --force.
    """
    from harmonize.draft import make_draft
    from harmonize.draft_files import counts, draft_files, shown, standing, write_draft
    from harmonize.profile_roles import Answers

    warehouse_of(ctx)
    _check_name(name)
    there = standing(name)
    if there and not (force or dry_run):
        raise console.CommandError(
            f"the study {name} is there already: {', '.join(shown(p) for p in there)}",
            remedy="Choose another name, look with --dry-run, or replace its files with --force",
        )
    days = {label: _day(label, value) for label, value in _pairs(time, "--time LABEL=DAY")}
    sexes = dict(_pairs(sex, "--sex CODE=MEANING"))
    answers = Answers(
        identity, visit, day, sexes, days, dict(_pairs(instrument, "--instrument NAME=ID")), tuple(ignore or ())
    )
    draft = make_draft(name, files, answers, title)
    named = [("--id", identity), ("--visit", visit), ("--day", day), *(("--ignore", c) for c in ignore or ())]
    _check_columns(draft.tables, named)
    texts = draft_files(draft)
    if not dry_run:
        write_draft(texts, there)
    summary = counts(draft)
    if as_json:
        console.show_json(
            {
                "study": name,
                "written": not dry_run,
                "files": {shown(p): t if dry_run else None for p, t in texts.items()},
                "counts": summary,
                "notes": [asdict(n) for n in draft.notes],
            }
        )
        return
    _show(draft, texts, summary, dry_run)


def _show(draft: Any, texts: dict[Path, str], summary: dict[str, int], dry_run: bool) -> None:
    from harmonize.draft_files import shown

    for form in ["", *(t.form for t in draft.tables)]:
        mine = [n for n in draft.notes if n.form == form and not n.todo]
        if mine:
            console.say(form or "all files", "bold")
        for note in mine:
            console.say(f"  {note.text}")
    undecided = [n for n in draft.notes if n.todo]
    if undecided:
        console.say("Not decided", "bold red")
    for note in undecided:
        console.say(f"  todo  {note.form}: {note.text}" if note.form else f"  todo  {note.text}", "red")
        console.say(f"        {note.remedy}")
    blocks = [[b.name, b.entity, b.form, b.n_unpivot] for b in draft.blocks]
    console.show_table("Blocks", ["block", "table", "form", "columns, times or items"], blocks)
    for path in texts:
        console.say(f"{'would write' if dry_run else 'written'}  {shown(path)}")
    console.say(", ".join(f"{n} {what}" for what, n in summary.items()))
    if not dry_run:
        console.say(f"Next: trd check-study {draft.study}, trd compile, trd land {draft.study} FOLDER, trd build")


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", name) or "__" in name or name in ("shared", "sql"):
        raise typer.BadParameter(
            f"{name!r} is no name of a study: lower-case letters, digits and single _, from a letter; not shared or sql"
        )


def _pairs(given: Pairs, form: str) -> list[tuple[str, str]]:
    found = []
    for text in given or []:
        left, equals, right = text.rpartition("=")
        if not equals or not left.strip() or not right.strip():
            raise typer.BadParameter(f"{text!r} is not of the form {form}")
        found.append((left.strip(), right.strip()))
    return found


def _day(label: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise typer.BadParameter(f"--time {label}={value}: {value!r} is not a whole number of days") from None


def _check_columns(tables: list[Any], named: list[tuple[str, str | None]]) -> None:
    for option, column in named:
        if column and all(t.column(column) is None for t in tables):
            listed = ", ".join(c.delivered for t in tables for c in t.columns)
            raise typer.BadParameter(f"{option} {column}: no file has such a column. There are {listed}")


@command(
    "check-study",
    examples=["trd check-study btheb", "trd check-study btheb --json"],
    fails="something blocks: the study is not complete without it",
    ok="nothing blocks; what is listed is worth a look",
    panel="A new study",
)
def check_study(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The study.")],
    as_json: JsonOption = False,
) -> None:
    """Say what a study still needs, with the file and row to edit.

    Looks at its sources file, mapping document, study rows, and at the values that were landed.
    """
    from harmonize import check_study as checks

    house = warehouse_of(ctx)
    try:
        found = checks.check_study(name, house)
    except KeyError as error:
        raise typer.BadParameter(str(error.args[0])) from None
    blocking = [f for f in found if f.blocks]
    if as_json:
        console.show_json({"study": name, "complete": not blocking, "findings": found})
    else:
        for finding in found:
            place = finding.file + (f", row {finding.row}" if finding.row else "")
            column = f" ({finding.column})" if finding.column else ""
            style = "red" if finding.blocks else "yellow"
            console.say(f"{'blocks' if finding.blocks else 'look at'}  {place}{column}: {finding.problem}", style)
            console.say(f"         {finding.remedy}")
        console.say(f"{name}: {len(blocking)} block, {len(found) - len(blocking)} to look at")
    if blocking:
        raise typer.Exit(1)
