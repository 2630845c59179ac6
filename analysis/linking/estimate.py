"""A link between two instruments from the persons who were measured with both (single-group design).

The joint distribution is smoothed by a log-linear model; its margins give the equipercentile link, and its conditional
spread the standard error of estimate: by how much persons lie beside the link. Standard errors of the link itself come
from a bootstrap of persons, with all their visits, as counts in one matrix product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from analysis.linking.equating import equipercentile, linear, linear_se_clustered, moments
from analysis.linking.pairs import LinkError, Pairs
from analysis.linking.smoothing import Degrees, choose, fit, joint_design

Floats = NDArray[np.float64]

LEAST_PERSONS = 50
"""Fewer persons give no link."""
TAIL = 5
"""A score has an equivalent where at least so many pairs lie at it or beyond it, on both sides."""


@dataclass(frozen=True)
class Link:
    """An estimated link. `scores` are those whole scores of X that have an equivalent; arrays follow them.

    equipercentile, linear: equivalents on Y. se_*: standard errors of the link (bootstrap of persons); linear_se is the
    analytic one. see: SD of persons around the equipercentile equivalent; mean_given and sd_given: mean and SD of Y at
    the score, which lies nearer to the mean than the link. share: smoothed share of each score of the whole scale of X.
    replicates: (bootstraps, scores) equipercentile equivalents.
    """

    pairs: Pairs
    degrees: Degrees
    scores: Floats
    equipercentile: Floats
    se_equipercentile: Floats
    linear: Floats
    se_linear: Floats
    linear_se: Floats
    see: Floats
    mean_given: Floats
    sd_given: Floats
    share: Floats
    correlation: float
    sd_y: float
    replicates: Floats

    def points(self, method: str = "equipercentile") -> pd.DataFrame:
        """One row per score: point, se, 95 % interval, see, and what Y is at the score."""
        point, se = {
            "equipercentile": (self.equipercentile, self.se_equipercentile),
            "linear": (self.linear, self.linear_se),
        }[method]
        return pd.DataFrame(
            {
                "from_score": self.scores.astype(np.int64),
                "point": point,
                "se": se,
                "low": point - 1.96 * se,
                "high": point + 1.96 * se,
                "see": self.see,
                "mean_given": self.mean_given,
                "sd_given": self.sd_given,
            }
        )


def counts(pairs: Pairs, rows: NDArray[np.bool_] | None = None) -> sparse.csr_array:
    """How often each person has each pair of scores: (persons, cells), y running fastest."""
    frame = pairs.frame if rows is None else pairs.frame[rows]
    cell = (frame["x"] - pairs.x.lowest) * pairs.y.points + (frame["y"] - pairs.y.lowest)
    shape = (pairs.n_persons, pairs.x.points * pairs.y.points)
    at = (frame["person"].to_numpy(), cell.to_numpy())
    return sparse.csr_array((np.ones(len(frame)), at), shape=shape)


def resamples(n_persons: int, bootstraps: int, seed: int) -> NDArray[np.int64]:
    """How often each person is drawn in each bootstrap: (bootstraps, persons)."""
    return np.random.default_rng(seed).multinomial(n_persons, np.full(n_persons, 1 / n_persons), size=bootstraps)


def estimate(
    pairs: Pairs,
    *,
    bootstraps: int = 500,
    seed: int = 1,
    criterion: str = "aic",
    degrees: Degrees | None = None,
) -> Link:
    """Estimate the link. Raises LinkError for too few persons, SmoothingError where the model has no solution."""
    if pairs.n_persons < LEAST_PERSONS:
        raise LinkError(
            f"only {pairs.n_persons} persons have both {pairs.x.instrument_id} and {pairs.y.instrument_id}:"
            f" at least {LEAST_PERSONS} are needed"
        )
    table = counts(pairs)
    shape = (pairs.x.points, pairs.y.points)
    observed = np.asarray(table.sum(axis=0)).reshape(shape)
    degrees = degrees or choose(observed, criterion)
    design = joint_design(*shape, degrees)
    whole = fit(observed.ravel(), design)
    drawn = np.asarray((table.T @ resamples(pairs.n_persons, bootstraps, seed).T).T, dtype=np.float64)
    again = fit(drawn, design, start=whole.coefficients[0])
    kept = _has_equivalent(observed.sum(axis=1))
    at = pairs.x.scores[kept]
    joint = whole.probabilities[0].reshape(shape)
    many = again.probabilities.reshape(-1, *shape)
    point = equipercentile(joint.sum(axis=1), joint.sum(axis=0), pairs.y.lowest)[0]
    replicates = equipercentile(many.sum(axis=2), many.sum(axis=1), pairs.y.lowest)
    straight = linear(joint.sum(axis=1), joint.sum(axis=0), pairs.x.scores, pairs.y.scores, at)
    straight_again = linear(many.sum(axis=2), many.sum(axis=1), pairs.x.scores, pairs.y.scores, at)
    given = joint / joint.sum(axis=1, keepdims=True)
    mean_given, sd_given = moments(given, pairs.y.scores)
    see = np.sqrt(sd_given**2 + (mean_given - point) ** 2)
    x, y = (pairs.frame[c].to_numpy(dtype=np.float64) for c in ("x", "y"))
    return Link(
        pairs=pairs,
        degrees=degrees,
        scores=at,
        equipercentile=point[kept],
        se_equipercentile=replicates[:, kept].std(axis=0, ddof=1),
        linear=straight,
        se_linear=straight_again.std(axis=0, ddof=1),
        linear_se=linear_se_clustered(x, y, pairs.frame["person"].to_numpy(), at),
        see=see[kept],
        mean_given=mean_given[kept],
        sd_given=sd_given[kept],
        share=joint.sum(axis=1),
        correlation=float(np.corrcoef(x, y)[0, 1]),
        sd_y=float(y.std()),
        replicates=replicates[:, kept],
    )


def _has_equivalent(observed: Floats) -> NDArray[np.bool_]:
    """Scores at or beyond which enough pairs lie, on both sides."""
    upto = np.cumsum(observed)
    beyond = upto[-1] - upto + observed
    out: NDArray[np.bool_] = (upto >= TAIL) & (beyond >= TAIL)
    return out


@dataclass(frozen=True)
class GroupLink:
    """The link within a group, at the scores of the whole link; `has` marks those that the group can speak of."""

    point: Floats
    replicates: Floats
    has: NDArray[np.bool_]


def group_links(
    link: Link, groups: Mapping[str, NDArray[np.bool_]], *, bootstraps: int, seed: int
) -> dict[str, GroupLink]:
    """The link within each group of pairs.

    The same persons are drawn as for the whole, so that groups of one person's visits are compared as they are.
    """
    pairs = link.pairs
    shape = (pairs.x.points, pairs.y.points)
    design = joint_design(*shape, link.degrees)
    drawn = resamples(pairs.n_persons, bootstraps, seed)
    kept = link.scores.astype(np.int64) - pairs.x.lowest
    out: dict[str, GroupLink] = {}
    for name, rows in groups.items():
        table = counts(pairs, rows)
        observed = np.asarray(table.sum(axis=0))
        first = fit(observed, design)
        again = fit(np.asarray((table.T @ drawn.T).T, dtype=np.float64), design, start=first.coefficients[0])
        joint, many = first.probabilities.reshape(-1, *shape), again.probabilities.reshape(-1, *shape)
        point = equipercentile(joint.sum(axis=2), joint.sum(axis=1), pairs.y.lowest)
        several = equipercentile(many.sum(axis=2), many.sum(axis=1), pairs.y.lowest)
        has = _has_equivalent(observed.reshape(shape).sum(axis=1))
        out[name] = GroupLink(point[0][kept], several[:, kept], has[kept])
    return out
