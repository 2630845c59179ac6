"""The exact test of Hardy-Weinberg equilibrium."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

_CELLS = 1 << 22
"""Cells of one table of probabilities."""


def hwe_exact(homozygous: NDArray, heterozygous: NDArray, other: NDArray) -> NDArray[np.float64]:
    """Two-sided exact P per variant, from counts of the three genotypes (m,).

    The sum of the probabilities of all tables with the same allele counts that are no likelier than the one observed
    (Wigginton, Cutler & Abecasis 2005). 1 where only one allele is seen, NaN where nobody is called.
    """
    a, h, b = (np.asarray(x, dtype=np.int64) for x in (homozygous, heterozygous, other))
    n = a + h + b
    rare = np.minimum(2 * a + h, 2 * b + h)
    # Equal counts give equal P: arrays of common sizes repeat themselves.
    keys, back = np.unique(np.stack([n, rare, h]), axis=1, return_inverse=True)
    out = np.empty(keys.shape[1])
    order = np.argsort(keys[1], kind="stable")
    first = 0
    while first < len(order):
        widths = keys[1][order[first:]] // 2 + 1
        fits = np.arange(1, len(widths) + 1) * widths <= _CELLS
        count = max(int(fits.sum()), 1)
        part = order[first : first + count]
        out[part] = _p(*keys[:, part])
        first += count
    return out[np.ravel(back)]


def _p(n: NDArray[np.int64], rare: NDArray[np.int64], h: NDArray[np.int64]) -> NDArray[np.float64]:
    common = 2 * n - rare
    steps = np.arange(int(rare.max(initial=0)) // 2 + 1)
    hets = (rare % 2)[:, None] + 2 * steps[None, :]
    possible = hets <= rare[:, None]
    hets = np.minimum(hets, rare[:, None])
    log = (
        hets * np.log(2)
        - gammaln(hets + 1)
        - gammaln((rare[:, None] - hets) / 2 + 1)
        - gammaln((common[:, None] - hets) / 2 + 1)
    )
    log = np.where(possible, log, -np.inf)
    seen = np.take_along_axis(log, ((h - rare % 2) // 2)[:, None], axis=1)
    top = log.max(axis=1, keepdims=True)
    weight = np.exp(log - top)
    as_extreme = np.where(log <= seen + 1e-9, weight, 0).sum(axis=1)
    return np.where(n > 0, np.minimum(as_extreme / weight.sum(axis=1), 1.0), np.nan)
