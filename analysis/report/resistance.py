"""Treatment resistance on the page: verdicts by definition and study, how definitions agree. A research view only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.report.disclosure import Counts, Published, Shown
from analysis.report.tables import Study
from analysis.warehouse import Warehouse

VERDICTS = ("met", "not_met", "not_determinable")
SCOPE = "all_trials"
LEAST_PAIRED = 20
"""Fewer persons in whom both definitions can be determined give no kappa worth showing."""
PAIR_CELLS = ("n_both", "n_only_a", "n_only_b", "n_neither")
# Nested by construction: who has three failures has two.
NESTED = (("three_failures", "fda_us_practice"),)


@dataclass(frozen=True)
class Row:
    """One definition: its verdicts in each study shown, in the order of the studies."""

    definition_id: str
    name: str
    family: str
    marks: str
    cells: tuple[tuple[Shown, ...] | None, ...]


def present(warehouse: Warehouse) -> bool:
    """Whether the file has the tables of this section; an older release may not."""
    return {"marts.trd_status", "marts.trd_agreement", "reference.trd_definitions"} <= set(warehouse.columns)


def collect(warehouse: Warehouse, counts: Counts) -> None:
    """Add persons by study, definition and verdict: the three verdicts are all persons with a treatment step.

    A definition that was not asked of a study is not counted there.
    """
    if not present(warehouse):
        return
    found = warehouse.frame(
        "select study_id, definition_id, verdict, count(*) as n from marts.trd_status"
        f" where scope = '{SCOPE}' and coalesce(reason, '') <> 'other_study'"
        " and study_id in (select study from quality.landings) group by all order by all"
    )
    by_definition: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for study, definition, verdict, n in found.itertuples(index=False, name=None):
        by_definition[str(study), str(definition)][str(verdict)] = int(n)
    for (study, definition), verdicts in by_definition.items():
        parts = [counts.add((study, "trd", definition, v), verdicts.get(v, 0), 2.0) for v in VERDICTS]
        if (study, "first", "persons") in counts.values:
            counts.total((study, "first", "persons"), parts)
    for inner, outer in NESTED:
        for study in {s for s, d in by_definition if d == inner}:
            for verdict, (small, large) in (("met", (inner, outer)), ("not_met", (outer, inner))):
                pair = (study, "trd", small, verdict), (study, "trd", large, verdict)
                if pair[1] in counts.values and counts.values[pair[0]] <= counts.values[pair[1]]:
                    counts.within(*pair)


def rows(warehouse: Warehouse, cells: Published, shown: Sequence[Study]) -> list[Row]:
    """Definitions × studies, from published counts."""
    if not present(warehouse):
        return []
    asked = {key[2] for key in cells.cells if key[1] == "trd"}
    marks = warehouse.frame(
        "select definition_id, bool_or(uses_memory) from marts.trd_status group by definition_id order by definition_id"
    )
    memory = {str(d) for d, m in marks.itertuples(index=False, name=None) if m}
    definitions = warehouse.frame(
        "select definition_id, definition_name, family, verified from reference.trd_definitions"
        " order by family, definition_id"
    )
    found = []
    for definition, name, family, verified in definitions.itertuples(index=False, name=None):
        if definition not in asked:
            continue
        parts = [verified] if verified != "verified" else []
        parts += ["uses values from memory"] if definition in memory else []
        of_studies = tuple(
            tuple(cells[s.study_id, "trd", definition, v] for v in VERDICTS)
            if (s.study_id, "trd", definition, "met") in cells.cells
            else None
            for s in shown
        )
        found.append(Row(str(definition), str(name), str(family), "; ".join(parts), of_studies))
    return found


def agreement(warehouse: Warehouse, shown: Sequence[Study], minimum: int) -> dict[str, pd.DataFrame]:
    """Kappa of pairs of definitions by study, to one decimal: only pairs none of whose four counts is small.

    A kappa of shown marginals could give a small count away, so such a pair is left out, as is one with fewer than
    `LEAST_PAIRED` persons, and one in which a definition says the same of everybody, where kappa says nothing.
    """
    if not present(warehouse):
        return {}
    frame = warehouse.frame(
        f"select * from marts.trd_agreement where scope = '{SCOPE}' and kappa is not null"
        f" and n_determinable >= {LEAST_PAIRED} order by study_id, definition_a, definition_b"
    )
    small = pd.Series(False, index=frame.index)
    for name in PAIR_CELLS:
        small |= (frame[name] > 0) & (frame[name] < minimum)
    for name in ("n_only_a", "n_only_b"):
        met = frame["n_both"] + frame[name]
        small |= (met == 0) | (met == frame["n_determinable"])
    kept = frame[~small].assign(kappa=lambda f: f["kappa"].astype(float).round(1))
    columns = ["definition_a", "definition_b", "kappa"]
    return {s.study_id: kept.loc[kept["study_id"] == s.study_id, columns] for s in shown}


def section(warehouse: Warehouse, cells: Published, shown: Sequence[Study], minimum: int) -> dict[str, Any]:
    """All that the template needs: rows, and a heat map for each study with three pairs or more."""
    from analysis.report import figures

    drawn = {
        study: figures.agreement(frame, f"agreement-{study}")
        for study, frame in agreement(warehouse, shown, minimum).items()
        if len(frame) >= 3
    }
    silent = [s for s in shown if not _determines(cells, s.study_id)]
    told = [s for s in shown if s not in silent]
    return {
        "rows": rows(warehouse, cells, told),
        "studies": told,
        "silent": [s.title for s in silent],
        "heat": drawn,
        "verdicts": VERDICTS,
    }


def _determines(cells: Published, study: str) -> bool:
    """Whether any definition is met or not met by anybody of the study."""
    keys = [k for k in cells.cells if k[:2] == (study, "trd") and k[-1] in ("met", "not_met")]
    return any(cells[k].value != 0 for k in keys)
