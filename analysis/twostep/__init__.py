"""After the classes: outcomes of latent courses, and what predicts them, with the error of classification carried.

    from analysis.twostep import ClassOutcome, selection

    spec = ClassOutcome("remitted ~ age + sex + baseline", family="binary")     # or normal, count
    fit = spec.fit(trajectories, persons, weights=selection("seen ~ age + baseline", persons))
    fit.parameters(), fit.margins(), fit.contrast(1, 2), fit.problems
    ClassMembership("~ sex + age").fit(trajectories, persons).parameters()

`trajectories` is a result of `analysis.trajectories`; `persons` has one row per person of the population. See
`docs/two-step.md`.
"""

from analysis.twostep.membership import ClassMembership, MembershipFit
from analysis.twostep.outcome import ClassOutcome, OutcomeFit
from analysis.twostep.stack import ClassStep, PersonWeights
from analysis.twostep.weights import selection

__all__ = ["ClassMembership", "ClassOutcome", "ClassStep", "MembershipFit", "OutcomeFit", "PersonWeights", "selection"]
