"""What is true in each world of the contrasts that the analysis plan's gates are about: `python -m
harmonize.synthetic.margins [--n N] [WORLD…]`, on STAR*D.

An oracle computes them: it knows the course and the latent severity of everybody, and what would have been had nobody
been lost. So a gate that an analysis misses can be told from one that the world does not allow. Population as in aim A
of the plan: less than half of the severity lost at the exit of level 1, entered level 2. Outcome: chance of HRSD17 <= 7
at the exit of level 2. In worlds without courses the labels are those of q_i: own latent fall below 25 % at weeks 8 and
14 is failure, else below 50 % at week 14 partial response.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from harmonize.synthetic.course import TF
from harmonize.synthetic.draws import Draws, Floats, Ints
from harmonize.synthetic.instruments import administer, totals
from harmonize.synthetic.parameters import parameters, trying
from harmonize.synthetic.persons import Persons
from harmonize.synthetic.stard_course import draw_course
from harmonize.synthetic.stard_levels import Course
from harmonize.synthetic.stard_population import L1, L2, LOST, NO_RETURN, POPULATION, WEEKS, step_numbers
from harmonize.synthetic.stard_truth import was_genotyped, weeks_in_study
from harmonize.synthetic.worlds import World
from harmonize.synthetic.worlds import world as named

CHECKED = ("W0", "W1", "W2", "W4a", "W4b", "W4c", "W4d")
SELECTED = ("W6-1.0-direct", "W6-1.2", "W6-1.2-direct")
SEED = 77
_RATINGS = 4
"""HRSD17 ratings of one exit over which the outcome is averaged: an oracle need not make do with one."""


@dataclass(frozen=True)
class Contrast:
    """Of one world, in points of a percentage: failure less partial response, by what is adjusted for or weighted."""

    world: str
    n: int
    lost: float
    """Share lost in level 2."""
    crude: float
    """Had nobody been lost in level 2 (M0)."""
    baseline: float
    """The same, standardised over who they were at entry (M1)."""
    exit_severity: float
    """The same, standardised over latent exit severity instead: what M2 is after. That is all that a next step may
    depend on in W1 and W2."""
    error: float
    """Standard error of `crude`."""
    unweighted: float
    """Bias of the crude difference among those not lost."""
    by_scores: float
    """The same, weighted by the hazard of being lost given the last seen scores."""
    by_history: float
    """The same, given also the side effects, which are observed."""


def contrast(name: str, n: int, seed: int = SEED) -> Contrast:
    """The contrast of aim A in a world."""
    there = named(name)
    seen = draw_course(0, n, seed, there=there)
    kept = {k: 0.0 for k in step_numbers(there) if k.endswith(".lost") and k not in ("1.lost", "CIT.lost")}
    with trying("stard", kept):
        unlost = draw_course(0, n, seed, there=there)
    failed, partial = labels(seen)
    rows = np.flatnonzero((failed | partial) & seen.entered[:, L2] & seen.entered[:, L1])
    tf, lost = failed[rows], np.isin(seen.exit[rows, L2], (LOST, NO_RETURN))
    remits = np.where(lost, remission(unlost, rows, there, seed), remission(seen, rows, there, seed))
    who, left = seen.persons.persons.at(rows), seen.exit_severity[rows, L1]
    before = np.stack([who.severity0, who.age, who.female, who.chronicity, who.anxiety], axis=1)
    here = ~lost
    truth, even = difference(remits, tf), np.ones(len(rows))
    return Contrast(
        world=name,
        n=len(rows),
        lost=100 * float(lost.mean()),
        crude=truth,
        baseline=standardised(remits, tf, before),
        exit_severity=standardised(remits, tf, powers(left)),
        error=100 * float(np.sqrt(sum(remits[g].var() / g.sum() for g in (tf, ~tf)))),
        unweighted=difference(remits, tf, even * here) - truth,
        by_scores=difference(remits, tf, here * stay_weights(seen, rows, lost, there, seed)) - truth,
        by_history=difference(remits, tf, here * stay_weights(seen, rows, lost, there, seed, who)) - truth,
    )


def labels(c: Course) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(n,) failure and partial response in level 1, of those who had lost less than half at its exit."""
    step, entry = c.steps[L1], c.entry_severity[:, L1]
    with np.errstate(divide="ignore", invalid="ignore"):
        low = 1 - c.exit_severity[:, L1] / entry < 0.5
        fall = 1 - step.severity(entry, np.array([8.0, 14.0])) / entry[:, None]
    if c.world.has_courses:
        return low & (step.course == TF), low & (step.course == TF + 1)
    failed = (fall < 0.25).all(axis=1)
    return low & failed, low & ~failed & (fall[:, 1] < 0.5)


def remission(c: Course, rows: Ints, there: World, seed: int) -> Floats:
    """Chance of HRSD17 <= 7 by the blinded rater at the exit of level 2."""
    theta, key = c.exit_severity[rows, L2], c.persons.number[rows] * 64
    made = [
        totals(
            "HRSD17",
            administer("HRSD17", theta, key + t, Draws(seed + 1), world=there, extra_sd=POPULATION.hrsd_rater_sd),
        )
        <= 7
        for t in range(_RATINGS)
    ]
    return np.mean(made, axis=0)


