"""What item columns of rating scales have in common."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harmonize.synthetic.draws import Draws, Ints
from harmonize.synthetic.stard_population import Population
from harmonize.synthetic.text_columns import Column, words

Codes = NDArray[np.int8]

UNKNOWN = -2
"""Code of an item that the form says is not known; −1 is blank."""


def item(codes: Ints, highest: int, unknown: str) -> Column:
    """An item's column: 0 … highest, −1 blank, `UNKNOWN` as the form writes it."""
    vocabulary = (*map(str, range(highest + 1)), unknown)
    return words(np.where(codes == UNKNOWN, highest + 1, codes), vocabulary)


def asked_sides(pair: Codes, draws: Draws, name: str, key: Ints, p: Population) -> Codes:
    """Less and more of something (rows × 2, one of them 0): the side without a score is blank where it was not asked.

    Where both are 0, one of them was asked.
    """
    other = np.where(pair[:, 0] > 0, 1, np.where(pair[:, 1] > 0, 0, draws.chance(f"{name} more", key, 0.65)))
    out = pair.copy()
    blank = ~draws.chance(f"{name} both", key, p.qids_both_sides)
    out[blank, other[blank].astype(np.int64)] = -1
    return out
