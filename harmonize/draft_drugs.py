"""Blocks of drugs with their doses: one per column of names."""

from __future__ import annotations

from harmonize.draft import NOT_FOUND, Block, Draft
from harmonize.draft_targets import Row, add, const, number
from harmonize.profile import Profile
from harmonize.profile_dates import date_formats
from harmonize.profile_drugs import Drug
from harmonize.profile_roles import Roles


def drugs(draft: Draft, form: str, roles: Roles, tail: str, day: Row) -> None:
    """One block per column of drug names. `day` is that of the row, where the drug has no days of its own."""
    for drug in roles.drugs:
        start = _day_of(draft, form, roles, drug.start) if drug.start is not None else day
        stop = _day_of(draft, form, roles, drug.stop) if drug.stop is not None else None
        add(draft, _drug_block(drug, form, tail, start, stop))


def _day_of(draft: Draft, form: str, roles: Roles, column: Profile) -> Row:
    """The row of a day or date of the drug."""
    if column.kind == "number":
        return ("copy", column.name, "complete", "days as the file counts them")
    written = date_formats(column, [f for r in draft.roles.values() for of in r.date_formats.values() for f in of])
    own = roles.clock.args.partition(";")[0] if roles.clock is not None and roles.clock.verb == "days_between" else ""
    start = own if own and own != f"first({column.name})" else draft.start
    if not start or not written:
        why = "no start of the person was found" if written else "day and month could be swapped: declare its dates"
        question = f"on which day is {column.delivered}? it holds dates, and {why}"
        draft.ask(form, question, "Correct the file or the mapping row: days_between, first(form.column); date")
        return ("none", "", "todo", question)
    roles.date_formats[column.name] = written
    return ("days_between", f"{start}; {column.name}", "complete", f"days of {column.delivered}")


def _drug_block(drug: Drug, form: str, tail: str, day: Row, stop: Row | None) -> Block:
    name = drug.name.name
    none: Row = ("none", "", "not_collected", NOT_FOUND)
    dose = number([drug.dose], drug.dose.name) if drug.dose is not None else none
    asked = "partial" if drug.unknown else "complete"
    none_given = ", ".join("'" + v.replace("'", "''") + "'" for v in drug.none)
    keep = f"{name} is not null" + (f" and {name} not in ({none_given})" if none_given else "")
    open_names = f"{len(drug.unknown)} names are no known treatment" if drug.unknown else ""
    given: dict[str, Row] = {
        "start_day": day,
        "end_day": stop or none,
        "treatment_id": ("lookup", f"{name}; drug_synonyms.synonym; treatment_id", asked, open_names),
        "occasion": const("1"),
        "record_kind": const("interval")
        if drug.start is not None
        else const("visit_dose", "partial", "not said in the files"),
        "step_id": const("1"),
        "dose": dose,
        "dose_unit": ("lookup", f"{name}; drug_synonyms.synonym; dose_unit", "partial", "as usual for the drug"),
        "raw_name": ("copy", name, "complete", ""),
        "adherence": none,
        "plasma_level": none,
    }
    block = f"drugs{tail}" if name in ("drug", "medication") else f"drugs_{name}{tail}"
    return Block(block, "treatments", form, given, "drugs with their doses", filters=f"no_drug: {keep}")
