"""The plan's gates for aim D, by simulation in the worlds W6: bias without and with weights, rejection, calibration.

    python -m validate.biomarker                          all at the plan's size, 2,000 samples of 4,041 enrolled
    python -m validate.biomarker --only bias --sims 200   part of it; fewer samples decide nothing and say so

SYNTHETIC. Persons come from the population model of STAR*D (`harmonize.synthetic`): who is genotyped hangs on ancestry,
schooling, staying and the early course, which the score itself slows in the worlds called direct. The target is
everybody in study at the draw; the truth is the same estimate in 600,000 other persons, all with their score. The
outcome is the true course, so that what is tested is selection; the last lines test the class error (two-step) in the
population model of `analysis.biomarkers.power`. Exit status 1 where a gate is missed at 1,000 samples or more.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from analysis.biomarkers import evidence
from analysis.biomarkers.estimate import DIFFERENCE, ScoreFit, score_effect
from analysis.biomarkers.estimators import unweighted
from analysis.biomarkers.power import Design, Population, draw, known_weights
from analysis.weighting import Weights, genotyped
from harmonize.synthetic.course import TF
from harmonize.synthetic.stard_course import draw_course
from harmonize.synthetic.stard_population import L1, POPULATION
from harmonize.synthetic.stard_truth import was_genotyped, weeks_in_study
from harmonize.synthetic.worlds import world

ENROLLED, TRUTH = 4_041, 600_000
FULL = "typed ~ C(ancestry) + education + staying + early"
SHORT = "typed ~ C(ancestry) + education + staying"
"""The selection model without the early course, which raking meets instead."""
RAKED, RAKED_NAME = "~ early", "raked, selection without early course"
ENOUGH = 1_000
BIAS, REJECTION = 0.05, (0.04, 0.06)
PARTS = ("bias", "rejection", "two-step")
WORLD, NULLS = "W6-1.2-direct", ("W6-1.0", "W6-1.0-direct")
PROBABLE = Population(odds_ratio=1.25, share=0.25, certainty=0.90)


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    world: str
    estimator: str
    sims: int
    truth: float
    bias: float
    mc_error: float
    coverage: float
    rejected: float
    gate: str
    met: bool | None


def persons(name: str, n: int, seed: int) -> pd.DataFrame:
    """Everybody in study at the draw (SYNTHETIC): score, failure, typed, and what genotyping hangs on."""
    course = draw_course(0, n, seed, there=world(name))
    who, weeks = course.persons.persons, weeks_in_study(course)
    fall = 1 - course.steps[L1].severity(who.severity0, 2.0) / np.maximum(who.severity0, 4.0)
    frame = pd.DataFrame(
        {
            "score": who.score.astype(float), "failed": (course.steps[L1].course == TF).astype(float),
            "typed": was_genotyped(course, seed).astype(int), "ancestry": who.ancestry,
            "education": who.education_years.astype(float), "staying": np.log2(np.maximum(weeks, 1.0) / 12.0),
            "early": np.clip(fall, -1.0, 1.0).astype(float), "synthetic": True,
        }
    )  # fmt: skip
    return frame[weeks >= POPULATION.draw_week].reset_index(drop=True)


@cache
def truth(name: str, n: int = TRUTH, seed: int = 990_001) -> float:
    """The difference per SD with everybody's score known."""
    parts = [persons(name, 100_000, seed + i) for i in range(max(1, n // 100_000))]
    frame = pd.concat(parts, ignore_index=True)
    weights = known_weights(frame.assign(known=1.0), "known")
    return score_effect(weights, evidence.seen(frame["failed"]), "score").values[DIFFERENCE]


def once(seed: int, name: str, n: int, calibrated: bool) -> dict[str, tuple[float, float]]:
    """Estimate and standard error of each estimator in one sample; `calibrated` ones cost as much again."""
    frame = persons(name, n, seed)
    known = evidence.seen(frame["failed"])
    frame = frame.assign(score=frame["score"].where(frame["typed"] == 1))
    full = Weights(frame, genotyped(FULL)).fit_complete(frame)
    weights = {"unweighted": unweighted(full), "weighted": full}
    if calibrated:
        short = Weights(frame, genotyped(SHORT)).fit_complete(frame)
        weights |= {"weighted without early course": short, RAKED_NAME: short.rake(RAKED)}
    return {what: both(score_effect(w, known, "score")) for what, w in weights.items()}


def once_probable(seed: int, n: int) -> dict[str, tuple[float, float]]:
    """The same with failure only probable, volunteers weighted for."""
    frame, known = draw(n, PROBABLE, Design("volunteers", 0.5), seed)
    full = Weights(frame, genotyped("typed ~ u + early")).fit_complete(frame)
    found = {
        "two-step, weighted": score_effect(full, known, "score"),
        "P(failure) regressed (attenuated)": score_effect(full, evidence.probability(known), "score"),
    }
    return {what: both(fit) for what, fit in found.items()}


def both(fit: ScoreFit) -> tuple[float, float]:
    """The difference and its standard error."""
    psi = fit.influence()[DIFFERENCE]
    return fit.values[DIFFERENCE], float(np.sqrt(psi @ psi))


def simulate(work: Callable[..., object], seeds: range, jobs: int, *rest: object) -> dict[str, np.ndarray]:
    """(sims, 2) by estimator."""

    def one(seed: int) -> object:
        with threadpool_limits(1):
            return work(seed, *rest)

    rows = Parallel(n_jobs=jobs)(delayed(one)(s) for s in seeds)
    return {what: np.array([r[what] for r in rows]) for what in rows[0]}


def line(name: str, what: str, found: np.ndarray, true: float, gate: str = "", met: bool | None = None) -> Line:
    """Bias, its Monte-Carlo error, coverage and rejection of no effect."""
    value, se = found.T
    return Line(
        name, what, len(value), true, float(value.mean() - true), float(value.std(ddof=1) / np.sqrt(len(value))),
        float((np.abs(value - true) <= 1.959964 * se).mean()), float((np.abs(value) > 1.959964 * se).mean()), gate, met,
    )  # fmt: skip


def run(only: str | None, sims: int, n: int, jobs: int, seed: int, n_truth: int = TRUTH) -> list[Line]:
    """All lines asked for; gates are asked from ENOUGH samples on."""
    lines: list[Line] = []
    asked, seeds = sims >= ENOUGH, range(seed, seed + sims)
    if only in (None, "bias"):
        true = truth(WORLD, n_truth)
        found = simulate(once, seeds, jobs, WORLD, n, True)
        for what, values in found.items():
            made = line(WORLD, what, values, true)
            gate, met = "", None
            if what == "unweighted":
                gate, met = "off by 2 MC errors or more", abs(made.bias) >= 2 * made.mc_error
            elif what in ("weighted", RAKED_NAME):
                gate, met = "bias at most 5 %", abs(made.bias) <= BIAS * abs(true)
            lines.append(line(WORLD, what, values, true, gate, met if asked else None))
    if only in (None, "rejection"):
        for name in NULLS:
            found = simulate(once, seeds, jobs, name, n, False)
            for what, values in found.items():
                made = line(name, what, values, 0.0)
                gate = "rejects in 4 to 6 %" if what == "weighted" else ""
                met = REJECTION[0] <= made.rejected <= REJECTION[1] if gate and asked else None
                lines.append(line(name, what, values, 0.0, gate, met))
    if only in (None, "two-step"):
        frame, _ = draw(n_truth, PROBABLE, Design(), 77)
        seen = evidence.seen(frame["failed"].astype(float))
        true = score_effect(known_weights(frame.assign(known=1.0), "known"), seen, "score").values[DIFFERENCE]
        for what, values in simulate(once_probable, seeds, jobs, n).items():
            lines.append(line("probable classes", what, values, true))
    return lines


def table(lines: list[Line], n: int, seed: int) -> str:
    """As Markdown."""
    out = [
        f"SYNTHETIC, {lines[0].sims} samples of {n} enrolled, seeds from {seed}; P(failure) per SD, points.\n",
        "| world | estimator | truth | bias | MC error | coverage | rejects 0 | gate | met |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for x in lines:
        met = "" if not x.gate else ("not asked" if x.met is None else ("yes" if x.met else "**no**"))
        out.append(
            f"| {x.world} | {x.estimator} | {100 * x.truth:.2f} | {100 * x.bias:.3f} | {100 * x.mc_error:.3f} | "
            f"{100 * x.coverage:.1f} % | {100 * x.rejected:.1f} % | {x.gate} | {met} |"
        )
    return "\n".join(out)


def main() -> int:
    """Run and print; exit status 1 where a gate that was asked is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--sims", type=int, default=2000)
    parser.add_argument("--n", type=int, default=ENROLLED)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    lines = run(options.only, options.sims, options.n, options.jobs, options.seed)
    print(table(lines, options.n, options.seed))
    if options.sims < ENOUGH:
        print(f"\ngates not asked: {options.sims} samples are fewer than {ENOUGH}")
    return 1 if any(x.met is False for x in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
