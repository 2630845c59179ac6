"""ABCB1 genotypes of a synthetic iSPOT-D. They have no effect on anything; the model's genetic score is another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harmonize.synthetic.draws import Draws, Ints
from harmonize.synthetic.parameters import parameters
from harmonize.synthetic.persons import Flags, Persons

FAILED = "0/0"
VARIANTS: dict[str, tuple[str, str]] = {
    "rs10245483": ("T", "G"),
    "rs2032583": ("C", "T"),
    "rs2235015": ("A", "C"),
    "rs2235040": ("A", "G"),
    "rs1128503": ("T", "C"),
    "rs1045642": ("T", "C"),
    "rs7787082": ("A", "G"),
    "rs11983225": ("C", "T"),
    "rs4148739": ("G", "A"),
    "rs2235067": ("A", "G"),
}
"""Counted and other allele. That there were ten variants was read; which ten, and most alleles, are memory."""


def genotypes(variant: str, persons: Persons, number: Ints, typed: Flags, draws: Draws) -> NDArray[np.object_]:
    """Genotypes (n,) as text, alleles in alphabetical order; empty for who was not typed, `0/0` for a failed call.

    Dosage follows Hardy and Weinberg within ancestry.
    """
    p = parameters("ispotd")["genetics"]
    share = np.array(p["frequency"][variant])[persons.ancestry]
    dosage = sum(draws.chance(f"ispotd {variant} {strand}", number, share).astype(np.int64) for strand in (1, 2))
    counted, other = VARIANTS[variant]
    pairs = ((other, other), (counted, other), (counted, counted))
    words = np.array(["/".join(sorted(pair)) for pair in pairs], dtype=object)
    called = np.where(draws.chance(f"ispotd {variant} failed", number, p["call_failed"]), FAILED, words[dosage])
    return np.where(typed, called, "")
