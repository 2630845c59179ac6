"""One sandwich for a chain of estimators, carried as influence functions.

Step m solves sum_i U_m,i(theta_m, earlier steps) = 0. To first order theta_m is the truth plus a sum over persons of

    psi_m,i = A_m^-1 (U_m,i + sum_e C_me psi_e,i),   A_m = - dU_m / d theta_m,  C_me = dU_m / d theta_e,

so that sum_i psi psi' is the block of the stacked sandwich A^-1 B A^-T for theta_m (Newey & McFadden 1994, section 6).
Every quantity computed later, a standardised risk for instance, has an influence function of the same kind. Arrays are
(parameters, persons); persons who take no part in a step have zeros there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.trajectories.errors import DesignError
from analysis.trajectories.fitted import Fitted
from analysis.trajectories.inference import FEWEST_CLUSTERS, InferenceError, inverse_information

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class ClassStep:
    """The first step as later ones see it.

    persons: (N,), each once. p: (N, k) posterior probabilities. slopes: (N, k, free) = d log p_ik / d phi, in any
    centring over the classes. influence: (free, N) of phi. covariance: (free, free) from the observed information.
    clusters: (N,) names of clusters, or None.
    """

    persons: pd.Index
    p: Array
    slopes: Array
    influence: Array
    covariance: Array
    clusters: pd.Series | None = None

    @property
    def k(self) -> int:
        """Number of classes."""
        return self.p.shape[1]

    @classmethod
    def of(cls, result: Fitted) -> ClassStep:
        """From a fitted class model. Raises InferenceError where its information is not positive definite."""
        design = result.design
        covariance = inverse_information(result.information)
        scores = result.solution.scores
        weight = design.panel.weight
        weighted = scores if weight is None else scores * weight
        clusters = None if design.clusters is None else pd.Series(design.clusters, index=design.persons)
        return cls(
            design.persons,
            result.probabilities,
            result.log_posterior_slopes(),
            covariance @ weighted,
            covariance,
            clusters,
        )

    @classmethod
    def known(cls, persons: pd.Index, p: Array, clusters: pd.Series | None = None) -> ClassStep:
        """Probabilities taken as known without error: nothing of a first step is carried on."""
        n, k = p.shape
        return cls(persons, p, np.zeros((n, k, 0)), np.zeros((0, n)), np.zeros((0, 0)), clusters)


@dataclass(frozen=True)
class PersonWeights:
    """Weights of persons, estimated or known: `values` (n,), `slopes` (n, parameters) = d w / d alpha,
    `influence` (parameters, n) of alpha. Persons who are not in it have weight 0.
    """

    persons: pd.Index
    values: Array
    slopes: Array
    influence: Array

    @classmethod
    def fixed(cls, weights: pd.Series) -> PersonWeights:
        """Known weights, indexed by person."""
        values = weights.to_numpy(dtype=float)
        bad = ~np.isfinite(values) | (values < 0)
        if bad.any():
            at = int(np.argmax(bad))
            raise DesignError(
                f"the weight of person {weights.index[at]} is {values[at]}; weights are finite and 0 or more"
            )
        n = len(values)
        return cls(pd.Index(weights.index), values, np.zeros((n, 0)), np.zeros((0, n)))

    def __mul__(self, other: PersonWeights) -> PersonWeights:
        """The product of two kinds of weights; a person needs both."""
        persons = union([self.persons, other.persons])
        a, b = self.on(persons), other.on(persons)
        return PersonWeights(
            persons,
            a.values * b.values,
            np.concatenate([a.slopes * b.values[:, None], b.slopes * a.values[:, None]], axis=1),
            np.concatenate([a.influence, b.influence]),
        )

    def on(self, persons: pd.Index) -> PersonWeights:
        """The same for other persons: zeros for those who are not in it. None of its own may be missing there."""
        at = places(self.persons, persons, "weight")
        values, slopes = np.zeros(len(persons)), np.zeros((len(persons), self.slopes.shape[1]))
        values[at], slopes[at] = self.values, self.slopes
        return PersonWeights(persons, values, slopes, spread(self.influence, at, len(persons)))

    @property
    def effective_size(self) -> float:
        """Effective sample size, (sum w)^2 / sum w^2 (Kish 1965)."""
        return float(self.values.sum() ** 2 / (self.values**2).sum())


def union(indexes: Sequence[pd.Index]) -> pd.Index:
    """All persons, in the order in which they are met."""
    return reduce(lambda a, b: a.append(b[~b.isin(a)]), indexes)


def places(persons: pd.Index, within: pd.Index, what: str) -> Indices:
    """Where `persons` stand `within` others. Raises DesignError naming the first who is not there or there twice."""
    if not persons.is_unique:
        raise DesignError(f"person {persons[persons.duplicated()][0]} has more than one row of {what}; give each one")
    found = within.get_indexer(persons)
    if (found < 0).any():
        absent = persons[found < 0]
        raise DesignError(
            f"{len(absent)} of {len(persons)} persons with {what} are not in the class model, the first is {absent[0]}"
            "; leave them out, or classify them first"
        )
    return np.asarray(found, dtype=np.intp)


def spread(influence: Array, at: Indices, n: int) -> Array:
    """(parameters, n) with the columns of `influence` at the places `at` and zeros elsewhere."""
    found = np.zeros((len(influence), n))
    found[:, at] = influence
    return found


def influence_covariance(influence: Array, clusters: pd.Series | None = None) -> Array:
    """sum psi psi' over persons, or over the sums of `clusters` (one name per column), scaled by G / (G - 1)."""
    if clusters is None:
        return influence @ influence.T
    codes, names = pd.factorize(clusters)
    n = len(names)
    if (codes < 0).any():
        raise InferenceError(f"{int((codes < 0).sum())} persons have no cluster; name the cluster of everybody")
    if n < FEWEST_CLUSTERS:
        raise InferenceError(f"{n} clusters are too few for cluster-robust errors; at least {FEWEST_CLUSTERS}")
    summed = np.zeros((len(influence), n))
    np.add.at(summed.T, codes, influence.T)
    found: Array = summed @ summed.T * (n / (n - 1))
    return found
