"""Synthetic MARS in an invented German hospital's format. Nobody was measured for these data.

`mars_course` draws what happens to the persons, `mars_drugs` what they are given, `mars_forms` writes both down as the
three forms of the sources YAML, and `mars_files` as a workbook or as delimited text. What was drawn and stands in no
form is given by `truth`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from harmonize.synthetic.course import COURSES
from harmonize.synthetic.draws import Draws
from harmonize.synthetic.mars_course import ENDS, Cohort, draw
from harmonize.synthetic.worlds import world as named

N = 842
"""Persons of the clinical paper (Hennings 2009)."""


def marginals(n: int, seed: int, world: str = "W0") -> Mapping[str, tuple[float, int]]:
    """By target_id: the figure of `n` persons, and the persons it was taken over; counts per 842 persons."""
    cohort = draw(np.arange(n), Draws(seed), world)
    index = cohort.stays[0]
    percent = {
        "response_discharge": index.responded,
        "remission_discharge": index.remitted,
        "bipolar": cohort.bipolar,
    }
    found = {name: (100 * float(flags.mean()), n) for name, flags in percent.items()} if n else {}
    if n:
        found["weeks_treated"] = (float(index.left.mean()) / 7, n)
        found["genotyped"] = (float(cohort.genotyped.mean()) * N, n)
    return found | {"enrolled": (float(N), n)}


def knobs(world: str = "W0") -> Mapping[str, tuple[float, float, float]]:
    """What calibration may turn: start, lowest, highest."""
    # With a smaller spread the marginals could be met without any treatment failure, which is not what W0 says.
    spread = (0.35, 0.33, 0.6) if named(world).has_courses else (0.3, 0.05, 0.9)
    return {
        "TAU.lift": (0.75, 0.2, 1.2),
        "TAU.spread": spread,
        "discharge.intercept": (-2.0, -5.0, 1.0),
        "genotyped.intercept": (-0.4, -3.0, 3.0),
    }
