"""Power by simulation on a population model: how many EHR patients, genotyped how, are needed. SYNTHETIC by nature.

The model: a standard normal score with an odds ratio per SD for failure; a covariate u (schooling, say) and the early
course, which the failing and, with `direct`, the score itself slow; a class model that knows failure only so well; and
a design that says who is genotyped. The analysis is that of aim D: selection weights, two-step, stacked errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import norm

from analysis.biomarkers.estimate import DIFFERENCE, ScoreFit, score_effect
from analysis.biomarkers.evidence import SEEN, TWO_STEP, Evidence
from analysis.weighting.errors import WeightingError
from analysis.weighting.nodes import genotyped
from analysis.weighting.weights import FittedWeights, Weights

Array = NDArray[np.float64]

ALPHA, WANTED = 0.05, 0.80
DESIGNS = ("everybody", "at random", "volunteers", "enriched")
SPREAD = float(norm.ppf(1 - ALPHA / 2) + norm.ppf(WANTED))


def needed_odds_ratio(n: int, share: float) -> float:
    """Odds ratio per SD that a logistic regression of `n` persons, `share` of them with the outcome, finds in 80 %."""
    if n < 1 or not 0 < share < 1:
        return float("nan")
    return float(np.exp(SPREAD / np.sqrt(n * share * (1 - share))))


@dataclass(frozen=True)
class Population:
    """`share` with the outcome; `certainty` of the class model, mean of the larger of P and 1 - P (1: seen).

    `early`: how many SD of the early course the failing are behind; `direct`: SD of it per SD of the score.
    `u_effect`: log odds of the outcome per SD of u.
    """

    odds_ratio: float = 1.2
    share: float = 0.25
    certainty: float = 0.90
    early: float = 0.8
    direct: float = 0.0
    u_effect: float = 0.3


@dataclass(frozen=True)
class Design:
    """Who is genotyped: `fraction` of the enrolled. `volunteers` by u and the early course, which is weighted for;
    `enriched` by P(failure), with chances that are known.
    """

    name: str = "everybody"
    fraction: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in DESIGNS:
            raise WeightingError(f"design {self.name!r} is none of {', '.join(DESIGNS)}")
        if not 0 < self.fraction <= 1:
            raise WeightingError(f"fraction {self.fraction} is not within 0 and 1")


def separation(certainty: float, share: float) -> float:
    """SD of the log density ratio with which posteriors are that certain; without evidence it is max(share, 1 - share).

    The log ratio is normal about ± d²/2 with variance d², as of two normal densities.
    """
    node, weight = np.polynomial.hermite_e.hermegauss(81)
    weight = weight / weight.sum()
    prior = np.log(share / (1 - share))

    def mean(d: float) -> float:
        of = [np.maximum(p, 1 - p) @ weight for p in (expit(prior + s * d * d / 2 + d * node) for s in (1, -1))]
        return float(share * of[0] + (1 - share) * of[1])

    if certainty <= mean(1e-6) + 1e-6:
        raise WeightingError(f"a certainty of {certainty:g} is what the share {share:g} alone gives: no class model")
    return float(brentq(lambda d: mean(d) - certainty, 1e-6, 30.0))


def draw(n: int, population: Population, design: Design, seed: int) -> tuple[pd.DataFrame, Evidence]:
    """Enrolled persons (SYNTHETIC) with `typed`, `score` (missing where not genotyped), u, early, and the evidence."""
    rng = np.random.default_rng(seed)
    s, u = rng.normal(size=n), rng.normal(size=n)
    slope = np.log(population.odds_ratio)
    centre = _intercept(population.share, float(np.hypot(slope, population.u_effect)))
    failed = rng.random(n) < expit(centre + slope * s + population.u_effect * u)
    early = -population.early * failed - population.direct * s + rng.normal(size=n)
    if population.certainty >= 1:
        ratio, kind, marginal = failed.astype(float), SEEN, failed.astype(float)
    else:
        d = separation(population.certainty, population.share)
        ratio = (2.0 * failed - 1) * d * d / 2 + d * rng.normal(size=n)
        kind = TWO_STEP
        marginal = expit(np.log(population.share / (1 - population.share)) + ratio)
    if design.name == "volunteers":
        linear = 0.5 * u + 0.5 * early
        chance = expit(linear + brentq(lambda a: expit(linear + a).mean() - design.fraction, -12, 12))
        chance = np.clip(chance, 0, 1)
    elif design.name == "enriched":
        raw = 0.2 + marginal
        scale = brentq(lambda a: np.minimum(a * raw, 1).mean() - design.fraction, 1e-6, 1e3)
        chance = np.minimum(scale * raw, 1.0)
    else:
        chance = np.full(n, 1.0 if design.name == "everybody" else design.fraction)
    typed = rng.random(n) < chance
    frame = pd.DataFrame(
        {"typed": typed.astype(int), "score": np.where(typed, s, np.nan), "u": u, "early": early, "chance": chance,
         "synthetic": True, "failed": failed, "all_scores": s}
    )  # fmt: skip
    persons = pd.RangeIndex(n)
    return frame, Evidence(kind, persons, ratio, marginal, np.zeros((n, 0)), np.zeros((0, n)))


def _intercept(share: float, spread: float) -> float:
    node, weight = np.polynomial.hermite_e.hermegauss(61)
    weight = weight / weight.sum()
    return float(brentq(lambda a: expit(a + spread * node) @ weight - share, -12, 12))


def analyse(frame: pd.DataFrame, evidence: Evidence, design: Design) -> ScoreFit:
    """Aim D's estimate: weights by the selection model, or by the known chances of an enriched design."""
    fitted: FittedWeights
    if design.name == "enriched":
        kept = frame[frame["typed"] == 1].assign(known=lambda d: 1 / d["chance"])
        fitted = known_weights(kept, "known")
    elif (frame["typed"] == 1).all():
        fitted = known_weights(frame.assign(known=1.0), "known")
    else:
        formula = "typed ~ u + early" if design.name == "volunteers" else "typed ~ 1"
        fitted = Weights(frame, genotyped(formula)).fit_complete(frame)
    return score_effect(fitted, evidence, "score", "~ 1")


