"""Part 1 of the report: the courses, which of them is treatment failure, and what says the same without classes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.plan import Plan
from analysis.trajectories.linked import class_shares
from analysis.treatment_failure import cells, charts, link_section, rules
from analysis.treatment_failure.characteristics import of_population
from analysis.treatment_failure.invariance import Invariance
from analysis.treatment_failure.link_draws import LinkDraws
from analysis.treatment_failure.section import Classes, Context, Drawing, Item, Section, Table
from analysis.treatment_failure.treatments import Treatments
from analysis.warehouse import connect

TITLES = {"trials": "Pooled trials", "mars": "MARS alone", "all": "All studies, linked (sensitivity)"}
MODEL_LABELS = {
    "family": "Family",
    "k": "Classes",
    "parameters": "Parameters",
    "loglik": "Log-likelihood",
    "bic": "BIC",
    "icl": "ICL",
    "entropy": "Entropy",
    "smallest_share": "Smallest class %",
    "reached": "Best value reached",
    "admissible": "Admissible",
}


def sections(context: Context) -> list[Section]:
    """One section per population of the class step."""
    return [_section(context, name, found) for name, found in context.classes.items()]


def title_of(found: Classes, plan: Plan) -> str:
    """How a population is called on the page: by its studies where they are not those of the plan."""
    planned = set(plan.populations[found.population].studies)
    if set(found.cohort.studies) <= planned:
        return TITLES.get(found.population, found.population)
    return f"{', '.join(found.cohort.studies)}, {found.cohort.scale}"


def _section(context: Context, name: str, found: Classes) -> Section:
    key = f"finding-{name.replace('_', '-')}"
    invariance: Invariance | None = context.options.get("invariance", {}).get(name)
    agreed = pd.DataFrame([rules.agreement(found, share) for share in (0.25, 0.30)])
    context.results[f"agreement_{name}"] = agreed
    context.results[f"models_{name}"] = models(found)
    tables = [
        Table(
            "classes", "Classes", class_table(context, found), note=NOTE_CLASSES,
            labels={"label_30": "Label (30 %)", "fall_4": "Fall week 4 %", "fall_8": "Fall week 8 %",
                    "fall_end": "Fall at T %", "last_week": "T, week", "class": "Class", "label": "Label",
                    "persons": "Persons", "share %": "Share %", "share interval": "95 % interval",
                    "end interval": "95 % interval ", "certainty": "Certainty",
                    "kept": "Label kept in bootstrap %"},
        ),
        Table("standing", "Who can be called a failure, by likeliest class", standing_table(context, found),
              note="Failure is asked of evaluable persons only; leaving early and intolerance are neither."),
        Table("rules-25", "Last score by the 25 % rule and likeliest class", rule_table(context, found, 0.25)),
        Table("rules-30", "Last score by the 30 % rule and likeliest class", rule_table(context, found, 0.30)),
        Table("agreement", "How classes, own falls and rules agree", agreed.drop(columns="population"),
              note="kappa: failure by likeliest class; kappa_q: own fall below 25 % likelier than not. Evaluable.",
              decimals={"kappa": 2, "kappa_q": 2, "adjusted_rand": 2},
              labels={"adjusted_rand": "adjusted Rand"}),
        Table("models", "Models fitted", models(found), labels=MODEL_LABELS, note=NOTE_MODELS,
              decimals={"loglik": 1, "bic": 1, "icl": 1, "entropy": 2, "smallest_share": 1}),
    ]  # fmt: skip
    with connect(context.database) as warehouse:
        about = of_population(warehouse, found, context.minimum)
    tables.insert(0, Table("persons", "Persons", about, note="Persons of the class model."))
    results = [f"{found.why}."]
    if invariance is not None:
        results.append(invariance.said)
        tables.append(
            Table("invariance", "The same classes in other models of study", invariance.table, note=invariance.note,
                  decimals={"largest difference, points": 1, "bic": 1},
                  labels={"model": "Model", "persons": "Persons", "bic": "BIC", "converged": "Admissible",
                          "largest difference, points": "Largest difference of class means at week 8, points",
                          "labels changed": "Labels changed"})
        )  # fmt: skip
        results += [said for said in invariance.treatments.said if said]
        tables += treatment_tables(invariance.treatments)
    over: LinkDraws | None = context.options.get("linked", {}).get(name)
    if over is not None:
        tables.insert(1, link_section.table(found, over))
    q = found.persons.loc[found.persons["is_evaluable"].fillna(False).astype(bool), "q_one"]
    end = float(found.single.last_weeks[0])
    asked = f"8 and at week {end:.0f}" if end > 8 else f"{end:.0f}, the last that is followed"
    results.append(
        f"Without classes: the one-class model gives {100 * q.mean():.1f} % of evaluable persons an own latent fall "
        f"below 25 % at week {asked} (mean q); for {100 * (q >= 0.5).mean():.1f} % that is likelier than not."
    )
    more = ""
    if over is not None:
        results += link_section.said(found, over)
        more = link_section.answer(found, over)
    return Section(
        key=key,
        title=f"Finding treatment failure: {title_of(found, context.plan)}",
        verdict=found.verdict[0].upper() + found.verdict[1:] + more + ".",
        methods=methods(context, name, found),
        results=tuple(results),
        cautions=cautions(found),
        tables=tuple(tables),
        figures=figures(found) if over is None else link_section.drawing(found, over),
        checklist=grolts(context, found),
    )


def treatment_tables(found: Treatments) -> list[Table]:
    """Randomised contrasts, and the nested models that say whether the classes are the same in both arms."""
    if found.contrasts.empty:
        return []
    shares = dict.fromkeys(["first %", "second %", "difference", "from", "to", "fall", "fall from", "fall to"], 1)
    heads = {
        "study": "Study", "contrast": "Contrast", "persons": "Persons", "first %": "Failure, first arm %",
        "second %": "Failure, second arm %", "difference": "Difference, points", "from": "95 % from", "to": "to",
        "fall": "Difference in fall by week 8, points", "fall from": "95 % from ", "fall to": "to ",
    }  # fmt: skip
    made = [
        Table("treatments", "Randomised treatments: share of failure and fall", found.contrasts,
              "Only where treatment was randomised. Treatment in the membership of the chosen classes (two-step logit "
              "among the randomised persons of the study); fall: mean own latent fall of the one-class model, which "
              "is drawn to the mean and understates differences.", shares | {"p": 3}, heads)
    ]  # fmt: skip
    if "bic" in found.nested:
        kept = ["study", "model", "persons", "parameters", "loglik", "bic", "LR p", "arms apart", "labels changed",
                "admissible"]  # fmt: skip
        made.append(
            Table("treatment-models", "Randomised treatments: nested models of each study alone", found.nested[kept],
                  "LR p: likelihood ratio against the model before. Arms apart: largest difference of class means at "
                  "week 8 between the arms, HRSD17-equivalent points.",
                  {"loglik": 1, "bic": 1, "LR p": 3, "arms apart": 1},
                  {"model": "Model", "persons": "Persons", "parameters": "Parameters", "loglik": "Log-likelihood",
                   "bic": "BIC", "LR p": "LR test p", "arms apart": "Arms apart, points",
                   "labels changed": "Labels changed", "admissible": "Admissible"}, group="study")
        )  # fmt: skip
    return made


NOTE_CLASSES = (
    "Persons by likeliest class. Share: mean posterior probability. Certainty: mean posterior of the likeliest class "
    "among its persons. Fall: of the mean course from the mean baseline. T: last week with 20 % still seen."
)


NOTE_MODELS = (
    "BIC: Bayesian information criterion, lower is better, by it the number is chosen. ICL: BIC plus twice the "
    "uncertainty of classification. Entropy: 1 where everybody's class is certain. Best value reached: random starts "
    "that end within 0.01 of the best log-likelihood."
)


def methods(context: Context, name: str, found: Classes) -> tuple[str, ...]:
    """What was done, with the numbers of the run."""
    c, plan = found.cohort, context.plan
    linked = f" Scores of {', '.join(c.linked)} are linked equivalents." if c.linked else ""
    told = (
        f"{c.counts['persons']:,} persons of {', '.join(c.studies)} with a baseline and at least one later score, "
        f"{c.counts['scores_used']:,} scores on the {scale_name(found)}; "
        f"{cells.count(c.counts['persons_without_baseline'], context.minimum)} "
        f"persons with scores had no baseline and stay out.{linked}"
    )
    numbers = ", ".join(str(e) for e in sorted(found.enumerations[found.family].table["k"]))
    return (
        told,
        f"Growth mixtures with {numbers} classes: 1, log(1 + week) and week free in every class, random intercept and "
        f"slope on log(1 + week) with one covariance, baseline as a covariate {_baseline(found)}"
        f"{', study in membership, intercept and residual variance' if len(c.studies) > 1 else ''}. "
        f"Gaussian and censored-normal models were fitted ({', '.join(found.enumerations)}); the smallest "
        f"admissible number within {plan.choice.bic_slack:g} BIC points of the minimum is taken: converged, "
        f"information positive definite, best value reached {plan.search.replications} times or more, no class below "
        f"{100 * plan.admissible.min_class_share:g} % or {plan.admissible.min_class_persons} persons. The class step "
        "had no access to outcomes of a next step or to genotypes.",
        rule_in_words(plan),
        "Beside the classes stands q, the probability that the person's own latent course falls by less than 25 % at "
        "week 8 "
        "and at T given all scores, from the one-class and from the chosen model.",
    )


def _baseline(found: Classes) -> str:
    own = "baseline" in str(found.single.spec.class_specific or "")
    return "whose effect on the change is each class's own" if own else "equal in all classes"


def rule_in_words(plan: Plan) -> str:
    """The labels as they are defined, with the plan's thresholds."""
    of = plan.labels
    failing, respond = 100 * of.failure_below, 100 * of.response_from
    return (
        "Labels of classes, by the fall of the mean course from the mean baseline, at T, the last week up to "
        f"{of.last_week_cap:g} at which {100 * of.last_week_share:g} % of the class still have a later score (never "
        f"extrapolated): treatment failure, below {failing:g} % at every week from {of.week_from:g} to T; transient "
        f"response, below {respond:g} % at T after {100 * of.transient_loss:g} points or more were lost again; partial "
        f"response, {failing:g} to below {respond:g} % at T; response, {respond:g} % or more at T, rapid if already "
        f"{100 * of.rapid_from:g} % at week {of.rapid_at_week:g}, else gradual. A variant sets the first border at "
        f"{100 * of.failure_below_variant:g} %. If no class meets the rule the answer is that there is no such class; "
        f"a label kept in less than {100 * of.uncertain_below:g} % of the bootstrap refits is called uncertain."
    )


