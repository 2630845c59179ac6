"""Every count the report shows, with the sums in which it stands; read from the published marts and quality tables.

A key starts with the study and says what is counted, as ("dia", "step", "1", "entered").
"""

from __future__ import annotations

from collections import defaultdict

from analysis.report import resistance
from analysis.report.disclosure import Counts, Key
from analysis.report.landed import FORM_ROWS
from analysis.report.remission import collect_remission
from analysis.warehouse import Warehouse

STAGES = ("entered", "with_baseline_score", "with_later_visit", "with_exit_score", "moved_on")
"""Stages of a step that all lie within `entered`."""
FIRST_LINE = ("is_in_trajectories", "is_evaluable", "left_early", "intolerant")
"""What can be said of a first treatment episode, as columns of marts.first_line."""

# Counts of low weight are withheld before counts of high weight.
HEADLINE, STAGE, PLAIN, DETAIL = 20.0, 8.0, 3.0, 1.0


def collect(warehouse: Warehouse) -> Counts:
    """All counts of all landed studies."""
    counts = Counts()
    people = (_landings, _forms, _entities, _attrition, _visits, _outcomes, _first_line, collect_remission)
    parts = (*people, resistance.collect, _coverage, _variables, _refusals, _issues, _findings)
    for part in parts:
        part(warehouse, counts)
    _across(counts)
    return counts


def _rows(warehouse: Warehouse, sql: str, columns: int) -> list[tuple[Key, int]]:
    """Rows of `sql` as a key of the first `columns` columns and a number; landed studies only."""
    found = warehouse.frame(
        f"with counted as ({sql}) select counted.* from counted"
        " where study_id in (select study from quality.landings) order by all"
    )
    return [(tuple(map(str, row[:columns])), int(row[columns])) for row in found.itertuples(index=False, name=None)]


def _landings(warehouse: Warehouse, counts: Counts) -> None:
    sql = "select study as study_id, form, n_rows from quality.landings"
    for (study, form), n in _rows(warehouse, sql, 2):
        counts.add((study, "file", form), n, HEADLINE)


def _forms(warehouse: Warehouse, counts: Counts) -> None:
    """Raw = used + dropped, per form and block; equal parts of two blocks of a form may be the same rows."""
    fates: dict[Key, dict[str, int]] = defaultdict(dict)
    sql = f"select study_id, src_form, block, fate, n_rows from {FORM_ROWS}"
    for (study, form, block, fate), n in _rows(warehouse, sql, 4):
        fates[study, "form", form, block][fate] = n
    twins: dict[tuple[str, str, int], list[Key]] = defaultdict(list)
    for key, by_fate in fates.items():
        study, _, form, _ = key
        for fate, n in by_fate.items():
            counts.add((*key, fate), n, HEADLINE if fate == "raw" else PLAIN)
        parts = [(*key, fate) for fate in by_fate if fate != "raw"]
        if "raw" in by_fate:
            counts.split((*key, "raw"), parts, "lost")
            counts.same([(*key, "raw"), (study, "file", form)])
        for part in parts:
            if counts.values[part]:
                twins[study, form, counts.values[part]].append(part)
    for keys in twins.values():
        counts.same(keys)


def _entities(warehouse: Warehouse, counts: Counts) -> None:
    """Candidates = accepted + merged + quarantined; the rows of the table = accepted + generated."""
    sql = (
        "select study_id, entity, kind, n_rows from quality.entity_rows unpivot (n_rows for kind in"
        " (n_candidates as candidates, n_accepted as accepted, n_merged as merged, n_quarantined as quarantined,"
        " n_generated as generated))"
    )
    entities: dict[Key, dict[str, int]] = defaultdict(dict)
    for (study, entity, kind), n in _rows(warehouse, sql, 3):
        entities[study, "entity", entity][kind] = n
        counts.add((study, "entity", entity, kind), n, DETAIL if kind in ("merged", "candidates") else PLAIN)
    blocks = warehouse.frame(f"select distinct study_id, src_form, block, entity from {FORM_ROWS} order by all")
    fed: dict[Key, list[Key]] = defaultdict(list)
    for study, form, block, entity in blocks.itertuples(index=False, name=None):
        used = (study, "form", form, block, "used")
        if used in counts.values:
            fed[study, "entity", entity].append(used)
    for key, kinds in entities.items():
        study, _, entity = key
        counts.split((*key, "candidates"), [(*key, k) for k in ("accepted", "merged", "quarantined")], "lost")
        rows = counts.add((study, "rows", entity), kinds["accepted"] + kinds["generated"], HEADLINE)
        counts.total(rows, [(*key, "accepted"), (*key, "generated")])
        if fed[key]:
            counts.total((*key, "candidates"), fed[key])


