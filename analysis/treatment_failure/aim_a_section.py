"""Part 2 of the report: treatment failure against partial response at the next step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.treatment_failure import cells, charts, words
from analysis.treatment_failure.aim_a_run import CLASSES, OWN, POOLED, AimA, run
from analysis.treatment_failure.chain import chain_bootstrap
from analysis.treatment_failure.characteristics import of_next_step
from analysis.treatment_failure.head_to_head import head_to_head
from analysis.treatment_failure.reverse import reverse
from analysis.treatment_failure.section import Context, Drawing, Item, Section, Table

WHO = {CLASSES: "Persons of the failing class", OWN: "Persons whose own course failed"}
SHARES = ("estimate", "se", "lower", "upper", "risk_tf", "risk_pr")
LABELS = {
    "estimate": "Difference, points",
    "lower": "95 % from",
    "upper": "to",
    "p_value": "p",
    "n": "Persons",
    "seen": "Exit rated",
    "events": "Remitted",
    "risk_tf": "Failure %",
    "risk_pr": "Partial %",
    "ratio": "Ratio",
    "ratio_low": "from",
    "ratio_high": "to ",
    "problems": "Remarks",
    "study": "Study",
    "model": "Model",
    "basis": "Basis",
    "estimator": "Estimator",
}


def sections(context: Context) -> list[Section]:
    """Aim A; a section that says so where it cannot be asked."""
    found = run(context)
    title = "Aim A: does treatment failure matter at the next step?"
    if found is None:
        said = (
            f"Whether treatment failure matters at the next step {words.CANNOT} here: no landed study has a next step."
        )
        return [Section("aim-a", title, verdict=said)]
    if not found.rows.empty:
        found.rows = pd.concat([found.rows, reverse(context)], ignore_index=True)
    context.results["contrasts"] = found.rows
    context.results["estimators"] = found.estimators
    basis = CLASSES if (CLASSES, "M1") in found.main else OWN
    verdict = words.answer(found.main.get((basis, "M1")), found.main.get((basis, "M2")), WHO[basis])
    results = [
        words.answer(found.main.get((b, "M1")), found.main.get((b, "M2")), WHO[b])
        for b in (CLASSES, OWN)
        if (b, "M1") in found.main and b != basis
    ]
    compared = head_to_head(found.people, context.seed)
    context.results["head_to_head"] = compared
    chain = chain_bootstrap(context, found) if context.replicates else pd.DataFrame()
    if not chain.empty:
        context.results["chain_bootstrap"] = chain
    results += [_compared(compared), *_chained(chain)]
    flow = cells.funnel(found.flow, context.minimum)
    return [
        Section(
            key="aim-a",
            title=title,
            verdict=verdict,
            methods=methods(found),
            results=tuple(r for r in results if r),
            cautions=(*found.notes, *CAUTIONS),
            tables=tuple(tables(context, found, compared, chain, flow)),
            figures=figures(found, flow, context.options.get("names", {})),
            checklist=strobe(context, found),
        )
    ]


CAUTIONS = (
    "A prognostic contrast, not an effect of failure: nobody was randomised to a course.",
    "M2 takes severity as measured: what measurement error hides of severity may look like an effect of the course.",
)


def methods(found: AimA) -> tuple[str, ...]:
    """What was done."""
    expected = "; ".join(f"{s}: ± {w:.0f} points" for s, w in found.width.items())
    filled = ", ".join(f"{k} {v}" for k, v in found.filled.items()) or "none"
    return (
        "People: less than half of the baseline lost at the exit of the first step, evaluable, and entered the first "
        "next "
        "step (STAR*D level 2, PReDICT phase 2). Outcome: HRSD17 of 7 or less at the exit of that step by the "
        "blinded rater; "
        "the classes come from self-report and never saw it.",
        f"Width of the interval expected before any outcome was read: {expected}.",
        "M0 is crude; M1 adds baseline, age, sex, chronicity (two years or more), episodes, anxious features and "
        "study; M2 adds "
        "HRSD17 at entry to the next step and the exit severity that the one-class model predicts. The difference is "
        "standardised to the population. Classes enter with their probabilities (two-step; classes that are neither "
        "failure "
        "nor partial response are one state), and one stacked sandwich runs over class, weight and outcome equations.",
        "Exits that nobody rated are stood for by weights from the observed history of the next step: the last seen "
        "score (and whether it was so low that leaving may be a finish), which visit, the baseline and the arm"
        f"{_side_effects(found)}; among those who finished, the chance of being reached by the rater given the last "
        "score and the baseline. Covariates "
        f"filled in (persons of the class model): {filled}. Pooled: one outcome model with study in it; beside it the "
        "mean "
        "of the studies' estimates by inverse variance, which leaves out studies with fewer than five events per "
        "parameter.",
    )


def _side_effects(found: AimA) -> str:
    study = found.people.set_index("subject_id")["study_id"]
    told = found.visits.loc[found.visits["side_effects"].notna(), "subject_id"].map(study).dropna().unique()
    if not len(told):
        return "; side effects were asked for in no study"
    return (
        f"; in {', '.join(sorted(map(str, told)))} side effects as last told, too: the mean of the three FIBSER "
        "ratings, straight and squared, and the number of PRISE domains rated distressing"
    )


def tables(
    context: Context, found: AimA, compared: pd.DataFrame, chain: pd.DataFrame, flow: pd.DataFrame
) -> list[Table]:
    """Tables of the section; numbers of persons below the small-cell rule are withheld."""
    shown = published(found.rows, context.minimum)
    kept = ["analysis", "basis", "study", "model", "estimate", "lower", "upper", "p_value", "risk_tf", "risk_pr"]
    kept += ["ratio", "ratio_low", "ratio_high", "n", "seen", "events", "problems"]
    decimals = dict.fromkeys(["estimate", "lower", "upper", "risk_tf", "risk_pr"], 1)
    decimals |= {"p_value": 3, "ratio": 2, "ratio_low": 2, "ratio_high": 2}
    primary = shown[shown["analysis"] == "primary"]
    note = (
        "Failure less partial response, percentage points of remission, standardised to the population; below 0 "
        "failure does worse. Classes: latent classes. Own fall: probabilities of the own course. Withheld: the count, "
        "or what it gives away, is below the smallest that is shown."
    )
    scale = context.classes["trials"].cohort.scale
    made = [
        Table("persons", "Persons of the next step by likeliest class",
              of_next_step(found.measured, scale, context.minimum),
              "Likeliest classes, for orientation; the analysis uses the probabilities."),
        Table("primary", "Primary: M0, M1, M2", primary[kept].drop(columns="analysis"), note, decimals, LABELS,
              group="basis"),
        Table("stages", "Who is in", flow.pivot(index="stage", columns="study", values="shown").reindex(
            flow.sort_values("stage_no")["stage"].unique()).reset_index()),
        Table("secondary", "Secondary and sensitivity analyses", shown[shown["analysis"] != "primary"][kept],
              "Percentage change: points of per cent, lower is better.", decimals, LABELS, group="analysis"),
    ]  # fmt: skip
    if not found.estimators.empty:
        table = found.estimators.copy()
        for c in ("estimate", "se", "lower", "upper"):
            table[c] = 100 * table[c]
        made.append(
            Table("estimators", "Four estimators of one contrast",
                  table[["model", "estimator", "estimate", "lower", "upper", "problems"]],
                  "Modal assignment and pseudo-class draws ignore the error of classification: shown to be distrusted.",
                  dict.fromkeys(["estimate", "lower", "upper"], 1), LABELS, group="model")
        )  # fmt: skip
    if not compared.empty:
        names = [str(c) for c in compared.columns if c != "label"]
        digits = {c: 4 if "log score" in c else 3 for c in names}
        made.append(Table("head-to-head", "Endpoint labels against the course", compared,
                          "Predictions for persons left out, beside the covariates of M1; differences from the 25 % "
                          "label.",
                          digits))  # fmt: skip
    if not chain.empty:
        made.append(
            Table(
                "chain",
                "Bootstrap of the whole chain",
                chain,
                "Primary rows, percentage points. Sites redrawn within studies (persons where a study has one site); "
                "class model, exit severity, filled-in covariates, weights and outcome models refitted each time.",
                decimals=dict.fromkeys(map(str, chain.columns[3:]), 1),
                labels=LABELS,
            )
        )
    return made


def published(rows: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Rows in points, with small counts withheld: a row with few events shows none of its three counts."""
    found = rows.copy()
    percent = found["analysis"] == "percentage change of HRSD17"
    for c in SHARES:
        found[c] = np.where(percent, found[c], 100 * found[c])
    few = pd.Series(False, index=found.index)
    for a, b in (("events", None), ("seen", "events"), ("n", "seen")):
        gap = found[a] - (found[b] if b else 0)
        few |= (gap > 0) & (gap < minimum)
    # a sum over studies would give the withheld count of one away
    few = few.groupby([found["analysis"], found["basis"]]).transform("any") & ((found["study"] != "stard") | few)
    for c in ("n", "seen", "events"):
        found[c] = [f"{int(v):,}" for v in found[c]]
        if c != "n":
            found.loc[few, c] = "withheld"
    return found


