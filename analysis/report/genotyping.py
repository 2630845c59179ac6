"""What quality control of genotypes did, as it may be shown: variants by rule, samples by rule with the small-cell
rule, and the sentences of a report on genotyping (STREGA, items 8 and 12).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from analysis.genetics.landed import LandedSet, landed_sets
from analysis.report.disclosure import Counts, Key
from analysis.warehouse import Warehouse

ATTRITION = "marts.genetic_attrition"
RELATED, ELSEWHERE = "passed_related_to_another", "passed_used_from_another_set"


def shown(stages: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Stages (`kind`, `stage`, `n`; `study_id`, `set_id` where they are) with `shown` and with `n` missing where a
    number of samples may not be shown. Numbers of variants are no persons and stay.
    """
    counts = Counts()
    keys: dict[Any, Key] = {}
    by = [c for c in ("study_id", "set_id") if c in stages]
    samples = stages[stages["kind"] == "person"]
    groups = samples.groupby(by, sort=False) if by else [("", samples)]
    for name, own in groups:
        where = tuple(map(str, name)) if isinstance(name, tuple) else (str(name),)
        mine = {
            str(stage): counts.add((*where, str(stage)), int(n), 2)
            for stage, n in zip(own["stage"], own["n"], strict=True)
        }
        keys |= dict(zip(own.index, mine.values(), strict=True))
        if {"delivered", "passed"} <= set(mine):
            parts = [key for stage, key in mine.items() if stage == "passed" or stage.startswith("excluded_")]
            counts.split(mine["delivered"], parts, "the rest")
        for stage in (RELATED, ELSEWHERE):
            if stage in mine and "passed" in mine:
                counts.within(mine[stage], mine["passed"])
    published = counts.protect(minimum)
    cells = {row: published[key] for row, key in keys.items()}
    n = [cells[row].value if row in cells else int(m) for row, m in stages["n"].items()]
    text = [cells[row].text if row in cells else f"{int(m):,}" for row, m in stages["n"].items()]
    return stages.assign(n=pd.array(n, dtype="Int64"), shown=text)


def sentences(warehouse: Warehouse, studies: list[str], minimum: int) -> tuple[str, str]:
    """Genotyping and quality control, and Hardy-Weinberg with relatedness, of the sets of `studies` in words."""
    sets = [s for s in landed_sets(Path(warehouse.database).parent) if s.study in studies]
    if not sets or ATTRITION not in warehouse.columns:
        nothing = "no genotypes of these studies were landed as a set: the scores came from elsewhere"
        return nothing, "not known of scores from elsewhere"
    table = shown(warehouse.frame(f"select * from {ATTRITION} order by study_id, set_id, kind, stage_no"), minimum)
    control, kin = [], []
    for landed in sets:
        own = table[(table["study_id"] == landed.study) & (table["set_id"] == landed.set_id)]
        text = {(r["kind"], r["stage"]): str(r["shown"]) for r in own.to_dict("records")}
        control.append(_control(landed, text))
        kin.append(_kin(landed, text))
    return "; ".join(control), "; ".join(kin)


def _control(landed: LandedSet, text: dict[tuple[str, str], str]) -> str:
    limits = landed.facts.get("limits")
    rules = limits if isinstance(limits, dict) else {}
    lost = [
        f"{what}: {text.get(('variant', f'excluded_{name}'), '0')}"
        for name, what in (
            ("call_rate", f"call rate below {rules.get('variant_call_rate')}"), ("hwe", "Hardy-Weinberg"),
            ("maf", f"minor allele below {rules.get('maf')}"), ("duplicated_id", "double"),
            ("no_alleles", "no alleles"),
        )
    ]  # fmt: skip
    people = [
        f"{stage.removeprefix('excluded_').replace('_', ' ')}: {n}"
        for (kind, stage), n in text.items()
        if kind == "person" and stage.startswith("excluded_")
    ]
    # without a name the array of a person stands in the key file
    array = "" if landed.facts.get("array") in (None, "", "array") else f"{landed.facts['array']}, "
    return (
        f"{landed.study} {landed.set_id}: {landed.facts.get('file')} ({array}{landed.build}, strand "
        f"{landed.strand}); variants {text.get(('variant', 'delivered'))}, left out: {', '.join(lost)}, passed "
        f"{text.get(('variant', 'passed'))}; samples {text.get(('person', 'delivered'))}, left out (call rate below "
        f"{rules.get('person_call_rate')} and others): {', '.join(people) or 'nobody'}, passed "
        f"{text.get(('person', 'passed'))}"
    )


def _kin(landed: LandedSet, text: dict[tuple[str, str], str]) -> str:
    limits, notes = landed.facts.get("limits"), landed.facts.get("notes")
    rules = limits if isinstance(limits, dict) else {}
    said = [n for n in notes if "kinship" in n or "relatives" in n] if isinstance(notes, list) else []
    found = f"samples that passed and are related to another {text.get(('person', RELATED), '0')}"
    told = "; ".join(said) or f"{found} (KING-robust at least {rules.get('related')}); errors take persons as unrelated"
    return f"{landed.study} {landed.set_id}: exact test, P at least {rules.get('hwe_p')}; {told}"
