"""Aim A: does treatment failure do worse at the next step than partial response, and does it beyond the last score?

Rows M0 (crude), M1 (+ who they were at entry) and M2 (+ severity at the border) of the standardised difference, by the
two-step estimator with the stacked sandwich over class, weight and outcome equations. Works on frames, so that
simulations and the warehouse share every line of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from analysis.trajectories.errors import DesignError
from analysis.trajectories.inference import InferenceError
from analysis.twostep import ClassOutcome, ClassStep, PersonWeights, margins
from analysis.twostep.outcome import OutcomeFit

Array = NDArray[np.float64]

M1 = ("baseline", "age", "female", "chronic", "episodes", "anxious")
M2 = ("entry_hrsd17", "exit_one")
MODELS: Mapping[str, tuple[str, ...]] = {"M0": (), "M1": M1, "M2": (*M1, *M2)}
EVENTS_PER_PARAMETER = 5.0
"""Below it a study's own adjusted model is said to be overfitted and is not pooled."""


@dataclass(frozen=True)
class Contrast:
    """One row: failure less partial response. `influence` by person, for pooling; `fit` None where there is none."""

    model: str
    estimate: float
    se: float
    n: int
    seen: int
    events: int
    risk_tf: float
    risk_pr: float
    ratio: float
    ratio_low: float
    ratio_high: float
    problems: str
    influence: pd.Series
    fit: OutcomeFit | None = None

    @property
    def events_per_parameter(self) -> float:
        """Persons with the rarer outcome per parameter of the outcome model; infinite for an outcome that is no 0/1."""
        if self.fit is None or self.fit.data.family != "binary":
            return float("inf")
        return min(self.events, self.seen - self.events) / self.fit.data.n_parameters

    @property
    def lower(self) -> float:
        """Lower end of the 95 % interval."""
        return self.estimate - float(norm.ppf(0.975)) * self.se

    @property
    def upper(self) -> float:
        """Upper end of the 95 % interval."""
        return self.estimate + float(norm.ppf(0.975)) * self.se

    @property
    def p_value(self) -> float:
        """Two-sided, normal."""
        return float(2 * norm.sf(abs(self.estimate / self.se))) if self.se > 0 else float("nan")

    def row(self) -> dict[str, object]:
        """As a row of a table."""
        keys = "model estimate se lower upper p_value n seen events risk_tf risk_pr ratio ratio_low ratio_high problems"
        return {k: getattr(self, k) for k in keys.split()}


def formula(outcome: str, model: str, frame: pd.DataFrame, models: Mapping[str, tuple[str, ...]] = MODELS) -> str:
    """Formula of a model; a covariate that does not vary here falls away, study enters where there are several."""
    terms = [c for c in models[model] if frame[c].nunique() > 1]
    if model != "M0" and frame["study_id"].nunique() > 1:
        terms.append("study_id")
    return f"{outcome} ~ {' + '.join(terms) or '1'}"


def contrast(
    model: str,
    step: ClassStep,
    frame: pd.DataFrame,
    tf: Sequence[int],
    pr: Sequence[int],
    *,
    outcome: str = "remitted",
    family: str = "binary",
    weights: PersonWeights | None = None,
    models: Mapping[str, tuple[str, ...]] = MODELS,
) -> Contrast:
    """One model; an estimate that cannot be had is missing, with the reason among its problems."""
    seen = int(frame[outcome].notna().sum())
    events = int((frame[outcome] == 1).sum()) if family == "binary" else seen
    try:
        fit = ClassOutcome(formula(outcome, model, frame, models), family=family).fit(step, frame, weights)
        found = margins.of(fit)
        (a, ia), (b, ib) = found.pooled(tf), found.pooled(pr)
        clusters = fit.clusters if fit.step.clusters is not None else None
        se = _error(ia - ib, clusters)
        ratio = low = high = float("nan")
        if family == "binary" and a > 0 and b > 0:
            ratio, half = a / b, 1.96 * _error(ia / a - ib / b, clusters)
            low, high = ratio * np.exp(-half), ratio * np.exp(half)
        told = "; ".join(str(p) for p in fit.problems)
        influence = pd.Series(ia - ib, index=fit.ready.persons)
        made = Contrast(model, a - b, se, len(frame), seen, events, a, b, ratio, low, high, told, influence, fit)
        if made.events_per_parameter < EVENTS_PER_PARAMETER:
            few = f"{made.events_per_parameter:.1f} events per parameter: overfitted, not to be relied upon"
            made = replace(made, problems="; ".join(filter(None, [few, told])))
        return made
    except (DesignError, InferenceError, np.linalg.LinAlgError) as error:
        nan = float("nan")
        return Contrast(
            model, nan, nan, len(frame), seen, events, nan, nan, nan, nan, nan, str(error), pd.Series(dtype=float)
        )


