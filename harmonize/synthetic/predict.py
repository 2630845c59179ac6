"""Synthetic PReDICT: two CSV files as a SAS export gives them. Nobody was measured, and the layout is invented.

The real files were not seen. Columns and codes are those of the sources YAML; every row says in NOTE what it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from harmonize.sources import Study, study
from harmonize.synthetic.draws import Draws
from harmonize.synthetic.landed import Delivered, write_landed
from harmonize.synthetic.predict_course import ARMS, CLASSES, COMBINATIONS, LEAVING, WEEK_12, Course, draw_course
from harmonize.synthetic.predict_forms import FORMS, archive_keys, write_csv
from harmonize.synthetic.predict_marginals import marginals
from harmonize.synthetic.studies import Written
from harmonize.synthetic.worlds import world as world_of

__all__ = ["MARK_FILE", "N", "Written", "forms", "iter_chunks", "knobs", "marginals", "truth", "write", "write_parquet"]

N = 344
MARK_FILE = "package_info.txt"
CHUNK = 50_000
LANDED_CHUNK = 25_000
"""Persons held at once where Parquet is written: about half a gigabyte."""
PACKAGE_INFO = """\
SYNTHETIC DATA. Written by a program; nobody was measured.

Study: PReDICT. The layout of these files is INVENTED: the real files were not seen.
Persons randomised: {n}
Seed: {seed}
World: {world}
"""


@cache
def _study() -> Study:
    return study("predict")


def _courses(n: int, seed: int, world: str, chunk: int = CHUNK) -> Iterator[Course]:
    if n < 0 or chunk < 1:
        raise ValueError(f"n {n} must not be negative and chunk {chunk} must be positive")
    for first in range(0, max(n, 1), chunk):
        yield draw_course(np.arange(first, first + min(chunk, n - first)), Draws(seed), world_of(world))


def iter_chunks(n: int, seed: int, world: str = "W0", chunk: int = CHUNK) -> Iterator[dict[str, pa.Table]]:
    """The forms of `n` persons, `chunk` persons at a time; joined they are what `forms` gives.

    For `n` 0 there is one chunk without rows.
    """
    for course in _courses(n, seed, world, chunk):
        yield {name: make(_study(), course, seed, world) for name, make in FORMS.items()}


def forms(n: int, seed: int, world: str = "W0") -> dict[str, pa.Table]:
    """Raw forms of `n` persons: every value text, columns as declared. A smaller `n` gives the first of the same."""
    chunks = list(iter_chunks(n, seed, world))
    return {name: pa.concat_tables([tables[name] for tables in chunks]) for name in FORMS}


def write(folder: Path, n: int, seed: int, *, world: str = "W0") -> Written:
    """Write `predict_visits.csv`, `predict_persons.csv` and the file that says that they are synthetic."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {_study().form(name).files[0]: folder / _study().form(name).files[0] for name in FORMS}
    rows = dict.fromkeys(FORMS, 0)
    for turn, tables in enumerate(iter_chunks(n, seed, world)):
        for name, path in zip(FORMS, paths.values(), strict=True):
            write_csv(path, tables[name], header=turn == 0)
            rows[name] += tables[name].num_rows
    paths[MARK_FILE] = folder / MARK_FILE
    paths[MARK_FILE].write_text(PACKAGE_INFO.format(n=n, seed=seed, world=world_of(world).name), encoding="utf-8")
    return Written(rows=rows, paths=paths)


def write_parquet(folder: Path, n: int, seed: int, *, world: str = "W0") -> dict[str, int]:
    """Write `<form>.parquet` as landing would have written the CSV files; gives rows per form."""
    delivered = [Delivered(_study().form(name), _study().form(name).files[0], 2) for name in FORMS]
    return write_landed(folder, delivered, iter_chunks(n, seed, world, LANDED_CHUNK))


def truth(n: int, seed: int, world: str = "W0") -> pd.DataFrame:
    """One row per person: what was drawn and stands in no form.

    Steps are `_1` and `_2`; without a combination the columns of step 2 are missing, and courses are −1 in a world
    without courses. Severities are latent, in HRSD17-equivalent points.
    """
    parts = [_truth(course, seed) for course in _courses(n, seed, world)]
    return pd.concat(parts, ignore_index=True)


def _truth(course: Course, seed: int) -> pd.DataFrame:
    combined, who = course.combined, course.persons
    second = {
        "arm_2": np.array([*COMBINATIONS])[course.arm],
        "course_2": course.step_2.course,
        "amplitude_2": course.step_2.amplitude,
        "exit_severity_2": course.theta[:, -1],
        "left_2": np.array(LEAVING)[course.left_2],
    }
    return pd.DataFrame(
        {
            "pid": archive_keys(who.number, seed),
            "severity_0": who.severity0,
            "arm_1": np.array(ARMS)[course.arm],
            "course_1": course.step.course,
            "propensity_1": course.step.propensity,
            "amplitude_1": course.step.amplitude,
            "exit_severity_1": course.theta[:, WEEK_12],
            "completer": course.completer,
            "class_1": pd.Series(np.array(CLASSES)[course.outcome]).where(course.completer),
            "left_1": np.array(LEAVING)[course.left],
            "combined": combined,
            **{name: pd.Series(values).where(combined) for name, values in second.items()},
            "score": who.score,
            "side_effects": who.side_effects,
            "genotyped": course.dna,
        }
    )


def knobs(world: str = "W0") -> Mapping[str, tuple[float, float, float]]:
    """What calibration may turn: start, lowest, highest."""
    arms: dict[str, tuple[float, float, float]] = {}
    for arm in ARMS:
        arms |= {f"{arm}.lift": (0.55, 0.2, 0.9), f"{arm}.spread": (0.4, 0.15, 0.6), f"{arm}.lost": (0.28, 0.05, 0.6)}
    second = {
        "2.lift": (0.45, 0.05, 1.0),
        "2.spread": (0.35, 0.15, 0.6),
        "2.responders.CBT.lift": (0.4, -0.4, 1.0),
        "2.responders.drug.lift": (0.1, -0.4, 1.0),
        "2.responders.spread": (0.25, 0.1, 0.5),
    }
    return {"severity_mean": (19.0, 17.5, 22.0), "severity_sd": (3.5, 2.5, 4.5), **arms, **second}