def figures(found: AimA, flow: pd.DataFrame, names: Mapping[str, str]) -> tuple[Drawing, ...]:
    """Forest of the primary rows, forest of M1 over analyses, flow. `names`: titles of studies."""
    rows = found.rows[(found.rows["analysis"] != "percentage change of HRSD17") & found.rows["se"].notna()].copy()
    rows = rows[~rows["problems"].str.contains("overfitted")]
    for c in ("estimate", "lower", "upper"):
        rows[c] = 100 * rows[c]
    main = rows[rows["analysis"] == "primary"].assign(
        label=lambda r: r["study"].replace(dict(names)) + ", " + r["basis"]
    )
    last = rows["study"].where(rows["study"] != "stard", POOLED)
    single = rows["study"].nunique() == 1
    over = rows[(rows["model"] != "M0") & ((last == POOLED) | single)]
    over = over[(over["study"] == POOLED) | ~over["analysis"].isin(rows.loc[rows["study"] == POOLED, "analysis"])]
    over = over[over["basis"] == (CLASSES if (CLASSES, "M1") in found.main else OWN)].assign(
        label=lambda r: r["analysis"]
    )
    title = "failure less partial response, points of remission"
    return (
        Drawing(
            "forest",
            "M0, M1 and M2 by study",
            charts.forest(main, title),
            "Left of 0: failure does worse. Points and 95 % intervals; rows with fewer than five events per parameter "
            "are left out, intervals beyond 80 points are cut.",
        ),
        Drawing(
            "forest-analyses",
            "M1 and M2 over all analyses",
            charts.forest(over, title),
            "Pooled where two studies have it; points and 95 % intervals. STAR*D alone where only it has the analysis.",
        ),
        Drawing(
            "flow",
            "From the first step to the outcome",
            charts.flow(flow.assign(study=flow["study"].replace(dict(names)))),
        ),
    )


