"""Pairs of synthetic scores with a known link, and a small published file around them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from analysis.linking.pairs import Pairs, Scale
from harmonize.synthetic.draws import Draws
from harmonize.synthetic.instruments import administer, totals

HRSD17 = Scale("HRSD17", 0, 52, 7)
QIDS = Scale("QIDS_SR16", 0, 27, 5)


@cache
def population(n: int, visits: int = 2, seed: int = 1, shift: float = 0.0) -> pd.DataFrame:
    """Persons with severity around 20 at the first visit and spread out below at later ones; QIDS (x), HRSD17 (y).

    `shift` points are added to what the rater of the HRSD17 sees of the persons of study b, as in world W5.
    """
    draws = Draws(seed)
    who = np.arange(n)
    severity = 20 + 5 * draws.normal("severity", who)
    parts = []
    for visit in range(visits):
        key = who * 64 + visit
        theta = severity - (0 if visit == 0 else 7 + 6 * draws.normal(f"fall {visit}", who))
        b = who % 2 == 1
        part = {"person": who, "study_id": np.where(b, "b", "a"), "sex": np.where(who % 3 > 0, "female", "male")}
        y = np.where(
            b,
            totals("HRSD17", administer("HRSD17", theta, key, draws, shift=shift)),
            totals("HRSD17", administer("HRSD17", theta, key, draws)),
        )
        part |= {"x": totals("QIDS_SR16", administer("QIDS_SR16", theta, key, draws)), "y": y}
        parts.append(pd.DataFrame(part).assign(time="baseline" if visit == 0 else "later", day=14 * visit))
    return pd.concat(parts, ignore_index=True)


def pairs(frame: pd.DataFrame) -> Pairs:
    """The frame as pairs of QIDS-SR16 and HRSD17."""
    return Pairs(QIDS, HRSD17, frame, 0)
