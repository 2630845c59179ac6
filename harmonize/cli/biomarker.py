"""`trd biomarker`: the weighted effect of a genetic score on treatment failure; `trd biomarker-power` plans it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from harmonize.cli import console
from harmonize.cli.app import JsonOption, command, warehouse_of
from harmonize.published import connect

SHOWN = {
    "flow": "study_id stage shown",
    "weights": "study_id factor n mean min max ess largest_share",
    "effects": "study_id estimator measure estimate lower upper p_value ess note",
    "sensitivity": "study_id check text",
    "truncation": "study_id quantile n_cut largest ess estimate lower upper",
}
MISSING = ("category", "complete", "impute", "refuse")
METHODS = ("logistic", "penalised", "ridge", "cbps", "entropy")


@command(
    "biomarker",
    examples=[
        "trd biomarker --weights score.txt",
        "trd biomarker --weights score.txt --outcome tf --draw-week 2",
        "trd biomarker --weights score.txt --ancestry \"race == 'white'\"",
        "trd biomarker --weights PGS1.txt.gz --study stard --study ispotd",
        "trd biomarker --scores scores.csv --outcome remission_qids_5",
        "trd biomarker --scores scores.csv --missing impute",
        "trd sql 'select * from results.biomarker_effects'",
    ],
    fails="no score, no class model, no overlap, or derived in this study",
    panel="Results",
)
def biomarker(
    ctx: typer.Context,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", metavar="FILE", help="Weights file: PGS Catalog, or rsid, allele, weight."),
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option("--scores", metavar="FILE", help="Or scores as a table: subject_id, score, PC1 …, array."),
    ] = None,
    outcome: Annotated[
        str, typer.Option("--outcome", metavar="NAME", help="tf (latent class), q, or a definition_id at exit.")
    ] = "tf",
    study: Annotated[
        list[str] | None, typer.Option("--study", help="Each by itself, then pooled; may come again. Default: stard.")
    ] = None,
    mode: Annotated[str, typer.Option("--mode", help="additive, carrier or single.")] = "additive",
    variant: Annotated[
        str | None, typer.Option("--variant", metavar="RSID", help="The variant of mode single.")
    ] = None,
    draw_week: Annotated[
        float | None, typer.Option("--draw-week", min=0.0, help="Week of the blood draw; unknown: landmarks are shown.")
    ] = None,
    ancestry: Annotated[
        str | None, typer.Option("--ancestry", metavar="CONDITION", help="Stated ancestry of the target population.")
    ] = None,
    selection: Annotated[
        str | None,
        typer.Option("--selection", metavar="FORMULA", help="Selection model, 'age + sex + baseline_score'."),
    ] = None,
    adjust: Annotated[
        str | None,
        typer.Option("--adjust", metavar="FORMULA", help="What is adjusted for; plan: PC1-5, array, age, sex."),
    ] = None,
    method: Annotated[str, typer.Option("--method", help=f"Selection weights: {', '.join(METHODS)}.")] = "logistic",
    missing: Annotated[str, typer.Option("--missing", help=f"Missing covariates: {', '.join(MISSING)}.")] = "category",
    run: Annotated[str | None, typer.Option("--run", metavar="RUN_ID", help="Run of trd trajectories.")] = None,
    shuffles: Annotated[int | None, typer.Option("--shuffles", min=0, help="Sign-shuffled scores; plan: 200.")] = None,
    bootstraps: Annotated[int, typer.Option("--bootstraps", min=0, help="Refits of the whole chain.")] = 0,
    in_derivation: Annotated[
        bool, typer.Option("--in-derivation", help="Test the score also where it was derived; the result is marked.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same numbers.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Effect of a previously derived score on treatment failure, weighted for who was genotyped (plan, aim D).

    Difference in P(treatment failure) per SD, standardised to the target population, with errors over class model,
    weights and outcome model; beside it raked, truncated and unweighted estimates, each with what it estimates, and
    shuffled scores, E-value, tipping point. Written to results.biomarker_*; the next trd report shows it.
    """
    house = warehouse_of(ctx)
    connect(house).close()
    from analysis.biomarkers import Asked, run_biomarker
    from analysis.genetics.errors import GeneticsError
    from analysis.results import ResultError, results_file
    from analysis.trajectories.cohort import CohortError
    from analysis.trajectories.errors import DesignError
    from analysis.trajectories.inference import InferenceError

    console.one_of(missing, MISSING, "missing")
    console.one_of(method, METHODS, "method")
    asked = Asked(
        weights=weights, scores=scores, outcome=outcome, studies=tuple(study or ("stard",)), mode=mode, variant=variant,
        in_derivation=in_derivation, draw_week=draw_week, ancestry=ancestry, selection=selection, adjust=adjust,
        method=method, missing=missing, run=run, shuffles=shuffles, replicates=bootstraps, seed=seed,
    )  # fmt: skip
    try:
        with console.node_progress() as bar:
            task = bar.add_task("…", total=None)

            def say(what: str) -> None:
                bar.update(task, description=what)
                if bar.disable and not what.rstrip("0123456789").endswith(("shuffled ", "bootstrap ", "of ")):
                    console.note(what)

            found = run_biomarker(house.database, asked, say)
    except GeneticsError as error:
        where = {name: getattr(error, name) for name in ("file", "row", "column", "value")}
        told = {name: said for name, said in where.items() if said is not None}
        raise console.CommandError(error.problem, remedy=error.remedy, **told) from error
    except (CohortError, DesignError, InferenceError, ResultError) as error:
        raise console.CommandError(str(error)) from error
    if as_json:
        stamp = {key: value for key, value in vars(found.stamp).items() if key != "database"}
        tables = {name: _rows(found.tables[name]) for name in ("runs", *SHOWN, "balance", "problems")}
        console.show_json({"run_id": found.run_id, "verdict": found.verdict, **stamp, **tables})
        return
    _show(found.tables, found.verdict, synthetic=found.stamp.is_synthetic)
    console.say(f"Written: results.biomarker_* in {results_file(house.database)} (release {found.stamp.release})")


