"""The tables of the report: published counts arranged in rows. Nothing here sees a count that may not be shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analysis.report.disclosure import Key, Published, Shown
from analysis.report.landed import FORM_ROWS
from analysis.warehouse import Warehouse

STAGE_NAMES = {
    "entered": "entered",
    "with_baseline_score": "with baseline score",
    "with_later_visit": "with later visit",
    "with_exit_score": "with exit score",
}
EXCLUSIVE = ("response", "partial response", "non-response")

ADVICE = {
    "not_null": "Look whether the delivery has the value; if so, correct the mapping, else ask the site.",
    "in_set": "Add the code to the mapping's code list, or record a correction.",
    "in_range": "Check the unit in the mapping; if the value itself is wrong, record a correction.",
    "within_step": "Check day and step of the row: one of them is off.",
    "missing_reason": "Check the missing codes of the column in the sources file.",
    "known": "Add the missing reference row, or correct the key in the mapping.",
    "refused": "Settle the refusal of the person first; these rows come back with it.",
    "conflict": "Compare the rows with `trd quarantine`; record a correction for the wrong one.",
    "unparseable": "Declare the text as a missing code if it is one, else record a correction.",
    "out_of_range": "Check the unit; declare it as a missing code if it is one, else record a correction.",
    "invalid_code": "Add the code to the code list of the mapping, or record a correction.",
}
ISSUE_RULES = {
    "unparseable": "not a number",
    "out_of_range": "a number that the column cannot have",
    "invalid_code": "not in the code list",
}
FINDINGS = {
    "dq_total_disagrees": "Ratings whose recorded total is not the total of their items",
    "dq_steps_overlap": "Steps that begin more than 14 days before the step before them was left",
}


@dataclass(frozen=True)
class Labels:
    """How studies, steps and instruments are called, from the reference tables."""

    steps: dict[tuple[str, str], str]
    order: dict[tuple[str, str], int]
    treatment: frozenset[tuple[str, str]]
    instruments: dict[str, str]
    rules: dict[tuple[str, str], str]
    findings: dict[str, str]


@dataclass(frozen=True)
class Study:
    """One landed study."""

    study_id: str
    title: str
    about: str
    synthetic: bool
    landings: tuple[dict[str, Any], ...]
    headline: tuple[tuple[str, Shown], ...]


@dataclass(frozen=True)
class FlowRow:
    """One stage of the attrition of a study."""

    step: str
    kind: str
    label: str
    count: Shown
    of_entered: float | None
    in_figure: bool


@dataclass(frozen=True)
class Verdict:
    """One outcome by one definition at one step on one instrument."""

    outcome: str
    definition_id: str
    met: Shown
    determinable: Shown
    of_determinable: float | None
    of_entered: float | None


@dataclass(frozen=True)
class OutcomeRow:
    """The outcomes of one step on one instrument."""

    step: str
    instrument: str
    entered: Shown
    with_exit: Shown
    verdicts: tuple[Verdict, ...]
    not_determinable: int | None

    @property
    def exclusive(self) -> tuple[Verdict, ...]:
        """Response, partial response, non-response: everybody with a verdict has one of them."""
        return tuple(v for v in self.verdicts if v.outcome in EXCLUSIVE)

    @property
    def remission(self) -> Verdict | None:
        """Remission, where the instrument has a definition of it."""
        return next((v for v in self.verdicts if v.outcome == "remission"), None)


def labels(warehouse: Warehouse) -> Labels:
    """Read the names the page uses."""
    steps = warehouse.frame("select study_id, step_id, step_no, label, is_treatment from reference.study_steps")
    scales = warehouse.frame("select scale_id, scale_name from reference.scales")
    gates = warehouse.frame("select entity, rule, description from reference.gate_rules")
    comments = warehouse.frame(
        "select table_name, comment from duckdb_tables() where schema_name = 'quality' and comment is not null"
    )
    found = {
        str(name): str(comment).partition(" Grain:")[0].rstrip(".")
        for name, comment in comments.itertuples(index=False, name=None)
    }
    keyed = [(str(s), str(p), int(n), str(label), bool(t)) for s, p, n, label, t in steps.itertuples(index=False)]
    return Labels(
        steps={(s, p): label for s, p, _, label, _ in keyed},
        order={(s, p): n for s, p, n, _, _ in keyed},
        treatment=frozenset((s, p) for s, p, _, _, t in keyed if t),
        instruments={str(i): str(n) for i, n in scales.itertuples(index=False, name=None)},
        rules={(str(e), str(r)): str(d) for e, r, d in gates.itertuples(index=False, name=None)},
        findings={**FINDINGS, **found},
    )


def studies(warehouse: Warehouse, cells: Published) -> list[Study]:
    """The landed studies with their files and headline numbers, in the order of their titles."""
    landed = warehouse.frame("select * from quality.landings order by study, form")
    known = warehouse.frame("select study_id, title, setting, design from reference.studies")
    about = {str(s): (str(t), f"{d}; {p}") for s, t, p, d in known.itertuples(index=False, name=None)}
    found = []
    for study, files in landed.groupby("study"):
        name = str(study)
        title, design = about.get(name, (name, ""))
        rows = tuple(
            {
                "form": str(r.form),
                "file": str(r.file).replace("\\", "/").rpartition("/")[2],
                "rows": cells[name, "file", str(r.form)],
                "synthetic": bool(r.is_synthetic),
                "sha256": str(r.sha256)[:12],
            }
            for r in files.itertuples(index=False)
        )
        synthetic = any(r["synthetic"] for r in rows)
        found.append(Study(name, title, design, synthetic, rows, _headline(name, cells)))
    return sorted(found, key=lambda s: s.title.lower())


def _headline(study: str, cells: Published) -> tuple[tuple[str, Shown], ...]:
    return (
        ("persons", cells.get((study, "persons", "persons_accepted"))),
        ("visits attended", cells.get((study, "visits", "attended"))),
        ("visits missed", cells.get((study, "visits", "missed"))),
        ("ratings", cells.get((study, "rows", "scales"))),
        ("refused rows", cells.get((study, "all refused"))),
        ("cell issues", cells.get((study, "all issues"))),
    )


def _keys(cells: Published, study: str, kind: str) -> list[Key]:
    return [k for k in cells.cells if k[:2] == (study, kind)]


def flow(study: str, cells: Published, names: Labels) -> list[FlowRow]:
    """Persons found, refused, accepted; then each step from entry to exit score."""
    rows = []
    for stage, label in (("found", "Persons found"), ("refused", "Persons refused"), ("accepted", "Persons accepted")):
        key = (study, "persons", f"persons_{stage}")
        if key in cells.cells:
            rows.append(FlowRow("All", "persons", label, cells[key], None, stage != "refused"))
    steps = {k[2] for k in _keys(cells, study, "step")}
    for step in sorted(steps, key=lambda s: names.order.get((study, s), 99)):
        treated = (study, step) in names.treatment
        label = names.steps.get((study, step), step)
        entered = (study, "step", step, "entered")
        for stage, name in STAGE_NAMES.items():
            reached = (study, "step", step, stage)
            if reached in cells.cells and (treated or stage == "entered"):
                share = None if stage == "entered" else cells.percent(reached, entered)
                rows.append(FlowRow(label, name, f"{label}: {name}", cells[reached], share, True))
    return rows


def exits(study: str, cells: Published, names: Labels) -> list[tuple[str, str, Shown]]:
    """Why each step was left."""
    found = [(k[2], k[3]) for k in _keys(cells, study, "exit")]
    return [
        (names.steps.get((study, step), step), reason.replace("_", " "), cells[study, "exit", step, reason])
        for step, reason in sorted(found, key=lambda f: (names.order.get((study, f[0]), 99), f[1]))
    ]


def outcomes(study: str, cells: Published, names: Labels, kinds: dict[str, str]) -> list[OutcomeRow]:
    """Step × instrument with every definition that speaks of it; `kinds` gives the outcome of a definition."""
    verdicts: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key in _keys(cells, study, "outcome"):
        if key[-1] == "met":
            verdicts[key[2], key[3]].append(key[4])
    ranks = [*EXCLUSIVE, "remission"]
    rows = []
    ordered = sorted(verdicts, key=lambda scale: (names.order.get((study, scale[0]), 99), scale))
    for step, instrument in ordered:
        scale: Key = (study, "outcome", step, instrument)
        entered = cells[(*scale, "entered")]
        judged = [_verdict(cells, scale, d, kinds[d]) for d in verdicts[step, instrument]]
        judged.sort(key=lambda v: (ranks.index(v.outcome) if v.outcome in ranks else 9, v.definition_id))
        first = next((v for v in judged if v.outcome in EXCLUSIVE), None)
        known = first is not None and first.determinable.value is not None and entered.value is not None
        left = entered.value - first.determinable.value if known else None  # type: ignore[operator,union-attr]
        label = names.steps.get((study, step), step)
        rows.append(OutcomeRow(label, instrument, entered, cells[(*scale, "with_exit")], tuple(judged), left))
    return rows


def _verdict(cells: Published, scale: Key, definition: str, outcome: str) -> Verdict:
    met, determinable = (*scale, definition, "met"), (*scale, definition, "determinable")
    return Verdict(
        outcome=outcome.partition(" /")[0],
        definition_id=definition,
        met=cells[met],
        determinable=cells[determinable],
        of_determinable=cells.percent(met, determinable),
        of_entered=cells.percent(met, (*scale, "entered")),
    )


SIDE_BY_SIDE = (
    ("", (("persons", ("persons",)),)),
    (
        "first treatment",
        tuple((c, ("class", c)) for c in ("SSRI", "SNRI", "CBT", "other", "combination", "not known")),
    ),
    ("adequate", tuple((a, ("adequate", a)) for a in ("yes", "no", "unknown"))),
    (
        "for trajectories",
        (
            ("a score within the weeks that count", ("is_in_trajectories",)),
            ("on treatment and scored from week 4 on", ("is_evaluable",)),
            ("left early, before week 4", ("left_early",)),
            ("left before for intolerance", ("intolerant",)),
        ),
    ),
)


def side_by_side(cells: Published, shown: Sequence[Study]) -> list[dict[str, Any]]:
    """First treatment episodes, one column per study: count and share of the study's persons."""
    ids = [s.study_id for s in shown if (s.study_id, "first", "persons") in cells.cells]
    rows = []
    for group, lines in SIDE_BY_SIDE:
        for label, key in lines:
            found = [(cells.cells.get((s, "first", *key)), _share_of_persons(cells, s, key)) for s in ids]
            if any(cell is not None for cell, _ in found):
                rows.append({"group": group, "label": label, "cells": found})
    return rows


