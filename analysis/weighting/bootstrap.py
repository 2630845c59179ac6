"""Bootstrap of the whole chain: weights refitted in every replicate.

Persons are drawn as multinomial counts, so that a replicate is the same frame with other case weights. For logistic
nodes all replicates are climbed together: one matrix product per step. Other models are refitted one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from analysis.trajectories.threads import one_thread
from analysis.weighting.covariates import variables
from analysis.weighting.effects import WeightedFit, effect
from analysis.weighting.errors import WeightingError
from analysis.weighting.fitting import FittedNode
from analysis.weighting.index import LOGISTIC, solve
from analysis.weighting.weights import FittedWeights, Weights

Array = NDArray[np.float64]

CHUNK = 64
"""Replicates that are climbed together and stay in the cache."""
LEFT = 1e-8
"""Units of the log-likelihood: a replicate with less to gain is done."""
CHORD, FEW = 2, 6
"""The step that takes the last information again, and that from which few are left, which are separated."""
LONGER = 4.0
"""How much longer steps are made where the index runs off."""
Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Bootstrap:
    """`estimates` (replicates, terms) of the outcome model's coefficients; `failed` replicates had no solution."""

    names: tuple[str, ...]
    point: Array
    estimates: Array
    failed: int

    def table(self, level: float = 0.95) -> pd.DataFrame:
        """`term`, `estimate`, `se`, percentile limits `lower` and `upper`, `replicates`, `failed`."""
        low, high = np.quantile(self.estimates, [0.5 - level / 2, 0.5 + level / 2], axis=0)
        return pd.DataFrame(
            {
                "term": self.names,
                "estimate": self.point,
                "se": self.estimates.std(axis=0, ddof=1),
                "lower": low,
                "upper": high,
                "replicates": len(self.estimates),
                "failed": self.failed,
            }
        )


def bootstrap(
    fit: WeightedFit,
    replicates: int = 1000,
    seed: int = 1,
    progress: Callable[[int], None] = lambda done: None,
    batched: bool | None = None,
) -> Bootstrap:
    """Refit weights and outcome model of `fit` in `replicates` samples of persons.

    `batched` None chooses. `progress` is told how many are done. Raises WeightingError where more than a tenth have no
    solution.
    """
    fast = can_batch(fit) if batched is None else batched
    if fast and not can_batch(fit):
        raise WeightingError("only logistic nodes and a normal outcome can be climbed in batches")
    rng = np.random.default_rng(seed)
    n = len(fit.weights.total)
    found: list[Array] = []
    done = failed = 0
    with one_thread():
        climbers = [Climber.of(f, fit.weights.case) for f in fit.weights.nodes] if fast else []
        while done < replicates:
            counts = draw(rng, n, min(CHUNK, replicates - done) if fast else 1)
            try:
                made = _batch(fit, counts, climbers) if fast else _one(fit, counts[0])[None]
            except WeightingError:
                made = np.full((1, len(fit.b)), np.nan)
            good = np.isfinite(made).all(axis=1)
            failed += int((~good).sum())
            found.append(made[good])
            done += len(made)
            progress(done)
    if failed > 0.1 * replicates:
        raise WeightingError(f"{failed} of {replicates} replicates have no solution: the weights are too fragile")
    return Bootstrap(fit.names, fit.b, np.concatenate(found), failed)


def draw(rng: np.random.Generator, n: int, replicates: int) -> Array:
    """(replicates, n): how often each person is drawn."""
    picked = rng.integers(0, n, (replicates, n), dtype=np.int32).astype(np.int64)
    picked += np.arange(replicates)[:, None] * n
    return np.bincount(picked.ravel(), minlength=replicates * n).reshape(replicates, n).astype(float)


def can_batch(fit: WeightedFit) -> bool:
    """Logistic nodes with two levels and constant numerators, a normal outcome, nothing cut or raked."""
    weights = fit.weights
    if fit.family != "normal" or weights.raked is not None or weights.limits is not None:
        return False
    for f in weights.nodes:
        node = f.node
        if node.method != "logistic" or len(f.levels) != 2 or node.estimand not in ("ATE", "ATT", "ATC", "ATO"):
            return False
        if node.stabilises and variables(node.numerator or "~ 1", weights.frame):
            return False
        if not set(variables(node.formula, weights.frame)) <= set(weights.frame):
            return False
    return True


