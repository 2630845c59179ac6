"""Published figures against synthetic ones: `targets.csv`, the tolerance rule, and the verdicts."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from math import sqrt
from pathlib import Path
from typing import Literal

from harmonize.synthetic.studies import synthetic

PATH = Path(__file__).with_name("targets.csv")
COLUMNS = ("study", "target_id", "statement", "value", "n", "sd", "unit", "mark", "use", "source", "note")
PASS_SHARE = 0.95
"""Share of tested targets that must lie within their tolerance."""
POINTS = {"%": 2.0, "persons": 0.0}
"""Least tolerance by unit; all other units are scale means."""
LEAST = 0.5


@dataclass(frozen=True)
class Target:
    """A published figure. `n` 0 where it was not found; `sd` of the single values, 0 where it plays no part."""

    study: str
    target_id: str
    statement: str
    value: float
    n: int
    sd: float
    unit: str
    mark: str
    use: Literal["test", "print"]
    """`print` stands for figures from memory, figures without n, and those that another figure contradicts."""
    source: str
    note: str

    @property
    def tolerance(self) -> float:
        """The larger of two standard errors of the published figure and 2 points (%) or 0.5 (means); see `POINTS`.

        A count of persons is one of `n` and has two standard errors only.
        """
        least = POINTS.get(self.unit, LEAST)
        return max(least, 2 * self.standard_error(self.n)) if self.n else least

    def standard_error(self, n: float) -> float:
        """Standard error of this figure taken over `n` persons; of a count, as it is scaled to those of the study."""
        if self.unit == "%":
            return sqrt(self.value * (100 - self.value) / n)
        if self.unit == "persons":
            return sqrt(self.value * max(self.n - self.value, 0) / n)
        return self.sd / sqrt(n)


@dataclass(frozen=True)
class Verdict:
    """One target in one world."""

    target: Target
    world: str
    synthetic: float | None
    n: int
    verdict: Literal["within", "off", "printed", "not given"]

    @property
    def miss(self) -> float | None:
        """How far off, in tolerances; above 1 is off."""
        if self.synthetic is None:
            return None
        gap = abs(self.synthetic - self.target.value)
        return gap / self.target.tolerance if self.target.tolerance else (0.0 if gap < 1e-9 else float("inf"))


@cache
def targets(study: str | None = None) -> tuple[Target, ...]:
    """All targets, or those of a study. Raises ValueError for a row that cannot be read, with line and remedy."""
    with PATH.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ValueError(f"{PATH.name}: the columns must be {', '.join(COLUMNS)}")
        found = [_target(row, line) for line, row in enumerate(reader, start=2)]
    names = [(t.study, t.target_id) for t in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{PATH.name}: named twice: {twice}; target_id must be unique in a study")
    return tuple(t for t in found if study is None or t.study == study)


def compare(study: str, world: str, given: Mapping[str, tuple[float, int]]) -> list[Verdict]:
    """The verdict of every target of the study, in the order of the file."""
    return [_verdict(target, world, given.get(target.target_id)) for target in targets(study)]


def check(study: str, world: str, n: int, seed: int) -> list[Verdict]:
    """Draw `n` persons and compare."""
    return compare(study, world, synthetic(study).marginals(n, seed, world))


def share_within(verdicts: Iterable[Verdict]) -> float:
    """Share of the tested targets that lie within; one that was not given does not. 1 where none was tested."""
    tested = [v.verdict == "within" for v in verdicts if v.target.use == "test"]
    return sum(tested) / len(tested) if tested else 1.0


def _verdict(target: Target, world: str, given: tuple[float, int] | None) -> Verdict:
    if given is None:
        return Verdict(target, world, None, 0, "not given" if target.use == "test" else "printed")
    value, n = given
    if target.use == "print":
        return Verdict(target, world, value, n, "printed")
    return Verdict(target, world, value, n, "within" if abs(value - target.value) <= target.tolerance + 1e-9 else "off")


def _target(row: Mapping[str, str], line: int) -> Target:
    where = f"{PATH.name} line {line} ({row.get('target_id')})"
    try:
        value, n, sd = float(row["value"]), int(row["n"] or 0), float(row["sd"] or 0)
    except ValueError as error:
        raise ValueError(f"{where}: value, n and sd are numbers: {error}") from None
    if row["use"] not in ("test", "print"):
        raise ValueError(f"{where}: use is test or print, not {row['use']!r}")
    if row["use"] == "test" and row["mark"] not in ("read", "derived"):
        raise ValueError(f"{where}: a figure marked {row['mark']} is printed, never tested; set use to print")
    return Target(
        row["study"], row["target_id"], row["statement"], value, n, sd, row["unit"], row["mark"],
        "test" if row["use"] == "test" else "print", row["source"], row["note"],
    )  # fmt: skip