def _share_of_persons(cells: Published, study: str, key: tuple[str, ...]) -> float | None:
    part, persons = (study, "first", *key), (study, "first", "persons")
    return cells.percent(part, persons) if part in cells.cells and part != persons else None


def definitions(warehouse: Warehouse, used: Sequence[str]) -> list[dict[str, str]]:
    """The text of each definition that the page uses, with where it comes from and whether that was read."""
    frame = warehouse.frame("select * from reference.outcome_definitions order by outcome_id")
    rows = []
    wanted = frame[frame["outcome_id"].isin(list(used))]
    for row in wanted.astype(object).fillna("").to_dict("records"):
        rows.append(
            {
                "id": str(row["outcome_id"]),
                "outcome": str(row["outcome"]),
                "text": _rule_text(row),
                "scope": str(row["scale_scope"]).replace(";", ", "),
                "context": str(row["context"]),
                "source": ", ".join(s for s in str(row["source"]).replace("S_", "").split(";") if s),
                "verified": str(row["verified"]),
            }
        )
    return rows


def _rule_text(row: dict[Any, Any]) -> str:
    weeks = str(row.get("at_weeks") or "").replace(";", " and ")
    when = f" at week{'s' if 'and' in weeks else ''} {weeks}" if weeks else ""
    measured = f"fall from baseline{when}" if row["metric"] == "pct_reduction" else f"total{when or ' at exit'}"
    unless = f", unless {row['unless']}" if row.get("unless") else ""
    unit = " %" if row["metric"] == "pct_reduction" else ""
    low, high = (f"{row[k]:g}{unit}" if row[k] != "" else "" for k in ("threshold_low", "threshold_high"))
    signs = {">=": "≥", "<=": "≤"}
    if row["operator"] == "between":
        return f"{measured} from {low} to under {high}{unless}"
    return f"{measured} {signs.get(str(row['operator']), row['operator'])} {low}{unless}"


