"""`trd trajectories`: latent courses of the first treatment, chosen and labelled by the plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
import typer

from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of
from harmonize.published import connect

SHOWN = "models classes halves".split()


@command(
    "trajectories",
    examples=[
        "trd trajectories",
        "trd trajectories --population mars --seed 7",
        "trd trajectories --study dia --scale HRSD17 --k 1-3",
        "trd trajectories --folds 5 --lrt 99 --halves 5",
        "trd trajectories --population all --plausible 20 --json",
        "trd trajectories --item CGI_S --link probit --html cgi.html",
        "trd sql 'select * from results.trajectory_classes'",
    ],
    fails="the view holds no such scores, or no model could be fitted",
    panel="Results",
)
def trajectories(
    ctx: typer.Context,
    population: Annotated[
        str, typer.Option("--population", metavar="NAME", help="Population of the plan: trials, mars, all.")
    ] = "trials",
    view: Annotated[
        str, typer.Option("--view", metavar="VIEW", help="Where the scores are; columns as of the mart.")
    ] = "marts.trajectory_input",
    study: Annotated[
        list[str] | None, typer.Option("--study", help="These studies instead of the plan's; may come again.")
    ] = None,
    scale: Annotated[str | None, typer.Option("--scale", metavar="SCALE", help="Another scale.")] = None,
    k: Annotated[str | None, typer.Option("--k", metavar="FROM-TO", help="Numbers of classes; plan: 1-6.")] = None,
    family: Annotated[
        list[str] | None, typer.Option("--family", help="gaussian or censored (floor at 0); plan: both.")
    ] = None,
    item: Annotated[
        str | None,
        typer.Option("--item", metavar="NAME", help="A single item by an ordinal model: CGI_S, PGI_I, hrsd_01."),
    ] = None,
    link: Annotated[str, typer.Option("--link", help="Of an item: logit or probit.")] = "logit",
    baseline_change: Annotated[
        Literal["class", "equal"] | None,
        typer.Option("--baseline-change", metavar="HOW", help="Effect of the baseline on the change: class, equal."),
    ] = None,
    starts: Annotated[int | None, typer.Option("--starts", min=1, help="Random starts; plan: 50, up to 400.")] = None,
    bootstraps: Annotated[
        int | None, typer.Option("--bootstraps", min=0, help="Refits that try the labels; plan: 200.")
    ] = None,
    plausible: Annotated[
        int | None, typer.Option("--plausible", min=0, help="Draws of linked scores; plan: 20 for all. 0: none.")
    ] = None,
    lrt: Annotated[
        int, typer.Option("--lrt", min=0, help="Replicates of the bootstrap likelihood-ratio test; shown, not used.")
    ] = 0,
    folds: Annotated[
        int, typer.Option("--folds", min=0, help="Folds of the predictive likelihood; shown, not used.")
    ] = 0,
    halves: Annotated[
        int, typer.Option("--halves", min=0, help="Random divisions into halves that try the classes.")
    ] = 0,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the chosen fit as one page, too.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes of the bootstrap.")] = 2,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same numbers.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Fit growth mixtures with 1, 2, … classes, choose by the plan, and label the courses.

    Without options the analysis plan is followed; what departs from it is named in the result. Written to
    results.trajectory_runs, _models, _classes, _courses, _parameters and _persons beside the published file, _halves,
    _plausible and _plausible_persons where they were asked for; of an item to results.trajectory_item_*. "No TF class"
    and "one class" are possible answers.
    """
    house = warehouse_of(ctx)
    connect(house).close()
    from analysis.plan import read_plan
    from analysis.results import results_file
    from analysis.trajectories import DesignError
    from analysis.trajectories.cohort import CohortError
    from analysis.trajectories.items import AskedItem, ItemRun, run_item
    from analysis.trajectories.run import Asked, Run, run_trajectories

    console.one_of(population, read_plan().populations, "population")
    console.one_of(link, ("logit", "probit"), "link")
    for name in family or ():
        console.one_of(name, ("gaussian", "censored"), "family")
    if folds == 1:
        raise typer.BadParameter("--folds 1 leaves nobody to fit the model to; give 2 or more")
    if item and (scale or family or plausible or bootstraps or baseline_change):
        raise typer.BadParameter(
            "--item takes no --scale, --family, --plausible, --bootstraps or --baseline-change: these are of scores"
        )
    studies = tuple(study) if study else None
    numbers = numbers_of(k)
    try:
        with console.node_progress() as bar:
            task = bar.add_task("…", total=None)

            def say(what: str) -> None:
                bar.update(task, description=what)
                if bar.disable:
                    console.note(what)

            run: Run | ItemRun
            if item:
                run = run_item(
                    house.database,
                    AskedItem(item, population, studies, link, numbers, starts, seed, jobs, lrt, folds, halves),
                    say,
                )
            else:
                asked = Asked(
                    population, view, studies, scale, numbers, tuple(family) if family else None,
                    starts, bootstraps, seed, jobs, plausible, lrt, folds, halves, baseline_change,
                )  # fmt: skip
                run = run_trajectories(house.database, asked, say)
    except (CohortError, DesignError) as error:
        raise console.CommandError(str(error)) from error
    if html is not None and run.fit is not None:
        html.write_text(run.fit.to_html(), encoding="utf-8")
    if as_json:
        tables = {name: console.records(run.tables[name]) for name in ("runs", *SHOWN) if name in run.tables}
        stamp = {key: value for key, value in vars(run.stamp).items() if key != "database"}
        console.show_json({"run_id": run.run_id, "verdict": run.verdict, **stamp, **tables})
        return
    _show(run.tables, run.verdict, synthetic=run.stamp.is_synthetic)
    where = "trajectory_item_*" if item else "trajectory_*"
    console.say(f"Written: results.{where} in {results_file(house.database)} (release {run.stamp.release})")
    if html is not None:
        console.say(f"Page: {html}" if run.fit is not None else "No page: no model was chosen")


def numbers_of(text: str | None) -> tuple[int, ...] | None:
    """`1-6` or `3` of an option --k as numbers of classes."""
    from analysis.trajectories.enumeration import numbers_of_classes

    try:
        return numbers_of_classes(text)
    except ValueError as error:
        raise typer.BadParameter(f"--k {error}") from error


def _show(tables: dict[str, pd.DataFrame], verdict: str, *, synthetic: bool) -> None:
    about = tables["runs"].iloc[0]
    console.say(f"{about['run_id']}{', SYNTHETIC persons' if synthetic else ''}: {verdict}", "bold")
    who = f"{about['persons']} persons of {about['studies'].replace(';', ', ')}"
    if "item" in about:
        console.say(f"{who}, {about['answers_used']} answers to {about['item']}, {about['family']}")
    else:
        console.say(
            f"{who}, {about['scores_used']} scores on {about['scale']}; {about['persons_without_baseline']} persons"
            " without baseline left out"
        )
    console.say(str(about["why"]))
    if about["deviations"]:
        console.say(f"Departs from the plan: {about['deviations']}")
    if "link_error" in about and about["draws"]:
        console.say(f"Error of the link, {about['draws']} draws: {about['link_error']}")
    for name in SHOWN:
        if name in tables:
            table = tables[name].drop(columns="run_id").dropna(axis="columns", how="all")
            rows = [[console.cell(value, 3) for value in row] for row in table.itertuples(index=False, name=None)]
            console.show_table(name, [str(c).replace("_", " ") for c in table.columns], rows)