def _attrition(warehouse: Warehouse, counts: Counts) -> None:
    sql = "select study_id, step_id, stage, step_no, n_persons from marts.attrition"
    steps: dict[str, dict[int, str]] = defaultdict(dict)
    exits: dict[Key, list[Key]] = defaultdict(list)
    for (study, step, stage, number), n in _rows(warehouse, sql, 4):
        if step == "all":
            counts.add((study, "persons", stage), n, HEADLINE if stage == "persons_accepted" else STAGE)
        elif stage.startswith("exit_"):
            exits[study, "step", step].append(counts.add((study, "exit", step, stage.removeprefix("exit_")), n, DETAIL))
        else:
            steps[study][int(number)] = step
            counts.add((study, "step", step, stage), n, STAGE if stage == "entered" else PLAIN)
    for study, order in steps.items():
        accepted = (study, "persons", "persons_accepted")
        if accepted in counts.values:
            counts.total((study, "persons", "persons_found"), [accepted, (study, "persons", "persons_refused")])
        ordered = [order[number] for number in sorted(order)]
        for step, following in zip(ordered, [*ordered[1:], None], strict=True):
            _stages_of(counts, study, step, following, exits[study, "step", step])


def _stages_of(counts: Counts, study: str, step: str, following: str | None, exits: list[Key]) -> None:
    """How the stages of one step lie within each other."""
    stage = {s: (study, "step", step, s) for s in STAGES if (study, "step", step, s) in counts.values}
    entered = stage["entered"]
    for name, key in stage.items():
        if name != "entered":
            counts.within(key, entered)
    if (study, "persons", "persons_accepted") in counts.values:
        counts.within(entered, (study, "persons", "persons_accepted"))
    if {"with_later_visit", "with_exit_score"} <= set(stage):
        counts.within(stage["with_exit_score"], stage["with_later_visit"])
    if following and "moved_on" in stage:
        counts.within((study, "step", following, "entered"), stage["moved_on"])
    if exits:
        counts.split(entered, exits, "no exit reason")


def _visits(warehouse: Warehouse, counts: Counts) -> None:
    by_study: dict[str, list[Key]] = defaultdict(list)
    sql = "select study_id, status, count(*) as n from cdm.visits group by all"
    for (study, status), n in _rows(warehouse, sql, 2):
        by_study[study].append(counts.add((study, "visits", status), n, STAGE))
    for study, keys in by_study.items():
        rows = (study, "rows", "visits")
        if rows not in counts.values:
            counts.add(rows, sum(counts.values[k] for k in keys), HEADLINE)
        counts.total(rows, keys)


def _outcomes(warehouse: Warehouse, counts: Counts) -> None:
    """Per step and instrument: entered ⊇ with exit score ⊇ determinable = met + not met."""
    scored = (
        "select study_id, step_id, instrument_id, count(*) as entered, count(exit_score) as with_exit"
        " from marts.step_scores group by all"
    )
    sql = f"select * from ({scored}) unpivot (n for kind in (entered, with_exit))"
    for (study, step, instrument, kind), n in _rows(warehouse, sql, 4):
        counts.add((study, "outcome", step, instrument, kind), n, STAGE if kind == "entered" else PLAIN)
    judged = (
        "select outcomes.study_id, step_id, instrument_id, definition_id,"
        " coalesce(any_value(mutually_exclusive_group), '') as exclusive,"
        " count(*) filter (where verdict <> 'not_determinable') as determinable,"
        " count(*) filter (where verdict = 'met') as met"
        " from marts.outcomes as outcomes inner join reference.outcome_definitions as definitions"
        " on outcomes.definition_id = definitions.outcome_id where definitions.in_report group by all"
    )
    sql = f"select * from ({judged}) unpivot (n for kind in (determinable, met))"
    scale: Key
    groups: dict[Key, set[tuple[str, str]]] = defaultdict(set)
    for (study, step, instrument, definition, exclusive, kind), n in _rows(warehouse, sql, 6):
        scale = (study, "outcome", step, instrument)
        groups[scale].add((definition, exclusive))
        counts.add((*scale, definition, kind), n, PLAIN if kind == "determinable" else DETAIL)
    for scale, definitions in groups.items():
        _verdicts(counts, scale, sorted(definitions))


