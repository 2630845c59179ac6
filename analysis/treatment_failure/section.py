"""What the report of treatment failure is made of, and how an aim plugs its part into it.

An aim is a function `sections(context) -> list[Section]`, named in `PLUGINS` as `module:function`. It is called with
the class step done, once per run, in the order of `PLUGINS`; a module that is not installed is named on the page.
Whatever a section holds is published: counts in it have passed the small-cell rule, and no row is a person. The page,
the Markdown text, the SVG, PNG and CSV files are made from it by `page` and `files`; an aim writes none of them.

    def sections(context: Context) -> list[Section]:
        mars = context.classes["mars"]
        ...
        return [Section("resistance", "Aim B: ...", verdict="...", methods=("...",), results=("...",), tables=(...))]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import altair as alt
import pandas as pd

from analysis.plan import Plan
from analysis.results import Stamp
from analysis.trajectories import Trajectories
from analysis.trajectories.cohort import Cohort
from analysis.trajectories.enumeration import Enumeration

PLUGINS = {
    "finding": "analysis.treatment_failure.finding_section:sections",
    "aim-a": "analysis.treatment_failure.aim_a_section:sections",
    "aim-b": "analysis.resistance.section:sections",
    "aim-c": "analysis.early.section:sections",
}
"""Parts of the report in their order, by name. Aims B and C choose their studies themselves, by the plan."""

Guideline = Literal["STROBE", "GRoLTS", "TRIPOD"]


@dataclass(frozen=True)
class Table:
    """A table of the page and a CSV file.

    name: of the file, unique in its section, lower case with hyphens. frame: one row per line, as published; counts are
    numbers or the marks of the small-cell rule. decimals: by column, others are shown as they are (numbers with 3
    significant figures). group: column whose values head groups of rows. labels: what a reader sees instead of a name.
    """

    name: str
    title: str
    frame: pd.DataFrame
    note: str = ""
    decimals: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    group: str | None = None


@dataclass(frozen=True)
class Drawing:
    """A figure of the page, an SVG and a PNG file. `chart` draws it at a width in pixels; `text` says what it shows."""

    name: str
    title: str
    chart: Callable[[int], alt.LayerChart | alt.FacetChart]
    text: str = ""


@dataclass(frozen=True)
class Item:
    """One item of a reporting guideline, with what this run says to it (or that it does not)."""

    guideline: Guideline
    item: str
    topic: str
    said: str


@dataclass(frozen=True)
class Section:
    """A part of the report.

    key: unique, lower case with hyphens; anchors and file names begin with it. verdict: the answer in one plain
    sentence, chosen by the result. methods, results: paragraphs without markup, every number filled in. cautions: what
    a reader must know before believing it.
    """

    key: str
    title: str
    verdict: str = ""
    methods: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Drawing, ...] = ()
    checklist: tuple[Item, ...] = ()


@dataclass(frozen=True)
class Classes:
    """The class step of one population, done by `finding`; no later step has a say in it.

    enumerations: by family. fit: the chosen model, None where none is admissible. single: the one-class model of the
    same family. labels: of the classes of `fit`, and `labels_30` by the 30 % variant. agreement: share of bootstrap
    refits in which a class got its label again, missing where no bootstrap was asked. persons: one row per person in
    the order of `fit.design.persons`: subject_id, study_id, baseline, last_week, modal, label, p_tf, q_one_8,
    q_one_last, q_k_8, q_k_last, exit_one and exit_k (latent exit severity predicted by the one-class and by the chosen
    model), and the columns of `marts.first_line` that the class step may read.
    """

    population: str
    cohort: Cohort
    enumerations: Mapping[str, Enumeration]
    family: str
    fit: Trajectories | None
    single: Trajectories
    labels: tuple[str, ...]
    labels_30: tuple[str, ...]
    agreement: tuple[float, ...]
    persons: pd.DataFrame
    why: str
    verdict: str

    def numbered(self, *labels: str) -> list[int]:
        """Classes (from 1) that carry one of `labels`."""
        return [g + 1 for g, name in enumerate(self.labels) if name in labels]


@dataclass(frozen=True)
class Context:
    """A run as an aim sees it.

    database: the published file, to be opened with `analysis.warehouse.connect`. classes: by population of the plan;
    a population without scores is absent. replicates: bootstrap refits asked for, 0 for none. minimum: smallest count
    above zero that may be shown. results: tables to be written as `results.treatment_failure_<name>`; an aim adds its
    own. seconds: how long parts took, shown at the end.
    """

    database: Path
    plan: Plan
    stamp: Stamp
    classes: Mapping[str, Classes]
    seed: int = 1
    replicates: int = 0
    jobs: int = 1
    minimum: int = 5
    say: Callable[[str], None] = lambda what: None
    results: dict[str, pd.DataFrame] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


def check(section: Section) -> None:
    """Raises ValueError for names that clash or are no file names; called before anything is written."""
    names = [t.name for t in section.tables] + [f.name for f in section.figures]
    for name in (section.key, *names):
        if not name or name != name.lower() or not name.replace("-", "").isalnum():
            raise ValueError(
                f"section {section.key!r}: {name!r} is no name of a file: lower case letters, digits, hyphens"
            )
    twice = {n for n in names if names.count(n) > 1}
    if twice:
        raise ValueError(f"section {section.key!r}: {', '.join(sorted(twice))} names two tables or figures")
