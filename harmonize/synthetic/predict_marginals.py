"""The figures of a synthetic PReDICT that targets.csv compares with the published ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harmonize.synthetic.draws import Draws, Floats
from harmonize.synthetic.persons import Flags
from harmonize.synthetic.predict_course import (
    ARMS,
    CLASSES,
    WEEK_12,
    draw_course,
    last_acute,
    last_combined,
)
from harmonize.synthetic.worlds import world as world_of

PUBLISHED_N = 344


def marginals(n: int, seed: int, world: str = "W0") -> Mapping[str, tuple[float, int]]:
    """By target_id: the figure of `n` synthetic persons and the persons it was taken over; empty for nobody.

    Counts are given per 344 persons. The mean fall is that of all randomised, seen or not, as the published one was
    estimated by a mixed model; remission of all carries the last score forward.
    """
    course = draw_course(np.arange(n), Draws(seed), world_of(world))
    found: dict[str, tuple[float, int]] = {}
    if not n:
        return found

    def count(name: str, who: Flags) -> None:
        found[name] = (float(who.sum()) / n * PUBLISHED_N, n)

    def percent(name: str, met: Flags, of: Flags) -> None:
        if of.any():
            found[name] = (100 * float((met & of).sum()) / float(of.sum()), int(of.sum()))

    def mean(name: str, values: Floats, of: Flags) -> None:
        if of.any():
            found[name] = (float(values[of].mean()), int(of.sum()))

    everyone = np.ones(n, dtype=bool)
    first = course.hrsd[:, 0].astype(np.float64)
    count("randomised", everyone)
    mean("baseline_mean", first, everyone)
    found["baseline_sd"] = (float(first.std()), n)
    mean("age_mean", course.persons.age, everyone)
    percent("women", course.persons.female, everyone)
    remitted_late, fall = last_acute(course) <= 7, first - course.hrsd[:, WEEK_12]
    for place, name in enumerate((*ARMS, "all")):
        in_arm = everyone if name == "all" else course.arm == place
        count(f"completers_{name}", course.completer & in_arm)
        for row, kind in enumerate(CLASSES):
            percent(f"{kind}_{name}", course.outcome == row, course.completer & in_arm)
        if name != "all":
            count(f"randomised_{name}", in_arm)
            mean(f"fall_{name}", fall, in_arm)
            percent(f"remission_locf_{name}", remitted_late, in_arm)
    responders = course.combined & (course.outcome == CLASSES.index("response_no_remission"))
    others = course.combined & ~responders
    remitted = last_combined(course) <= 7
    count("combination", course.combined)
    count("combination_responders", responders)
    count("combination_others", others)
    percent("combination_remission_responders", remitted, responders)
    percent("combination_remission_others", remitted, others)
    percent("combination_remission_cbt_responders", remitted, responders & (course.arm == 0))
    percent("combination_remission_drug_responders", remitted, responders & (course.arm != 0))
    return found