@command(
    "biomarker-power",
    examples=[
        "trd biomarker-power",
        "trd biomarker-power --odds-ratio 1.15 --share 0.2 --n 20000",
        "trd biomarker-power --certainty 0.85 --sims 500 --json",
    ],
    fails="a share or certainty that cannot be",
    panel="Results",
)
def biomarker_power(
    odds_ratio: Annotated[float, typer.Option("--odds-ratio", min=1.0, help="Of failure, per SD of the score.")] = 1.2,
    share: Annotated[float, typer.Option("--share", min=0.01, max=0.99, help="With treatment failure.")] = 0.25,
    certainty: Annotated[
        float,
        typer.Option("--certainty", min=0.5, max=1.0, help="Of the class model: mean of the larger of P and 1 - P."),
    ] = 0.9,
    n: Annotated[list[int] | None, typer.Option("--n", min=100, help="Enrolled patients; may come again.")] = None,
    fraction: Annotated[float, typer.Option("--fraction", min=0.01, max=1.0, help="Genotyped of the enrolled.")] = 0.5,
    sims: Annotated[int, typer.Option("--sims", min=20, help="Simulated studies for each line.")] = 200,
    seed: Annotated[int, typer.Option("--seed")] = 1,
    as_json: JsonOption = False,
) -> None:
    """How many EHR patients, genotyped how, are needed: power by simulation on the population model (SYNTHETIC).

    Designs: everybody; a fraction at random; volunteers, who differ and are weighted for; enriched for the likely
    failing with known chances.
    """
    from analysis.biomarkers.power import Design, Population, plan_study
    from analysis.weighting.errors import WeightingError

    designs = [Design(), *(Design(name, fraction) for name in ("at random", "volunteers", "enriched"))]
    population = Population(odds_ratio=odds_ratio, share=share, certainty=certainty)
    try:
        table = plan_study(n or (2000, 5000), population, designs, sims, seed, console.note)
    except WeightingError as error:
        raise console.CommandError(str(error)) from error
    if as_json:
        console.show_json({"synthetic": True, "seed": seed, "rows": _rows(table)})
        return
    shown = "design n_enrolled n_genotyped difference sd mean_se power n_needed genotyped_needed".split()
    console.say(f"SYNTHETIC: odds ratio {odds_ratio:g}, {100 * share:.0f} % failing, certainty {certainty:g}", "bold")
    rows = [[_short(v) for v in row] for row in table[shown].itertuples(index=False, name=None)]
    console.show_table("Power", [c.replace("_", " ") for c in shown], rows)


def _show(tables: dict[str, pd.DataFrame], verdict: str, *, synthetic: bool) -> None:
    about = tables["runs"].iloc[0]
    console.say(f"{about['run_id']}{', SYNTHETIC persons' if synthetic else ''}: {verdict}", "bold")
    console.say(f"Outcome: {about['outcome_text']}")
    console.say(f"Target: {about['target']} ({_said(about['n_target'])} persons, {_said(about['n_scored'])} scored)")
    console.say(f"Weights: {about['selection']}. Adjusted for: {about['adjusted_for']}")
    console.say(str(about["power_text"]))
    if about["deviations"]:
        console.say(f"Departs from the plan: {about['deviations']}")
    if about["warnings"]:
        console.say(f"Score: {about['score_text']}{about['warnings']}")
    for line in tables["problems"].itertuples(index=False):
        console.say(f"! {line.study_id}: {line.problem}")
    for name, columns in SHOWN.items():
        table = tables[name]
        kept = [c for c in columns.split() if c in table.columns]
        rows = [[_short(value) for value in row] for row in table[kept].itertuples(index=False, name=None)]
        console.show_table(name, [c.replace("_", " ") for c in kept], rows)


def _said(count: Any) -> str:
    return "withheld:" if pd.isna(count) else f"{count:,}"


def _short(value: Any) -> object:
    if value is pd.NA:
        return "withheld"
    if isinstance(value, float):
        return "" if value != value else f"{value:.4f}" if abs(value) < 10 else f"{value:.1f}"
    return value


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    plain = table.astype(object).where(table.notna(), None)
    return [{str(key): value for key, value in row.items()} for row in plain.to_dict("records")]