def _verdicts(counts: Counts, scale: Key, definitions: list[tuple[str, str]]) -> None:
    study, _, step, _ = scale
    entered, with_exit = (*scale, "entered"), (*scale, "with_exit")
    counts.within(with_exit, entered)
    if (study, "step", step, "entered") in counts.values:
        counts.same([entered, (study, "step", step, "entered")])
    if (study, "step", step, "with_exit_score") in counts.values:
        counts.within(with_exit, (study, "step", step, "with_exit_score"))
    exclusive: dict[str, list[str]] = defaultdict(list)
    for definition, group in definitions:
        determinable, met = (*scale, definition, "determinable"), (*scale, definition, "met")
        counts.within(met, determinable)
        counts.within(met, entered)
        counts.within(determinable, entered)
        counts.within(determinable, with_exit)
        if group:
            exclusive[group].append(definition)
    counts.same([(*scale, d, "determinable") for d, _ in definitions])
    for members in exclusive.values():
        mets = [(*scale, d, "met") for d in members]
        counts.split((*scale, members[0], "determinable"), mets, "none of " + "/".join(members))


def _coverage(warehouse: Warehouse, counts: Counts) -> None:
    """A share of values is a count over the rows of the table, and is treated as one."""
    sql = "select study_id, entity, column_name, n_values from marts.coverage where n_rows > 0"
    for (study, entity, column), n in _rows(warehouse, sql, 3):
        counts.add((study, "values", entity, column), n, DETAIL)
        if (study, "rows", entity) in counts.values:
            counts.within((study, "values", entity, column), (study, "rows", entity))


def _variables(warehouse: Warehouse, counts: Counts) -> None:
    """Persons with a value are part of the persons of the study."""
    sql = "select study_id, entity, variable_id, n_with_value from marts.variable_coverage"
    for (study, entity, variable), n in _rows(warehouse, sql, 3):
        counts.add((study, "persons with", entity, variable), n, DETAIL)
        if (study, "rows", "subjects") in counts.values:
            counts.within((study, "persons with", entity, variable), (study, "rows", "subjects"))


def _refusals(warehouse: Warehouse, counts: Counts) -> None:
    """Refused rows by rule; a row that breaks two rules is counted under both and once in its table."""
    sql = "select study_id, entity, rule, count(*) as n from quality.quarantine group by all"
    for (study, entity, rule), n in _rows(warehouse, sql, 3):
        counts.add((study, "refused", entity, rule), n, PLAIN)
        if (study, "entity", entity, "quarantined") in counts.values:
            counts.within((study, "refused", entity, rule), (study, "entity", entity, "quarantined"))
    by_study: dict[str, list[Key]] = defaultdict(list)
    for key in list(counts.values):
        if key[1] == "entity" and key[-1] == "quarantined":
            by_study[key[0]].append(key)
    for study, keys in by_study.items():
        counts.total(counts.add((study, "all refused"), sum(counts.values[k] for k in keys), PLAIN), keys)


def _issues(warehouse: Warehouse, counts: Counts) -> None:
    sql = "select study_id, src_form, column_name, rule, count(*) as n from quality.cell_issues group by all"
    by_study: dict[str, list[Key]] = defaultdict(list)
    for (study, form, column, rule), n in _rows(warehouse, sql, 4):
        by_study[study].append(counts.add((study, "issue", form, column, rule), n, DETAIL))
    for study, keys in by_study.items():
        counts.total(counts.add((study, "all issues"), sum(counts.values[k] for k in keys), PLAIN), keys)


