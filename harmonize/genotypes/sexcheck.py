"""Sex as the X chromosome tells it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEMALE_BELOW, MALE_ABOVE = 0.2, 0.8
"""PLINK's bounds on F; between them sex is not determined."""
LEAST_VARIANTS = 20


def x_inbreeding(calls: NDArray[np.int8], frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """F on the X chromosome per person, from hard calls (persons, variants) and allele frequencies.

    F = (observed - expected homozygous) / (called - expected): about 0 for two X chromosomes, 1 for one. NaN where
    fewer than LEAST_VARIANTS variants are called.
    """
    called = calls >= 0
    n = called.sum(axis=1)
    homozygous = ((calls == 0) | (calls == 2)).sum(axis=1)
    expected = called @ (1 - 2 * frequency * (1 - frequency))
    spread = n - expected
    f = np.divide(homozygous - expected, spread, out=np.full(len(n), np.nan), where=spread > 0)
    return np.where(n >= LEAST_VARIANTS, f, np.nan)


def sex_of(f: NDArray[np.float64]) -> NDArray[np.object_]:
    """female, male or None."""
    out = np.full(len(f), None, dtype=object)
    out[f < FEMALE_BELOW] = "female"
    out[f > MALE_ABOVE] = "male"
    return out
