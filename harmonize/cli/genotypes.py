"""`trd genotypes`: landing genotypes, what was landed, scores of persons, and synthetic genotypes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harmonize.cli import console
from harmonize.cli.app import JsonOption, app, command, help_text, warehouse_of
from harmonize.cli.land import MARK, StudyArgument, known_study, show_landing

if TYPE_CHECKING:
    import pandas as pd

    from analysis.genetics.weights import Weights
    from harmonize.genotypes.landing import GenotypeReport
    from harmonize.genotypes.quality import Progress

group = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
app.add_typer(
    group,
    name="genotypes",
    help=help_text(
        "Genotypes in, and genetic scores of persons.",
        ["trd genotypes status", "trd genotypes score score.txt"],
        ("done", "the thing failed", "the command line was wrong"),
    ),
    short_help="Genotypes in, and genetic scores of persons.",
)
WeightsArgument = Annotated[Path, typer.Argument(metavar="WEIGHTS", help="PGS Catalog scoring file, or a table.")]


@command(
    "land",
    examples=[
        "trd genotypes land stard gwas.bed --key ruid.csv --build GRCh37",
        "trd genotypes land stard c1.vcf.gz --key k.csv --build hg38 --array WGS",
        "trd genotypes land mars d.txt --key k.csv --build hg19 --variants rs1360780",
        "trd genotypes land mars m.bed --key k.csv --build hg38 --weights score.txt",
    ],
    fails="the genotypes were refused; nothing has changed",
    group=group,
)
def land(
    ctx: typer.Context,
    study_id: StudyArgument,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A .bed, .vcf(.gz), .bcf or dosage text file.")],
    key: Annotated[Path, typer.Option("--key", help="Table: genetic id, the study's key; array, batch, sex if known.")],
    build: Annotated[str, typer.Option("--build", help="Genome build of the positions: GRCh36, GRCh37 or GRCh38.")],
    strand: Annotated[str, typer.Option("--strand", help="Strand of the alleles: forward, top, unknown.")] = "forward",
    array: Annotated[str, typer.Option("--array", help="Array or panel, where the key file does not say.")] = "array",
    batch: Annotated[str, typer.Option("--batch", help="Batch, where the key file does not say.")] = "",
    set_id: Annotated[str | None, typer.Option("--set", help="Name of the set; without it that of the file.")] = None,
    variants: Annotated[
        str | None, typer.Option("--variants", help="rsIDs for the warehouse, by comma, or a file of them.")
    ] = None,
    weights: Annotated[
        list[Path] | None, typer.Option("--weights", help="Also the variants of these weights; may come again.")
    ] = None,
    diplotypes: Annotated[
        Path | None, typer.Option("--diplotypes", help="Table: genetic_id, gene, diplotype, from structural calls.")
    ] = None,
    person_call_rate: Annotated[float, typer.Option("--person-call-rate", min=0, max=1)] = 0.95,
    variant_call_rate: Annotated[float, typer.Option("--variant-call-rate", min=0, max=1)] = 0.95,
    hwe: Annotated[float, typer.Option("--hwe", min=0, max=1, help="Least P of Hardy-Weinberg equilibrium.")] = 1e-6,
    maf: Annotated[float, typer.Option("--maf", min=0, max=0.5, help="Least frequency of the rarer allele.")] = 0.01,
    synthetic: Annotated[bool, typer.Option("--synthetic", help="Nobody was typed for these data.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of components in large sets.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Land a file of genotypes of a study beside its clinical forms, with quality control.

    The file stays as it is beside the warehouse; the next build puts into cdm.genotypes the variants asked for, those
    of pharmacogenes and candidates of the literature always. Other sets of the study stay.
    """
    from harmonize.genotypes.asked import read_names, reference_variants
    from harmonize.genotypes.facts import Facts
    from harmonize.genotypes.landing import land_genotypes
    from harmonize.genotypes.quality import Limits

    house = warehouse_of(ctx)
    named: tuple[str, ...] = ()
    if variants is not None:
        as_file = Path(variants)
        named = read_names(as_file) if as_file.is_file() else tuple(v.strip() for v in variants.split(",") if v.strip())
    limits = Limits(person_call_rate=person_call_rate, variant_call_rate=variant_call_rate, hwe_p=hwe, maf=maf)
    with _progress() as shown:
        report = land_genotypes(
            known_study(study_id),
            path,
            key,
            Facts(build, strand, array, batch),
            house,
            set_id=set_id,
            variants=(*named, *reference_variants()),
            weights=weights or (),
            diplotypes=diplotypes,
            limits=limits,
            synthetic=synthetic,
            seed=seed,
            on_progress=shown,
        )
    missing = tuple(name for name in report.not_found if name in named)
    if as_json:
        console.show_json({**_plain(report), "not_found": missing})
    else:
        _show(report, missing)


