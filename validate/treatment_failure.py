"""The plan's gates for Aim A, by simulation on STAR*D persons of the named worlds: W0, W1, W2, W4b, W4c, W5.

    python -m validate.treatment_failure                             all at the plan's size; hours
    python -m validate.treatment_failure --only W2 --sims 300 --jobs 2
    python -m validate.treatment_failure --keep sims.csv             goes on where a run was stopped

SYNTHETIC. No files and no dbt: persons come from the population model as arrays (`stard_worlds`),
estimators are those of the analysis. The number of classes is known (that of the world's own large sample), classes
are refitted in every set. Truth: the mean of the same contrast in 20 draws of 100,000 persons with the true course
known and everybody rated. Exit status 1 where a gate that binds is missed; with fewer sets than `ENOUGH` nothing binds.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from analysis.plan import read_plan
from analysis.trajectories import GrowthMixture, Trajectories, labels
from analysis.trajectories.inference import InferenceError
from analysis.treatment_failure.again import refit
from analysis.treatment_failure.aim_a import contrast, three_states
from analysis.treatment_failure.aim_a_run import HISTORY, arms, at_risk
from analysis.treatment_failure.history import history_weights
from analysis.treatment_failure.next_step import fill
from analysis.treatment_failure.own_fall import exit_severity, states
from analysis.twostep import ClassStep
from analysis.twostep.assignment import modal
from validate.stard_worlds import Drawn, draw, next_visits

N, LARGE, TRUTH_N, TRUTH_DRAWS = 4_041, 20_000, 100_000, 20
ENOUGH = {"W0": 1_000, "W1": 200, "W2": 1_000, "W4b": 200, "W4c": 200, "W5": 20}
SIMS = {"W0": 1_000, "W1": 300, "W2": 2_000, "W4b": 300, "W4c": 300, "W5": 20}
CLASSES = {"W1": 3}
COMPARED = 300
PLANNED = read_plan().model.baseline_change
SIDE = f"{HISTORY} + side_effects + I(side_effects**2)"


@dataclass(frozen=True)
class Line:
    """One line of the table; `met` None where nothing is asked."""

    world: str
    what: str
    sets: int
    found: str
    gate: str
    met: bool | None


def spec(k: int, baseline_change: str) -> GrowthMixture:
    """The plan's model of one study (`class`), or that of plan 1.0.0 with one effect of the baseline (`equal`)."""
    own = " + baseline:log1p(week)" if baseline_change == "class" and k > 1 else ""
    fixed = "score ~ log1p(week) + week + baseline * log1p(week)"
    return GrowthMixture(k, fixed, f"~ log1p(week) + week{own}", "~ log1p(week)")


def usable(drawn: Drawn) -> pd.DataFrame:
    """Scores of the class step."""
    s = drawn.scores
    return s[s["baseline"].notna() & (s["baseline"] > 0) & (s["week"] <= 14)].reset_index(drop=True)


def people_of(drawn: Drawn, scores: pd.DataFrame, single: Trajectories | None) -> pd.DataFrame:
    """The population of Aim A, with `remitted` and covariates; exit severity predicted by `single`, or the true one."""
    p = drawn.persons
    inside = p["entered"] & p["evaluable"] & (p["fall"] < 0.5) & p["subject_id"].isin(scores["subject_id"])
    found = p[inside].reset_index(drop=True)
    found["remitted"] = (found["exit_hrsd17"] <= 7).astype(float).where(found["exit_hrsd17"].notna())
    if single is None:
        found["exit_one"] = found["exit_theta"]
    else:
        last = scores.groupby("subject_id")["week"].max()
        found["exit_one"] = found["subject_id"].map(exit_severity(single, last))
    return fill(found)[0]


def truth(world: str, jobs: int = 1, seed: int = 9_000_001) -> pd.DataFrame:
    """M0 and M1 among many, the course known and everybody rated: one row per draw; the worlds that have courses."""

    def one(number: int) -> dict[str, float]:
        with threadpool_limits(1):
            drawn = draw(world, TRUTH_N, seed + number, rated="all")
            people = people_of(drawn, usable(drawn), None)
            step = course_known(people)
            return {m: contrast(m, step, people, [1], [2]).estimate for m in ("M0", "M1")}

    return pd.DataFrame(Parallel(n_jobs=jobs)(delayed(one)(i) for i in range(TRUTH_DRAWS)))


