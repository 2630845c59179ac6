"""Estimators that ignore classification error, for comparison only: both are biased and say so in their name.

Modal assignment treats the likeliest class as the class. Pseudo-class draws (Bandeen-Roche et al. 1997) impute it from
the posterior, which does not know the outcome, and average by Rubin's rules; they shrink differences as a modal
assignment does, here even more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from analysis.trajectories.fitted import Fitted
from analysis.trajectories.inference import InferenceError
from analysis.twostep.assignment import modal
from analysis.twostep.bch import bch
from analysis.twostep.outcome import ClassOutcome
from analysis.twostep.stack import ClassStep, PersonWeights

TWO_STEP, BCH = "two-step", "BCH (check)"
MODAL, PSEUDO = "modal assignment (biased)", "pseudo-class draws (biased)"
DRAWS = 20
Classes = int | Sequence[int]


def modal_contrast(
    spec: ClassOutcome,
    step: ClassStep,
    frame: pd.DataFrame,
    a: Classes,
    b: Classes,
    weights: PersonWeights | None = None,
) -> pd.DataFrame:
    """BIASED. The contrast with everybody's likeliest class taken as known."""
    known = ClassStep.known(step.persons, modal(step.p), step.clusters)
    return spec.fit(known, frame, weights).contrast(a, b)


def pseudo_class_contrast(
    spec: ClassOutcome,
    step: ClassStep,
    frame: pd.DataFrame,
    a: Classes,
    b: Classes,
    weights: PersonWeights | None = None,
    *,
    seed: int,
    draws: int = DRAWS,
) -> pd.DataFrame:
    """BIASED. The contrast over `draws` of the class from its posterior, by Rubin's rules."""
    rng = np.random.default_rng(seed)
    edges = step.p.cumsum(axis=1)[:, :-1]
    tables = []
    for _ in range(draws):
        drawn = (rng.random((len(edges), 1)) > edges).sum(axis=1)
        known = ClassStep.known(step.persons, np.eye(step.k)[drawn], step.clusters)
        tables.append(spec.fit(known, frame, weights).contrast(a, b))
    ratio = tables[0]["measure"].str.contains("ratio").to_numpy()
    raw = np.array([t["estimate"] for t in tables])
    raw[:, ratio] = np.log(raw[:, ratio])
    within = np.mean([t["se"] ** 2 for t in tables], axis=0)
    se = np.sqrt(within + (1 + 1 / draws) * raw.var(axis=0, ddof=1))
    value, half = raw.mean(axis=0), norm.ppf(0.975) * se
    found = pd.DataFrame({"measure": tables[0]["measure"], "estimate": value, "se": se})
    found["lower"], found["upper"] = value - half, value + half
    for column in ("estimate", "lower", "upper"):
        found[column] = np.where(ratio, np.exp(found[column]), found[column])
    missing = tables[0]["p_value"].isna().to_numpy()
    return found.assign(p_value=np.where(missing, np.nan, 2 * norm.sf(np.abs(value / se))))


def compare(
    spec: ClassOutcome,
    step: ClassStep | Fitted,
    frame: pd.DataFrame,
    a: Classes,
    b: Classes,
    weights: PersonWeights | None = None,
    *,
    seed: int,
    draws: int = DRAWS,
) -> pd.DataFrame:
    """All four estimators of one contrast: `estimator`, the columns of `margins.contrast`, and `problems`.

    An estimator without a solution stands empty, with its reason among the problems.
    """
    step = ClassStep.of(step) if isinstance(step, Fitted) else step
    two, check = spec.fit(step, frame, weights), bch(spec, step, frame, weights)
    tables = {TWO_STEP: two.contrast(a, b)}
    blank = tables[TWO_STEP].assign(estimate=np.nan, se=np.nan, lower=np.nan, upper=np.nan, p_value=np.nan)
    said = {TWO_STEP: "; ".join(map(str, two.problems)), BCH: "; ".join(map(str, check.problems))}
    others: dict[str, Callable[[], pd.DataFrame]] = {
        BCH: lambda: check.contrast(a, b),
        MODAL: lambda: modal_contrast(spec, step, frame, a, b, weights),
        PSEUDO: lambda: pseudo_class_contrast(spec, step, frame, a, b, weights, seed=seed, draws=draws),
    }
    for name, make in others.items():
        try:
            tables[name] = make()
        except InferenceError as error:
            tables[name], said[name] = blank, said.get(name) or str(error)
    found = [t.assign(estimator=n, problems=said.get(n, "")) for n, t in tables.items()]
    return pd.concat(found, ignore_index=True)[["estimator", *tables[TWO_STEP].columns, "problems"]]