def percent(value: float | None) -> str:
    """A share for reading; 0 and 100 only where they are exact."""
    if value is None:
        return "–"
    if 0 < value < 1:
        return "<1 %"
    if 99 < value < 100:
        return ">99 %"
    return f"{value:.0f} %"


def refusals(study: str, cells: Published, names: Labels) -> list[dict[str, Any]]:
    """Refused rows by table and rule, with what the rule asks and what to do."""
    return [
        {
            "table": entity,
            "rule": rule,
            "count": cells[study, "refused", entity, rule],
            "says": names.rules.get((entity, rule), ""),
            "advice": ADVICE.get(rule.rpartition(":")[2].partition("_before")[0], ADVICE["in_range"]),
        }
        for _, _, entity, rule in sorted(_keys(cells, study, "refused"))
    ]


def issues(study: str, cells: Published) -> list[dict[str, Any]]:
    """Cells whose text could not be used, by form, column and rule; never the text itself."""
    return [
        {
            "form": form,
            "column": column,
            "count": cells[study, "issue", form, column, rule],
            "says": ISSUE_RULES.get(rule, rule),
            "advice": ADVICE.get(rule, ""),
        }
        for _, _, form, column, rule in sorted(_keys(cells, study, "issue"))
    ]


def form_identity(warehouse: Warehouse, study: str, cells: Published) -> list[dict[str, Any]]:
    """Raw rows = used + dropped, per form and block."""
    sql = (
        "select src_form, block, any_value(entity) as entity,"
        " sum(case when fate = 'raw' then n_rows else -n_rows end) as lost"
        f" from {FORM_ROWS} where study_id = :study group by all order by all"
    )
    rows = []
    for form, block, entity, lost in warehouse.frame(sql, study=study).itertuples(index=False, name=None):
        fates = [k[4] for k in _keys(cells, study, "form") if k[2:4] == (form, block)]
        key = (study, "form", form, block)
        drops = [(f.replace("_", " "), cells[(*key, f)]) for f in fates if f not in ("raw", "used")]
        rows.append(
            {
                "form": form,
                "block": "" if block == "none" else block,
                "table": "" if entity == "none" else entity,
                "raw": cells.get((*key, "raw")),
                "used": cells.get((*key, "used")),
                "drops": [(name, n) for name, n in drops if n.text != "0"],
                "lost": _lost(int(lost), cells.minimum),
            }
        )
    return rows


