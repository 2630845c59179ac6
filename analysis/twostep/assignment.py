"""Assigned classes and how often an assignment is wrong.

W (n, k) is the assignment of persons, 0/1 to the likeliest class (modal) or the probabilities themselves
(proportional). D (k, k), D_ab = P(assigned b | class a), is computed in the persons analysed, with their weights
(Bolck, Croon & Hagenaars 2004; Vermunt 2010): a selected or weighted subset has other errors than the whole sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.twostep.outcome import Ready

Array = NDArray[np.float64]

ASSIGNMENTS = ("modal", "proportional")


@dataclass(frozen=True)
class Assignment:
    """`w` (n, k); `slopes` (n, k, free) = dW / d phi; `d` (k, k); `of_d` (k, k, persons) influence of D."""

    w: Array
    slopes: Array
    d: Array
    of_d: Array

    @property
    def inverse(self) -> Array:
        """D^-1."""
        return np.asarray(np.linalg.inv(self.d), dtype=float)


def modal(p: Array) -> Array:
    """0/1 to the class with the largest probability, the first of equals."""
    found = np.zeros_like(p)
    found[np.arange(len(p)), p.argmax(axis=1)] = 1.0
    return found


def assign(ready: Ready, kind: str = "modal") -> Assignment:
    """Assign the persons used."""
    if kind not in ASSIGNMENTS:
        raise ValueError(f"assignment = {kind!r} is none of {', '.join(ASSIGNMENTS)}")
    data, p = ready.data, ready.data.p
    slopes = ready.step.slopes[ready.rows.at[ready.used]]
    change = p[:, :, None] * (slopes - np.einsum("nk,nkf->nf", p, slopes)[:, None])
    w = p if kind == "proportional" else modal(p)
    by_phi = change if kind == "proportional" else np.zeros_like(change)
    v = data.weight
    total = p.T @ v
    d = (p.T * v) @ w / total[:, None]
    k = data.k
    scores = p.T[:, None] * (w.T[None] - d[:, :, None])  # (k, k, n) without weights
    carried = np.einsum("n,naf,nb->abf", v, change, w) - d[:, :, None] * np.einsum("n,naf->af", v, change)[:, None]
    carried = carried + np.einsum("n,na,nbf->abf", v, p, by_phi)
    flat = scores.reshape(k * k, -1)
    of_d = ready.own(flat) + carried.reshape(k * k, -1) @ ready.phi + ready.by_weight(flat)
    return Assignment(w, by_phi, d, of_d.reshape(k, k, -1) / total[:, None, None])
