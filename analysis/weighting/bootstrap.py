"""Bootstrap of the whole chain: weights refitted in every replicate.

Persons are drawn as multinomial counts, so that a replicate is the same frame with other case weights. For logistic
nodes all replicates are climbed together: one matrix product per step. Other models are refitted one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
"""Replicates that are climbed together and stay in the cache."""
LEFT = 1e-9
"""Units of the log-likelihood: a replicate with less to gain is done."""
SINGLE = 6
"""Steps in single precision."""
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
                made = _batch(fit, counts, climbers) if fast else _one(fit, counts[:, 0])[None]
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
    """(n, replicates): how often each person is drawn."""
    picked = rng.integers(0, n, (replicates, n), dtype=np.int32).astype(np.int64)
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


@dataclass(frozen=True)
class Climber:
    """A logistic node made ready for many replicates: its columns, their products in single precision, the solution of
    the sample (`b` (p,), probabilities `p` (m,)) from which every replicate starts.
    """

    node: FittedNode
    x: Array
    t: NDArray[np.bool_]
    b: Array
    p: Array
    x_single: Singles
    products: Singles
    upper: tuple[NDArray[np.intp], ...]

    @classmethod
    def of(cls, f: FittedNode, case: Array) -> Climber:
        """Of a fitted node; `case` (n,) are the sampling weights."""
        rows, x = f.factor.rows, f.factor.parts[0].blocks[0].x
        t = f.groups[rows] == 1
        start = solve(LOGISTIC, x, t.astype(float), case[rows])
        upper = tuple(np.asarray(i, dtype=np.intp) for i in np.triu_indices(x.shape[1]))
        products = np.ascontiguousarray((x[:, upper[0]] * x[:, upper[1]]).T, dtype=np.float32)
        return cls(f, x, t, start.b, expit(start.e), x.astype(np.float32), products, upper)

    def information(self, weighted: Singles) -> Array:
        """(R, p, p) of rows weighted by `weighted` (m, R)."""
        p = self.x.shape[1]
        found = np.empty((weighted.shape[1], p, p))
        found[:, self.upper[0], self.upper[1]] = found[:, self.upper[1], self.upper[0]] = (self.products @ weighted).T
        return found

    def probabilities(self, c: Array, rounds: int = 60) -> Array:
        """(m, R) fitted probabilities with rows counted `c` (m, R) times; missing where there is no solution.

        Two Newton steps and some with the last information, in single precision, which leaves probabilities right to
        six digits; replicates that are slow go on in double. Judged by what is left to gain: where a drawn sample is
        separated the index runs off, and its probabilities are there.
        """
        c32 = c.astype(np.float32)
        target = self.x_single.T @ np.where(self.t[:, None], c32, np.float32(0))
        b = np.repeat(self.b[:, None], c.shape[1], axis=1)
        info = np.zeros((c.shape[1], len(self.b), len(self.b)))
        slow = np.zeros(c.shape[1], dtype=bool)
        single = np.empty(c.shape, dtype=np.float32)
        for step in range(SINGLE):
            if step:
                single = _expit(self.x_single @ b.astype(np.float32))
            else:
                single[:] = self.p[:, None]
            weighted = c32 * single
            gradient = np.asarray(target - self.x_single.T @ weighted, dtype=float)
            if step < 2 or step == 3:
                info = self.information(weighted * (1 - single))
            change = _step(info, gradient)
            slow = np.einsum("ir,ir->r", gradient, change) > LEFT
            if not slow.any():
                break
            b += np.clip(change, -3, 3)
        chance = single.astype(float)
        if slow.any():
            chance[:, slow] = self._finish(c[:, slow], b[:, slow], rounds)
        return chance

    def _finish(self, c: Array, b: Array, rounds: int) -> Array:
        """Newton's method in double precision."""
        target = self.x[self.t].T @ c[self.t]
        chance = expit(self.x @ b)
        active = np.arange(c.shape[1])
        for _ in range(rounds):
            now = chance[:, active]
            gradient = target[:, active] - self.x.T @ (c[:, active] * now)
            info = self.information((c[:, active] * now * (1 - now)).astype(np.float32))
            change = _step(info, gradient)
            slow = np.einsum("ir,ir->r", gradient, change) > LEFT
            active, change = active[slow], change[:, slow]
            if not len(active):
                return chance
            b[:, active] += np.clip(change, -3, 3)
            chance[:, active] = expit(self.x @ b[:, active])
        chance[:, active] = np.nan
        return chance


def _expit(e: Singles) -> Singles:
    """In place and in single precision."""
    np.negative(e, out=e)
    np.exp(e, out=e)
    e += 1
    np.reciprocal(e, out=e)
    return e


def _step(info: Array, gradient: Array) -> Array:
    """(p, R): info (R, p, p) solved for the gradient (p, R)."""
    right = np.ascontiguousarray(gradient.T, dtype=float)[:, :, None]
    try:
        found = np.linalg.solve(info, right)
    except np.linalg.LinAlgError:
        found = np.linalg.pinv(info) @ right
    return np.asarray(found[:, :, 0].T, dtype=float)


def _batch(fit: WeightedFit, counts: Array, climbers: Sequence[Climber]) -> Array:
    """(replicates, terms)."""
    weights, used = fit.weights, fit.rows
    total = counts if (weights.case == 1).all() else counts * weights.case[:, None]
    everybody = len(used) == len(total)
    w = total.copy() if everybody else total[used]
    for climber in climbers:
        factor = _factor(climber, total)
        w *= factor if everybody else factor[used]
    p = fit.x.shape[1]
    upper = np.triu_indices(p)
    gram = np.zeros((counts.shape[1], p, p))
    flat = (fit.x[:, upper[0]] * fit.x[:, upper[1]]).T @ w
    gram[:, upper[0], upper[1]] = gram[:, upper[1], upper[0]] = flat.T
    return _solve(gram, (fit.x * fit.y[:, None]).T @ w).T


def _factor(climber: Climber, total: Array) -> Array:
    """(n, replicates): the node's factor in each replicate."""
    f, t, node = climber.node, climber.t, climber.node.node
    rows = f.factor.rows
    c = total[rows] if len(rows) < len(total) else total
    p = climber.probabilities(c)
    if node.kind == "selection":
        found = np.where(t[:, None], (1 - p) / p if node.target == "rest" else 1 / p, 0.0)
    elif node.estimand in ("ATT", "ATC"):
        default = 1 if node.estimand == "ATT" else 0
        focal = f.levels.index(node.focal) if node.focal is not None else default
        odds = p / (1 - p)
        found = np.where(t[:, None], 1.0, odds) if focal == 1 else np.where(t[:, None], 1 / odds, 1.0)
    else:
        p[~t] = 1 - p[~t]
        found = 1 - p if node.estimand == "ATO" else 1 / p
    if node.stabilises:
        q = c[t].sum(axis=0) / c.sum(axis=0)
        found[t] *= q
        if node.kind == "treatment":
            found[~t] *= 1 - q
    if len(rows) == len(total):
        return found
    out = np.zeros_like(total)
    out[rows] = found
    return out


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
