"""Who was genotyped: it hangs on ancestry, education, staying, and how the first weeks went."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from harmonize.synthetic.draws import Draws, Floats
from harmonize.synthetic.parameters import parameters
from harmonize.synthetic.persons import Flags, Persons


def genotyped(
    persons: Persons, weeks_in_study: Floats, early_fall: Floats, intercept: float, draws: Draws, *, draw_week: float
) -> Flags:
    """Who gave blood and passed quality control.

    `early_fall` is the share of entry severity lost by week 2. Who left before the week of the draw was never asked: a
    structural zero. `intercept` (logit) is a solved number of the study.
    """
    g = parameters("model")["genetics"]
    logit = (
        intercept
        + np.array(g["of_ancestry"])[persons.ancestry]
        + g["per_sd_education"] * (persons.education_years - g["education_centre"]) / g["education_scale"]
        + g["per_log2_weeks"] * np.log2(np.maximum(weeks_in_study, 1.0) / 12.0)
        + g["per_tenth_of_early_fall"] * np.clip(early_fall, -1.0, 1.0) * 10
    )
    return draws.chance("genotyped", persons.number, expit(logit)) & (weeks_in_study >= draw_week)
