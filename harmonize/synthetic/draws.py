"""Random numbers that depend on what they are for, not on the order in which they are asked for.

Every number is a hash of (seed, name of the draw, key of the person or row). So a person has the same data whatever
the size of the chunk in which he is made, and a new draw does not move the others.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Ints = NDArray[np.integer]
Floats = NDArray[np.floating]
Words = NDArray[np.uint64]

_STEP = np.uint64(0x9E3779B97F4A7C15)


def mix(words: Words) -> Words:
    """The finaliser of SplitMix64: near keys give unrelated words."""
    out = words ^ (words >> np.uint64(30))
    out *= np.uint64(0xBF58476D1CE4E5B9)
    out ^= out >> np.uint64(27)
    out *= np.uint64(0x94D049BB133111EB)
    out ^= out >> np.uint64(31)
    return out


class Draws:
    """Named random numbers of one seed; `key` holds one integer per number."""

    def __init__(self, seed: int) -> None:
        self._seed = seed & 0xFFFF_FFFF_FFFF_FFFF

    def words(self, name: str, key: Ints) -> Words:
        """64 random bits per key."""
        start = np.array([(self._seed << 1) & 0xFFFF_FFFF_FFFF_FFFF, zlib.crc32(name.encode())], dtype=np.uint64)
        origin = mix(mix(start[:1] + _STEP) ^ (start[1:] * _STEP))
        return mix(origin + key.astype(np.uint64) * _STEP)

    def uniform(self, name: str, key: Ints) -> Floats:
        """In [0, 1)."""
        return (self.words(name, key) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def normal(self, name: str, key: Ints) -> Floats:
        """Standard normal (Box and Muller)."""
        words = self.words(name, key)
        first = ((words >> np.uint64(32)).astype(np.float64) + 1.0) * 2.0**-32
        second = (words & np.uint64(0xFFFF_FFFF)).astype(np.float64) * 2.0**-32
        return np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second)

    def below(self, name: str, key: Ints, limit: int | Ints) -> NDArray[np.int64]:
        """Integers in [0, limit)."""
        return (self.uniform(name, key) * limit).astype(np.int64)

    def chance(self, name: str, key: Ints, share: float | Floats) -> NDArray[np.bool_]:
        """True with probability `share`."""
        return self.uniform(name, key) < share

    def choice(self, name: str, key: Ints, shares: Sequence[float] | Floats) -> NDArray[np.int64]:
        """Positions drawn with probabilities in proportion to `shares`; one row of shares per key is allowed."""
        upper = np.cumsum(np.asarray(shares, dtype=np.float64), axis=-1)
        if upper.ndim == 1:
            return np.searchsorted(upper, self.uniform(name, key) * upper[-1], side="right").astype(np.int64)
        return (self.uniform(name, key)[:, None] * upper[:, -1:] >= upper).sum(axis=1)

    def matrix(self, name: str, key: Ints, width: int) -> NDArray[np.float32]:
        """`width` numbers in [0, 1) per key, with 16 random bits each."""
        return self._lanes(name, key, width).astype(np.float32) * np.float32(2.0**-16)

    def normals(self, name: str, key: Ints, width: int) -> NDArray[np.float32]:
        """`width` standard normal numbers per key, from 16 random bits each (so within ±4.3)."""
        return _normal_of_bits()[self._lanes(name, key, width)]

    def _lanes(self, name: str, key: Ints, width: int) -> NDArray[np.uint16]:
        per_row = -(-width // 4)
        lanes = np.arange(per_row, dtype=np.uint64) * _STEP
        words = mix(self.words(name, key)[:, None] + lanes[None, :])
        return words.view(np.uint16)[:, :width]


@cache
def _normal_of_bits() -> NDArray[np.float32]:
    return ndtri((np.arange(1 << 16) + 0.5) / (1 << 16)).astype(np.float32)


def permuted(number: Ints, seed: int, digits: int, base: int) -> NDArray[np.int64]:
    """A one-to-one map of 0 … base**digits - 1 onto itself (four Feistel rounds); `digits` is even."""
    half = base ** (digits // 2)
    left, right = np.divmod(number.astype(np.int64), half)
    draws = Draws(seed)
    for turn in range(4):
        left, right = right, (left + draws.below(f"permuted {turn}", right, half)) % half
    return left * half + right