def scale_name(found: Classes) -> str:
    """The scale as a reader writes it."""
    return found.cohort.scale.replace("_", "-")


def cautions(found: Classes) -> tuple[str, ...]:
    """What to know before believing the classes."""
    told = [
        "Classes are a summary of courses, not diagnoses; scores that are not normal within classes can split one "
        "into two."
    ]
    if found.fit is not None:
        told += [str(p) for p in found.fit.problems]
    return tuple(told)


def class_table(context: Context, found: Classes) -> pd.DataFrame:
    """One row per class as published."""
    if found.fit is None:
        return pd.DataFrame({"class": [], "label": []})
    b = found.cohort.mean_baseline
    kind = "cluster" if found.fit.design.clusters is not None else "sandwich"
    share, variance = class_shares(found.fit)
    fall = {w: 100 * (1 - found.fit.courses([w])["mean"].to_numpy() / b) for w in (4.0, 8.0)}
    ends = [found.fit.courses([t], kind=kind).iloc[g] for g, t in enumerate(found.fit.last_weeks)]
    sizes = found.fit.classes
    shown = cells.cross(pd.Series("n", index=found.persons.index), found.persons["modal"], context.minimum)
    return pd.DataFrame(
        {
            "class": sizes["class"],
            "label": found.labels,
            "label_30": found.labels_30,
            "kept": [
                f"{100 * a:.0f}" + (" uncertain" if a < 0.8 else "") if a == a else "not tried" for a in found.agreement
            ],
            "persons": [shown[str(k)].iloc[-1] if str(k) in shown else "0" for k in sizes["class"]],
            "share %": (100 * sizes["share"]).round(1),
            "share interval": [_interval(p, v**0.5) for p, v in zip(share, variance, strict=True)],
            "certainty": sizes["certainty"].round(2),
            "fall_4": fall[4.0].round(0),
            "fall_8": np.where(found.fit.last_weeks >= 8, fall[8.0].round(0), np.nan),
            "fall_end": [round(100 * (1 - float(e["mean"]) / b)) for e in ends],
            "end interval": [_interval(1 - float(e["mean"]) / b, float(e["se"]) / b) for e in ends],
            "last_week": found.fit.last_weeks,
        }
    )


