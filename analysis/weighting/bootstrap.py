"""Bootstrap of the whole chain: weights refitted in every replicate.

Persons are drawn as multinomial counts, so that a replicate is the same frame with other case weights. For logistic
nodes all replicates are climbed together: one matrix product per step. Other models are refitted one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

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
"""Replicates that stay in the cache together."""
BATCH = 4_000_000
"""Persons × replicates that are climbed together."""


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
    weights = fit.weights
    fast = can_batch(fit) if batched is None else batched
    if fast and not can_batch(fit):
        raise WeightingError("only logistic nodes and a normal outcome can be climbed in batches")
    rng = np.random.default_rng(seed)
    n = len(weights.total)
    found: list[Array] = []
    failed = 0
    size = max(1, min(replicates, BATCH // n)) if fast else 1
    with one_thread():
        while len(found) * size + failed < replicates if not fast else sum(map(len, found)) + failed < replicates:
            left = replicates - (sum(map(len, found)) + failed)
            counts = draw(rng, n, min(size, left))
            try:
                made = _batch(fit, counts) if fast else _one(fit, counts[:, 0])[None]
                good = np.isfinite(made).all(axis=1)
                failed += int((~good).sum())
                found.append(made[good])
            except WeightingError:
                failed += 1
            progress(sum(map(len, found)) + failed)
    estimates = np.concatenate(found) if found else np.zeros((0, len(fit.b)))
    if failed > 0.1 * replicates:
        raise WeightingError(
            f"{failed} of {replicates} bootstrap replicates have no solution: the weights are too fragile"
        )
    return Bootstrap(fit.names, fit.b, estimates, failed)


def draw(rng: np.random.Generator, n: int, replicates: int) -> Array:
    """(n, replicates): how often each person is drawn."""
    picked = rng.integers(0, n, (replicates, n))
    picked += np.arange(replicates)[:, None] * n
    counts = np.bincount(picked.ravel(), minlength=replicates * n).reshape(replicates, n)
    return np.ascontiguousarray(counts.T, dtype=float)


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


def _batch(fit: WeightedFit, counts: Array) -> Array:
    """(replicates, terms)."""
    weights = fit.weights
    total = counts * weights.case[:, None]
    used = fit.rows
    w = total[used].copy()
    for f in weights.nodes:
        w *= _factors(f, total)[used]
    p = fit.x.shape[1]
    upper = np.triu_indices(p)
    gram = np.zeros((counts.shape[1], p, p))
    flat = (fit.x[:, upper[0]] * fit.x[:, upper[1]]).T @ w
    gram[:, upper[0], upper[1]] = gram[:, upper[1], upper[0]] = flat.T
    right = (fit.x * fit.y[:, None]).T @ w
    return _solve(gram, right).T


def _factors(f: FittedNode, total: Array) -> Array:
    """(n, replicates): the node's factor in each replicate."""
    rows, block = f.factor.rows, f.factor.parts[0].blocks[0]
    t = (f.groups[rows] == 1).astype(float)
    c = total[rows] if len(rows) < len(total) else total
    p = logistic(block.x, t, c)
    node = f.node
    if node.kind == "selection":
        ratio = (1 - p) / p if node.target == "rest" else 1 / p
        found = t[:, None] * ratio
    else:
        focal_first = node.focal is not None and f.levels.index(node.focal) == 0
        estimand = node.estimand
        if estimand in ("ATT", "ATC"):
            first = focal_first if node.focal is not None else estimand == "ATC"
            found = (
                t[:, None] * (1 - p) / p + (1 - t)[:, None] if first else t[:, None] + (1 - t)[:, None] * p / (1 - p)
            )
        elif estimand == "ATO":
            found = t[:, None] * (1 - p) + (1 - t)[:, None] * p
        else:
            found = np.where(t[:, None] == 1, 1 / p, 1 / (1 - p))
    if node.stabilises:
        q = (t @ c) / c.sum(axis=0)
        found *= np.where(t[:, None] == 1, q, 1 - q) if node.kind == "treatment" else q
    if len(rows) == len(total):
        return found
    out = np.zeros_like(total)
    out[rows] = found
    return out


def logistic(x: Array, t: Array, counts: Array, rounds: int = 40) -> Array:
    """(n, R) fitted probabilities of R logistic regressions whose rows count `counts` (n, R) times.

    Newton's method from the pooled solution, some replicates at a time so that they stay in the cache. The information
    is renewed in the first two steps and then only where a replicate is slow. A replicate without a finite solution
    ends as missing values.
    """
    start = solve(LOGISTIC, x, t, counts.mean(axis=1))
    upper = tuple(np.asarray(i, dtype=np.intp) for i in np.triu_indices(x.shape[1]))
    products = np.ascontiguousarray((x[:, upper[0]] * x[:, upper[1]]).T)
    found = np.empty_like(counts)
    for at in range(0, counts.shape[1], CHUNK):
        part = np.ascontiguousarray(counts[:, at : at + CHUNK])
        found[:, at : at + CHUNK] = _climb(x, t, part, start.b, expit(start.e), products, upper, rounds)
    return found


def _climb(
    x: Array,
    t: Array,
    c: Array,
    b0: Array,
    p0: Array,
    products: Array,
    upper: tuple[NDArray[np.intp], ...],
    rounds: int,
) -> Array:
    """The replicates of one chunk."""
    r, p = c.shape[1], x.shape[1]
    target = x.T @ (c * t[:, None])
    b = np.repeat(b0[:, None], r, axis=1)
    chance = np.repeat(p0[:, None], r, axis=1)
    renewed = np.zeros((r, p, p))
    active = np.arange(r)
    for step in range(rounds):
        here = slice(None) if len(active) == r else active
        weighted = c[:, here] * chance[:, here]
        gradient = target[:, here] - x.T @ weighted
        if step < 2 or step % 4 == 0 or 4 * len(active) < CHUNK:
            weighted *= 1 - chance[:, here]
            info = np.zeros((len(active), p, p))
            info[:, upper[0], upper[1]] = info[:, upper[1], upper[0]] = (products @ weighted).T
            try:
                renewed[here] = np.linalg.inv(info)
            except np.linalg.LinAlgError:
                renewed[here] = np.linalg.pinv(info)
        change = (renewed[here] @ gradient.T[:, :, None])[:, :, 0].T
        b[:, here] += np.clip(change, -3, 3)
        chance[:, here] = expit(x @ b[:, here])
        # by what is left to gain: where a drawn sample is separated the index runs off, and its probabilities are there
        slow = np.einsum("ir,ir->r", gradient, change) > 1e-9
        active = active[slow]
        if not len(active):
            return chance
    chance[:, active] = np.nan
    return chance


def _solve(gram: Array, right: Array) -> Array:
    """(p, R): gram (R, p, p) solved for right (p, R); missing where singular."""
    try:
        return np.asarray(np.linalg.solve(gram, right.T[:, :, None])[:, :, 0].T, dtype=float)
    except np.linalg.LinAlgError:
        found = np.full_like(right, np.nan)
        for r in range(len(gram)):
            if np.linalg.cond(gram[r]) < 1e12:
                found[:, r] = np.linalg.solve(gram[r], right[:, r])
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
