"""Components of ancestry: principal components of variants that are not in linkage disequilibrium."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

WINDOW, STEP, MOST_R2 = 50, 25, 0.2
"""Variants compared with each other, how far the window moves, and the r² of which one of two is taken out."""
EXACT_UP_TO = 4000
"""Up to so many persons (or variants) the decomposition is exact."""

Floats = NDArray[np.float64]


def standardised(calls: NDArray, frequency: Floats) -> NDArray[np.float32]:
    """(dosage - 2p) / sqrt(2p(1-p)), a missing call 0 (Patterson, Price & Reich 2006); NaN or below 0 is missing."""
    x = calls.astype(np.float32)
    gone = ~(x >= 0)
    scale = np.sqrt(2 * frequency * (1 - frequency))
    x -= (2 * frequency).astype(np.float32)
    x /= np.where(scale > 0, scale, 1).astype(np.float32)
    x[gone] = 0
    return x


def prune(z: NDArray[np.float32], chrom: NDArray, frequency: Floats) -> NDArray[np.bool_]:
    """Which variants (columns of standardised dosages, in the order of the genome) stay after pruning.

    In windows along each chromosome, of two variants with r² above MOST_R2 the rarer goes, as PLINK's --indep-pairwise
    does it.
    """
    keep = np.ones(z.shape[1], dtype=bool)
    minor = np.minimum(frequency, 1 - frequency)
    for where in pd.Series(np.arange(z.shape[1])).groupby(np.asarray(chrom), sort=False).groups.values():
        places = np.asarray(where)
        for first in range(0, len(places), STEP):
            there = places[first : first + WINDOW]
            there = there[keep[there]]
            if len(there) < 2:
                continue
            part = z[:, there].astype(np.float64)
            part -= part.mean(axis=0)
            norm = np.sqrt((part**2).sum(axis=0))
            part /= np.where(norm > 0, norm, 1)
            r2 = np.triu((part.T @ part) ** 2, 1)
            for i, j in np.argwhere(r2 > MOST_R2):
                if keep[there[i]] and keep[there[j]]:
                    keep[there[j] if minor[there[i]] >= minor[there[j]] else there[i]] = False
    return keep


def components(z: NDArray[np.float32], fit: NDArray[np.bool_], n: int, seed: int = 1) -> tuple[Floats, Floats]:
    """Components (persons, n) and the share of variance of each, from the persons in `fit`; others are projected.

    Scores are scaled to the singular values of the fitted persons; a sign is such that the largest loading is positive.
    Fewer components than n where there are fewer persons or variants.
    """
    centre = z[fit].mean(axis=0)
    x = (z[fit] - centre).astype(np.float64)
    n = min(n, min(x.shape) - 1)
    if n < 1:
        return np.empty((z.shape[0], 0)), np.empty(0)
    if min(x.shape) <= EXACT_UP_TO:
        if x.shape[0] <= x.shape[1]:
            values, vectors = np.linalg.eigh(x @ x.T)
            top = np.argsort(values)[::-1][:n]
            singular = np.sqrt(np.maximum(values[top], 1e-30))
            loadings = x.T @ vectors[:, top] / singular
        else:
            values, vectors = np.linalg.eigh(x.T @ x)
            top = np.argsort(values)[::-1][:n]
            singular, loadings = np.sqrt(np.maximum(values[top], 0)), vectors[:, top]
    else:
        _, singular, right = randomized_svd(x, n_components=n, n_iter=6, random_state=seed)
        loadings = right.T
    biggest = np.abs(loadings).argmax(axis=0)
    loadings = loadings * np.sign(loadings[biggest, np.arange(n)])
    share = singular**2 / max(float((x**2).sum()), 1e-30)
    return (z - centre).astype(np.float64) @ loadings, share
