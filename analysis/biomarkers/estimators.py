"""Estimators of one effect side by side, each with what it estimates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

from analysis.biomarkers import evidence
from analysis.biomarkers.cohort import EARLY, TYPED, selection_formula
from analysis.biomarkers.estimate import DIFFERENCE, RATIOS, ScoreFit, score_effect
from analysis.biomarkers.outcome import Outcome
from analysis.biomarkers.scores import COMPONENTS
from analysis.twostep.stack import spread, union
from analysis.weighting.covariates import inverse
from analysis.weighting.errors import Problem, WeightingError
from analysis.weighting.imputation import ImputedWeights, pool
from analysis.weighting.nodes import Node, genotyped
from analysis.weighting.weights import FittedWeights, Weights

if TYPE_CHECKING:
    from analysis.biomarkers.run import Asked

PRIMARY = "weighted (primary)"
P_FAILURE = "p_outcome"
COLUMNS = (
    "study_id estimator estimates measure estimate se lower upper p_value n ess is_primary note".split()
)  # fmt: skip


@dataclass(frozen=True)
class StudyFit:
    """Weights and the primary estimate of one study; `adjust` is the formula of what is adjusted for."""

    study: str
    weights: FittedWeights
    primary: ScoreFit
    adjust: str
    imputed: tuple[ScoreFit, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What a reader must know."""
        return self.primary.problems


def study_fit(study: str, frame: pd.DataFrame, outcome: Outcome, asked: Asked) -> StudyFit:
    """Selection weights by the plan's node, and the primary estimate. Raises WeightingError."""
    frame = frame.copy()
    marginal = pd.Series(outcome.evidence.marginal, index=outcome.evidence.persons)
    frame[P_FAILURE] = frame["subject_id"].map(marginal).astype(float)
    here = frame[frame[P_FAILURE].notna()]
    if not (here[TYPED] == 1).any():
        raise WeightingError(f"{study}: nobody of the target has both a score and an outcome")
    formula = asked.selection or selection_formula(here)
    if "~" not in formula:
        formula = f"{TYPED} ~ {formula}"
    node = genotyped(formula, method=asked.method)
    every = _fitted(here, node, asked)
    fitted = every[0]
    adjust = asked.adjust or adjustment(fitted.frame)
    adjust = adjust if "~" in adjust else f"~ {adjust}"
    fits = tuple(score_effect(w, outcome.evidence, "score", adjust) for w in every)
    return StudyFit(study, fitted, fits[0], adjust, fits if len(fits) > 1 else ())


def _fitted(here: pd.DataFrame, node: Node, asked: Asked) -> tuple[FittedWeights, ...]:
    """One, or one per imputation. Everybody typed needs no weights: then all count once, and that is said."""
    if (here[TYPED] == 1).all():
        said = Problem("selection", "everybody of the target has a score", "no weights are needed", grave=False)
        marked = here.assign(_all=(np.arange(len(here)) > 0).astype(int))
        plain = Weights(marked, replace(node, formula="_all ~ 1", stabilised=False), person="subject_id").fit_complete(
            marked
        )
        ones = replace(plain.nodes[0], factor=replace(plain.nodes[0].factor, values=np.ones(len(here)), parts=()))
        return (replace(plain, values=np.ones(len(here)), nodes=(ones,), said=(said,)),)
    spec = Weights(here, node, person="subject_id", missing=asked.missing, seed=asked.seed, auxiliary=[P_FAILURE])
    found = spec.fit()
    if not isinstance(found, ImputedWeights):
        return (found,)
    return tuple(replace(f, said=(found.problems[0], *f.said)) for f in found.fits)


PLANNED = (*COMPONENTS, "array", "age", "sex")
"""What the plan adjusts for."""


def adjustment(frame: pd.DataFrame) -> str:
    """PLANNED as far as it is there for all of the scored and varies among them."""
    typed = frame[frame["score"].notna()]
    terms = [f"C({c})" if c == "array" else c for c in PLANNED if _lack(typed, c) is None]
    return f"~ {' + '.join(terms) or '1'}"


