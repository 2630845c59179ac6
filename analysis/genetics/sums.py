"""Sums over variants for all persons at once, a block of variants at a time.

Hard calls come as int8 and are multiplied in single precision, a few variants at a time, and added up in double
precision: a dosage of 0, 1 or 2 is exact in both. Missing dosages are few, so they are found once and written over.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.genetics.matrix import MISSING, Dosages, Matrix

SINGLE_FROM = 1 << 22
"""From so many dosages in a block on single precision is used: half the memory traffic."""
AT_ONCE = 32
"""Variants that are added up in single precision before the sum goes to double precision."""

Floats = NDArray[np.float64]


def weighted_sums(
    matrix: Matrix,
    columns: NDArray[np.int64],
    weight: Floats,
    counts_other: NDArray[np.bool_],
    models: NDArray[np.object_],
    *,
    impute: bool = True,
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Per person: sum of weight × dosage, sum of dosages of effect alleles, number of variants called.

    All arguments are per scored variant: `columns` of the matrix, `weight`, whether the effect allele is the one that
    the matrix does not count, and the model (additive; dominant and carrier: min(d, 1); recessive: max(d − 1, 0)). A
    missing dosage counts as the mean of the others, after the model was applied; without `impute` it counts as 0.
    """
    n = len(matrix.persons)
    total, named, called = np.zeros(n), np.zeros(n), np.full(n, len(columns), dtype=np.int64)
    for wide, read in matrix.blocks(columns):
        for start in range(wide.start, wide.stop, AT_ONCE):
            part = slice(start, min(start + AT_ONCE, wide.stop))
            block = read[:, part.start - wide.start : part.stop - wide.start]
            turned, other_model = counts_other[part].copy(), models[part] != "additive"
            x, gone = _filled(block, turned, models[part] if other_model.any() else None, impute)
            turned &= ~other_model
            # 2 − d for an effect allele that is not the counted one: turned by its sign and a constant.
            sign = np.where(turned, -1.0, 1.0)
            sums = x @ np.stack([weight[part] * sign, sign], axis=1).astype(x.dtype)
            total += sums[:, 0]
            named += sums[:, 1]
            total += float(2 * weight[part][turned].sum())
            named += float(2 * turned.sum())
            if gone.size:
                called -= np.bincount(gone, minlength=n)
    return total, named, called


def _filled(
    block: Dosages, turned: NDArray[np.bool_], models: NDArray[np.object_] | None, impute: bool
) -> tuple[NDArray, NDArray[np.int64]]:
    """Dosages (persons, variants) with means where they are missing, and the persons of the missing ones."""
    n = block.shape[0]
    flat = block.ravel(order="F")
    missing = np.flatnonzero(flat == MISSING) if block.dtype == np.int8 else np.flatnonzero(np.isnan(flat))
    column, person = np.divmod(missing, n)
    single = block.dtype == np.int8 and block.size >= SINGLE_FROM // 8
    x = block.astype(np.float32 if single else np.float64, order="F")
    if models is not None:
        _apply(x, turned, models)
    if missing.size:
        within = x.ravel(order="K")
        within[missing] = 0
        if impute:
            counts = np.bincount(column, minlength=block.shape[1])
            sums = np.ones(n, dtype=x.dtype) @ x
            means = np.divide(sums, n - counts, out=np.zeros(len(counts)), where=counts < n)
        else:
            means = np.where(turned & (True if models is None else models == "additive"), 2.0, 0.0)
        within[missing] = means[column].astype(x.dtype)
    return x, person


def _apply(x: NDArray, turned: NDArray[np.bool_], models: NDArray[np.object_]) -> None:
    """Dosages of the effect allele under their models, in place, for the variants that are not additive."""
    other = models != "additive"
    flip = np.flatnonzero(turned & other)
    x[:, flip] = 2 - x[:, flip]
    carried = np.flatnonzero(np.isin(models, ("dominant", "carrier")))
    x[:, carried] = np.minimum(x[:, carried], 1)
    twice = np.flatnonzero(models == "recessive")
    x[:, twice] = np.maximum(x[:, twice] - 1, 0)
