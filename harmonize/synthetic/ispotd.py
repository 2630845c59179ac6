"""Synthetic iSPOT-D as one SPSS file in an invented layout. Nobody was measured for these data.

`n` counts patients; a healthy control comes with every third of them, in the same table.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from harmonize.synthetic.course import COURSES
from harmonize.synthetic.draws import Ints
from harmonize.synthetic.ispotd_file import (
    FILE,
    NOTES,
    PATIENTS_PER_CONTROL,
    form,
    patient_row,
    subject_ids,
    table,
    texts,
    write_sav,
)
from harmonize.synthetic.ispotd_patients import ARMS, LAST, LEFT, Patients, draw_patients
from harmonize.synthetic.landed import Delivered, write_landed
from harmonize.synthetic.persons import ANCESTRIES, Flags
from harmonize.synthetic.studies import Written
from harmonize.synthetic.worlds import world as named

__all__ = ["MARK_FILE", "N", "knobs", "marginals", "truth", "write", "write_parquet"]

N = 1008
MARK_FILE = "README_SYNTHETIC.txt"
LANDED_CHUNK = 10_000 * PATIENTS_PER_CONTROL
"""Patients held at once where Parquet is written."""


def write(folder: Path, n: int, seed: int, *, world: str = "W0") -> Written:
    """Write the SPSS file and the note beside it."""
    if n < 0:
        raise ValueError(f"n {n} must not be negative")
    folder.mkdir(parents=True, exist_ok=True)
    rows = table(n, seed, named(world))
    paths = {FILE: folder / FILE, MARK_FILE: folder / MARK_FILE}
    write_sav(paths[FILE], rows)
    facts = [f"Patients: {n}", f"Healthy controls: {len(rows) - n}", f"Seed: {seed}"]
    paths[MARK_FILE].write_text("\n".join([*NOTES, "", "Study: iSPOT-D", *facts, ""]), encoding="utf-8")
    return Written(rows={"clinical": len(rows)}, paths=paths)


def write_parquet(folder: Path, n: int, seed: int, *, world: str = "W0") -> dict[str, int]:
    """Write `clinical.parquet` as landing would have written the SPSS file; gives its rows."""
    there = named(world)
    chunks = (
        {"clinical": texts(table(min(LANDED_CHUNK, n - first), seed, there, first))}
        for first in range(0, max(n, 1), LANDED_CHUNK)
    )
    return write_landed(folder, [Delivered(form(), FILE, 1)], chunks)


def truth(n: int, seed: int, world: str = "W0") -> pd.DataFrame:
    """One row per person, controls last: what was drawn and stands in no form. `subjectid` is the key of the file."""
    there = named(world)
    found = draw_patients(np.arange(n), seed, there)
    control = np.arange(n // PATIENTS_PER_CONTROL)
    control_row = (control + 1) * (PATIENTS_PER_CONTROL + 1) - 1
    course = np.array([*COURSES, "none"], dtype=object)[found.step.course]
    patients = pd.DataFrame(
        {
            "subjectid": subject_ids(patient_row(found.number), seed),
            "world": there.name,
            "diagnosis": "mdd",
            "arm": np.array(ARMS, dtype=object)[found.arm],
            "course": course,
            "amplitude": found.step.amplitude,
            "propensity": found.step.propensity,
            "severity_entry": found.persons.severity0,
            **{f"severity_week_{week}": found.theta[:, v] for v, week in enumerate((0, 2, 4, 6, 8))},
            "hrsd17_week_8": found.hrsd17[:, 1],
            "left": np.array(LEFT, dtype=object)[found.left],
            "weeks": found.weeks,
            "side_effects": found.persons.side_effects,
            "score": found.persons.score,
            "ancestry": np.array(ANCESTRIES, dtype=object)[found.persons.ancestry],
            "genotyped": found.genotyped,
        }
    )
    controls = pd.DataFrame({"subjectid": subject_ids(control_row, seed), "world": there.name, "diagnosis": "control"})
    return pd.concat([patients, controls], ignore_index=True).astype({"diagnosis": object})


def marginals(n: int, seed: int, world: str = "W0") -> Mapping[str, tuple[float, int]]:
    """The figures of targets.csv, of `n` synthetic patients."""
    found = draw_patients(np.arange(n), seed, named(world))
    before, after = found.hrsd17.T
    response, remission = 2 * after <= before, after <= 7
    qids_first, qids_last = found.qids[:, 0], _last_held(found)
    qids_seen = found.held[:, 0] & found.held[:, 1:].any(axis=1)
    completers = found.completed & found.rated[:, 1]
    genetic = found.genotyped & (found.weeks >= 2)
    out = {
        "enrolled": (float(N), n),
        "sites": (float(len(np.unique(found.persons.site))), n),
        "age_18_65": _share((found.persons.age >= 18) & (found.persons.age <= 65), None),
        "response_hrsd17": _share(response, completers),
        "remission_hrsd17": _share(remission, completers),
        "genetic_set": (float(genetic.sum()) / max(n, 1) * N, n),
        "genetic_set_completed": _share(found.completed, genetic),
        "response_hrsd17_itt": _share(response, completers),
        "remission_hrsd17_itt": _share(remission, completers),
        "response_hrsd17_completers": _share(response, completers),
        "remission_hrsd17_completers": _share(remission, completers),
        "response_qids": _share(2 * qids_last <= qids_first, qids_seen),
        "remission_qids": _share(qids_last <= 5, qids_seen),
        "completers": (float(completers.sum()) / max(n, 1) * N, n),
        "baseline_hrsd17_mean": (_mean(before), n),
        "baseline_hrsd17_sd": (float(np.std(before, ddof=1)) if n > 1 else 0.0, n),
        "baseline_qids_mean": (_mean(qids_first), n),
    }
    for place, arm in enumerate(ARMS):
        out[f"arm_{arm}"] = (float((found.arm == place).sum()) / max(n, 1) * N, n)
        out[f"response_{arm}"] = _share(response, completers & (found.arm == place))
    return out


def knobs(world: str = "W0") -> Mapping[str, tuple[float, float, float]]:
    """What calibration may turn: the course, who was genotyped, who was lost after week 2."""
    return {
        "lift": (0.52, 0.2, 0.9),
        "spread": (0.3, 0.05, 1.2),
        "genotyped": (1.5, -2.0, 6.0),
        "lost_later": (1.0, 0.1, 4.0),
    }


def _last_held(found: Patients) -> Ints:
    """(n,) the last QIDS-SR16 after baseline that was given; the first one where there is none."""
    after = np.where(found.held[:, 1:], np.arange(1, LAST + 1), 0).max(axis=1)
    return found.qids[np.arange(len(after)), after]


def _share(met: Flags, of: Flags | None) -> tuple[float, int]:
    """Percentage of those, and their number."""
    those = met if of is None else met[of]
    return (100.0 * float(those.mean()) if len(those) else 0.0, len(those))


def _mean(values: Ints) -> float:
    return float(values.mean()) if len(values) else 0.0
