"""The blocks of a draft: persons, arms, visits, one block per instrument, covariates."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harmonize.block_sql import slot_present
from harmonize.draft import NOT_FOUND, Block, Draft, free_columns, targets_of
from harmonize.draft_rows import label_of
from harmonize.profile import Profile
from harmonize.profile_drugs import Drug
from harmonize.profile_found import Moment, Score
from harmonize.profile_roles import Roles
from harmonize.profile_times import read_time, split_time
from harmonize.reference import item_rows, seed_rows

MOST_CODES = 20
"""A text column with more values is no covariate that anybody coded."""
Row = tuple[str, str, str, str]


def add_blocks(draft: Draft, mapped: list[str]) -> None:
    """All blocks of all forms that are mapped and say whose row it is."""
    several = len(mapped) > 1
    arm_seen = False
    covariates: set[str] = set()
    for form in mapped:
        roles = draft.roles[form]
        if roles.identity is None and several:
            continue
        tail = f"_{form}" if several else ""
        _persons(draft, form, roles, tail)
        if roles.arm is not None and not arm_seen:
            arm_seen = True
            draft.note(form, f"arm: {roles.arm.delivered} ({', '.join(sorted(roles.arm.values)[:6])})")
            _arms(draft, form, roles, tail)
        if roles.repeated:
            _long(draft, form, roles, tail)
        else:
            _wide(draft, form, tail)
        covariates |= _covariates(draft, form, roles, tail, covariates)


def _add(draft: Draft, block: Block) -> None:
    block.targets = targets_of(block.entity, block.targets)
    names = {b.name for b in draft.blocks}
    base, n = block.name, 2
    while block.name in names:
        block.name, n = f"{base}_{n}", n + 1
    draft.blocks.append(block)


def _const(value: str, status: str = "complete", comment: str = "") -> Row:
    return ("const", value, status, comment)


def _waiting(draft: Draft, form: str, tail: str, day: Row) -> None:
    """Blocks for columns that may hold scores: they are not compiled, and check-study shows what is asked."""
    for name, (instrument, why) in draft.scores[form].waiting.items():
        question = f"{why}: map it with another verb, or remove the block"
        given: dict[str, Row] = {
            "step_id": _const("1"),
            "day": day,
            "instrument_id": ("const", instrument, "todo", question) if instrument else ("none", "", "todo", question),
            "rater": _const("unknown"),
            "contact": _const("clinic", "partial", "not said in the files"),
            "occasion": _const("1"),
            "score": ("copy", name, "partial", why),
            "items": ("none", "", "not_collected", "not decided"),
        }
        _add(draft, Block(f"waiting_{name}{tail}", "scales", form, given, why))


def _occasion(roles: Roles) -> Row:
    """The number of a rating within its day: as a column says it, its words counted in their order."""
    column = roles.occasion
    if column is None:
        return _const("1")
    if column.kind == "number":
        return ("copy", column.name, "complete", "")
    codes = "; ".join(f"{v}={n}" for n, v in enumerate(sorted(column.values), start=1))
    return ("recode", f"{column.name}; {codes}", "complete", f"{column.delivered} in alphabetical order")


def _number(columns: Sequence[Profile], argument: str) -> Row:
    """A number as it stands, or what stands before its unit."""
    unit = next((c for c in columns if c.unit), None)
    if unit is None:
        return ("copy", argument, "complete", "")
    return ("parse", f"{argument}; {unit.pattern}; 1", "complete", f"the number before {unit.unit}")


def _age(roles: Roles) -> Row:
    assert roles.age is not None
    name = roles.age.name
    if roles.age_in_months:
        return ("linear", f"{name}; 1/12; 0; 1", "complete", "months to years, one decimal")
    return _number([roles.age], name)


def _first_rows(roles: Roles) -> str:
    """The condition for rows of day 0; '' where the clock does not say it in the row."""
    clock = roles.clock
    if clock is None or clock.verb == "days_between":
        return ""
    values = (
        [v for v, d in clock.codes.items() if d == "0"]
        if clock.verb == "recode"
        else [v for v, x in clock.column.known.items() if x == 0]
    )
    listed = ", ".join("'" + v.replace("'", "''") + "'" for v in values)
    return f"{clock.column.name} in ({listed})" if values else ""


def _persons(draft: Draft, form: str, roles: Roles, tail: str) -> None:
    aged = roles.age is not None and roles.age.name not in roles.constant
    given: dict[str, Row] = {}
    if roles.sex is not None:
        draft.codes[form, roles.sex.name] = roles.sex_codes
        question = next((q for c, q, _ in roles.questions if c == roles.sex.name), None)
        if question and not roles.sex_codes:
            given["sex"] = ("none", "", "todo", question)
        else:
            given["sex"] = ("recode", roles.sex.name, "todo" if question else "complete", question or "")
    if roles.age is not None and not aged:
        given["age_reported"] = _age(roles)
    first = _first_rows(roles)
    if aged and not first:
        question = "the age differs between rows of a person: which row is the baseline?"
        given["age_reported"] = ("none", "", "todo", question)
    if roles.site is not None:
        given["site_code"] = ("copy", roles.site.name, "complete", "")
    given["analysis_flags"] = ("none", "", "not_collected", "none defined")
    _add(draft, Block(f"persons{tail}", "subjects", form, given, "one row per person"))
    if aged and first:
        at_start = {
            "age_reported": _age(roles),
            "analysis_flags": given["analysis_flags"],
        }
        why = "the age differs between rows of a person: that of day 0"
        _add(draft, Block(f"ages{tail}", "subjects", form, at_start, why, filters=f"not_first: {first}"))


def _arms(draft: Draft, form: str, roles: Roles, tail: str) -> None:
    assert roles.arm is not None
    given = {
        "step_id": _const("1"),
        "day": _const("0"),
        "arm_assigned": ("copy", roles.arm.name, "complete", ""),
        "exit_reason": ("none", "", "not_collected", "no column with the reason of leaving was found"),
    }
    _add(draft, Block(f"arms{tail}", "steps", form, given, "the arm of each person"))


# --- one row per person and time -------------------------------------------------------------------------------


def _long(draft: Draft, form: str, roles: Roles, tail: str) -> None:
    clock = roles.clock
    if clock is None or (clock.verb == "recode" and not clock.codes):
        question = next((q for c, q, _ in roles.questions if not c), "on which day is a row?")
        if clock is not None:
            question = f"which day is which {clock.column.delivered}?"
        day: Row = ("none", "", "todo", question)
    else:
        status = "partial" if clock.undecided else "complete"
        listed = ", ".join(clock.undecided[:8])
        day = (clock.verb, clock.args, status, f"no day for {listed}" if clock.undecided else clock.why)
        if clock.verb == "recode":
            draft.codes[form, clock.column.name] = clock.codes
    label: Row = (
        ("copy", roles.label.name, "complete", "") if roles.label else ("none", "", "not_collected", "no label")
    )
    scores = draft.scores[form].found
    baseline = [s for s in scores if all(c.name in roles.constant for c in s.columns)]
    if scores:
        given = {
            "step_id": _const("1"),
            "day": day,
            "week_label": label,
            "contact": _const("clinic", "partial", "not said in the files"),
            "status": _const("attended"),
        }
        _add(draft, Block(f"visits{tail}", "visits", form, given, "every row is a visit that took place"))
    _drugs(draft, form, roles, tail, day)
    _waiting(draft, form, tail, day)
    _by_name(draft, form, tail, [s for s in scores if s.named_in is not None], day)
    for score in scores:
        if score.named_in is not None:
            continue
        at = _const("0", "partial", "the same in every row of a person") if score in baseline else day
        (moment,) = score.moments
        block = _scale_block(score, form, tail, at, moment, [moment], filtered=True)
        block.targets["occasion"] = _occasion(roles)
        _add(draft, block)


def _by_name(draft: Draft, form: str, tail: str, scores: list[Score], day: Row) -> None:
    """One block for all instruments that a column names."""
    if not scores:
        return
    first = scores[0]
    assert first.named_in is not None
    column, value = first.named_in, first.columns[0]
    status = "partial" if any(s.partial for s in scores) else "complete"

    def coded(of: Callable[[Score], str]) -> str:
        return "; ".join([column.name, *(f"{s.code}={of(s)}" for s in scores)])

    given: dict[str, Row] = {
        "step_id": _const("1"),
        "day": day,
        "instrument_id": ("recode", coded(lambda s: s.instrument), status, f"named in {column.delivered}"),
        "rater": ("recode", coded(_rater), "partial", "as usual for the instrument"),
        "contact": _const("clinic", "partial", "not said in the files"),
        "occasion": _occasion(draft.roles[form]),
        "score": _number([c for s in scores for c in s.columns], value.name),
        "items": ("none", "", "not_collected", "totals only"),
    }
    filters = f"not_rated: {_or((value.name,))}"
    _add(draft, Block(f"scores{tail}", "scales", form, given, f"instruments by {column.delivered}", filters=filters))


def _drugs(draft: Draft, form: str, roles: Roles, tail: str, day: Row) -> None:
    """One block per column of drug names."""
    for drug in roles.drugs:
        _add(draft, _drug_block(drug, form, tail, day))


def _drug_block(drug: Drug, form: str, tail: str, day: Row) -> Block:
    name = drug.name.name
    none: Row = ("none", "", "not_collected", NOT_FOUND)
    dose = _number([drug.dose], drug.dose.name) if drug.dose is not None else none
    asked = "partial" if drug.unknown else "complete"
    none_given = ", ".join("'" + v.replace("'", "''") + "'" for v in drug.none)
    keep = f"{name} is not null" + (f" and {name} not in ({none_given})" if none_given else "")
    open_names = f"{len(drug.unknown)} names are no known treatment" if drug.unknown else ""
    given: dict[str, Row] = {
        "start_day": day,
        "end_day": none,
        "treatment_id": ("lookup", f"{name}; drug_synonyms.synonym; treatment_id", asked, open_names),
        "occasion": _const("1"),
        "record_kind": _const("visit_dose", "partial", "not said in the files"),
        "step_id": _const("1"),
        "dose": dose,
        "dose_unit": ("lookup", f"{name}; drug_synonyms.synonym; dose_unit", "partial", "as usual for the drug"),
        "raw_name": ("copy", name, "complete", ""),
        "adherence": none,
        "plasma_level": none,
    }
    block = f"drugs{tail}" if name in ("drug", "medication") else f"drugs_{name}{tail}"
    return Block(block, "treatments", form, given, "drugs with their doses", filters=f"no_drug: {keep}")


# --- one row per person ----------------------------------------------------------------------------------------


def _wide(draft: Draft, form: str, tail: str) -> None:
    found = draft.scores[form].found
    _drugs(draft, form, draft.roles[form], tail, _const("0", "partial", "no day is said"))
    _waiting(draft, form, tail, _const("0", "partial", "no day is said"))
    timed = [m for s in found for m in s.moments if m.time is not None]
    timeless = [m for s in found for m in s.moments if m.time is None]
    for undecided in (False, True):
        some = [m for m in timed if (m.day is None) == undecided]
        if some:
            _add(draft, _wide_visits(form, tail, some, undecided))
    if timeless:
        given = _visit_targets(_const("0"), _const("baseline"))
        names = tuple(c.name for m in timeless for c in m.columns)
        filters = f"nothing_rated: {_or(names)}"
        _add(draft, Block(f"visits_baseline{tail}", "visits", form, given, "one occasion", filters=filters))
    for score in found:
        if score.moments[0].time is None:
            (moment,) = score.moments
            _add(draft, _scale_block(score, form, tail, _const("0"), moment, [moment], filtered=True))
            continue
        for undecided in (False, True):
            some = [m for m in score.moments if (m.day is None) == undecided]
            if some:
                _add(draft, _scale_block(score, form, tail, _slot_day(undecided), some[0], some, filtered=False))


def _or(names: Sequence[str]) -> str:
    return slot_present(tuple(names))


def _slot_day(undecided: bool) -> Row:
    return ("const", "{slot.2}", "todo" if undecided else "complete", _WHICH_DAY if undecided else "days of the slots")


_WHICH_DAY = "write the day of each slot for the word todo in unpivot of the blocks document, then complete here"


def _visit_targets(day: Row, label: Row) -> dict[str, Row]:
    return {
        "step_id": _const("1"),
        "day": day,
        "week_label": label,
        "contact": _const("clinic", "partial", "not said in the files"),
        "status": _const("attended"),
    }


def _slot(moment: Moment) -> str:
    return f"{label_of(moment)}.{'todo' if moment.day is None else moment.day}"


def _wide_visits(form: str, tail: str, moments: list[Moment], undecided: bool) -> Block:
    """One slot per day; scores of one day are one visit."""
    by_day: dict[object, list[Moment]] = {}
    for moment in moments:
        by_day.setdefault(label_of(moment) if moment.day is None else moment.day, []).append(moment)
    slots = [
        f"{_slot(same[0])}: {', '.join(dict.fromkeys(c.name for m in same for c in m.columns))}"
        for same in by_day.values()
    ]
    given = _visit_targets(_slot_day(undecided), _const("{slot.1}"))
    name = f"visits{'_undecided' if undecided else ''}{tail}"
    return Block(name, "visits", form, given, "times at which anything was rated", unpivot="; ".join(slots))


def _scale_block(
    score: Score, form: str, tail: str, day: Row, first: Moment, moments: list[Moment], *, filtered: bool
) -> Block:
    items = first.items if score.with_items else ()
    if items and any(m.total is None for m in moments):
        moments = [Moment(m.label, m.day, None, m.items, m.time) for m in moments]
        first = moments[0]
    slots = not filtered
    status = "partial" if score.partial else "complete"
    total: Row = ("none", "", "not_collected", "no total; the score is computed from the items")
    if first.total is not None:
        totals = [m.total for m in moments if m.total is not None]
        total = _number(totals, "{1}" if slots else first.total.name)
    listed: Row = ("none", "", "not_collected", "totals only")
    if items:
        start = 2 if first.total is not None else 1
        names = [f"{{{i}}}" for i in range(start, start + len(items))] if slots else [c.name for c in items]
        unasked = _n_items(score) - len(items)
        listed = ("items", "; ".join([score.instrument, *names, *["-"] * unasked]), "complete", "")
    columns = [
        tuple(c.name for c in ((m.total,) if m.total else ()) + (m.items if score.with_items else ())) for m in moments
    ]
    given = {
        "step_id": _const("1"),
        "day": day,
        "instrument_id": _const(score.instrument, status, score.why),
        "rater": _const(_rater(score), "partial", "as usual for the instrument"),
        "contact": _const("clinic", "partial", "not said in the files"),
        "occasion": _const("1"),
        "score": total,
        "items": listed,
    }
    undecided = slots and first.day is None
    return Block(
        f"{score.instrument.lower()}{'_undecided' if undecided else ''}{tail}",
        "scales",
        form,
        given,
        score.why,
        filters=f"not_rated: {_or(columns[0])}" if filtered else "",
        unpivot="; ".join(f"{_slot(m)}: {', '.join(c)}" for m, c in zip(moments, columns, strict=True))
        if slots
        else "",
    )


def _n_items(score: Score) -> int:
    """Items the mapping must name; those of a scale of the study's own are as many as there are columns."""
    if score.own is not None:
        return len(score.moments[0].items)
    return len(item_rows(score.instrument))


