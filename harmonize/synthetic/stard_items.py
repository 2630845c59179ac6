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


def one_sided(score: Ints, draws: Draws, name: str, key: Ints, p: Population) -> Codes:
    """Less and more of something: one side has the score, the other is blank, or 0 where both were asked."""
    more = draws.chance(f"{name} more", key, 0.35)
    other = np.where(draws.chance(f"{name} both", key, p.qids_both_sides), 0, -1)
    return np.stack([np.where(more, other, score), np.where(more, score, other)], axis=1).astype(np.int8)
