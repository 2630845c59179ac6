"""`trd synth`: synthetic studies written, and held against their published figures."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of
from harmonize.cli.land import known_study, land_synthetic, show_landing, synthetic_study, write_synthetic, write_truth

if TYPE_CHECKING:
    from harmonize.paths import Warehouse
    from harmonize.synthetic.check import Verdict

CHECKED_PERSONS = 20_000
"""Persons drawn for a check: so many that the smallest arms have a hundred."""


@command(
    "synth",
    examples=[
        "trd synth stard --out /tmp/stard",
        "trd synth stard --n 200 --seed 7 --world W1 --out /tmp/stard --land",
        "trd synth stard --faults --out /tmp/stard",
        "trd synth --check",
        "trd synth --check stard --world all --json",
    ],
    fails="nothing was written or landed, or too few figures agree",
)
def synth(
    ctx: typer.Context,
    study_ids: Annotated[
        list[str] | None, typer.Argument(metavar="STUDY…", help="Studies that can be synthesised. With --check: all.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", file_okay=False, help="The folder to write, new or synthetic; of several studies one each."
        ),
    ] = None,
    world: Annotated[
        str, typer.Option("--world", help="What is true of the persons: W0 to W6 (see the README beside the model).")
    ] = "W0",
    n: Annotated[
        int | None, typer.Option("--n", min=0, help="How many persons; without it as many as the study enrolled.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same files.")] = 1,
    faults: Annotated[bool, typer.Option("--faults", help="Plant faults, and list them beside the folder.")] = False,
    land_it: Annotated[bool, typer.Option("--land/--no-land", help="Land the files as synthetic.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; show published against synthetic figures.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write synthetic files of studies in their own formats, or hold the figures against the published ones.

    What is true of the persons is written to synthetic_truth/ of the warehouse, which no build reads. The list of
    planted faults is written beside the folder, never inside it: it is no part of the delivery.
    """
    house = warehouse_of(ctx)
    if check:
        _check(study_ids or [], world, CHECKED_PERSONS if n is None else n, seed, as_json)
        return
    if not study_ids:
        raise typer.BadParameter("name a study to write, or ask for --check")
    if out is None:
        raise typer.BadParameter("--out FOLDER is needed to write")
    _known_world(world)
    documents = []
    for study_id in study_ids:
        folder = out if len(study_ids) == 1 else out / study_id
        documents.append(_write(study_id, folder, n, seed, world, faults, land_it, house, as_json))
    if as_json:
        console.show_json(documents[0] if len(documents) == 1 else {"studies": documents})


def _write(
    study_id: str,
    folder: Path,
    n: int | None,
    seed: int,
    world: str,
    faults: bool,
    land_it: bool,
    house: Warehouse,
    as_json: bool,
) -> dict[str, Any]:
    known = known_study(study_id)
    persons = synthetic_study(study_id).N if n is None else n
    done = write_synthetic(study_id, folder, persons, seed, world=world, faults=faults)
    report = land_synthetic(known, folder, house, done) if land_it else None
    truth = write_truth(study_id, house, done)
    if not as_json:
        console.show_table(
            f"SYNTHETIC {study_id}, world {done['world']}: {folder}", ["form", "rows"], done["rows"].items()
        )
        console.say(f"What is true of the persons: {truth}")
        if done["faults"] is not None:
            console.say(f"{done['n_faults']} faults planted; listed in {done['faults']}")
        if report is not None:
            show_landing(report)
    return {**done, "truth": str(truth), "landing": report}


def _known_world(name: str) -> None:
    from harmonize.synthetic.worlds import ALIASES, WORLDS

    console.one_of(name, [*WORLDS, *ALIASES], "world")


def _check(study_ids: list[str], world: str, n: int, seed: int, as_json: bool) -> None:
    from harmonize.synthetic.check import PASS_SHARE, check, share_within
    from harmonize.synthetic.studies import available
    from harmonize.synthetic.worlds import WORLDS

    for study_id in study_ids:
        synthetic_study(study_id)
    if world != "all":
        _known_world(world)
    if n < 1:
        raise typer.BadParameter("--check needs at least one person")
    documents, short = [], []
    for study_id in study_ids or available():
        for name in WORLDS if world == "all" else (world,):
            verdicts = check(study_id, name, n, seed)
            share = share_within(verdicts)
            if share < PASS_SHARE:
                short.append(f"{study_id} {name}")
            documents.append(_document(study_id, name, n, seed, share, verdicts))
            if not as_json:
                _show(study_id, name, n, share, verdicts, only_misses=world == "all")
    if as_json:
        console.show_json({"synthetic": True, "needed": PASS_SHARE, "checks": documents})
    elif short:
        console.say(f"Less than {PASS_SHARE:.0%} within their tolerance: {', '.join(short)}", "bold")
    if short:
        raise typer.Exit(1)


def _rows(verdicts: list[Verdict]) -> list[list[object]]:
    return [
        [
            v.target.target_id,
            v.target.statement,
            v.target.value,
            None if v.synthetic is None else round(v.synthetic, 2),
            v.target.unit,
            round(v.target.tolerance, 2) if v.target.use == "test" else None,
            v.target.mark,
            v.verdict,
            v.target.note,
        ]
        for v in verdicts
    ]


_COLUMNS = ["target", "statement", "published", "synthetic", "unit", "tolerance", "mark", "verdict", "note"]


def _show(study: str, world: str, n: int, share: float, verdicts: list[Verdict], *, only_misses: bool) -> None:
    tested = [v for v in verdicts if v.target.use == "test"]
    misses = [v for v in tested if v.verdict != "within"]
    console.show_table(
        f"SYNTHETIC {study}, world {world}, {n} persons drawn: {len(tested) - len(misses)} of {len(tested)} tested "
        f"figures within ({share:.1%})",
        _COLUMNS,
        _rows(misses if only_misses else verdicts),
    )


def _document(study: str, world: str, n: int, seed: int, share: float, verdicts: list[Verdict]) -> dict[str, Any]:
    return {
        "study": study,
        "world": world,
        "n": n,
        "seed": seed,
        "share_within": share,
        "counts": dict(Counter(v.verdict for v in verdicts)),
        "targets": [
            {**dict(zip(_COLUMNS, row, strict=True)), "n": v.n}
            for row, v in zip(_rows(verdicts), verdicts, strict=True)
        ],
    }
