"""`trd status`: what is there, and what is to be done next."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import typer

from harmonize.build import is_building
from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of
from harmonize.paths import REPO, Warehouse
from harmonize.published import NotPublishedError, connect
from harmonize.sources import Study, studies

TABLES = """
    select table_name
    from information_schema.tables
    where table_schema = 'cdm' and table_type = 'BASE TABLE'
    order by table_name
"""


@command(
    "status",
    examples=["trd status", "trd --warehouse /data/warehouse status", "trd status --json"],
    fails="the ledger or the published file is damaged",
)
def status(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Show the studies, what was landed, what is published, and whether a build is running."""
    state = read_state(warehouse_of(ctx))
    if as_json:
        console.show_json(state)
    else:
        _show(state)


def read_state(warehouse: Warehouse) -> dict[str, Any]:
    """All that `trd status` knows."""
    from harmonize.landing import current_landings

    landings = current_landings(warehouse)
    published = _published(warehouse)
    since = published["published_at"] or ""
    return {
        "warehouse": str(warehouse.root),
        "studies": [_study(found, landings) for found in studies()],
        "published": published,
        "corrections": _corrections(warehouse),
        "landed_since": sorted(f"{s}.{form}" for (s, form), of in landings.items() if since and of.landed_at > since),
        "build_running": is_building(warehouse),
        "compiled": _compiled(),
    }


def _corrections(warehouse: Warehouse) -> dict[str, int]:
    """How many corrections there are by what they come to now."""
    from collections import Counter

    from harmonize.corrections.replay import replay

    return dict(Counter(each.fate for each in replay(studies(), warehouse)))


def _compiled() -> dict[str, Any]:
    """Whether the generated files are fresh, or what keeps the compiler from telling."""
    from harmonize import compiler

    try:
        stale = [str(path.relative_to(REPO)) for path in compiler.stale()]
    except (ValueError, KeyError) as error:
        return {"fresh": False, "stale": [], "error": str(error)}
    return {"fresh": not stale, "stale": stale, "error": None}


def _study(found: Study, landings: dict[tuple[str, str], Any]) -> dict[str, Any]:
    forms = []
    for form in found.forms:
        landing = landings.get((found.name, form.name))
        entry: dict[str, Any] = {"form": form.name, "landed": landing is not None}
        if landing is not None:
            entry |= {name: getattr(landing, name) for name in ("file", "rows", "landed_at", "synthetic", "sha256")}
        forms.append(entry)
    return {"study": found.name, "title": found.title, "forms": forms}


def _published(warehouse: Warehouse) -> dict[str, Any]:
    path = warehouse.database
    state: dict[str, Any] = {
        "exists": path.exists(),
        "file": str(path),
        "published_at": None,
        "bytes": None,
        "rows": {},
    }
    if not state["exists"]:
        return state
    found = path.stat()
    state["published_at"] = datetime.fromtimestamp(found.st_mtime, UTC).isoformat(timespec="seconds")
    state["bytes"] = found.st_size
    try:
        with connect(warehouse) as connection:
            for (table,) in connection.execute(TABLES).fetchall():
                counted = f'select study_id, count(*) from cdm."{table}" group by study_id order by study_id'
                state["rows"][table] = dict(connection.execute(counted).fetchall())
    except NotPublishedError as error:
        raise console.CommandError(error.problem, remedy=error.remedy) from error
    return state


def _show(state: dict[str, Any]) -> None:
    console.say(f"warehouse  {state['warehouse']}")
    for study in state["studies"]:
        _show_study(study)
    _show_published(state)
    if state["corrections"]:
        told = ", ".join(f"{n} {fate.replace('_', ' ')}" for fate, n in sorted(state["corrections"].items()))
        console.say(f"Corrections: {told}; see trd corrections")
    console.say("A build is running." if state["build_running"] else "No build is running.")
    compiled = state["compiled"]
    if compiled["error"]:
        console.say(f"Generated files: the compiler stops: {compiled['error']}", "red")
    elif compiled["stale"]:
        console.say(f"Generated files: {len(compiled['stale'])} stale; run trd compile", "yellow")
    else:
        console.say("Generated files: fresh.")


def _show_study(study: dict[str, Any]) -> None:
    landed = [form for form in study["forms"] if form["landed"]]
    absent = [form["form"] for form in study["forms"] if not form["landed"]]
    title = f"{study['study']}  {study['title']}"
    if not landed:
        console.say(f"\n {title}\n\n  nothing landed ({', '.join(absent)})\n")
        return
    rows = [
        [f["form"], f["file"], f["rows"], _minute(f["landed_at"]), _kind(f["synthetic"]), f["sha256"][:12]]
        for f in landed
    ]
    console.show_table(f"\n {title}", ["form", "file", "rows", "landed (UTC)", "kind", "sha256"], rows)
    if absent:
        console.say(f"  not landed: {', '.join(absent)}")


def _minute(moment: str) -> str:
    """A moment in UTC as people read it."""
    return moment[:16].replace("T", " ")


def _kind(synthetic: bool) -> str:
    return "SYNTHETIC" if synthetic else "real"


def _show_published(state: dict[str, Any]) -> None:
    published = state["published"]
    if not published["exists"]:
        console.say("\nNothing is published yet: run trd build.")
        return
    shown = console.size(published["bytes"])
    console.say(f"\nPublished {_minute(published['published_at'])} UTC, {shown}: {published['file']}")
    if not any(published["rows"].values()):
        console.say("It holds no rows.")
        return
    names = sorted({study for counts in published["rows"].values() for study in counts})
    rows = [[table, *(counts.get(name, 0) for name in names)] for table, counts in published["rows"].items()]
    console.show_table("rows", ["cdm table", *names], rows)
    if state["landed_since"]:
        console.say(f"Landed since and not yet in it: {', '.join(state['landed_since'])}; run trd build", "yellow")