def known_weights(frame: pd.DataFrame, column: str) -> FittedWeights:
    """Weights that are known, as weights without a model."""
    from dataclasses import replace

    marked = frame.assign(_all=(np.arange(len(frame)) > 0).astype(int))
    plain = Weights(marked, genotyped("_all ~ 1", stabilised=False)).fit_complete(marked)
    values = frame[column].to_numpy(dtype=float)
    node = replace(plain.nodes[0], factor=replace(plain.nodes[0].factor, values=values, parts=()))
    return replace(plain, values=values, nodes=(node,))


def simulate(
    n: int, population: Population, design: Design, sims: int = 200, seed: int = 1,
    say: Callable[[int], None] = lambda done: None,
) -> dict[str, object]:  # fmt: skip
    """Power of the test of the difference, its mean, SD and mean standard error, over `sims` samples of `n` enrolled.

    `n_needed`: enrolled for 80 % power, errors falling with the root of n.
    """
    rows = []
    for i in range(sims):
        frame, known = draw(n, population, design, seed + i)
        fit = analyse(frame, known, design)
        psi = fit.influence()[DIFFERENCE]
        rows.append((fit.values[DIFFERENCE], float(np.sqrt(psi @ psi)), fit.n))
        say(i + 1)
    found = np.array(rows)
    z = found[:, 0] / found[:, 1]
    signal = float(z.mean())
    needed = float(np.ceil(n * (SPREAD / signal) ** 2)) if signal > 0.3 else np.nan
    return {
        "design": design.name, "fraction": design.fraction, "odds_ratio": population.odds_ratio,
        "share": population.share, "certainty": population.certainty, "n_enrolled": n,
        "n_genotyped": float(found[:, 2].mean()), "difference": float(found[:, 0].mean()),
        "sd": float(found[:, 0].std(ddof=1)), "mean_se": float(found[:, 1].mean()),
        "power": float((np.abs(z) > norm.ppf(1 - ALPHA / 2)).mean()), "n_needed": needed,
        "genotyped_needed": needed * float(found[:, 2].mean()) / n, "sims": sims,
    }  # fmt: skip


def plan_study(
    sizes: Sequence[int] = (2000, 5000),
    population: Population | None = None,
    designs: Sequence[Design] = (
        Design(), Design("at random", 0.5), Design("volunteers", 0.5), Design("enriched", 0.5)
    ),
    sims: int = 200,
    seed: int = 1,
    say: Callable[[str], None] = lambda what: None,
) -> pd.DataFrame:  # fmt: skip
    """Power for every size and design; see `simulate`."""
    rows = []
    for n in sizes:
        for design in designs:
            say(f"{n} enrolled, {design.name} {design.fraction:g}")
            rows.append(simulate(n, population or Population(), design, sims, seed))
    return pd.DataFrame(rows)