@dataclass(frozen=True)
class Climber:
    """A logistic node made ready for many replicates: its columns `x` (p, m), signed so that `b @ x` is the index of
    the outcome that was not had, their products in single precision, and the solution of the sample (`b` (p,), its odds
    `odds` (m,), inverse information `bread`) from which every replicate starts.
    """

    node: FittedNode
    x: Array
    t: NDArray[np.bool_]
    b: Array
    odds: Singles
    bread: Array
    x_single: Singles
    products: Singles
    upper: tuple[NDArray[np.intp], ...]

    @classmethod
    def of(cls, f: FittedNode, case: Array) -> Climber:
        """Of a fitted node; `case` (n,) are the sampling weights."""
        rows, x = f.factor.rows, f.factor.parts[0].blocks[0].x
        t = f.groups[rows] == 1
        start = solve(LOGISTIC, x, t.astype(float), case[rows])
        p = expit(start.e)
        bread = np.linalg.pinv((x * (case[rows] * p * (1 - p))[:, None]).T @ x, hermitian=True)
        signed = np.ascontiguousarray(np.where(t[:, None], -x, x).T)
        single = signed.astype(np.float32)
        products = np.concatenate([single[j] * single[j:] for j in range(len(single))])
        upper = tuple(np.asarray(i, dtype=np.intp) for i in np.triu_indices(len(single)))
        return cls(f, signed, t, start.b, _odds(start.b.astype(np.float32) @ single), bread, single, products, upper)

    def information(self, weighted: Singles) -> Array:
        """(R, p, p) of persons weighted by `weighted` (R, m)."""
        p = len(self.x)
        found = np.empty((len(weighted), p, p))
        found[:, self.upper[0], self.upper[1]] = found[:, self.upper[1], self.upper[0]] = weighted @ self.products.T
        return found

    def _exactly(self, weighted: NDArray[Any]) -> Array:
        """The same in double precision."""
        return np.stack([(self.x * w) @ self.x.T for w in weighted])

    def other(self, c: NDArray[Any], rounds: int = 60) -> Singles:
        """(R, m) fitted odds of the outcome that was not had, with persons counted `c` (R, m) times; missing where
        there is no solution.

        A step with the information of the sample, then Newton steps and one with the last information, in single
        precision: odds are right to six digits, however small. The few that are left go on in double. Judged by what is
        left to gain: where a drawn sample is separated the index runs off, and its odds are there; such steps gain e
        times less each, and are lengthened.
        """
        found, at = np.empty(0, dtype=np.float32), np.arange(len(c))
        x: NDArray[Any] = self.x_single
        c = c.astype(np.float32)
        b = np.repeat(self.b[None], len(c), axis=0)
        last, length = np.full(len(c), np.inf), np.ones(len(c))
        odds, info = np.repeat(self.odds[None], len(c), axis=0), np.empty(0)
        for step in range(rounds):
            if step == FEW:
                c, x = c.astype(float), self.x
            if step:
                odds = _odds(b.astype(x.dtype) @ x)
            chance = odds / (1 + odds)
            short = c * chance
            gradient = np.asarray(short @ x.T, dtype=float)
            if step > CHORD + 1:
                # who is done is told by the last information, before another is computed
                slow = np.abs(_gain(gradient, _step(info, gradient))) > LEFT
                if not slow.any():
                    break
                if 2 * slow.sum() <= len(slow):
                    if not found.size:
                        found = np.full(c.shape, np.nan, dtype=np.float32)
                    found[at[~slow]] = odds[~slow]
                    at, c, b, last, length = at[slow], c[slow], b[slow], last[slow], length[slow]
                    odds, chance, short, gradient = odds[slow], chance[slow], short[slow], gradient[slow]
            if step and step != CHORD:
                chance *= short
                np.subtract(short, chance, out=chance)
                info = self.information(chance) if step < FEW else self._exactly(chance)
            change = _step(info, gradient) if step else gradient @ self.bread
            gain = _gain(gradient, change)
            if step > CHORD:
                with np.errstate(divide="ignore", invalid="ignore"):
                    length = np.where(np.abs(np.log(gain / last) + length) < 0.3 * length, LONGER, 1.0)
            b = b - length[:, None] * np.clip(change, -3, 3)
            last = gain
        else:
            odds = np.full_like(odds, np.nan)
        if not found.size:
            return odds.astype(np.float32, copy=False)
        found[at] = odds
        return found