def not_adjusted(fit: StudyFit) -> list[str]:
    """What of PLANNED is not adjusted for although it differs between persons, with the reason."""
    typed = fit.weights.frame[fit.weights.frame["score"].notna()]
    reasons: dict[str, list[str]] = {}
    for c in PLANNED:
        why = _lack(typed, c)
        if why is not None and why != SAME:
            reasons.setdefault(why, []).append(c)
    return [f"{fit.study}: not adjusted for {', '.join(names)}, {why}" for why, names in reasons.items()]


SAME = "the same for all"


def _lack(typed: pd.DataFrame, column: str) -> str | None:
    if column not in typed.columns or not typed[column].notna().any():
        return "not known"
    if typed[column].isna().any():
        return "not known for all of the scored"
    return SAME if typed[column].nunique() == 1 else None


def lines(
    study: str,
    name: str,
    what: str,
    fit: ScoreFit,
    ess: float,
    *,
    primary: bool = False,
    known: bool = False,
    note: str = "",
) -> pd.DataFrame:
    """Rows of one estimator."""
    found = fit.table(weights_known=known).assign(
        study_id=study, estimator=name, estimates=what, n=fit.n, ess=ess, is_primary=primary, note=note
    )
    return found[COLUMNS]


def imputed(fit: StudyFit, what: str) -> pd.DataFrame:
    """The primary estimate of several imputations by Rubin's rules."""
    tables = [f.table() for f in fit.imputed]
    ratio = tables[0]["measure"].isin(RATIOS).to_numpy()
    values = np.array([t["estimate"] for t in tables], dtype=float)
    values[:, ratio] = np.log(values[:, ratio])
    found = pool(values, np.array([t["se"] for t in tables], dtype=float) ** 2)
    low, high = found.limits()
    out = tables[0].assign(estimate=found.estimate, se=found.se, lower=low, upper=high)
    for column in ("estimate", "lower", "upper"):
        out[column] = np.where(ratio, np.exp(out[column]), out[column])
    p = 2 * student.sf(np.abs(found.estimate) / found.se, found.df)
    out["p_value"] = np.where(out["measure"] == "mean P", np.nan, p)
    note = f"pooled over {len(tables)} imputations (Rubin), missing information {100 * found.fmi[0]:.0f} %"
    return out.assign(
        study_id=fit.study, estimator=PRIMARY, estimates=what, n=fit.primary.n, ess=fit.weights.ess, is_primary=True,
        note=note,
    )[COLUMNS]  # fmt: skip


def failed(study: str, name: str, why: str) -> pd.DataFrame:
    """An estimator without a number, with its reason."""
    row = dict.fromkeys(COLUMNS, np.nan) | {
        "study_id": study, "estimator": name, "estimates": "", "measure": DIFFERENCE, "n": 0, "is_primary": False,
        "note": why,
    }  # fmt: skip
    return pd.DataFrame([row], columns=COLUMNS)


def table(fit: StudyFit, outcome: Outcome, asked: Asked, cut: Sequence[float]) -> pd.DataFrame:
    """All estimators of one study."""
    known, study, w = outcome.evidence, fit.study, fit.weights
    whole = "the target population: the scored stand for all of it, given what the selection model holds"
    rows = [imputed(fit, whole) if fit.imputed else lines(study, PRIMARY, whole, fit.primary, w.ess, primary=True)]
    rows.append(lines(study, "weighted, weights taken as known", whole, fit.primary, w.ess, known=True))
    low, high = cut
    short = w.truncate(low, high) if w.nodes[0].factor.parts else w
    rows.append(
        lines(
            study, f"weighted, truncated {100 * low:g}/{100 * high:g} %", f"{whole}; a little biased for less variance",
            score_effect(short, known, "score", fit.adjust), short.ess,
        )
    )  # fmt: skip
    ones = unweighted(w)
    plain = score_effect(ones, known, "score", fit.adjust)
    rows.append(lines(study, "unweighted", "those scored, who are not the target population", plain, float(plain.n)))
    crude = score_effect(w, known, "score", "~ 1")
    rows.append(lines(study, "weighted, nothing adjusted for", f"{whole}; ancestry may confound it", crude, w.ess))
    rows.append(_raked(fit, outcome))
    if outcome.latent:
        naive = score_effect(w, evidence.probability(known), "score", fit.adjust)
        what = "P(failure) of the class model as if it were seen: attenuated, for description only"
        rows.append(lines(study, "P(failure) regressed (descriptive)", what, naive, w.ess))
    return pd.concat(rows, ignore_index=True)