def stay_weights(
    c: Course, rows: Ints, lost: NDArray[np.bool_], there: World, seed: int, who: Persons | None = None
) -> Floats:
    """One over the chance of not being lost up to the exit: pooled logistic over visits, arm and last seen QIDS16.

    With `who` also the side effects.
    """
    last, arm = c.exit_visit[rows, L2], c.arm[rows, L2]
    of_arm = (arm[:, None] == np.unique(arm)).astype(float)
    key = c.persons.number[rows][:, None] * 64 + L2 * 8 + np.arange(len(WEEKS))
    blocks, gone, whose = [], [], []
    for visit in range(len(WEEKS) - 1):
        at = np.flatnonzero((last > visit) | ((last == visit) & lost))
        theta = c.theta[rows[at], L2, visit].astype(np.float64)
        score = totals("QIDS_C16", administer("QIDS_C16", theta, key[at, visit], Draws(seed), world=there))
        slot = np.zeros((len(at), len(WEEKS) - 1))
        slot[:, visit] = 1
        parts = [of_arm[at], slot[:, 1:], np.stack([score <= 3, score <= 4, score <= 5, score / 5], axis=1)]
        if who is not None:
            parts.append(np.stack([who.side_effects[at], who.side_effects[at] ** 2], axis=1))
        blocks.append(np.concatenate(parts, axis=1).astype(np.float64))
        gone.append(lost[at] & (last[at] == visit))
        whose.append(at)
    design = np.concatenate(blocks)
    hazard = expit(design @ logistic(design, np.concatenate(gone).astype(np.float64)))
    weights = np.ones(len(rows))
    np.multiply.at(weights, np.concatenate(whose), 1 / (1 - hazard))
    return weights


def difference(y: Floats, group: NDArray[np.bool_], weights: Floats | None = None) -> float:
    """Mean of `y` in the group less that of the others, in points."""
    w = np.ones(len(y)) if weights is None else weights
    return 100 * float(np.average(y[group], weights=w[group]) - np.average(y[~group], weights=w[~group]))


def standardised(y: Floats, group: NDArray[np.bool_], covariates: Floats) -> float:
    """Risk difference of the group by a logistic regression, standardised over everybody, in points."""
    z = (covariates - covariates.mean(axis=0)) / covariates.std(axis=0)
    ones = np.ones(len(y))
    beta = logistic(np.column_stack([ones, group, z]), y)
    risks = [expit(np.column_stack([ones, g * ones, z]) @ beta).mean() for g in (1, 0)]
    return 100 * float(risks[0] - risks[1])


def powers(x: Floats) -> Floats:
    """x, x², x³."""
    z = (x - x.mean()) / x.std()
    return np.stack([z, z**2, z**3], axis=1)


def logistic(design: Floats, y: Floats, rounds: int = 15) -> Floats:
    """Coefficients of a logistic regression (Newton); `y` may be a chance."""
    beta = np.zeros(design.shape[1])
    for _ in range(rounds):
        p = expit(np.clip(design @ beta, -30, 30))
        slope = (design.T * (p * (1 - p) + 1e-9)) @ design + 1e-6 * np.eye(len(beta))
        beta = beta + np.linalg.solve(slope, design.T @ (y - p))
    return beta


def selection(name: str, n: int, seed: int = SEED) -> tuple[float, float, float, float]:
    """Change in P(failure) per SD of the score, in points: in study at the draw, its error, genotyped, weighted.

    Weights are the inverse of the chance of being genotyped, from what it hangs on and is observed.
    """
    c = draw_course(0, n, seed, there=named(name))
    who, failed = c.persons.persons, (c.steps[L1].course == TF).astype(float)
    weeks, typed = weeks_in_study(c), was_genotyped(c, seed)
    fall = np.clip(1 - c.steps[L1].severity(who.severity0, 2.0) / np.maximum(who.severity0, 4.0), -1, 1)
    there = np.flatnonzero(weeks >= POPULATION.draw_week)
    design = np.column_stack(
        [who.ancestry[there, None] == np.arange(5), who.education_years[there], np.log2(weeks[there]), fall[there]]
    ).astype(np.float64)
    chance = expit(design @ logistic(design, typed[there].astype(np.float64)))

    def slope(w: Floats) -> float:
        x, y = who.score[there], failed[there]
        x, y = x - np.average(x, weights=w), y - np.average(y, weights=w)
        return 100 * float((w * x * y).sum() / (w * x * x).sum())

    spread = 100 * float(np.sqrt(failed[there].var() / len(there)))
    return slope(np.ones(len(there))), spread, slope(typed[there] * 1.0), slope(typed[there] / chance)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m harmonize.synthetic.margins", description=__doc__)
    parser.add_argument("worlds", nargs="*", default=[*CHECKED, *SELECTED])
    parser.add_argument("--n", type=int, default=200_000, help="persons drawn")
    given = parser.parse_args()
    print(f"SYNTHETIC. Side effects on being lost {parameters('model')['leaving']['slope_side_effects_lost']} per SD.")
    print(
        "| world | n | lost % | M0 (SE) | M1 | given exit severity | bias unweighted | by scores | by history |\n|"
        + "---|" * 9
    )
    for name in (w for w in given.worlds if w not in SELECTED):
        x = contrast(name, given.n)
        print(
            f"| {name} | {x.n:,} | {x.lost:.0f} | {x.crude:.1f} ({x.error:.1f}) | {x.baseline:.1f} | "
            f"{x.exit_severity:.1f} | {x.unweighted:.2f} | {x.by_scores:.2f} | {x.by_history:.2f} |",
            flush=True,
        )
    print("\n| world | in study at the draw (SE) | genotyped | weighted |\n|---|---|---|---|")
    for name in (w for w in given.worlds if w in SELECTED):
        true, error, typed, weighted = selection(name, given.n)
        print(f"| {name} | {true:.2f} ({error:.2f}) | {typed:.2f} | {weighted:.2f} |", flush=True)


if __name__ == "__main__":
    main()