def _odds(e: NDArray[Any]) -> NDArray[Any]:
    """exp(e), in place."""
    np.minimum(e, e.dtype.type(80), out=e)
    return np.exp(e, out=e)


def _gain(gradient: Array, change: Array) -> Array:
    """(R,): what a step promises to gain."""
    return np.einsum("ri,ri->r", gradient, change)


def _step(info: Array, gradient: Array) -> Array:
    """(R, p): info (R, p, p) solved for the gradient (R, p)."""
    try:
        found = np.linalg.solve(info, gradient[:, :, None])
    except np.linalg.LinAlgError:
        found = np.linalg.pinv(info) @ gradient[:, :, None]
    return np.asarray(found[:, :, 0], dtype=float)


def _batch(fit: WeightedFit, counts: Array, climbers: Sequence[Climber]) -> Array:
    """(replicates, terms), of persons counted `counts` (replicates, n) times."""
    weights, used = fit.weights, fit.rows
    total = counts if (weights.case == 1).all() else counts * weights.case
    w = total
    for climber in climbers:
        w = w * _factor(climber, total)
    if len(used) < total.shape[1]:
        w = w[:, used]
    p = fit.x.shape[1]
    upper = np.triu_indices(p)
    gram = np.zeros((len(counts), p, p))
    gram[:, upper[0], upper[1]] = gram[:, upper[1], upper[0]] = w @ (fit.x[:, upper[0]] * fit.x[:, upper[1]])
    return _solve(gram, w @ (fit.x * fit.y[:, None]))


def _factor(climber: Climber, total: Array) -> Array | Singles:
    """(replicates, n): the node's factor in each replicate."""
    f, t, node = climber.node, climber.t, climber.node.node
    rows = f.factor.rows
    c = total[:, rows] if len(rows) < total.shape[1] else total
    found = climber.other(c)
    if node.kind == "treatment" and node.estimand == "ATO":
        found /= 1 + found
    elif node.kind == "treatment" and node.estimand in ("ATT", "ATC"):
        default = 1 if node.estimand == "ATT" else 0
        focal = f.levels.index(node.focal) if node.focal is not None else default
        found[:, t == (focal == 1)] = 1
    elif node.kind == "treatment" or node.target != "rest":
        found += 1
    share = (c @ t) / c.sum(axis=1)
    yes = share if node.stabilises else np.ones(len(c))
    no = np.zeros(len(c)) if node.kind == "selection" else 1 - share if node.stabilises else np.ones(len(c))
    found *= np.where(t, yes[:, None], no[:, None]).astype(np.float32)
    if len(rows) == total.shape[1]:
        return found
    out = np.zeros_like(total)
    out[:, rows] = found
    return out


def _solve(gram: Array, right: Array) -> Array:
    """(R, p): gram (R, p, p) solved for right (R, p); missing where singular."""
    try:
        return np.asarray(np.linalg.solve(gram, right[:, :, None])[:, :, 0], dtype=float)
    except np.linalg.LinAlgError:
        found = np.full_like(right, np.nan)
        for r in range(len(gram)):
            if np.linalg.cond(gram[r]) < 1e12:
                found[r] = np.linalg.solve(gram[r], right[r])
        return found


def _one(fit: WeightedFit, counts: Array) -> Array:
    """One replicate by the whole chain, whatever its models."""
    again = refit(fit.weights, counts)
    found = effect(again, fit.formula, fit.family)
    if found.names != fit.names:
        raise WeightingError("a replicate has other columns than the sample")
    return found.b


def refit(weights: FittedWeights, counts: Array) -> FittedWeights:
    """The same nodes with persons counted `counts` (n,) times; those drawn never are left out."""
    name = "_counted"
    keep = counts > 0
    frame = weights.frame.assign(**{name: counts * weights.case})[keep]
    spec = weights.spec
    again = Weights(frame, *(replace(n) for n in spec.nodes), person=spec.person, sampling=name, missing="category")
    found = again.fit_complete(frame)
    if weights.limits is not None:
        raise WeightingError("truncate inside the replicate: bootstrap untruncated weights and state the path")
    return found
