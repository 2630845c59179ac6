"""After the classes: outcomes of latent courses, and what predicts them, with the error of classification carried.

    from analysis.twostep import ClassOutcome, selection

    spec = ClassOutcome("remitted ~ age + sex + baseline", family="binary")     # or normal, count
    fit = spec.fit(trajectories, persons, weights=selection("seen ~ age + baseline", persons))
    fit.parameters(), fit.margins(), fit.contrast(1, 2), fit.problems
    compare(spec, trajectories, persons, 1, 2, seed=1)          # beside it BCH, and two estimators known to be biased
    ClassMembership("~ sex + age").fit(trajectories, persons).parameters()

`trajectories` is a result of `analysis.trajectories`; `persons` has one row per person of the population. See
`docs/two-step.md`.
"""

from analysis.twostep.bch import BchFit, bch
from analysis.twostep.comparators import compare
from analysis.twostep.membership import ClassMembership, MembershipFit
from analysis.twostep.outcome import ClassOutcome, OutcomeFit
from analysis.twostep.stack import ClassStep, PersonWeights
from analysis.twostep.weights import selection

__all__ = [
    "BchFit",
    "ClassMembership",
    "ClassOutcome",
    "ClassStep",
    "MembershipFit",
    "OutcomeFit",
    "PersonWeights",
    "bch",
    "compare",
    "selection",
]
