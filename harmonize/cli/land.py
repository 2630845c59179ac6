"""`trd land` and `trd synth`: how data come in."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of
from harmonize.paths import Warehouse
from harmonize.sources import Study, studies, study

if TYPE_CHECKING:
    import pandas as pd

    from harmonize.landing import LandingReport, Progress

SYNTHETIC = {"stard": ("harmonize.synthetic.stard", "package_info.txt")}
"""Studies that can be synthesised: the module that does it, and the file of a delivery that says it is synthetic."""
MARK = "SYNTHETIC DATA"
"""How that file begins. A folder without it is taken for a real delivery and never written to."""
StudyArgument = Annotated[str, typer.Argument(metavar="STUDY", help="A study that has a sources file; see trd status.")]


@command(
    "land",
    examples=[
        "trd land stard /data/stard",
        "trd land dia antidepressant_data.csv --json",
        "trd land stard /tmp/stard --synthetic --replace",
    ],
    fails="the delivery was refused; nothing has changed",
)
def land(
    ctx: typer.Context,
    study_id: StudyArgument,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder as delivered, or one file of it.")],
    synthetic: Annotated[bool, typer.Option("--synthetic", help="Nobody was measured for these data.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="First take away what was landed for the study before.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Land a delivery: every value as it is, still text, with its file and row.

    Landing the same bytes again changes nothing. A delivery that is not sound is refused as a whole.
    """
    house = warehouse_of(ctx)
    report = land_with_progress(known_study(study_id), path, house, synthetic=synthetic, replace=replace)
    if as_json:
        console.show_json(report)
    else:
        show_landing(report)
        console.say("Next: trd build")


@command(
    "synth",
    examples=[
        "trd synth stard --out /tmp/stard",
        "trd synth stard --n 200 --seed 7 --out /tmp/stard --land",
        "trd synth stard --faults --out /tmp/stard",
    ],
    fails="nothing was written, or landing was refused",
)
def synth(
    ctx: typer.Context,
    study_id: StudyArgument,
    out: Annotated[Path, typer.Option("--out", file_okay=False, help="The folder to write, new or synthetic.")],
    n: Annotated[int, typer.Option("--n", min=0, help="How many persons.")] = 4041,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same files.")] = 1,
    faults: Annotated[bool, typer.Option("--faults", help="Plant faults, and list them beside the folder.")] = False,
    land_it: Annotated[bool, typer.Option("--land/--no-land", help="Land the files as synthetic.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write synthetic files of a study in its own format.

    The list of planted faults is written beside the folder, never inside it: it is no part of the delivery.
    """
    house = warehouse_of(ctx)
    known = known_study(study_id)
    done = write_synthetic(study_id, out, n, seed, faults=faults)
    report = land_synthetic(known, out, house, done) if land_it else None
    if as_json:
        console.show_json({**done, "landing": report})
        return
    console.show_table(f"SYNTHETIC {study_id}: {out}", ["form", "rows"], done["rows"].items())
    if done["faults"] is not None:
        console.say(f"{done['n_faults']} faults planted; listed in {done['faults']}")
    if report is not None:
        show_landing(report)


def known_study(name: str) -> Study:
    """The study's contract; a usage error that names the studies there are."""
    console.one_of(name, [found.name for found in studies()], "study")
    return study(name)


def land_with_progress(of: Study, path: Path, warehouse: Warehouse, *, synthetic: bool, replace: bool) -> LandingReport:
    """Land, with a bar that counts bytes where stderr is a terminal."""
    from harmonize.landing import land as land_files

    with _progress() as on_progress:
        return land_files(of, path, warehouse, synthetic=synthetic, replace=replace, on_progress=on_progress)


def land_synthetic(of: Study, out: Path, warehouse: Warehouse, done: dict[str, Any]) -> LandingReport:
    """Land what `write_synthetic` wrote, and put what is known of its persons where no build reads it."""
    report = land_with_progress(of, out, warehouse, synthetic=True, replace=False)
    truth = importlib.import_module(SYNTHETIC[of.name][0]).truth(done["n"], done["seed"])
    folder = warehouse.root / "synthetic_truth"
    folder.mkdir(parents=True, exist_ok=True)
    truth.to_parquet(folder / f"{of.name}.parquet", index=False)
    return report


@contextmanager
def _progress() -> Iterator[Progress]:
    with console.byte_progress() as bar:
        tasks: dict[str, Any] = {}

        def show(form: str, done: int, total: int) -> None:
            if form not in tasks:
                tasks[form] = bar.add_task(form, total=total)
            bar.update(tasks[form], completed=done)

        yield show


def show_landing(report: LandingReport) -> None:
    """A landing for people."""
    kind = "synthetic" if report.synthetic else "real"
    rows: list[list[object]] = [
        [form.form, form.status, form.file, form.rows, f"{form.header_rows} ({form.header_reason})"]
        for form in report.forms
    ]
    rows += [[form, "absent", None, None, None] for form in report.absent]
    rows += [[form, "removed", None, None, None] for form in report.removed]
    console.show_table(f"{report.study}, {kind}", ["form", "what", "file", "rows", "header rows"], rows)
    for form in report.forms:
        notes = list(form.notes)
        notes += [f"declared and not delivered: {', '.join(form.missing_columns)}"] if form.missing_columns else []
        notes += [f"delivered and not declared: {', '.join(form.extra_columns)}"] if form.extra_columns else []
        for text in notes:
            console.say(f"  {form.form}: {text}")
        for text in form.warnings:
            console.say(f"  {form.form}, warning: {text}")
    for file, why in report.ignored:
        console.say(f"  ignored {file}: {why}")


def write_synthetic(study_id: str, out: Path, n: int, seed: int, *, faults: bool) -> dict[str, Any]:
    """Write a synthetic delivery; what was written as fields. Refuses a folder that may hold real files."""
    if study_id not in SYNTHETIC:
        raise typer.BadParameter(f"{study_id} cannot be synthesised yet. Known: {', '.join(SYNTHETIC)}")
    module, mark = SYNTHETIC[study_id]
    _refuse_real_folder(out, mark)
    writer = importlib.import_module(module)
    out.mkdir(parents=True, exist_ok=True)
    (out / mark).write_text(f"{MARK}. Being written.\n", encoding="utf-8")
    written = writer.write(out, n, seed, faults=faults)
    return {
        "study": study_id,
        "synthetic": True,
        "folder": str(out),
        "n": n,
        "seed": seed,
        "rows": dict(written.rows),
        "faults": _write_manifest(out, written.faults) if faults else None,
        "n_faults": len(written.faults) if faults else 0,
    }


def _refuse_real_folder(out: Path, mark: str) -> None:
    if not out.is_dir() or not any(out.iterdir()):
        return
    path = out / mark
    if not path.is_file() or not path.read_bytes().startswith(MARK.encode()):
        raise console.CommandError(
            "the folder holds files that trd synth did not write",
            file=str(out),
            remedy="Name a new folder; synthetic files must never take the place of delivered ones",
        )


def _write_manifest(out: Path, planted: pd.DataFrame) -> Path:
    """The planted faults, beside the folder."""
    path = out.resolve().parent / f"{out.resolve().name}_faults.csv"
    planted.to_csv(path, index=False, lineterminator="\n")
    return path