def _plain(report: GenotypeReport) -> dict[str, Any]:
    fields = {name: getattr(report, name) for name in report.__dataclass_fields__}
    stages = _stages(report.stages)
    return {**fields, "stages": stages.astype(object).where(stages.notna(), None).to_dict("records")}


def _stages(stages: pd.DataFrame) -> pd.DataFrame:
    """Stages whose small numbers of samples are withheld."""
    from analysis.report.disclosure import minimum_count
    from analysis.report.genotyping import shown

    return shown(stages, minimum_count())


def _show(report: GenotypeReport, missing: tuple[str, ...]) -> None:
    console.show_table(
        f"{report.study}, set {report.set_id}: {report.n_persons} samples × {report.n_variants} variants",
        ["kind", "stage", "n"],
        _stages(report.stages)[["kind", "stage", "shown"]].itertuples(index=False, name=None),
    )
    console.say(
        f"  {report.n_with_key} of {report.n_persons} samples have a key; {report.n_asked} variants were asked for"
    )
    if report.n_unknown:
        console.say(f"  warning: {report.n_unknown} persons of the key file are in no landed form of the study")
    if report.n_unknown is None:
        console.say("  warning: no form of the study was landed, so that nobody knows whether the key file joins")
    if missing:
        console.say(f"  asked for and not there: {', '.join(missing)}")
    for note in report.notes:
        console.say(f"  {note}")
    show_landing(report.landing)
    console.say("Next: trd build")


@contextmanager
def _progress() -> Iterator[Progress]:
    with console.node_progress() as bar:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done)

        yield show


