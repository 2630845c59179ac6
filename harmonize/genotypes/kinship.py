"""Who is related to whom: the KING-robust kinship coefficient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

DUPLICATE = 0.354
FIRST_DEGREE = 0.177
SECOND_DEGREE = 0.0884
"""Least kinship of duplicates or twins, of first- and of second-degree relatives (Manichaikul et al. 2010)."""
_ROWS = 1024
"""Persons of a block: all pairs are computed block by block, so that memory does not grow with their number."""


@dataclass(frozen=True)
class Kin:
    """Related pairs (`pairs`: i < j, kinship, n_variants) and, by person, the highest kinship with anybody (`highest`,
    NaN where there is nobody to compare) and the number of the family (`family`, -1 alone)."""

    pairs: pd.DataFrame
    highest: NDArray[np.float64]
    family: NDArray[np.int64]


def king_robust(calls: NDArray[np.int8], *, least: float = SECOND_DEGREE) -> Kin:
    """Kinship of all pairs from hard calls (persons, variants) of autosomes, missing below 0.

    phi_ij = (N_AaAa - 2 N_AAaa) / (2 N_Aa(i)) + 1/2 - (N_Aa(i) + N_Aa(j)) / (4 N_Aa(i)), where i has fewer
    heterozygous calls and all counts are over variants called in both (Manichaikul et al. 2010, equation 11).
    """
    n = calls.shape[0]
    highest = np.full(n, -np.inf)
    found: list[pd.DataFrame] = []
    blocks = [slice(first, min(first + _ROWS, n)) for first in range(0, n, _ROWS)]
    for at, rows in enumerate(blocks):
        one = _indicators(calls[rows])
        for columns in blocks[at:]:
            other = one if columns == rows else _indicators(calls[columns])
            phi = _phi(one, other)
            if columns == rows:
                np.fill_diagonal(phi, -np.inf)
            highest[rows] = np.maximum(highest[rows], phi.max(axis=1))
            highest[columns] = np.maximum(highest[columns], phi.max(axis=0))
            i, j = np.nonzero(phi >= least)
            upper = i + rows.start < j + columns.start
            i, j = i[upper], j[upper]
            shared = (one[0][i] * other[0][j]).sum(axis=1).astype(np.int64)
            found.append(
                pd.DataFrame(
                    {"i": i + rows.start, "j": j + columns.start, "kinship": phi[i, j].astype(float),
                     "n_variants": shared}
                )
            )  # fmt: skip
    pairs = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["i", "j", "kinship", "n_variants"])
    highest[np.isinf(highest)] = np.nan
    pairs = pairs.sort_values(["i", "j"], kind="stable", ignore_index=True)
    return Kin(pairs, highest, families(pairs, n))


def _indicators(calls: NDArray[np.int8]) -> tuple[NDArray[np.float32], ...]:
    """Called, heterozygous, and homozygous of either kind, (persons, variants) each."""
    return tuple(np.asarray(calls >= 0 if k is None else calls == k, dtype=np.float32) for k in (None, 1, 0, 2))


def _phi(one: tuple[NDArray[np.float32], ...], other: tuple[NDArray[np.float32], ...]) -> NDArray[np.float32]:
    """Kinship of each of one block with each of the other; -inf where nothing can be compared."""
    (called, het, low, high), (their_called, their_het, their_low, their_high) = one, other
    apart = low @ their_high.T
    apart += high @ their_low.T
    mine, theirs = het @ their_called.T, called @ their_het.T
    fewer = np.minimum(mine, theirs)
    with np.errstate(divide="ignore", invalid="ignore"):
        phi = (het @ their_het.T - 2 * apart) / (2 * fewer) + 0.5 - (mine + theirs) / (4 * fewer)
    phi[~np.isfinite(phi)] = -np.inf
    return np.asarray(phi, dtype=np.float32)


def families(pairs: pd.DataFrame, n: int) -> NDArray[np.int64]:
    """Number of the family of each of n persons, -1 for who is related to nobody."""
    i, j = pairs["i"].to_numpy(np.int64), pairs["j"].to_numpy(np.int64)
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    alone = np.bincount(label, minlength=n)[label] == 1
    return np.where(alone, -1, label).astype(np.int64)


def unrelated(pairs: pd.DataFrame, call_rate: NDArray[np.float64], least: float) -> NDArray[np.bool_]:
    """Whom to keep so that no pair reaches kinship `least`: of each pair, in order of kinship, the better called."""
    keep = np.ones(len(call_rate), dtype=bool)
    close = pairs[pairs["kinship"] >= least].sort_values(["kinship", "i", "j"], ascending=[False, True, True])
    for i, j in close[["i", "j"]].itertuples(index=False):
        if keep[i] and keep[j]:
            keep[j if call_rate[i] >= call_rate[j] else i] = False
    return keep
