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
_ROWS = 512


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
    called = (calls >= 0).astype(np.float32)
    het, low, high = (np.asarray(calls == k, dtype=np.float32) for k in (1, 0, 2))
    highest = np.full(n, np.nan)
    found: list[pd.DataFrame] = []
    for first in range(0, n, _ROWS):
        rows = slice(first, min(first + _ROWS, n))
        both = het[rows] @ het.T
        apart = low[rows] @ high.T
        apart += high[rows] @ low.T
        mine = het[rows] @ called.T
        theirs = called[rows] @ het.T
        fewer = np.minimum(mine, theirs)
        with np.errstate(divide="ignore", invalid="ignore"):
            phi = (both - 2 * apart) / (2 * fewer) + 0.5 - (mine + theirs) / (4 * fewer)
        phi[~np.isfinite(phi)] = np.nan
        phi[np.arange(rows.stop - first), np.arange(first, rows.stop)] = np.nan
        if n > 1:
            seen = ~np.isnan(phi).all(axis=1)
            highest[rows][seen] = np.nanmax(phi[seen], axis=1)
        i, j = np.nonzero(phi >= least)
        upper = i + first < j
        i, j = i[upper], j[upper]
        shared = (called[rows][i] * called[j]).sum(axis=1).astype(np.int64)
        found.append(pd.DataFrame({"i": i + first, "j": j, "kinship": phi[i, j].astype(float), "n_variants": shared}))
    pairs = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["i", "j", "kinship", "n_variants"])
    return Kin(pairs, highest, families(pairs, n))


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
