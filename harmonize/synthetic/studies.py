"""The studies that can be synthesised, and what each module offers."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

import pandas as pd

MODULES = {
    "stard": "harmonize.synthetic.stard",
    "ispotd": "harmonize.synthetic.ispotd",
    "predict": "harmonize.synthetic.predict",
    "mars": "harmonize.synthetic.mars",
}


@dataclass(frozen=True)
class Written:
    """What `write` wrote: data rows per form, paths of all files by name, and the planted faults if there are any."""

    rows: Mapping[str, int]
    paths: Mapping[str, Path]
    faults: pd.DataFrame | None = field(default=None, repr=False)


class Synthetic(Protocol):
    """What a study's module offers. `n` persons; the same `n`, seed and world give the same bytes."""

    N: int
    """Persons that the study enrolled: the default of `trd synth`."""
    MARK_FILE: str
    """The file of a delivery that begins with SYNTHETIC DATA; landing must know or ignore it."""

    def write(self, folder: Path, n: int, seed: int, *, world: str = "W0") -> Written:
        """Write the study's files in its own format."""
        ...

    def write_parquet(self, folder: Path, n: int, seed: int, *, world: str = "W0") -> dict[str, int]:
        """Write `<form>.parquet` as landing the written files would, in bounded memory; gives rows per form."""
        ...

    def truth(self, n: int, seed: int, world: str = "W0") -> pd.DataFrame:
        """One row per person: what was drawn and stands in no form."""
        ...

    def marginals(self, n: int, seed: int, world: str = "W0") -> Mapping[str, tuple[float, int]]:
        """By target_id of targets.csv: the figure of `n` synthetic persons and the persons it was taken over.

        Counts of persons are given per enrolled person of the real study: count / n × N.
        """
        ...

    def knobs(self, world: str = "W0") -> Mapping[str, tuple[float, float, float]]:
        """Names in `[<study>.solved.<family>]` that calibration may turn: start, lowest, highest."""
        ...


def available() -> list[str]:
    """Studies whose module is there."""
    return [name for name, module in MODULES.items() if importlib.util.find_spec(module) is not None]


def synthetic(study: str) -> Synthetic:
    """The study's module. Raises KeyError with the studies there are."""
    if study not in available():
        raise KeyError(f"{study} cannot be synthesised. Known: {', '.join(available())}")
    return cast(Synthetic, importlib.import_module(MODULES[study]))