def course_known(people: pd.DataFrame) -> ClassStep:
    """Failure, partial response and the others by the true course."""
    step = ClassStep.known(pd.Index(people["subject_id"]), np.eye(4)[people["course"].to_numpy()])
    return three_states(step, [1], [2])


@dataclass(frozen=True)
class Like:
    """Solutions of a large set of the world, from which each set's own is climbed."""

    fit: Trajectories
    single: Trajectories
    tf: tuple[int, ...]
    pr: tuple[int, ...]


def like(world: str, baseline: str) -> Like:
    """Classes of a large set; raises ValueError where one of the two labels is not among them."""
    scores = usable(draw(world, LARGE, 0))
    fit = spec(CLASSES.get(world, 4), baseline).fit(scores, starts=10, max_starts=10, seed=1)
    named = fit.labels(float(scores.drop_duplicates("subject_id")["baseline"].mean()))
    tf = tuple(g + 1 for g, n in enumerate(named) if n == labels.TF)
    pr = tuple(g + 1 for g, n in enumerate(named) if n == labels.PR)
    if not tf or not pr:
        raise ValueError(f"{world}: the large set has the labels {', '.join(named)}")
    return Like(fit, spec(1, baseline).fit(scores), tf, pr)


def one_effects(world: str, seed: int, given: Like, baseline: str, rated: str) -> list[dict[str, object]]:
    """M1 and M2 of one set by classes, by likeliest class (biased) and by own falls."""
    drawn = draw(world, N, seed, rated=rated)
    scores = usable(drawn)
    fit, single = refit(given.fit.spec, scores, given.fit), refit(given.single.spec, scores, given.single)
    people = people_of(drawn, scores, single)
    rows: list[dict[str, object]] = []
    try:
        step = ClassStep.of(fit)
    except InferenceError:
        return [{"world": world, "seed": seed, "what": "failed"}]
    known = ClassStep.known(step.persons, modal(step.p))
    own = ClassStep.known(pd.Index(single.design.persons), states(single, read_plan(), 12.0))
    steps = {"two-step": three_states(step, given.tf, given.pr), "own fall": own}
    if world == "W0":
        steps["modal"] = three_states(known, given.tf, given.pr)
    for name, first in steps.items():
        for model in ("M1",) if name == "modal" else ("M1", "M2"):
            c = contrast(model, first, people, [1], [2])
            rows.append(
                {"world": world, "seed": seed, "what": f"{name} {model} {baseline}", "estimate": c.estimate, "se": c.se}
            )
    return rows


def one_weights(world: str, seed: int, n: int = N) -> list[dict[str, object]]:
    """What losing people in level 2 does to the crude difference of the true courses, unweighted and weighted."""
    full, seen = draw(world, n, seed, rated="all"), draw(world, n, seed, rated="reached")
    scores = usable(seen)
    whole, people = people_of(full, scores, None), people_of(seen, scores, None)
    left = people.set_index("subject_id")["lost_next"] == 1
    visits = next_visits(seen, seed)
    visits = at_risk(visits[visits["subject_id"].isin(left.index)], left)
    known = people.set_index("subject_id")
    visits["baseline"] = visits["subject_id"].map(known["baseline"])
    visits["arm"] = visits["subject_id"].map(arms(known["strategy"]))
    step = course_known(people)
    reference = contrast("M0", step, whole, [1], [2]).estimate
    rated = (~left).astype(float)
    weights = {
        "unweighted": None,
        "scores": history_weights(HISTORY, visits, rated),
        "scores and side effects": history_weights(SIDE, visits, rated),
    }
    return [
        {
            "world": world,
            "seed": seed,
            "what": name,
            "estimate": contrast("M0", step, people, [1], [2], weights=w).estimate - reference,
            "se": np.nan,
        }
        for name, w in weights.items()
    ]


def one_link(seed: int) -> list[dict[str, object]]:
    """W5: half of the persons on a linked scale, half measured 1.5 points higher; what the classes make of it."""
    from validate.treatment_failure_link import linked_sets

    return linked_sets(seed)


