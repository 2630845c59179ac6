"""`trd early`: how early a treatment that will fail can be told (Aim C of the plan)."""

from __future__ import annotations

from typing import Annotated, Any

import pandas as pd
import typer

from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of
from harmonize.published import connect

SHOWN = ("auc", "auc_gain", "auc_classes", "brier", "intercept", "slope")


@command(
    "early",
    examples=[
        "trd early",
        "trd early --bootstraps 0 --jobs 2",
        "trd early --study dia --landmark 2 --external ''",
        "trd early --json",
        "trd sql 'select * from results.early_referral'",
    ],
    fails="the warehouse lacks what it needs, or too few persons have a known end",
    panel="Results",
)
def early(
    ctx: typer.Context,
    study: Annotated[
        list[str] | None,
        typer.Option("--study", help="Trained and validated on these; plan: the trials. May come again."),
    ] = None,
    external: Annotated[
        list[str] | None, typer.Option("--external", help="Only predicted, by all of those; plan: mars. '' for none.")
    ] = None,
    landmark: Annotated[
        list[float] | None, typer.Option("--landmark", min=1, max=8, help="Week of the prediction; plan: 2 and 4.")
    ] = None,
    folds: Annotated[int, typer.Option("--folds", min=2, help="Parts of the cross-validation.")] = 5,
    bootstraps: Annotated[int, typer.Option("--bootstraps", min=0, help="Draws of persons; 0: no intervals.")] = 500,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes.")] = 2,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same numbers.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Predict non-response and next-step failure at week 2 and 4, and say what referral then would change.

    Link, number of classes, growth models and predictors are fitted anew in every fold, with every study left out,
    and in all trials for MARS. Beside the class model stand baseline + last score, the 20 % rule, a regression and
    boosted trees. Written to results.early_flow, _performance, _calibration, _net_benefit, _referral, _subgroups,
    _folds and _runs.
    """
    house = warehouse_of(ctx)
    connect(house).close()
    from analysis.early.material import EarlyError
    from analysis.early.run import Asked, run_early
    from analysis.results import results_file

    asked = Asked(
        studies=tuple(study) if study else None,
        transport=None if external is None else tuple(name for name in external if name),
        landmarks=tuple(landmark) if landmark else None,
        folds=folds,
        bootstraps=bootstraps,
        seed=seed,
        jobs=jobs,
    )
    try:
        with console.node_progress() as bar:
            task = bar.add_task("…", total=None)

            def say(what: str) -> None:
                bar.update(task, description=what)
                if bar.disable:
                    console.note(what)

            run = run_early(house.database, asked, say)
    except EarlyError as error:
        raise console.CommandError(str(error)) from error
    if as_json:
        stamp = {key: value for key, value in vars(run.stamp).items() if key != "database"}
        tables = {name: console.records(table) for name, table in run.tables.items()}
        console.show_json(
            {"run_id": run.run_id, "verdicts": run.verdicts, "deviations": run.deviations, **stamp, **tables}
        )
        return
    synthetic = ", SYNTHETIC persons" if run.stamp.is_synthetic else ""
    console.say(f"{run.run_id}{synthetic}", "bold")
    for line in run.verdicts:
        console.say(line)
    for line in run.deviations:
        console.say(f"Departs from the plan: {line}")
    columns, rows = _performance(run.tables["performance"])
    console.show_table("performance", columns, rows)
    took = ", ".join(f"{part} {seconds:.0f} s" for part, seconds in run.seconds.items())
    console.say(f"Written: results.early_* in {results_file(house.database)} (release {run.stamp.release}; {took})")


def _performance(table: pd.DataFrame) -> tuple[list[str], list[list[Any]]]:
    """One row per validation, target, landmark and predictor."""
    by = ["validation", "target", "landmark", "predictor"]
    wide = table.pivot(index=by, columns="measure", values="estimate")
    order = table.drop_duplicates(by).set_index(by).index
    wide = wide.reindex(order)[list(SHOWN)].reset_index()
    rows = [
        [*row[:2], f"{row[2]:g}", row[3], *("" if v != v else f"{v:.3f}" for v in row[4:])]
        for row in wide.itertuples(index=False, name=None)
    ]
    return [*by, *(name.replace("_", " ") for name in SHOWN)], rows