def _interval(value: float, se: float) -> str:
    low, high = 100 * (value - 1.96 * se), 100 * (value + 1.96 * se)
    return f"{low:.1f} to {high:.1f}".replace("-", "−")


def standing_table(context: Context, found: Classes) -> pd.DataFrame:
    """Evaluable, inadequate dose, left early, intolerant by label of the likeliest class."""
    people = found.persons
    return cells.cross(rules.standing(people), people["label"].rename("label"), context.minimum)


def rule_table(context: Context, found: Classes, share: float) -> pd.DataFrame:
    """Rule-based category of evaluable persons by label of the likeliest class."""
    people = found.persons[found.persons["is_evaluable"].fillna(False).astype(bool)]
    return cells.cross(rules.categories(people, share), people["label"], context.minimum)


def models(found: Classes) -> pd.DataFrame:
    """Every model fitted."""
    tables = []
    for family, e in found.enumerations.items():
        t = e.table
        tables.append(
            pd.DataFrame(
                {
                    "family": family + np.where((t["k"] == e.chosen) & (family == found.family), " (chosen)", ""),
                    "k": t["k"],
                    "parameters": t["parameters"],
                    "loglik": t["loglik"],
                    "bic": t["bic"],
                    "icl": t["icl"],
                    "entropy": t["entropy"],
                    "smallest_share": 100 * t["smallest_share"],
                    "reached": t["replication"].astype(str) + " of " + t["starts"].astype(str),
                    "admissible": np.where(t["admissible"].astype(bool), "yes", "no"),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def figures(found: Classes) -> tuple[Drawing, ...]:
    """The courses, to T of each class."""
    if found.fit is None:
        return ()
    grid = np.arange(0, float(found.fit.last_weeks.max()) + 0.5, 0.5)
    frame = found.fit.courses(grid)
    frame = frame[frame["week"] <= found.fit.last_weeks[frame["class"] - 1]]
    frame = frame.assign(
        label=[found.labels[c - 1] for c in frame["class"]],
        course=[f"{c}: {found.labels[c - 1]}" for c in frame["class"]],
    )
    text = (
        "Mean course of each class at the mean baseline with its pointwise 95 % band, to the last week it carries. The "
        "baseline enters as a covariate and is no point of the curve."
    )
    scale = scale_name(found)
    return (Drawing("courses", f"Courses on the {scale}", charts.courses(frame, scale), text),)


def grolts(context: Context, found: Classes) -> tuple[Item, ...]:
    """GRoLTS (van de Schoot et al. 2017); numbers of the items from memory."""
    e = found.enumerations[found.family]
    fit = found.fit
    rows = [
        ("1", "metric of time", "weeks from the start of the first treatment, as measured"),
        ("2", "mean and variance of time", "visits are irregular; each person's own times enter the model"),
        ("3a-c", "missing data", "missing at random by full likelihood; persons without a baseline left out"),
        ("4", "distribution of scores", f"floor at {context.plan.model.floor:g}; Gaussian and censored-normal models"),
        ("5", "software", "trd-warehouse, analysis.trajectories"),
        ("6a-b", "within and between class variance", "random intercept and slope, one covariance; residual by study"),
        ("7", "alternative shapes", "1, log(1 + week), week; LCGA and random intercept are not chosen from (plan)"),
        ("8", "covariates", "baseline; study in membership and intercept"),
        ("9", "random starts", "; ".join(f"{r.k}: {r.replication} of {r.starts}" for r in e.table.itertuples())),
        ("10", "selection", found.why),
        ("11", "number of models", f"{sum(len(x.fits) for x in found.enumerations.values())}, one class included"),
        ("12", "cases per class", "table of classes; of other models the smallest class"),
        ("13", "entropy", f"{fit.entropy:.2f}" if fit is not None else "no admissible model"),
        ("14", "plots", "means with bands; curves of single persons never stand on a page"),
        ("15", "description of classes", "table of classes"),
        ("16", "syntax", f"trd treatment-failure, seed {context.seed}, plan {str(context.stamp.plan_hash)[:12]}"),
    ]  # fmt: skip
    return tuple(Item("GRoLTS", a, b, d) for a, b, d in rows)