def lines_w0(t: pd.DataFrame, baseline: str, draws: pd.Series) -> list[Line]:
    """Bias, coverage and the biased comparator; the truth is the mean of `draws` and has an error of its own."""
    found = []
    target, own_error = float(draws.mean()), 100 * float(draws.std()) / np.sqrt(len(draws))
    own = t[t["what"] == f"two-step M1 {baseline}"]
    n, bias = len(own), 100 * (own["estimate"].mean() - target)
    mc = float(np.hypot(100 * own["estimate"].std() / np.sqrt(max(n, 1)), own_error))
    inside = (own["estimate"] - target).abs() <= 1.96 * own["se"]
    tag = "own effect of the baseline in each class (plan)" if baseline == PLANNED else "one effect (plan 1.0.0)"
    asked = baseline == PLANNED
    found.append(Line("W0", f"M1 bias, {tag}", n, f"{bias:+.2f} ± {mc:.2f} of {100 * target:.1f} points",
                      "≤ 1 point", (abs(bias) <= 1.0) if asked else None))  # fmt: skip
    found.append(Line("W0", f"M1 coverage, {tag}", n, f"{100 * inside.mean():.1f} %", "93.5–96.5 %",
                      bool(0.935 <= inside.mean() <= 0.965) if asked else None))  # fmt: skip
    m = t[t["what"] == f"modal M1 {baseline}"]
    off, se = 100 * (m["estimate"].mean() - target), 100 * m["estimate"].std() / np.sqrt(max(len(m), 1))
    found.append(Line("W0", f"M1 by likeliest class, {tag}", len(m), f"off by {off:+.2f}, {abs(off) / se:.1f} MC SE",
                      "≥ 2 MC SE", (abs(off) >= 2 * se) if asked else None))  # fmt: skip
    return found


def lines_m2(t: pd.DataFrame, world: str, baseline: str) -> list[Line]:
    """M1 and M2; in W1 and W2 nothing is left of M2."""
    found = []
    for basis in ("two-step", "own fall"):
        for model in ("M1", "M2"):
            own = t[t["what"] == f"{basis} {model} {baseline}"]
            mean, mc = 100 * own["estimate"].mean(), 100 * own["estimate"].std() / np.sqrt(max(len(own), 1))
            asked = model == "M2" and world == "W1"
            found.append(Line(world, f"{basis} {model}, mean", len(own), f"{mean:+.2f} ± {mc:.2f} points",
                              "within ± 2 points" if asked else "", (abs(mean) <= 2.0) if asked else None))  # fmt: skip
        share = ((own["estimate"] / own["se"]).abs() > 1.96).mean()
        asked = world == "W2" and basis == "two-step"
        found.append(Line(world, f"{basis} M2 rejects", len(own), f"{100 * share:.1f} %", "4–6 %" if asked else "",
                          bool(0.04 <= share <= 0.06) if asked else None))  # fmt: skip
    return found


def lines_weights(t: pd.DataFrame, world: str) -> list[Line]:
    """Bias from losing people, without and with weights."""
    found = []
    for what, own in t.groupby("what", sort=False):
        bias, mc = 100 * own["estimate"].mean(), 100 * own["estimate"].std() / np.sqrt(len(own))
        gate, met = "", None
        if world == "W4b" and what == "unweighted":
            gate, met = "off by ≥ 1 point", bool(abs(bias) >= 1.0)
        if world == "W4b" and what == "scores and side effects":
            gate, met = "≤ 0.5", bool(abs(bias) <= 0.5)
        found.append(Line(world, f"bias, {what}", len(own), f"{bias:+.2f} ± {mc:.2f} points", gate, met))
    return found


def lines_w5(t: pd.DataFrame) -> list[Line]:
    """What a link that is off by 1.5 points does to the analysis of all studies together."""
    w = t.pivot_table(index="seed", columns="what", values="estimate")
    moved = 100 * (w["share shifted"] - w["share true"])
    own = 100 * (w["q shifted"] - w["q true"])
    kept = 100 * w["labels kept"].mean()
    return [
        Line("W5", "share of failure, link off by 1.5 points less link right", len(w),
             f"{moved.mean():+.2f} ± {moved.std() / np.sqrt(len(w)):.2f} points", "printed", None),
        Line("W5", "mean q, link off by 1.5 points less link right", len(w),
             f"{own.mean():+.2f} ± {own.std() / np.sqrt(len(w)):.2f} points", "printed", None),
        Line("W5", "labels of all classes unchanged", len(w), f"{kept:.0f} % of sets", "printed", None),
        Line("W5", "largest difference of class means at week 8", len(w), f"{w['week 8'].mean():.2f} HRSD17 points",
             "< 2 (invariance)", bool(w["week 8"].mean() < 2.0)),
    ]  # fmt: skip