@command(
    "status",
    examples=["trd genotypes status", "trd genotypes status --json"],
    fails="there is no warehouse",
    group=group,
)
def status(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """The landed sets of genotypes, and after a build how many samples and variants each rule excluded."""
    from analysis.genetics.landed import landed_sets
    from analysis.warehouse import connect

    house = warehouse_of(ctx)
    sets = landed_sets(house.root)
    flow: list[tuple[Any, ...]] = []
    if house.database.exists():
        with connect(house.database) as warehouse:
            if "marts.genetic_attrition" in warehouse.columns:
                found = warehouse.frame(
                    "select study_id, set_id, kind, stage, n from marts.genetic_attrition"
                    " order by study_id, set_id, kind, stage_no, stage"
                )
                found = _stages(found)[["study_id", "set_id", "kind", "stage", "n" if as_json else "shown"]]
                flow = list(found.astype(object).where(found.notna(), None).itertuples(index=False, name=None))
    columns = ["study", "set", "file", "build", "strand", "array", "samples", "variants", "kind"]
    rows = [
        [s.study, s.set_id, s.facts["file"], s.build, s.strand, s.facts["array"], s.facts["n_persons"],
         s.facts["n_variants"], "SYNTHETIC" if s.facts["synthetic"] else "real"]
        for s in sets
    ]  # fmt: skip
    flow_columns = ["study", "set", "what", "stage", "n"]
    if as_json:
        as_rows = [dict(zip(columns, row, strict=True)) for row in rows]
        console.show_json({"sets": as_rows, "attrition": [dict(zip(flow_columns, r, strict=True)) for r in flow]})
        return
    console.show_table("Landed sets of genotypes", columns, rows)
    console.show_table("Quality control", flow_columns, flow)


@command(
    "score",
    examples=[
        "trd genotypes score PGS000001.txt.gz",
        "trd genotypes score score.txt --study stard --mode carrier",
        "trd genotypes score s.txt --mode single --variant rs1360780",
        "trd genotypes score score.txt --in-derivation --json",
        "trd genotypes score s.txt --file g.bed --file-build GRCh37 --out s.csv",
    ],
    fails="nobody is genotyped, or the weights do not fit",
    group=group,
)
def score(
    ctx: typer.Context,
    weights: WeightsArgument,
    study: Annotated[list[str] | None, typer.Option("--study", help="Only this study; may come again.")] = None,
    mode: Annotated[str, typer.Option("--mode", help="additive, carrier or single.")] = "additive",
    variant: Annotated[str | None, typer.Option("--variant", help="The variant of mode single.")] = None,
    palindromic: Annotated[
        str, typer.Option("--palindromic", help="frequency, drop or keep (one strand is known).")
    ] = "frequency",
    build: Annotated[str | None, typer.Option("--build", help="Build of the weights, where they do not say.")] = None,
    derived_in: Annotated[
        list[str] | None, typer.Option("--derived-in", help="Study the weights come from, where the file is silent.")
    ] = None,
    in_derivation: Annotated[
        bool, typer.Option("--in-derivation", help="Score also where the weights were derived; it is marked.")
    ] = False,
    file: Annotated[
        Path | None, typer.Option("--file", help="Score this file of genotypes instead; touches no warehouse.")
    ] = None,
    file_build: Annotated[str | None, typer.Option("--file-build", help="Genome build of --file.")] = None,
    impute: Annotated[
        bool, typer.Option("--impute/--no-impute", help="With --file: missing dosages as means, or left out.")
    ] = True,
    out: Annotated[Path | None, typer.Option("--out", help="Write persons and scores here (patient data).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Score every genotyped person with a file of weights; results.genetic_scores and results.genetic_variants.

    Says what became of each variant of the file, and which persons helped to make the weights. With --file the persons
    of any file of genotypes are scored, in columns as PLINK 2 has them, to be held against it.
    """
    from analysis.genetics.results import keep_scores, shown
    from analysis.genetics.score import MODES, score_persons
    from analysis.genetics.weights import read_weights

    house = warehouse_of(ctx)
    console.one_of(mode, MODES, "mode")
    console.one_of(palindromic, ("frequency", "drop", "keep"), "rule for palindromic variants")
    given = read_weights(weights, build=build)
    if derived_in:
        given = given.derived_in(*derived_in)
    if file is not None:
        _score_file(file, file_build, given, mode, variant, palindromic, impute, out, as_json)
        return
    done = score_persons(
        house.database,
        given,
        mode=mode,
        variant=variant,
        studies=study,
        palindromic=palindromic,
        allow_derivation=in_derivation,
    )
    stamp = keep_scores(house.database, done)
    if out is not None:
        done.persons.to_csv(out, index=False, lineterminator="\n")
    summary = shown(done)
    if as_json:
        columns = list(summary.columns)
        document = {
            "weights": done.weights.weights_id,
            "mode": mode,
            "release": stamp.release,
            "synthetic": stamp.is_synthetic,
            "circular": done.circular,
            "warnings": list(done.warnings),
            "studies": [dict(zip(columns, row, strict=True)) for row in summary.itertuples(index=False, name=None)],
        }
        console.show_json(document)
        return
    mark = "SYNTHETIC " if stamp.is_synthetic else ""
    circular = " TESTED WHERE IT WAS DERIVED" if done.circular else ""
    console.show_table(
        f"{mark}{done.weights.name}, {mode}{circular}",
        list(summary.columns),
        summary.itertuples(index=False, name=None),
    )
    for text in done.warnings:
        console.say(f"  {text}")


def _score_file(
    file: Path,
    build: str | None,
    weights: Weights,
    mode: str,
    variant: str | None,
    palindromic: str,
    impute: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    from analysis.genetics.matrix import open_matrix
    from analysis.genetics.score import of_mode, score_matrix
    from analysis.genetics.weights import build_named

    chosen = of_mode(weights, mode, variant)
    matrix = open_matrix(file)
    done = score_matrix(matrix, chosen, build=build_named(build), mode=mode, palindromic=palindromic, impute=impute)
    if out is not None:
        done.frame.to_csv(out, index=False, lineterminator="\n")
    counts = {status: n for status, n in done.matched.counts().items() if n}
    summary = {
        "persons": len(done.frame),
        "mean_of_sums": float(done.frame["score_sum"].mean()),
        "sd_of_sums": float(done.frame["score_sum"].std()),
        "imputed": int(done.frame["n_imputed"].sum()),
    }
    if as_json:
        warnings = list(done.matched.warnings)
        console.show_json({"weights": chosen.weights_id, **summary, "lines": counts, "warnings": warnings})
        return
    console.show_table(chosen.name, list(summary), [list(summary.values())])
    console.show_table("Lines of the weights", ["became", "lines"], counts.items())
    for text in done.matched.warnings:
        console.say(f"  {text}")


@command(
    "synth",
    examples=[
        "trd genotypes synth stard --out /tmp/stard_genotypes",
        "trd genotypes synth mars --n 200 --seed 7 --format vcf --out /tmp/g",
    ],
    fails="nothing was written",
    group=group,
)
def synth(
    ctx: typer.Context,
    study_id: StudyArgument,
    out: Annotated[Path, typer.Option("--out", file_okay=False, help="A new folder, or a synthetic one.")],
    n: Annotated[int | None, typer.Option("--n", min=1, help="Persons of the study, as in trd synth.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="That of the clinical files.")] = 1,
    world: Annotated[str, typer.Option("--world", help="That of the clinical files.")] = "W0",
    kind: Annotated[list[str] | None, typer.Option("--format", help="bed, vcf or dosage; may come again.")] = None,
    faults: Annotated[
        bool, typer.Option("--faults/--no-faults", help="Plant poor, swapped and double samples.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Write synthetic genotypes of the persons whom a synthetic study genotyped, with key file and weights."""
    from harmonize.cli.land import synthetic_study
    from harmonize.synthetic.genotypes import FORMATS, write_genotypes
    from harmonize.synthetic.worlds import ALIASES, WORLDS

    warehouse_of(ctx)
    module = synthetic_study(study_id)
    console.one_of(world, [*WORLDS, *ALIASES], "world")
    for name in kind or ():
        console.one_of(name, FORMATS, "format")
    mark = out / "README.txt"
    if out.is_dir() and any(out.iterdir()) and not (mark.is_file() and mark.read_text("utf-8").startswith(MARK)):
        raise console.CommandError(
            "the folder holds files that trd genotypes synth did not write",
            file=str(out),
            remedy="Name a new folder; synthetic files must never take the place of delivered ones",
        )
    done = write_genotypes(study_id, out, n or module.N, seed, world=world, formats=kind or ("bed",), faults=faults)
    document = {
        "study": study_id,
        "synthetic": True,
        "world": world,
        "samples": done.n_persons,
        "variants": done.n_variants,
        "files": {name: str(path) for name, path in done.paths.items()},
        "planted": done.planted,
    }
    if as_json:
        console.show_json(document)
        return
    title = f"SYNTHETIC {study_id}: {done.n_persons} samples × {done.n_variants} variants"
    console.show_table(title, ["what", "file"], [[k, str(p)] for k, p in done.paths.items()])
    for what, ids in done.planted.items():
        console.say(f"  planted {what}: {', '.join(ids)}")
    formats = next(name for name in (kind or ["bed"]))
    line = f"trd genotypes land {study_id} {done.paths[formats]} --key {done.paths['key']} --build GRCh38 --synthetic"
    console.say(f"Next: {line}")