def _findings(warehouse: Warehouse, counts: Counts) -> None:
    sql = "select study_id, finding, kind, n from quality.dq_result unpivot (n for kind in (n_checked, n_found))"
    for (study, finding, kind), n in _rows(warehouse, sql, 3):
        counts.add((study, "finding", finding, kind), n, PLAIN)
    for key in list(counts.values):
        if key[1] == "finding" and key[-1] == "n_found":
            counts.within(key, (*key[:-1], "n_checked"))
    looked_at = "select distinct study_id, finding, entity from quality.dq_result order by all"
    for study, finding, entity in warehouse.frame(looked_at).itertuples(index=False, name=None):
        checked, rows = (study, "finding", finding, "n_checked"), (study, "rows", entity)
        if checked in counts.values and counts.values[checked] == counts.values.get(rows):
            counts.same([checked, rows])
    asked = "observed >= 0 and verdict <> 'not_applicable'"
    sql = f"select study_id, check_id, observed from quality.reconciliation where {asked}"
    for (study, check), n in _rows(warehouse, sql, 2):
        counts.add((study, "reconciled", check), n, DETAIL)


def _first_line(warehouse: Warehouse, counts: Counts) -> None:
    """First treatment episodes: persons = sum of the classes = sum of the adequate = evaluable + not."""
    split = {"class": "coalesce(treatment_class, 'not known')", "adequate": "adequate"}
    parts: dict[Key, list[Key]] = defaultdict(list)
    for (study,), n in _rows(warehouse, "select study_id, count(*) as n from marts.first_line group by all", 1):
        counts.add((study, "first", "persons"), n, HEADLINE)
    for kind, value in split.items():
        sql = f"select study_id, {value} as value, count(*) as n from marts.first_line group by all"
        for (study, name), n in _rows(warehouse, sql, 2):
            parts[study, kind].append(counts.add((study, "first", kind, name), n, PLAIN))
    flags = ", ".join(f"count(*) filter (where {flag}) as {flag}" for flag in FIRST_LINE)
    sql = f"select study_id, {flags} from marts.first_line group by all"
    sql = f"select * from ({sql}) unpivot (n for kind in ({', '.join(FIRST_LINE)}))"
    for (study, flag), n in _rows(warehouse, sql, 2):
        counts.add((study, "first", flag), n, PLAIN)
    for study in {key[0] for key in counts.values if key[1:] == ("first", "persons")}:
        persons = (study, "first", "persons")
        for kind in split:
            counts.split(persons, parts[study, kind], "no " + kind)
        used, evaluable, early, intolerant = ((study, "first", flag) for flag in FIRST_LINE)
        counts.within(used, persons)
        counts.within(evaluable, used)
        counts.split(persons, [evaluable, early, intolerant], "not scored from week 4 on")
        if (study, "persons", "persons_accepted") in counts.values:
            counts.within(persons, (study, "persons", "persons_accepted"))
        # who entered the only treatment step, and who has an exit score there, are nearly the same persons
        for key in list(counts.values):
            if key[:2] == (study, "step") and key[-1] == "entered" and key not in counts.implied:
                counts.within(key, persons)
            if key[:2] == (study, "outcome") and key[-1] == "with_exit" and key not in counts.implied:
                counts.within(key, used)


def _across(counts: Counts) -> None:
    """Sums that tie one table of the page to another."""
    values = counts.values
    for study in sorted({key[0] for key in values}):
        mine = [k for k in values if k[0] == study and k not in counts.implied]
        entered = [k for k in mine if k[1] == "step" and k[-1] == "entered"]
        exits = [k for k in mine if k[1] == "exit"]
        pairs: list[tuple[Key, list[Key]]] = [
            ((study, "rows", "subjects"), [(study, "persons", "persons_accepted")]),
            ((study, "rows", "steps"), entered),
            ((study, "values", "steps", "exit_reason"), exits),
            ((study, "finding", "dq_total_disagrees", "n_checked"), [(study, "values", "scales", "total_agrees")]),
        ]
        for whole, parts in pairs:
            if whole in values and parts and all(p in values for p in parts):
                counts.total(whole, parts)
        _look_alikes(counts, mine)


def _look_alikes(counts: Counts, keys: list[Key]) -> None:
    """A reconciled figure counts the same thing as some other cell; which one is unknown, so any equal one ties."""
    plain: dict[int, list[Key]] = defaultdict(list)
    for key in keys:
        if key[1] in ("persons", "rows", "step", "file", "visits", "form", "reconciled") and counts.values[key]:
            plain[counts.values[key]].append(key)
    for equal in plain.values():
        reconciled = [k for k in equal if k[1] == "reconciled"]
        for key in reconciled:
            for other in equal:
                if other != key:
                    counts.same([key, other])
