"""`trd land`: how data come in, and the landing of synthetic deliveries."""

from __future__ import annotations

import inspect
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
    from harmonize.synthetic.studies import Synthetic

MARK = "SYNTHETIC DATA"
"""How the mark file of a synthetic delivery begins. A folder without it is taken for real and never written to."""
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
    write_truth(of.name, warehouse, done)
    return report


def write_truth(study_id: str, warehouse: Warehouse, done: dict[str, Any]) -> Path:
    """What is true of the persons that `write_synthetic` wrote: `synthetic_truth/<study>.parquet`, never landed."""
    folder = warehouse.root / "synthetic_truth"
    folder.mkdir(parents=True, exist_ok=True)
    truth = synthetic_study(study_id).truth(done["n"], done["seed"], done["world"])
    for column in ("synthetic", "world", "seed"):
        truth[column] = True if column == "synthetic" else done[column]
    path = folder / f"{study_id}.parquet"
    truth.to_parquet(path, index=False)
    return path


def synthetic_study(study_id: str) -> Synthetic:
    """The module that synthesises a study; a usage error that names those there are."""
    from harmonize.synthetic.studies import available, synthetic

    if study_id not in available():
        raise typer.BadParameter(f"{study_id} cannot be synthesised yet. Known: {', '.join(available())}")
    return synthetic(study_id)


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


def write_synthetic(
    study_id: str, out: Path, n: int, seed: int, *, world: str = "W0", faults: bool = False
) -> dict[str, Any]:
    """Write a synthetic delivery; what was written as fields. Refuses a folder that may hold real files."""
    from harmonize.synthetic.worlds import world as world_named

    writer = synthetic_study(study_id)
    there = world_named(world).name
    options: dict[str, Any] = {"faults": True} if faults else {}
    if faults and "faults" not in inspect.signature(writer.write).parameters:
        raise typer.BadParameter(f"{study_id} has no faults to plant; leave out --faults")
    _refuse_real_folder(out, writer.MARK_FILE)
    out.mkdir(parents=True, exist_ok=True)
    (out / writer.MARK_FILE).write_text(f"{MARK}. Being written.\n", encoding="utf-8")
    written = writer.write(out, n, seed, world=there, **options)
    return {
        "study": study_id,
        "synthetic": True,
        "world": there,
        "folder": str(out),
        "n": n,
        "seed": seed,
        "rows": dict(written.rows),
        "faults": _write_manifest(out, written.faults) if written.faults is not None else None,
        "n_faults": len(written.faults) if written.faults is not None else 0,
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
