"""`trd link`: a link between two rating scales, estimated from persons who were measured with both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import pandas as pd
import pyarrow as pa
import typer

from analysis.results import results_file
from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of
from harmonize.links import drop_links, keep_links, kept_links
from harmonize.published import connect


@command(
    "link",
    examples=[
        "trd link --from QIDS_SR16 --to HRSD17",
        "trd link --from BDI_II --to HRSD17 --study predict --keep",
        "trd link --from QIDS_SR16 --to HRSD17 --days 7 --bootstraps 1000 --json",
        "trd link --from QIDS_SR16 --to HRSD17 --study stard --days 7 --irt",
        "trd link --forget",
    ],
    fails="the two were not measured together, or too few persons have both",
    panel="Results",
)
def link(
    ctx: typer.Context,
    from_scale: Annotated[str | None, typer.Option("--from", metavar="SCALE", help="Scale that is linked.")] = None,
    to_scale: Annotated[str | None, typer.Option("--to", metavar="SCALE", help="Scale it is linked to.")] = None,
    study: Annotated[list[str] | None, typer.Option("--study", help="Only this study; may come again.")] = None,
    days: Annotated[int, typer.Option("--days", min=0, help="Days the two ratings may lie apart.")] = 0,
    bootstraps: Annotated[int, typer.Option("--bootstraps", min=50, help="Bootstraps of persons.")] = 500,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same numbers.")] = 1,
    criterion: Annotated[
        str, typer.Option("--criterion", help="bic or aic: how smooth the distributions are.")
    ] = "bic",
    irt: Annotated[bool, typer.Option("--irt", help="Link through the items, too (graded response model).")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Let the next builds use the link where none is published.")
    ] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Let builds use no estimated link any more.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Estimate a link between two rating scales from visits at which both were measured.

    Equipercentile (log-linear presmoothing) and linear, with standard errors by persons, agreement with the published
    link, invariance by study, sex and time, and the error of calling remission. Written to results.linking_*. With
    --irt also through the items, where both scales have them.
    """
    house = warehouse_of(ctx)
    if forget:
        names = sorted(set(kept_links(house)["link_id"].to_pylist()))
        drop_links(house)
        if as_json:
            console.show_json({"forgotten": names})
        else:
            console.say(f"Forgotten: {', '.join(names) or 'nothing was kept'}. Run trd build to build without.")
        return
    if from_scale is None or to_scale is None or from_scale == to_scale:
        raise typer.BadParameter("name two different scales: --from SCALE --to SCALE")
    if criterion not in ("bic", "aic"):
        raise typer.BadParameter("--criterion is aic or bic")
    connect(house).close()
    from analysis.linking.pairs import LinkError
    from analysis.linking.run import run_link
    from analysis.linking.smoothing import SmoothingError

    try:
        with _progress() as say:
            found = run_link(
                house.database, from_scale, to_scale, studies=tuple(study or ()), days=days, bootstraps=bootstraps,
                seed=seed, criterion=criterion, irt=irt, say=say,
            )  # fmt: skip
    except (LinkError, SmoothingError) as error:
        raise console.CommandError(str(error)) from error
    if keep:
        keep_links(pa.Table.from_pandas(found.kept(), preserve_index=False), house)
    if as_json:
        tables = {name.removeprefix("linking_"): console.records(table) for name, table in found.tables.items()}
        stamp = {k: v for k, v in vars(found.stamp).items() if k != "database"}
        console.show_json({"link_id": found.link_id, "kept": keep, **stamp, **tables})
        return
    _show(found.link_id, found.tables, synthetic=found.stamp.is_synthetic)
    console.say(f"\nWritten: results.linking_* in {results_file(house.database)} (release {found.stamp.release})")
    if keep:
        console.say("Kept: the next trd build offers it as an estimated link (marts.links says where it is used)")


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    with console.node_progress() as bar:
        task = bar.add_task("…", total=5)
        done = {"n": 0}

        def say(what: str) -> None:
            bar.update(task, description=what, completed=done["n"])
            done["n"] += 1
            if bar.disable:
                console.note(what)

        yield say
        bar.update(task, completed=5)


def _show(link_id: str, tables: dict[str, pd.DataFrame], *, synthetic: bool) -> None:
    from analysis.linking.run import NO_ITEMS

    about = tables["linking_links"].iloc[0]
    console.say(f"{link_id}{', SYNTHETIC persons' if synthetic else ''}", "bold")
    console.say(
        f"{about['n_pairs']} visits of {about['n_persons']} persons in {about['studies'].replace(';', ', ')};"
        f" r {about['correlation']:.2f}; log-linear degrees {about['degree_x']}, {about['degree_y']},"
        f" cross {about['degree_cross']}"
    )
    points = tables["linking_points"]
    wide = points.pivot(index="from_score", columns="method", values=["point", "se"])
    ways = [way for way in ("equipercentile", "linear", "irt") if way in set(points["method"])]
    see = points[points["method"] == "equipercentile"].set_index("from_score")["see"]
    shown = pd.concat([*(wide[value, way] for way in ways for value in ("point", "se")), see], axis=1)
    heads = [head for way in ways for head in (way.replace("irt", "by items"), "SE")]
    console.show_table(
        "score by score",
        [about["from_instrument_id"], *heads, "SD of persons"],
        [[console.cell(v) for v in row] for row in shown.itertuples(name=None)],
    )
    if about["irt_note"] != NO_ITEMS["irt_note"] and "irt" not in ways:
        console.say(f"no link through items: {about['irt_note']}")
    for name, title in TITLES.items():
        table = tables[name].drop(columns="link_id")
        if len(table):
            rows = [[console.cell(v) for v in row] for row in table.itertuples(index=False, name=None)]
            console.show_table(title, [str(c).replace("_", " ") for c in table.columns], rows)


TITLES = {
    "linking_agreement": "agreement with published links",
    "linking_groups": "groups: how far their link lies above that of all",
    "linking_invariance": "invariance, in SD of the target scale",
    "linking_remission": "remission by the linked score against the measured one",
}