def plan_of(world: str) -> list[tuple[str, Callable[..., list[dict[str, object]]], tuple[object, ...]]]:
    """Jobs of a world: name, function, further arguments."""
    if world == "W5":
        return [("link", one_link, ())]
    if world.startswith("W4"):
        return [("weights", one_weights, ())]
    rated = "all" if world == "W0" else "reached"
    forms = (PLANNED, "equal") if world == "W0" else (PLANNED,)
    return [(form, one_effects, (like(world, form), form, rated)) for form in forms]


def simulate(world: str, sims: int, jobs: int, seed: int, keep: Path | None) -> pd.DataFrame:
    """Rows of all sets of a world; those in the file `keep` are not made again, new ones are added as they come."""
    old = pd.read_csv(keep) if keep is not None and keep.is_file() else pd.DataFrame(columns=["world", "job", "seed"])
    made = [old[old["world"] == world]]
    for job, function, more in plan_of(world):
        wanted = sims if job != "equal" else min(sims, COMPARED)  # the form of plan 1.0.0 is only printed
        done = set(old.loc[(old["world"] == world) & (old["job"] == job), "seed"])
        todo = [seed + s for s in range(wanted) if seed + s not in done]
        calls = (delayed(quiet)(function, *((s,) if function is one_link else (world, s)), *more) for s in todo)
        for number, rows in enumerate(Parallel(n_jobs=jobs, return_as="generator")(calls), start=1):
            frame = pd.DataFrame(rows).assign(job=job)
            made.append(frame)
            if keep is not None:
                frame = frame.reindex(columns=["world", "job", "seed", "what", "estimate", "se"])
                frame.to_csv(keep, mode="a", header=not keep.is_file(), index=False)
            if number % max(1, len(todo) // 10) == 0:
                print(f"{world}, {job}: {number} of {len(todo)} sets", file=sys.stderr, flush=True)
    found = pd.concat([m for m in made if len(m)], ignore_index=True)
    return found[found["seed"] < seed + sims]


def quiet(function: Callable[..., list[dict[str, object]]], *arguments: object) -> list[dict[str, object]]:
    """On one thread, warnings of single sets left out."""
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        return function(*arguments)


def lines(world: str, t: pd.DataFrame, jobs: int = 1) -> list[Line]:
    """The table of a world."""
    t = t[t["what"] != "failed"]
    if world == "W0":
        target = truth("W0", jobs)["M1"]
        gates = [line for form in (PLANNED, "equal") for line in lines_w0(t, form, target)]
        return [*gates, *lines_m2(t, world, PLANNED)]
    if world == "W5":
        return lines_w5(t)
    return lines_weights(t, world) if world.startswith("W4") else lines_m2(t, world, PLANNED)


def markdown(found: list[Line]) -> str:
    """The table as it stands in the docs."""
    head = "| world | what | sets | found | gate | met |\n|---|---|---|---|---|---|"
    rows = (f"| {x.world} | {x.what} | {x.sets} | {x.found} | {x.gate} | {told(x)} |" for x in found)
    return "\n".join([head, *rows])


def told(line: Line) -> str:
    """Whether a gate was met; in brackets where there are too few sets for it to bind."""
    if line.met is None:
        return ""
    word = "yes" if line.met else "no"
    if line.sets < ENOUGH[line.world]:
        return f"({word}; too few sets)"
    return word if line.met else f"**{word}**"


def main() -> int:
    """Run, print the table, and say by the exit status whether the gates hold."""
    parser = argparse.ArgumentParser(description="gates of Aim A on SYNTHETIC STAR*D persons")
    parser.add_argument("--only", nargs="*", choices=list(SIMS), default=list(SIMS))
    parser.add_argument("--sims", type=int, help="sets of each world instead of the plan's")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="file that sets are added to and taken from")
    parser.add_argument("--markdown", type=Path, help="write the table there too")
    options = parser.parse_args()
    found: list[Line] = []
    for world in options.only:
        sims = options.sims or SIMS[world]
        t = simulate(world, sims, options.jobs, options.seed, options.keep)
        own = lines(world, t, options.jobs)
        found += own
        print(markdown(own), flush=True)
    text = f"{markdown(found)}\n\nSYNTHETIC; {N:,} persons in each set, seed {options.seed}.\n"
    print("\n" + text)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    missed = [x for x in found if x.met is False and x.sets >= ENOUGH[x.world]]
    few = [x.world for x in found if x.met is not None and x.sets < ENOUGH[x.world]]
    if few:
        print(f"Too few sets to bind: {', '.join(sorted(set(few)))}")
    for line in missed:
        print(f"MISSED: {line.world}, {line.what}: {line.found}, gate {line.gate}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
