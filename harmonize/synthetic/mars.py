"""Synthetic MARS in an invented German hospital's format. Nobody was measured for these data.

`mars_course` draws what happens to the persons, `mars_drugs` what they are given, `mars_forms` writes both down as the
three forms of the sources YAML, and `mars_files` as a workbook or as delimited text. What was drawn and stands in no
form is given by `truth`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from harmonize.synthetic.course import COURSES
from harmonize.synthetic.draws import Draws
from harmonize.synthetic.landed import Delivered, write_landed
from harmonize.synthetic.mars_course import ENDS, Stay, draw
from harmonize.synthetic.mars_drugs import given
from harmonize.synthetic.mars_files import NOTES, TEXT_FILES, append_text, start_text, write_workbook
from harmonize.synthetic.mars_forms import form, patient_numbers
from harmonize.synthetic.mars_forms import forms as forms_of
from harmonize.synthetic.studies import Written
from harmonize.synthetic.worlds import world as named

N = 842
"""Persons of the clinical paper (Hennings 2009)."""
MARK_FILE = "LIESMICH.txt"
CHUNK = 50_000
LANDED_CHUNK = 25_000
"""Persons held at once where Parquet is written: about half a gigabyte."""
WORKBOOK_UP_TO = 20_000
"""For more persons text files are written where nothing else is asked for: a sheet would be slow, soon too long."""

Delivery = Literal["auto", "xlsx", "csv"]


def iter_chunks(n: int, seed: int, world: str = "W0", chunk: int = CHUNK) -> Iterator[dict[str, pa.Table]]:
    """The forms of `n` persons, `chunk` persons at a time; for `n` 0 there is one chunk without rows."""
    if n < 0 or chunk < 1:
        raise ValueError(f"n {n} must not be negative and chunk {chunk} must be positive")
    for first in range(0, max(n, 1), chunk):
        draws = Draws(seed)
        cohort = draw(np.arange(first, min(first + chunk, n)), draws, world)
        yield forms_of(cohort, given(cohort, draws), seed, draws)


def forms(n: int, seed: int, world: str = "W0") -> dict[str, pa.Table]:
    """Raw forms of `n` persons, every value text as the delimited files hold it, blanks null.

    The same `n`, seed and world give the same tables; a smaller `n` gives the first of the same persons.
    """
    chunks = list(iter_chunks(n, seed, world))
    return {name: pa.concat_tables([tables[name] for tables in chunks]) for name in chunks[0]}


def write(folder: Path, n: int, seed: int, *, world: str = "W0", delivery: Delivery = "auto") -> Written:
    """Write the study as a workbook (`xlsx`) or as text files (`csv`), and a file that says what it is.

    `auto` is a workbook up to 20,000 persons. Raises ValueError where a sheet would be too long.
    """
    folder.mkdir(parents=True, exist_ok=True)
    notes = NOTES.format(n=n, seed=seed, world=named(world).name)
    as_workbook = delivery == "xlsx" or (delivery == "auto" and n <= WORKBOOK_UP_TO)
    if as_workbook:
        made = forms(n, seed, world)
        rows = {name: data.num_rows for name, data in made.items()}
        paths = write_workbook(folder, made, notes)
    else:
        paths, rows = start_text(folder), {}
        for chunk in iter_chunks(n, seed, world):
            append_text(folder, chunk)
            rows = {name: rows.get(name, 0) + data.num_rows for name, data in chunk.items()}
    (folder / MARK_FILE).write_text(notes, encoding="utf-8")
    return Written(rows=rows, paths=paths | {MARK_FILE: folder / MARK_FILE})


def write_parquet(folder: Path, n: int, seed: int, *, world: str = "W0") -> dict[str, int]:
    """Write `<form>.parquet` as landing would have written the text files; gives rows per form."""
    delivered = [Delivered(form(name), file, 2) for name, file in TEXT_FILES.items()]
    return write_landed(folder, delivered, iter_chunks(n, seed, world, LANDED_CHUNK))


def truth(n: int, seed: int, world: str = "W0") -> pd.DataFrame:
    """One row per person: what was drawn and stands in no form.

    Per stay (TAU, E1, E2): course, amplitude, latent severity at entry and exit, and how observation truly ended;
    empty for a stay that was not. `link_shift` is added to the severity that the HRSD21 sees (world W5).
    """
    draws, there = Draws(seed), named(world)
    cohort = draw(np.arange(n), draws, there)
    who = cohort.persons
    columns: dict[str, object] = {
        "patid": patient_numbers(who.number, seed).to_pylist(),
        "world": there.name,
        "score": who.score,
        "genotyped": cohort.genotyped,
        "severity0": who.severity0,
        "n_failed_trials": who.n_failed_trials,
        "link_shift": there.link_shift,
    }
    for stay in cohort.stays:
        columns |= _truth_of(stay, n)
    return pd.DataFrame(columns)


def _truth_of(stay: Stay, n: int) -> dict[str, object]:
    def spread(values: object) -> pd.Series:
        return pd.Series(values, index=stay.who).reindex(range(n))

    known = np.array([*COURSES, None], dtype=object)
    return {
        f"course_{stay.name}": spread(known[stay.step.course]),
        f"amplitude_{stay.name}": spread(stay.step.amplitude),
        f"entry_severity_{stay.name}": spread(stay.entry),
        f"exit_severity_{stay.name}": spread(stay.exit_severity),
        f"leaving_{stay.name}": spread(np.array(ENDS, dtype=object)[stay.kind]),
    }


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
