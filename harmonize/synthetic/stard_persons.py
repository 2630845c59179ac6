"""The persons whom a synthetic STAR*D enrols, and the keys under which the archive has them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harmonize.synthetic.draws import Draws, Ints, permuted
from harmonize.synthetic.persons import Persons, draw_persons
from harmonize.synthetic.worlds import World

Flags = NDArray[np.bool_]

_ALPHABET = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", dtype=np.uint8)


@dataclass(frozen=True)
class Enrolled:
    """Persons as the study sees them."""

    persons: Persons
    age_months: Ints
    enrolled_on: Ints
    """Days since 2000-01-01."""

    @property
    def number(self) -> Ints:
        """Names the person in draws."""
        return self.persons.number

    @property
    def female(self) -> Flags:
        """Sex."""
        return self.persons.female

    @property
    def clinic(self) -> Ints:
        """From 1."""
        return self.persons.site


def enrolled(number: Ints, draws: Draws, there: World) -> Enrolled:
    """The persons with these numbers, and the day on which each was enrolled."""
    persons = draw_persons("stard", number, draws, there)
    return Enrolled(
        persons=persons,
        age_months=(persons.age * 12).astype(np.int64),
        # July 2001 to April 2004, and a shift of up to half a year either way.
        enrolled_on=547 + draws.below("enrolled", number, 1004) + draws.below("date shift", number, 365) - 182,
    )


def subject_numbers(number: Ints) -> Ints:
    """Numbers of the enrolled among all screened persons; the odd ones are free for those never enrolled."""
    return number * 2


def subject_keys(numbers: Ints, seed: int) -> pa.Array:
    """Pseudo-GUIDs in the archive's style; different numbers have different keys."""
    code = permuted(numbers, seed, digits=8, base=36)
    text = np.empty((len(code), 16), dtype=np.uint8)
    text[:, :8] = np.frombuffer(b"NDAR_INV", dtype=np.uint8)
    for place in range(15, 7, -1):
        code, digit = np.divmod(code, 36)
        text[:, place] = _ALPHABET[digit]
    return pa.array(text.view("S16").ravel().astype("U16"), type=pa.string())