def entity_identity(warehouse: Warehouse, study: str, cells: Published) -> list[dict[str, Any]]:
    """Candidates = accepted + merged + quarantined, per table."""
    sql = (
        "select entity, n_candidates - n_accepted - n_merged - n_quarantined as lost"
        " from quality.entity_rows where study_id = :study"
    )
    lost = {str(e): int(n) for e, n in warehouse.frame(sql, study=study).itertuples(index=False, name=None)}
    kinds = ("candidates", "accepted", "merged", "quarantined", "generated")
    return [
        {
            "table": e,
            "counts": [cells[study, "entity", e, k] for k in kinds],
            "lost": _lost(lost[e], cells.minimum),
        }
        for e in (k[2] for k in _keys(cells, study, "entity") if k[3] == "candidates")
    ]


def _lost(n: int, minimum: int) -> str:
    """Empty where the identity holds; the size only where it is not small."""
    if n == 0:
        return ""
    size = f"{abs(n):,}" if abs(n) >= minimum else f"<{minimum}"
    return f"{size} rows {'lost' if n > 0 else 'too many'}"


def findings(warehouse: Warehouse, study: str, cells: Published, names: Labels) -> list[dict[str, Any]]:
    """What the quality rules found that refuses no row."""
    sql = "select finding, verdict from quality.dq_result where study_id = :study order by finding"
    return [
        {
            "finding": f,
            "says": names.findings.get(f, ""),
            "checked": cells[study, "finding", f, "n_checked"],
            "found": cells[study, "finding", f, "n_found"],
            "share": percent(cells.percent((study, "finding", f, "n_found"), (study, "finding", f, "n_checked"))),
            "verdict": v,
        }
        for f, v in warehouse.frame(sql, study=study).itertuples(index=False, name=None)
    ]


def reconciliation(warehouse: Warehouse, study: str, cells: Published) -> list[dict[str, Any]]:
    """Figures that a delivery must reproduce. Where the observed one is not shown, neither is an equal expected one."""
    sql = "select * from quality.reconciliation where study_id = :study order by check_id"
    frame = warehouse.frame(sql, study=study)
    rows = []
    r: Any
    for r in frame.itertuples(index=False):
        applies = r.verdict != "not_applicable"
        seen = cells.cells.get((study, "reconciled", str(r.check_id))) if applies else None
        hidden = seen is not None and seen.value is None
        rows.append(
            {
                "says": str(r.description),
                "observed": seen,
                "expected": "" if hidden and r.verdict == "agrees" else f"{int(r.expected):,}",
                "verdict": str(r.verdict),
                "why": str(r.why_not) if not applies else "",
                "source": str(r.source),
                "verified": str(r.verified),
            }
        )
    return rows