def _compared(table: pd.DataFrame) -> str:
    if table.empty or ("class, P(failure)" not in set(table["label"]) and "own fall, q" not in set(table["label"])):
        return ""
    name = "class, P(failure)" if "class, P(failure)" in set(table["label"]) else "own fall, q"
    row = table.set_index("label").loc[name]
    better = (
        "better" if row["log score low"] > 0 else "worse" if row["log score high"] < 0 else "neither better nor worse"
    )
    return (
        f"Head to head on the same people the label of the course ({name}) predicts remission {better} than the "
        "endpoint label "
        f"of 25 %: log score difference {row['log score difference']:+.4f} ({row['log score low']:+.4f} to "
        f"{row['log score high']:+.4f}), AUC difference {row['AUC difference']:+.3f} ({row['AUC low']:+.3f} to "
        f"{row['AUC high']:+.3f})."
    ).replace("-0.", "−0.")


def _chained(chain: pd.DataFrame) -> list[str]:
    if chain.empty:
        return []
    worst = (chain["bootstrap SE"] / chain["sandwich SE"]).max()
    return [f"The bootstrap of the whole chain gives errors of up to {worst:.2f} times those of the sandwich."]


def strobe(context: Context, found: AimA) -> tuple[Item, ...]:
    """Items of STROBE for cohort studies (numbers from memory) that a run can answer."""
    rows = [
        ("4", "study design", "cohorts within trials; analysis plan written before, hash below"),
        ("6", "participants", "evaluable, less than half of the baseline lost, entered the next step; flow above"),
        ("7", "variables", "remission HRSD17 ≤ 7; classes and own falls; covariates of M1 and M2"),
        ("8", "measurement", "outcome by the blinded rater, classes from self-report; the reverse as sensitivity"),
        (
            "9",
            "bias",
            "error of classification carried; severity at the border in M2; modal and pseudo-class shown as biased",
        ),
        ("10", "study size", "; ".join(f"{s}: ± {w:.0f} points expected" for s, w in found.width.items())),
        (
            "12c",
            "missing data",
            "exits not rated (flow): weights from history, and missing = not remitted",
        ),
        ("12d", "loss to follow-up", "weights from observed history"),
        ("12e", "sensitivity analyses", f"{found.rows['analysis'].nunique() - 1} analyses beside the primary one"),
        ("13", "flow", "table and figure"),
        ("14", "characteristics", "table of persons by likeliest class; gaps said in it, filled as in the methods"),
        ("15", "outcome data", "persons, exits rated and remissions in the table of primary rows"),
        ("16", "estimates", "crude and adjusted with 95 % intervals"),
        (
            "17",
            "other analyses",
            "secondary table; four estimators; endpoint labels head to head; bootstrap of the chain",
        ),
        ("18", "key results", "the answer at the head of the section"),
        ("19", "limitations", "cautions above"),
        ("20", "interpretation", "prognostic, not causal; M2 decides the words"),
        (
            "21",
            "generalisability",
            "persons who stay evaluable and enter a next step of a trial; no transport is tried",
        ),
        ("22", "data", f"release {context.stamp.release}{', SYNTHETIC' if context.stamp.is_synthetic else ''}"),
    ]
    return tuple(Item("STROBE", a, b, c) for a, b, c in rows)
