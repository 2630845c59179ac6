"""Weights as products of named nodes, their diagnostics, and effects with errors that carry their estimation.

    from analysis.weighting import Weights, effect, genotyped, selection, staying, treatment, trial

    w = Weights(
        frame,
        treatment("quit ~ sex + age + I(age**2) + C(education)", estimand="ATE", method="logistic"),
        staying("seen ~ quit + sex + age"),
        person="seqn", missing="category",
    ).fit()
    w.values, w.summary(), w.balance(by="study_id"), w.plot("love"), w.flow(), w.problems
    effect(w, "change ~ quit").contrast()          # weights taken as known, and estimated: both named

Methods of a node: `logistic`, `penalised` (Firth), `ridge`, `cbps`, `entropy`. Treatments may have several categories
or be continuous. `w.truncate(.01, .99)`, `w.rake("~ sex + age")`. See `docs/weighting.md`.
"""

from analysis.weighting.effects import ESTIMATED, KNOWN, WeightedFit, effect
from analysis.weighting.errors import Problem, WeightingError
from analysis.weighting.nodes import Node, genotyped, selection, staying, treatment, trial
from analysis.weighting.weights import FittedWeights, Weights

__all__ = [
    "ESTIMATED",
    "KNOWN",
    "FittedWeights",
    "Node",
    "Problem",
    "WeightedFit",
    "WeightingError",
    "Weights",
    "effect",
    "genotyped",
    "selection",
    "staying",
    "treatment",
    "trial",
]