def raking_formula(frame: pd.DataFrame) -> str:
    """Totals that the second estimator meets: baseline, early course, P(failure)."""
    terms = [c for c in ("baseline_score", EARLY, P_FAILURE) if c in frame.columns and frame[c].nunique() > 1]
    return f"~ {' + '.join(terms) or '1'}"


def _raked(fit: StudyFit, outcome: Outcome) -> pd.DataFrame:
    name = "raked to enrolled totals"
    formula = raking_formula(fit.weights.frame)
    complete = fit.weights.frame[[c for c in ("baseline_score", EARLY, P_FAILURE) if c in fit.weights.frame]]
    formula = " + ".join([formula, *(f"{c}_missing" for c in complete if f"{c}_missing" in fit.weights.frame)])
    try:
        raked = fit.weights.rake(formula)
        found = score_effect(raked, outcome.evidence, "score", fit.adjust)
    except WeightingError as error:
        return failed(fit.study, name, str(error))
    what = f"the target population, weights calibrated so that {formula[2:]} have its totals"
    return lines(fit.study, name, what, found, raked.ess)


def unweighted(weights: FittedWeights) -> FittedWeights:
    """Those kept, each once."""
    bare = tuple(replace(f, factor=replace(f.factor, parts=())) for f in weights.nodes)
    return replace(weights, values=(weights.values > 0).astype(float), nodes=bare, raked=None)


def bootstrapped(study: str, fit: StudyFit, drawn: pd.DataFrame) -> pd.DataFrame:
    """The primary estimate with errors and percentile limits by bootstrap of the whole chain."""
    found = drawn.assign(
        study_id=study, estimator="weighted, bootstrap of the chain", estimates="as primary; errors by bootstrap",
        p_value=np.nan, n=fit.primary.n, ess=fit.weights.ess, is_primary=False,
        note=[f"{r} replicates, {f} failed" for r, f in zip(drawn["replicates"], drawn["failed"], strict=True)],
    )  # fmt: skip
    return found[COLUMNS]


def pooled(fits: Sequence[StudyFit], outcome: Outcome) -> pd.DataFrame:
    """Fixed effect over studies, inverse variance; studies share the class model, so their covariance is counted."""
    persons = union([f.primary.persons for f in fits])
    influence = [f.primary.influence() for f in fits]
    rows = []
    for measure in influence[0]:
        psi = np.array(
            [
                spread(
                    i[measure][None], np.asarray(persons.get_indexer(f.primary.persons), dtype=np.intp), len(persons)
                )[0]
                for f, i in zip(fits, influence, strict=True)
            ]
        )
        covariance = psi @ psi.T
        ratio = measure in RATIOS
        values = np.array([np.log(f.primary.values[measure]) if ratio else f.primary.values[measure] for f in fits])
        weight = inverse(covariance).sum(axis=1)
        weight = weight / weight.sum()
        value, se = float(weight @ values), float(np.sqrt(weight @ covariance @ weight))
        low, high = value - 1.959964 * se, value + 1.959964 * se
        p = 2 * norm.sf(abs(value) / se) if measure != "mean P" else np.nan
        if ratio:
            value, low, high = np.exp(value), np.exp(low), np.exp(high)
        rows.append({"measure": measure, "estimate": value, "se": se, "lower": low, "upper": high, "p_value": float(p)})
    what = "the common effect of the studies' target populations (fixed effect, inverse variance)"
    found = pd.DataFrame(rows).assign(
        study_id="pooled", estimator=PRIMARY, estimates=what, n=sum(f.primary.n for f in fits),
        ess=float(sum(f.weights.ess for f in fits)), is_primary=True, note=f"{len(fits)} studies",
    )  # fmt: skip
    return found[COLUMNS]
