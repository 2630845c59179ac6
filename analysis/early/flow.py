"""Who is left at each stage on the way to a judged prediction, per study, under the small-cell rule."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pandas as pd

from analysis.early.landmark import asked, target
from analysis.early.material import NONRESPONSE, Material
from analysis.report.disclosure import Counts

ENTERED, BASELINE, IN_TREATMENT = "entered", "with baseline", "in treatment at the landmark"
KNOWN = "with a known end"
BAD = "bad end"


def table(material: Material, landmarks: Sequence[float], targets: Sequence[str], minimum: int) -> pd.DataFrame:
    """One row per landmark, target, study and stage: n_persons (missing where not shown) and `shown` as text."""
    rows, counts = [], Counts()
    persons = material.persons
    for week in landmarks:
        who = asked(material, week)
        for name in targets:
            end = target(material, name, week).to_numpy()
            for study in material.studies:
                own = (persons["study_id"] == study).to_numpy()
                in_treatment = own & who.to_numpy()
                stages = {
                    ENTERED: own,
                    BASELINE: own & persons["baseline"].notna().to_numpy(),
                    IN_TREATMENT: in_treatment,
                    KNOWN: in_treatment & ~pd.isna(end),
                    BAD: in_treatment & (end == 1),
                }
                before = None
                for stage, flags in stages.items():
                    key = (f"{week:g}", name, study, stage)
                    counts.add(key, int(flags.sum()))
                    if before:
                        counts.within(key, before)
                    before = key
                    rows.append(key)
                # the same persons whatever the landmark and the target, and fewer at a later landmark
                first = (f"{landmarks[0]:g}", targets[0], study)
                if (f"{week:g}", name, study) != first:
                    for stage in (ENTERED, BASELINE):
                        counts.same([(*first, stage), (f"{week:g}", name, study, stage)])
                    counts.same(
                        [(f"{week:g}", targets[0], study, IN_TREATMENT), (f"{week:g}", name, study, IN_TREATMENT)]
                    )
    for early, late in pairwise(landmarks):
        for name in targets:
            for study in material.studies:
                for stage in (IN_TREATMENT, KNOWN) if name == NONRESPONSE else (IN_TREATMENT, KNOWN, BAD):
                    counts.within((f"{late:g}", name, study, stage), (f"{early:g}", name, study, stage))
    published = counts.protect(minimum)
    found = pd.DataFrame(rows, columns=["landmark", "target", "study_id", "stage"])
    found["landmark"] = found["landmark"].astype(float)
    found["n_persons"] = pd.array([published[key].value for key in rows], dtype="Int64")
    found["shown"] = [published[key].text for key in rows]
    return found
