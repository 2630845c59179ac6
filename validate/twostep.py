"""Bias, spread, mean error and coverage of the estimators of a class difference, over many synthetic samples.

    python validate/twostep.py --sims 2000 --n 2000 --jobs 2

SYNTHETIC. Worlds: classes apart (relative entropy above 0.7, where the plan's gate of 93.5 to 96.5 % coverage holds for
the two-step estimator) or overlapping; outcomes all seen, or lost by a covariate that lowers them and differs between
the classes, without and with weights. The class model is refitted in every sample. Prints one Markdown table; exit
status 1 if the gate fails, which is asked from 1,000 samples on.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from analysis.trajectories import GrowthMixture, Trajectories
from analysis.trajectories.inference import InferenceError
from analysis.twostep import ClassOutcome, ClassStep, bch, selection
from analysis.twostep.comparators import modal_contrast, pseudo_class_contrast
from analysis.twostep.simulate import APART, TWO, Courses, Outcomes, persons, refit

SPEC = GrowthMixture(2, "score ~ week + I(week**2)", random="~ week")
OUTCOME = ClassOutcome("remitted ~ x")
LIMITS = (0.935, 0.965)
ENOUGH = 1_000
"""Fewer samples do not know the coverage well enough for the gate."""


def one(n: int, seed: int, courses: Courses, outcomes: Outcomes, like: Trajectories) -> list[dict[str, object]]:
    """One sample: a row per estimator."""
    scores, people = persons(n, seed, courses, outcomes)
    result = refit(SPEC, scores, like)
    try:
        step = ClassStep.of(result)
    except InferenceError:
        return [{"estimator": "two-step", "failed": True}]
    fits = {"two-step": lambda: OUTCOME.fit(step, people).contrast(1, 2)}
    if outcomes.selection:
        weights = selection("seen ~ u + x", people)
        fits["two-step, weighted"] = lambda: OUTCOME.fit(step, people, weights).contrast(1, 2)
        fits["BCH, weighted"] = lambda: bch(OUTCOME, step, people, weights).contrast(1, 2)
    else:
        fits["two-step, class model taken as known"] = lambda: OUTCOME.fit(step, people).contrast(1, 2, kind="naive")
        fits["BCH"] = lambda: bch(OUTCOME, step, people).contrast(1, 2)
        fits["modal assignment (biased)"] = lambda: modal_contrast(OUTCOME, step, people, 1, 2)
        fits["pseudo-class draws (biased)"] = lambda: pseudo_class_contrast(
            OUTCOME, step, people, 1, 2, seed=seed, draws=5
        )
    found: list[dict[str, object]] = []
    for name, make in fits.items():
        try:
            row = make().set_index("measure").loc["difference"]
            found.append({"estimator": name, "entropy": result.entropy, **row.to_dict(), "failed": False})
        except InferenceError:
            found.append({"estimator": name, "failed": True})
    return found


def main() -> int:
    """Run all worlds and print the table."""
    parser = argparse.ArgumentParser(description="coverage of two-step and other estimators in synthetic samples")
    parser.add_argument("--sims", type=int, default=2000)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    lost = Outcomes(selection=1.0, u_last=-0.8)
    worlds = [("apart", APART, Outcomes()), ("overlapping", TWO, Outcomes()), ("apart, outcomes lost", APART, lost)]
    tables, gate = [], True
    for name, courses, outcomes in worlds:
        like = SPEC.fit(persons(20_000, 0, courses)[0], starts=10, seed=1)
        risks = outcomes.risks()
        truth = risks[0] - risks[1]
        parts = Parallel(n_jobs=options.jobs)(
            delayed(one)(options.n, options.seed + s, courses, outcomes, like) for s in range(options.sims)
        )
        rows = pd.DataFrame([r for part in parts for r in part])
        for estimator, every in rows.groupby("estimator", sort=False):
            own = every[~every["failed"].astype(bool)]
            covered = ((own["lower"] <= truth) & (truth <= own["upper"])).mean()
            tables.append(
                {
                    "world": name,
                    "entropy": own["entropy"].mean(),
                    "estimator": estimator,
                    "bias": own["estimate"].mean() - truth,
                    "MC error": own["estimate"].std() / np.sqrt(len(own)),
                    "SD": own["estimate"].std(),
                    "mean SE": own["se"].mean(),
                    "coverage": covered,
                    "failed": int(every["failed"].sum()),
                }
            )
            if name == "apart" and estimator == "two-step":
                gate = LIMITS[0] <= covered <= LIMITS[1]
    print(f"\n{options.sims} samples of {options.n} SYNTHETIC persons, difference in risk, seed {options.seed}\n")
    table = pd.DataFrame(tables).round(4)
    print("| " + " | ".join(table.columns) + " |")
    print("|" + "---|" * len(table.columns))
    for row in table.itertuples(index=False):
        print("| " + " | ".join(map(str, row)) + " |")
    if options.sims < ENOUGH:
        print(f"\ngate not asked: {options.sims} samples are fewer than {ENOUGH}")
        return 0
    print(f"\ngate, coverage of two-step in the world apart within {LIMITS}: {'met' if gate else 'NOT met'}")
    return 0 if gate else 1


if __name__ == "__main__":
    sys.exit(main())
