"""Bootstrap of the whole chain: persons drawn anew, class model, selection weights and the score's model refitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.biomarkers import evidence
from analysis.biomarkers.estimate import ADJUSTED, DIFFERENCE, MARGINAL, RISK, ScoreFit, score_effect
from analysis.biomarkers.outcome import Outcome
from analysis.trajectories import DesignError, Trajectories, newton
from analysis.trajectories.inference import InferenceError
from analysis.trajectories.likelihood import objective
from analysis.trajectories.threads import one_thread
from analysis.weighting.bootstrap import refit

MEASURES = (DIFFERENCE, MARGINAL, ADJUSTED, RISK)


def reweighted(fit: Trajectories, counts: NDArray[np.float64]) -> Trajectories:
    """The class model with persons counted `counts` times (in the order of its design), climbed to from the old one."""
    design = fit.design
    own = counts if design.panel.weight is None else counts * design.panel.weight
    panel = replace(design.panel, weight=own)
    moved = replace(design, panel=panel)
    ends = newton.maximise(objective(moved.st, moved.data), fit.phi[None])
    if not ends.converged[0]:
        raise InferenceError("the class model of a replicate did not converge")
    return Trajectories(moved, ends.phi[0], fit.search, int(ends.iterations[0]))


def chain(
    fit: ScoreFit,
    outcome: Outcome,
    score: str,
    formula: str,
    times: int,
    seed: int = 1,
    say: Callable[[int], None] = lambda done: None,
) -> pd.DataFrame:
    """`measure`, `estimate`, `se` (of ratios: of the logarithm), percentile limits, `replicates`, `failed`.

    Who is in the class model and who is in the target are drawn together: one count per person.
    """
    rng = np.random.default_rng([seed, 29])
    persons = fit.persons
    at_weights = np.asarray(persons.get_indexer(fit.weights.persons), dtype=np.intp)
    found: list[dict[str, float]] = []
    failed = 0
    with one_thread():
        for done in range(times):
            counts = np.bincount(rng.integers(0, len(persons), len(persons)), minlength=len(persons)).astype(float)
            try:
                known = outcome.evidence
                if outcome.fit is not None:
                    mine = counts[persons.get_indexer(pd.Index(outcome.fit.design.persons))]
                    known = evidence.two_step(reweighted(outcome.fit, mine), outcome.classes)
                again = refit(fit.weights, counts[at_weights])
                found.append(score_effect(again, known, score, formula).values)
            except (InferenceError, DesignError, np.linalg.LinAlgError):
                failed += 1
            say(done + 1)
    drawn = pd.DataFrame(found, columns=list(MEASURES))
    rows = []
    for measure in MEASURES:
        values = drawn[measure].dropna()
        spread = np.log(values) if "odds ratio" in measure else values
        low, high = values.quantile([0.025, 0.975]) if len(values) else (np.nan, np.nan)
        rows.append(
            {
                "measure": measure, "estimate": fit.values[measure], "se": float(spread.std()), "lower": float(low),
                "upper": float(high), "replicates": len(values), "failed": failed,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
