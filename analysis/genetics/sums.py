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
AT_ONCE = 64
"""Variants that are added up in single precision before the sum goes to double precision."""

ROWS = 1 << 14
"""Persons whose block is multiplied at once: in single precision it then stays in the cache."""

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
    # 2 − d for an effect allele that is not the counted one: turned by its sign and a constant.
    additive = models == "additive"
    turned = counts_other & additive
    sign = np.where(turned, -1.0, 1.0)
    signed = weight * sign
    total += 2 * weight[turned].sum()
    named += 2 * turned.sum()
    for wide, read in matrix.blocks(columns):
        for start in range(wide.start, wide.stop, AT_ONCE):
            part = slice(start, min(start + AT_ONCE, wide.stop))
            block = read[:, part.start - wide.start : part.stop - wide.start]
            if block.dtype == np.int8 and additive[part].all() and block.size >= SINGLE_FROM // 8:
                gone = _add_hard(block, signed[part], sign[part], total, named, impute)
            else:
                x, gone = _filled(block, counts_other[part], models[part], impute)
                total += x @ signed[part]
                named += x @ sign[part]
            if gone.size:
                called -= np.bincount(gone, minlength=n)
    return total, named, called


def _add_hard(
    block: Dosages, signed: Floats, sign: Floats, total: Floats, named: Floats, impute: bool
) -> NDArray[np.int64]:
    """Add a block of hard calls to both sums, in place, part of the persons by part so that the processor's cache holds
    it; gives the persons of its missing calls. Overwrites missing calls in the block by 0."""
    n = block.shape[0]
    flat = block.reshape(-1, order="F")
    missing = np.flatnonzero(flat < 0)
    flat[missing] = 0
    if not np.shares_memory(flat, block):
        raise AssertionError("blocks are read column-major")
    first, second = signed.astype(np.float32), sign.astype(np.float32)
    ones, sums = np.ones(min(ROWS, n), dtype=np.float32), np.zeros(block.shape[1])
    # One buffer for all parts: fresh memory costs more than what is done in it.
    buffer = np.empty(min(ROWS, n) * block.shape[1], dtype=np.float32)
    for start in range(0, n, ROWS):
        rows = slice(start, min(start + ROWS, n))
        size = (rows.stop - rows.start) * block.shape[1]
        x = buffer[:size].reshape((rows.stop - rows.start, block.shape[1]), order="F")
        np.copyto(x, block[rows])
        total[rows] += x @ first
        named[rows] += x @ second
        if missing.size and impute:
            sums += ones[: x.shape[0]] @ x
    if not missing.size:
        return missing
    column, person = np.divmod(missing, n)
    counts = np.bincount(column, minlength=block.shape[1])
    means = np.divide(sums, n - counts, out=np.zeros(len(counts)), where=counts < n)
    value = means if impute else np.where(sign < 0, 2.0, 0.0)
    total += np.bincount(person, weights=(signed * value)[column], minlength=n)
    named += np.bincount(person, weights=(sign * value)[column], minlength=n)
    return person


def _filled(
    block: Dosages, counts_other: NDArray[np.bool_], models: NDArray[np.object_], impute: bool
) -> tuple[Floats, NDArray[np.int64]]:
    """Dosages (persons, variants) in double precision with means where they are missing, and the persons of these.

    Under models other than additive they are of the effect allele, else of the counted one.
    """
    n = block.shape[0]
    flat = block.ravel(order="F")
    missing = np.flatnonzero(flat == MISSING) if block.dtype == np.int8 else np.flatnonzero(np.isnan(flat))
    column, person = np.divmod(missing, n)
    x = block.astype(np.float64, order="F")
    _apply(x, counts_other, models)
    if missing.size:
        within = x.reshape(-1, order="F")
        within[missing] = 0
        if impute:
            counts = np.bincount(column, minlength=block.shape[1])
            means = np.divide(x.sum(axis=0), n - counts, out=np.zeros(len(counts)), where=counts < n)
        else:
            means = np.where(counts_other & (models == "additive"), 2.0, 0.0)
        within[missing] = means[column]
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
