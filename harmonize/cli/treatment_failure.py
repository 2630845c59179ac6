"""`trd treatment-failure`: find it, ask whether it matters, report both as they come out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of
from harmonize.cli.trajectories import numbers_of
from harmonize.published import connect


@command(
    "treatment-failure",
    examples=[
        "trd treatment-failure",
        "trd treatment-failure --bootstraps 200 --jobs 2",
        "trd treatment-failure --population trials --study dia --scale HRSD17",
        "trd treatment-failure --json",
        "trd sql 'select * from results.treatment_failure_contrasts'",
    ],
    fails="the view holds no such scores, or no model could be fitted",
    panel="Results",
)
def treatment_failure(
    ctx: typer.Context,
    population: Annotated[
        list[str] | None, typer.Option("--population", metavar="NAME", help="trials, mars, all; may come again.")
    ] = None,
    study: Annotated[
        list[str] | None, typer.Option("--study", help="These studies instead of the plan's; may come again.")
    ] = None,
    scale: Annotated[str | None, typer.Option("--scale", metavar="SCALE", help="Another scale.")] = None,
    k: Annotated[str | None, typer.Option("--k", metavar="FROM-TO", help="Numbers of classes; plan: 1-6.")] = None,
    family: Annotated[
        list[str] | None, typer.Option("--family", help="gaussian or censored (floor at 0); plan: both.")
    ] = None,
    baseline_change: Annotated[
        Literal["class", "equal"] | None,
        typer.Option("--baseline-change", metavar="HOW", help="Effect of the baseline on the change: class, equal."),
    ] = None,
    starts: Annotated[int | None, typer.Option("--starts", min=1, help="Random starts; plan: 50, up to 400.")] = None,
    bootstraps: Annotated[
        int, typer.Option("--bootstraps", min=0, help="Refits of labels and of the whole chain; plan: 200.")
    ] = 0,
    plausible: Annotated[
        int | None, typer.Option("--plausible", min=0, help="Draws of the link of linked scores; plan: 20. 0: none.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes.")] = 2,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same numbers.")] = 1,
    part: Annotated[
        list[str] | None, typer.Option("--part", metavar="NAME", help="finding, aim-a, aim-b, aim-c; may come again.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", file_okay=False, help="Folder of the page. Without it, report/ there.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find treatment failure, ask whether it matters at the next step, and write the page.

    Courses are fitted, labelled and tested by the analysis plan; what departs from it stands on the page. "No TF
    class", "label uncertain" and "adds nothing beyond severity" are possible answers. Writes treatment-failure.html and
    .md with their figures and tables beside index.html, and results.treatment_failure_* beside the published file.
    """
    house = warehouse_of(ctx)
    connect(house).close()
    from analysis.plan import read_plan
    from analysis.trajectories import DesignError
    from analysis.trajectories.cohort import CohortError
    from analysis.treatment_failure.run import Asked, run
    from analysis.treatment_failure.section import PLUGINS

    for name in population or ():
        console.one_of(name, read_plan().populations, "population")
    for name in family or ():
        console.one_of(name, ("gaussian", "censored"), "family")
    for name in part or ():
        console.one_of(name, PLUGINS, "part")
    if study and not population:
        population = ["trials"]
    asked = Asked(
        populations=tuple(population) if population else Asked.populations,
        studies=tuple(study) if study else None,
        scale=scale,
        k=numbers_of(k),
        families=tuple(family) if family else None,
        starts=starts,
        replicates=bootstraps,
        seed=seed,
        jobs=jobs,
        plausible=plausible,
        parts=tuple(part) if part else None,
        baseline_change=baseline_change,
    )
    started = time.monotonic()
    try:
        with console.node_progress() as bar:
            task = bar.add_task("…", total=None)

            def say(what: str) -> None:
                bar.update(task, description=what)
                if bar.disable:
                    console.note(what)

            done = run(house.database, asked, out or house.report, say)
    except (CohortError, DesignError) as error:
        raise console.CommandError(str(error)) from error
    answers = {s.key: s.verdict for s in done.sections if s.verdict}
    stamp = {key: value for key, value in vars(done.stamp).items() if key != "database"}
    if as_json:
        console.show_json({"page": str(done.page), **stamp, "answers": answers, "seconds": done.seconds})
        return
    for section in done.sections:
        if section.verdict:
            console.say(f"{section.title}{', SYNTHETIC persons' if done.stamp.is_synthetic else ''}", "bold")
            console.say(section.verdict)
    console.show_table("", ["part", "s"], [[what, f"{s:.1f}"] for what, s in done.seconds.items()])
    console.say(f"Done in {time.monotonic() - started:.0f} s. Page: {done.page}")