def _error(influence: Array, clusters: pd.Series | None) -> float:
    if clusters is not None and clusters.nunique(dropna=True) >= 20 and not clusters.isna().any():
        codes, names = pd.factorize(clusters)
        sums = np.bincount(codes, influence, len(names))
        g = len(names)
        return float(np.sqrt((sums**2).sum() * g / (g - 1)))
    return float(np.sqrt((influence**2).sum()))


def pooled(parts: Sequence[Contrast], model: str) -> Contrast | None:
    """Fixed effect over studies, errors from the sum of influences, as the studies share one class model.

    A study with fewer than EVENTS_PER_PARAMETER events per parameter stays out: its model is overfitted and its error
    far too small. None below two studies with an estimate.
    """
    usable = [
        c for c in parts if np.isfinite(c.estimate) and c.se > 0 and c.events_per_parameter >= EVENTS_PER_PARAMETER
    ]
    if len(usable) < 2:
        return None
    weight = np.array([c.se**-2 for c in usable])
    weight = weight / weight.sum()
    estimate = float(weight @ [c.estimate for c in usable])
    whole = pd.concat([w * c.influence for w, c in zip(weight, usable, strict=True)], axis=1).fillna(0.0).sum(axis=1)
    nan = float("nan")
    return Contrast(
        model,
        estimate,
        float(np.sqrt((whole**2).sum())),
        sum(c.n for c in usable),
        sum(c.seen for c in usable),
        sum(c.events for c in usable),
        float(weight @ [c.risk_tf for c in usable]),
        float(weight @ [c.risk_pr for c in usable]),
        nan,
        nan,
        nan,
        "; ".join(c.problems for c in usable if c.problems),
        whole,
    )


def three_states(step: ClassStep, tf: Sequence[int], pr: Sequence[int]) -> ClassStep:
    """Classes merged into failure (1), partial response (2) and the others (3).

    Among persons who lost less than half a responding class is nearly empty; alone it has no finite logit and makes BCH
    inadmissible. Classes that carry one label answer one question, so they share one risk. Raises ValueError where a
    side is empty.
    """
    if not tf or not pr:
        raise ValueError("the contrast needs a class labelled treatment failure and one labelled partial response")
    rest = [g for g in range(1, step.k + 1) if g not in tf and g not in pr]
    groups = [np.array(group) - 1 for group in (tf, pr, rest) if group]
    p = np.stack([step.p[:, at].sum(axis=1) for at in groups], axis=1)
    tiny = np.finfo(float).tiny
    slopes = np.stack(
        [
            np.einsum("nk,nkf->nf", step.p[:, at], step.slopes[:, at]) / np.maximum(p[:, [i]], tiny)
            for i, at in enumerate(groups)
        ],
        axis=1,
    )
    return replace(step, p=p, slopes=slopes)


def three_rows(
    step: ClassStep,
    frame: pd.DataFrame,
    tf: Sequence[int],
    pr: Sequence[int],
    *,
    outcome: str = "remitted",
    family: str = "binary",
    weights: PersonWeights | None = None,
) -> list[Contrast]:
    """M0, M1, M2."""
    return [contrast(m, step, frame, tf, pr, outcome=outcome, family=family, weights=weights) for m in MODELS]


def half_width(step: ClassStep, persons: pd.Index, tf: Sequence[int], pr: Sequence[int], risk: float = 0.25) -> float:
    """Half of the 95 % interval to be expected before any outcome is read, as a share.

    Classes count with their posterior; the effective persons of a class are (sum p)^2 / sum p^2. `risk`: remission at
    the next step, about a quarter in STAR*D's second level.
    """
    p = step.p[step.persons.get_indexer(persons)]
    size = []
    for group in (tf, pr):
        own = p[:, [c - 1 for c in group]].sum(axis=1)
        size.append(float(own.sum() ** 2 / max((own**2).sum(), 1e-12)))
    return float(1.96 * np.sqrt(risk * (1 - risk) * (1 / max(size[0], 1e-9) + 1 / max(size[1], 1e-9))))