def _rater(score: Score) -> str:
    found = [r["rater"] for r in seed_rows("ref_scales") if r["scale_id"] == score.instrument]
    return found[0] if found and found[0] in ("clinician", "self") else "unknown"


# --- facts of a person -----------------------------------------------------------------------------------------


def _covariates(draft: Draft, form: str, roles: Roles, tail: str, seen: set[str]) -> set[str]:
    """Other columns that are the same in all rows of a person, as variables of the study."""
    free = [c for c in free_columns(draft, form) if c.name in roles.constant and c.name not in seen]
    later = [c for c in free if any(_is_later(said) for _, said in split_time(c.delivered))]
    if later:
        listed = ", ".join(c.delivered for c in later[:8])
        draft.note(form, f"{listed}: of a later time, and no scores: not mapped")
    free = [c for c in free if c not in later]
    numeric = [c for c in free if c.kind == "number" and c.delivered.strip()]
    coded = [c for c in free if c.kind == "text" and len(c.values) <= MOST_CODES and len(c.values) < c.n_filled]
    if numeric or coded:
        listed = ", ".join(c.delivered.strip() for c in (*numeric, *coded)[:12])
        more = f" and {len(numeric) + len(coded) - 12} more" if len(numeric) + len(coded) > 12 else ""
        draft.note(form, f"kept as facts of the person (covariates): {listed}{more}; otherwise --ignore COLUMN")
    by_form: dict[tuple[str, str], list[Profile]] = {}
    for column in numeric:
        by_form.setdefault((column.decimal, column.unit), []).append(column)
    for kind, columns in (*(("numeric", c) for c in by_form.values()), ("coded", coded)):
        if not columns:
            continue
        slots = [f"{draft.study}_{c.name}: {c.name}" for c in columns]
        text = kind == "coded"
        given: dict[str, Row] = {
            "variable_id": _const("{slot}"),
            "occasion": _const("1"),
            "value_num": ("none", "", "not_collected", "a code") if text else _number(columns, "{1}"),
            "value_code": ("copy", "{1}", "complete", "") if text else ("none", "", "not_collected", "a number"),
            "as_of_day": ("none", "", "not_collected", "no day is said"),
        }
        _add(
            draft,
            Block(f"covariates_{kind}{tail}", "history", form, given, "facts of the person", unpivot="; ".join(slots)),
        )
        draft.rows.setdefault("variables", []).extend(_variable(draft, c, kind) for c in columns)
    return {c.name for c in (*numeric, *coded)}


def _is_later(said: str) -> bool:
    """The label of a time that is not the start."""
    time = read_time(said)
    return time.known and time.day != 0


def _variable(draft: Draft, column: Profile, kind: str) -> dict[str, str]:
    return {
        "variable_id": f"{draft.study}_{column.name}",
        "label": column.description or column.delivered.strip(),
        "kind": kind,
        "unit": "",
        "value_min": "",
        "value_max": "",
        "source": f"column {column.delivered.strip()}",
        "verified": "draft",
    }
