"""`trd release`, `trd verify` and `trd diff`: freezing what is published, proving it unchanged, and what differs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of
from harmonize.paths import Warehouse
from harmonize.releases.compare import Side, TableDiff, changed_rows, compare
from harmonize.releases.expect import Expected, Verdict, judge, read_expected
from harmonize.releases.freeze import EXPECTED, freeze, write_tables
from harmonize.releases.manifest import Manifest, read_manifest, release_folder, release_names
from harmonize.releases.verify import verify

PUBLISHED = "published"
"""In the place of a release's name: what is published now."""
ExpectOption = Annotated[
    Path | None,
    typer.Option("--expect", exists=True, dir_okay=False, help="CSV of declared changes; see docs/releases.md."),
]


@command(
    "release",
    examples=[
        "trd release 2026-11",
        "trd release 2026-12 --since 2026-11 --expect expected.csv",
        "trd release 2026-11 --stata --no-csv",
    ],
    fails="not frozen: the name is taken or a change was not declared",
    panel="Releases",
)
def release(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower case letters, digits, points, hyphens.")],
    csv: Annotated[bool, typer.Option("--csv/--no-csv", help="Also every table as CSV.")] = True,
    with_stata: Annotated[bool, typer.Option("--stata", help="Also every table as a labelled Stata file.")] = False,
    since: Annotated[str | None, typer.Option("--since", help="The release before; needs --expect.")] = None,
    expect: ExpectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Freeze what is published: every table of cdm, marts and reference, with a data package and hashes.

    The same tables give the same content hash. A release is never changed. With --since and --expect nothing is frozen
    unless all that differs from the release before was declared.
    """
    house = warehouse_of(ctx)
    if (since is None) != (expect is None):
        raise typer.BadParameter("--since and --expect belong together")
    if since is not None and expect is not None:
        with _side(house, since) as before, _side(house, PUBLISHED) as after:
            diffs = compare(before, after)
        verdict = judge(diffs, read_expected(expect))
        if not verdict.agrees:
            raise console.CommandError(
                f"{_counted(verdict)} against {since}; nothing is frozen",
                file=str(expect),
                remedy=f"trd diff {since} {PUBLISHED} --expect {expect} shows them",
            )
    with console.node_progress() as bar:
        task = bar.add_task("…", total=None)
        manifest, made = freeze(
            house,
            name,
            csv=csv,
            with_stata=with_stata,
            since=since,
            expected=expect,
            say=lambda what: bar.update(task, description=what, advance=1),
        )
    folder = house.releases / name
    if as_json:
        console.show_json({"release": manifest.name, "content": manifest.content, "made": made, "folder": folder})
        return
    mark = ", SYNTHETIC" if manifest.synthetic else ""
    rows = sum(table.rows for table in manifest.tables)
    console.say(f"{'Frozen' if made else 'Unchanged, frozen before'}: {name}{mark}", "bold")
    console.say(f"content  {manifest.content}")
    console.say(f"tables   {len(manifest.tables)}, {console.counted(rows, 'row')}")
    console.say(f"folder   {folder}")
    for note in notes(manifest):
        console.say(note, "yellow")


def notes(manifest: Manifest) -> list[str]:
    """What a person should know before a release is handed on."""
    found = []
    waiting = sum(n for fate, n in manifest.corrections.items() if fate in ("conflict", "row_gone", "row_unclear"))
    if waiting:
        found.append(f"{console.counted(waiting, 'correction')} not applied; see trd corrections --open")
    if manifest.code["changed"]:
        found.append("The code differs from its revision: commit first, so that the release can be made again")
    return found


@command(
    "verify",
    examples=["trd verify 2026-11", "trd verify", "trd verify 2026-11 --json"],
    fails="a file was changed, is missing or was added",
    ok="every file is as it was frozen",
    panel="Releases",
)
def verify_command(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A release; without it, all.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Prove a release unchanged: hash every file again and compare with the sealed manifest."""
    house = warehouse_of(ctx)
    folders = [release_folder(house, name)] if name else [house.releases / each for each in release_names(house)]
    found = [verify(folder) for folder in folders]
    if as_json:
        console.show_json({"releases": found})
    else:
        rows = [
            [v.release, (v.content or "")[:16], v.n_files, "unchanged" if not v.findings else "NOT AS FROZEN"]
            for v in found
        ]
        console.show_table("releases", ["release", "content", "files", "verdict"], rows)
        for each in found:
            for finding in each.findings:
                console.say(f"{each.release}: {finding.file}: {finding.what}", "red")
    if any(v.findings for v in found):
        raise typer.Exit(1)


@command(
    "diff",
    examples=[
        "trd diff 2026-11 2026-12",
        "trd diff 2026-11 published --expect expected.csv",
        "trd diff 2026-11 2026-12 --rows cdm.scales --json",
    ],
    fails="a change was not declared, or a declared one is missing",
    ok="done; with declared changes: all is as declared",
    panel="Releases",
)
def diff(
    ctx: typer.Context,
    before: Annotated[str, typer.Argument(metavar="A", help="A release.")],
    after: Annotated[str, typer.Argument(metavar="B", help="A later one, or published for what is published now.")],
    expect: ExpectOption = None,
    rows: Annotated[
        str | None, typer.Option("--rows", metavar="TABLE", help="The rows and cells of one table that differ.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="At most so many with --rows; 0 is all.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Show what differs: rows added, removed and changed, per table and column.

    Without --expect the changes declared when B was frozen against A are used, where there are any. With --rows
    values of patients are shown.
    """
    house = warehouse_of(ctx)
    with _side(house, before) as old, _side(house, after) as new:
        if rows is not None:
            columns, found = changed_rows(old, new, rows)
            kept = found[:limit] if limit else found
            if as_json:
                listed = [dict(zip(columns, row, strict=True)) for row in kept]
                console.show_json({"table": rows, "rows": listed, "n_found": len(found)})
            else:
                console.show_table(f"{rows}: {before} → {after}", columns, kept)
                if len(found) > len(kept):
                    console.say(f"{len(found) - len(kept)} more; --limit 0 lists all.")
            return
        diffs = compare(old, new)
        declared = _declared(old, new, expect)
    verdict = judge(diffs, declared) if declared is not None else None
    if as_json:
        console.show_json({"before": before, "after": after, "tables": diffs, "verdict": _told(verdict)})
    else:
        _show_diff(before, after, diffs, verdict)
    if verdict is not None and not verdict.agrees:
        raise typer.Exit(1)


def _declared(old: Side, new: Side, given: Path | None) -> list[Expected] | None:
    """The declared changes: as given, else those that were sealed with the later release."""
    if given is not None:
        return read_expected(given)
    kept = new.folder / EXPECTED
    if new.manifest.since == old.manifest.name and kept.is_file():
        return read_expected(kept)
    return None


@contextmanager
def _side(warehouse: Warehouse, name: str) -> Iterator[Side]:
    """A release, or what is published, frozen for the moment."""
    if name != PUBLISHED:
        folder = release_folder(warehouse, name)
        yield Side(read_manifest(folder), folder)
        return
    warehouse.next.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="published-", dir=warehouse.next))
    try:
        manifest, _ = write_tables(warehouse, folder, PUBLISHED)
        yield Side(manifest, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _told(verdict: Verdict | None) -> dict[str, object] | None:
    if verdict is None:
        return None
    return {"agrees": verdict.agrees, "unexpected": verdict.unexpected, "missing": verdict.missing}


def _counted(verdict: Verdict) -> str:
    parts = [
        (len(verdict.unexpected), "change was not declared", "changes were not declared"),
        (len(verdict.missing), "declared change is missing", "declared changes are missing"),
    ]
    return ", ".join(f"{n} {one if n == 1 else many}" for n, one, many in parts if n)


def _show_diff(before: str, after: str, diffs: list[TableDiff], verdict: Verdict | None) -> None:
    if not diffs:
        console.say(f"{before} and {after} hold the same tables.")
    else:
        unexpected = set(verdict.unexpected) if verdict else set()
        rows = []
        for diff_ in diffs:
            for change in diff_.changes:
                said = "" if verdict is None else "NOT DECLARED" if change in unexpected else "declared"
                what = change.kind.replace("_", " ")
                rows.append([diff_.table, what, change.column, change.n, diff_.n_changed or None, said])
        columns = ["table", "change", "column", "rows", "rows changed in all", "declared"]
        console.show_table(f"{before} → {after}", columns, rows)
        unkeyed = [d.table for d in diffs if not d.by_key and d.n_before and d.n_after]
        if unkeyed:
            console.say(f"Compared as whole rows, without a key: {', '.join(unkeyed)}")
    if verdict is None:
        console.say("No changes were declared; --expect FILE holds the difference against what was.")
        return
    for missing in verdict.missing:
        where = f"{missing.table} {missing.kind} {missing.column}".strip()
        console.say(f"Declared and not seen: {where}, {missing.rows} rows ({missing.reason})", "red")
    console.say("All is as declared." if verdict.agrees else f"{_counted(verdict)}.", "" if verdict.agrees else "red")
