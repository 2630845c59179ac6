"""What each verb of the mapping document means in SQL.

A verb turns one mapping row into expressions over the staged columns of a form. Staging gives each raw column three
names: `x` (trimmed text, null where missing), `x__missing` (why it is null) and `x__raw` (as delivered).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from harmonize.dates import DATE_FORMATS
from harmonize.mapping import Block, MappingError, Slot, Target
from harmonize.paths import MAPPINGS
from harmonize.readers.kinds import SHEET_ERRORS, kind_of
from harmonize.reference import instrument_range, item_ranges, seed_columns, seed_rows
from harmonize.sources import Column
from schemas import checks
from schemas.parents import REASONS
from schemas.sql import SQL_TYPES, literal

_T = TypeVar("_T")
SLOT = "{slot}"
"""The name of the row's slot, as an argument."""
_LITERALS = {"integer": r"-?\d+", "double": r"-?\d+(\.\d+)?", "boolean": "true|false", "items": r"(?!)"}
"""How a value of each type is written in a mapping document."""


@dataclass
class Expression:
    """One target column: helper columns, the value over them, why it is missing, and what counts as a cell issue.

    `parsed` holds helper columns computed from the staged row; `before` those computed over all rows of the form that
    are data, whatever the block's filters; `starts` those computed over another form, one value a person: (form,
    expression); `joins` left joins a seed on a helper;
    `issues` maps a source column (or, with slots, the place of a column in its slot) to the condition under which
    its text could not be used.
    """

    value: str
    parsed: dict[str, str] = field(default_factory=dict)
    joins: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)
    starts: dict[str, tuple[str, str]] = field(default_factory=dict)
    missing: str = "cast(null as {text})"
    issues: list[tuple[tuple[str, ...], str]] = field(default_factory=list)


def compile_target(block: Block, target: Target) -> Expression:
    """The expressions of one mapping row. Raises MappingError."""
    return _VERBS[target.verb](_Context(block, target))


class _Context:
    """One mapping row with what its verb needs to know."""

    def __init__(self, block: Block, target: Target) -> None:
        self.block, self.target = block, target
        self.type = block.entity.type_of(target.name)
        self.parts = [p.strip() for p in target.args.split(";")] if target.args else []

    def error(self, problem: str, remedy: str) -> MappingError:
        return MappingError(f"{self.block.study}.csv", self.target.line, problem, remedy)

    @property
    def from_sheet(self) -> bool:
        """Whether the form is a sheet, whose cells may hold errors."""
        return kind_of(self.block.form.files[0], self.block.form.format) == "xlsx"

    def need(self, low: int, high: int | None = None) -> None:
        if not low <= len(self.parts) <= (high or low):
            raise self.error(
                f"verb {self.target.verb} of {self.target.name} has {len(self.parts)} arguments",
                f"It takes {low if high in (None, low) else f'{low} to {high}'}, separated by semicolons",
            )

    def columns(self, argument: str) -> tuple[str, ...]:
        """The staged columns an argument stands for: one, or one per slot."""
        if "{" not in argument:
            return (self._known(argument),)
        if self.block.pivot is not None:
            filled = self.block.pivot.fill(argument)
            if "{" in filled:
                raise self.error(f"unpivot names no item for {argument!r}", "Correct the argument or unpivot")
            return (self._known(filled),)
        return tuple(self._known(self.fill(argument, slot)) for slot in self.need_slots(argument))

    def need_slots(self, argument: str) -> tuple[Slot, ...]:
        """The slots of the block, for an argument that stands for each of them."""
        if not self.block.slots:
            raise self.error(f"{argument!r} stands for a slot, and block {self.block.name} has none", "Fill in unpivot")
        return self.block.slots

    def fill(self, argument: str, slot: Slot) -> str:
        """`argument` for one slot."""
        filled = slot.fill(argument)
        if "{" in filled:
            raise self.error(f"slot {slot.name} has no part for {argument!r}", "Correct the argument or unpivot")
        return filled

    def _known(self, column: str) -> str:
        if column not in self.block.form.column_names:
            raise self.error(
                f"{self.block.form.name} has no column {column!r}",
                f"It has {', '.join(self.block.form.column_names)}",
            )
        return column

    def by_slot(self, argument: str, of: Callable[[str], str]) -> str:
        """`of(column)` for the column of the row's slot."""
        columns = self.columns(argument)
        if "{" not in argument:
            return of(columns[0])
        return _case([of(c) for c in columns])

    def text(self, argument: str) -> str:
        return self.by_slot(argument, lambda c: c)

    def why(self, argument: str) -> str:
        return self.by_slot(argument, lambda c: f"{c}__missing")

    def name(self, kind: str, i: int | None = None) -> str:
        return f"{kind}_{self.target.name}" + ("" if i is None else f"_{i}")

    def check_missing_codes(self, argument: str, valid: tuple[float, float] | None) -> None:
        """No missing code may lie inside the valid range of its variable."""
        columns = self.columns(argument)
        by_slot = self.variable_ranges() if "{" in argument else ()
        for column, of_variable in zip(columns, by_slot or [None] * len(columns), strict=True):
            declared = self.block.form.column(column)
            low_high = declared.valid or of_variable or valid
            if low_high is None:
                continue
            low, high = low_high
            for code in declared.missing:
                try:
                    value = float(code.replace(declared.decimal, "."))
                except ValueError:
                    continue
                if low <= value <= high:
                    raise self.error(
                        f"missing code {code} of {self.block.form.name}.{column} lies inside the valid range "
                        f"{low:g} to {high:g} of {self.target.name}",
                        "A code inside the range cannot be told from a value; correct the codes or give the column "
                        "a narrower range in the sources YAML",
                    )

    def typed(self, value: str) -> str:
        """A value of the mapping document as a literal of the target's type."""
        if self.type == "text":
            return literal(value)
        if not re.fullmatch(_LITERALS[self.type], value):
            raise self.error(f"{value!r} is not a value of type {self.type}", "Write a number, true or false")
        return value

    def valid_range(self) -> tuple[float, float] | None:
        """The range the common model gives the target: its own check, or its instrument's."""
        if self.target.name == "score":
            instrument = self.block.targets["instrument_id"]
            named = [p.partition("=")[2] for p in instrument.args.split(";") if "=" in p] or [instrument.args]
            known = [r for r in (instrument_range(n.strip()) for n in named) if r]
            return (min(k[0] for k in known), max(k[1] for k in known)) if known else None
        columns = self.block.entity.gate.columns
        for check in columns[self.target.name].checks if self.target.name in columns else ():
            if checks.kind(check) == "in_range":
                return check.statistics["min_value"], check.statistics["max_value"]
        return None

    def variable_ranges(self) -> tuple[tuple[float, float] | None, ...]:
        """For value_num, the range that reference.variables gives the variable of each slot."""
        if self.target.name != "value_num":
            return ()
        named = self.block.targets["variable_id"].args
        return tuple(_variable_range(self.fill(named, slot)) for slot in self.block.slots)

    def number(self, argument: str, type_: str | None = None) -> str:
        """The column's value in the target's type, null where the text is none or lies outside the declared range."""
        value = _cast(self.text(argument), type_ or self.type, self.decimal(argument))
        valid = self._common(argument, "ranges", lambda column: column.valid)
        if valid is None:
            return value
        low, high = valid
        return f"case when {value} between {low:g} and {high:g} then {value} end"

    def decimal(self, argument: str) -> str:
        """The decimal mark of the column's numbers."""
        return self._common(argument, "decimal marks", lambda column: column.decimal)

    def date(self, argument: str, pattern: list[str]) -> str:
        """The column's day, for a template: read by the pattern, else in the forms that the contract names."""
        text = self.text(argument)
        if pattern:
            return f"date_by_pattern('{text}', '{pattern[0]}')"
        return self._by_contract(text, argument, self._common(argument, "date formats", lambda column: column.dates))

    def date_elsewhere(self, argument: str, pattern: list[str]) -> tuple[str, str]:
        """`form.column` as the form's name and the column's day, for a template."""
        name, _, column = argument.partition(".")
        form = next((f for f in self.block.siblings if f.name == name), None)
        if form is None or column not in form.column_names:
            raise self.error(
                f"the study has no {argument!r}",
                f"Write first(form.column), the form one of {', '.join(f.name for f in self.block.siblings)}",
            )
        if pattern:
            return name, f"date_by_pattern('{column}', '{pattern[0]}')"
        return name, self._by_contract(column, argument, form.column(column).dates)

    def _by_contract(self, text: str, argument: str, names: Sequence[str]) -> str:
        if not names:
            raise self.error(
                f"{argument} has no date format",
                f"Give it one in the sources YAML, as dates: one of {', '.join(DATE_FORMATS)}",
            )
        formats = [DATE_FORMATS[name] for name in names]
        listed = ", ".join(f"['{f.pattern}', '{f.read}']" for f in formats)
        return f"date_by_contract('{text}', [{listed}])"

    def _common(self, argument: str, what: str, of: Callable[[Column], _T]) -> _T:
        """What the contract says of every column of the argument."""
        found = {of(self.block.form.column(c)) for c in self.columns(argument)}
        if len(found) > 1:
            raise self.error(f"the columns of one argument have different {what}", "Make them equal or split the block")
        return found.pop()


def _variable_range(variable: str) -> tuple[float, float] | None:
    """Smallest and largest value of a numeric variable; None for one that has no range."""
    for row in seed_rows("variables"):
        if row["variable_id"] == variable and row["value_min"] and row["value_max"]:
            return float(row["value_min"]), float(row["value_max"])
    return None


def _case(values: list[str]) -> str:
    if len(set(values)) == 1:
        return values[0]
    return "case slot_no " + " ".join(f"when {i} then {v}" for i, v in enumerate(values, start=1)) + " end"


def _cast(text: str, type_: str, decimal: str = ".") -> str:
    mark = _mark(decimal)
    match type_:
        case "integer":
            return f"{{{{ to_integer('{text}'{mark}) }}}}"
        case "double":
            return f"{{{{ to_double('{text}'{mark}) }}}}"
        case "boolean":
            return f"{{{{ to_boolean('{text}') }}}}"
    return text


def _mark(decimal: str) -> str:
    """The last argument of a macro that reads a number."""
    return "" if decimal == "." else f", decimal='{decimal}'"


def _copy(context: _Context) -> Expression:
    context.need(1)
    (source,) = context.parts
    context.check_missing_codes(source, context.valid_range())
    t, v, m = context.name("t"), context.name("v"), context.name("m")
    parsed = {t: context.text(source), m: context.why(source)}
    if context.type == "text" and not context.from_sheet:
        return Expression(t, parsed, missing=m)
    if context.type == "text":
        errors = ", ".join(literal(e) for e in SHEET_ERRORS)
        parsed[v] = f"case when {parsed[t]} not in ({errors}) then {parsed[t]} end"
    else:
        parsed[v] = context.number(source)
    return Expression(v, parsed, missing=m, issues=[(context.columns(source), f"{t} is not null and {v} is null")])


def _const(context: _Context) -> Expression:
    context.need(1)
    (value,) = context.parts
    if "{" in value:
        value = _case([context.typed(context.fill(value, s)) for s in context.need_slots(value)])
        if context.type != "text":
            value = f"cast({value} as {SQL_TYPES[context.type]})"
        return Expression(f"v_{context.target.name}", {f"v_{context.target.name}": value})
    if context.type == "text":
        return Expression(f"cast({literal(value)} as {{{{ type_text() }}}})")
    return Expression(f"cast({context.typed(value)} as {SQL_TYPES[context.type]})")


def _codes(context: _Context, column: str, inline: Mapping[str, str]) -> Mapping[str, str]:
    codes = inline or context.block.form.column(column).codes
    if not codes:
        raise context.error(f"no codes for {column}", "Give them here as code=value or in the sources YAML as codes")
    return codes


def _recode(context: _Context) -> Expression:
    source, *pairs = context.parts or [""]
    inline: dict[str, str] = {}
    for_reason: dict[str, str] = {}
    for pair in pairs:
        code, equals, value = pair.partition("=")
        if not equals:
            raise context.error(
                f"{pair!r} is no code=value",
                "Write code=value; code=!reason for a code that means missing; ?reason=value for a missing cell",
            )
        (for_reason if code.startswith("?") else inline)[code.strip().removeprefix("?")] = value.strip()
    used = {v[1:] for v in inline.values() if v.startswith("!")} | set(for_reason)
    if bad := used - set(REASONS):
        raise context.error(f"unknown missing reason {', '.join(sorted(bad))}", f"Use {', '.join(REASONS)}")
    for column in context.columns(source):
        if both := inline.keys() & context.block.form.column(column).missing.keys():
            raise context.error(
                f"{', '.join(sorted(both))} of {column} is both a missing code and a value",
                "The sources YAML already makes it missing: remove one, or write ?reason=value",
            )

    def value_of(column: str) -> str:
        arms = " ".join(
            f"when {literal(c)} then {'null' if v.startswith('!') else context.typed(v)}"
            for c, v in _codes(context, column, inline).items()
        )
        value = f"case {column} {arms} end"
        return f"cast({value} as {SQL_TYPES[context.type]})" if context.type == "double" else value

    def reason_of(column: str) -> str:
        arms = " ".join(
            f"when {column} = {literal(c)} then {literal(v[1:])}"
            for c, v in _codes(context, column, inline).items()
            if v.startswith("!")
        )
        return f"case {arms} else {column}__missing end" if arms else f"{column}__missing"

    t, v, m = context.name("t"), context.name("v"), context.name("m")
    parsed = {t: context.text(source), v: context.by_slot(source, value_of), m: context.by_slot(source, reason_of)}
    value = v
    if for_reason:
        arms = " ".join(f"when {literal(r)} then {context.typed(x)}" for r, x in for_reason.items())
        value = f"case when {t} is not null then {v} else case {m} {arms} end end"
    issue = f"{t} is not null and {v} is null"
    if any(x.startswith("!") for x in inline.values()):
        issue += f" and {m} is null"
    return Expression(value, parsed, missing=m, issues=[(context.columns(source), issue)])


def _lookup(context: _Context) -> Expression:
    context.need(3)
    source, key, value = context.parts
    seed, dot, key_column = key.partition(".")
    if not dot or not {key_column, value} <= set(seed_columns(seed)):
        raise context.error(
            f"{key} or {value} is not a column of a seed", "Write column; seed.key_column; value_column"
        )
    t, m, k = context.name("t"), context.name("m"), context.name("k")
    parsed = {t: context.text(source), m: context.why(source), k: f"lower({context.text(source)})"}
    alias = context.name("l")
    found = f"{alias}.{value}"
    issues = (
        [(context.columns(source), f"{t} is not null and {found} is null")]
        if not context.target.name.endswith("_unit")
        else []
    )
    return Expression(found, parsed, joins={alias: (seed, key_column, k)}, missing=m, issues=issues)


def _first_of(context: _Context) -> Expression:
    if len(context.parts) < 2:
        raise context.error("first_of needs two columns or more", "Write column; column")
    m = context.name("m")
    parsed, issues, values = {}, [], []
    for i, source in enumerate(context.parts, start=1):
        context.check_missing_codes(source, context.valid_range())
        t, v = context.name("t", i), context.name("v", i)
        parsed[t], parsed[v] = context.text(source), context.number(source)
        values.append(v)
        if context.type != "text":
            issues.append((context.columns(source), f"{t} is not null and {v} is null"))
    # Text that cannot be used in any of the columns is why there is no value; else the first column says why.
    filled = " and ".join(f"{context.text(source)} is null" for source in context.parts)
    parsed[m] = f"case when {filled} then {context.why(context.parts[0])} end"
    return Expression(f"coalesce({', '.join(values)})", parsed, missing=m, issues=issues)


def _linear(context: _Context) -> Expression:
    context.need(3, 4)
    source, factor, offset, *digits = context.parts
    for number in (factor, offset, *digits):
        if not re.fullmatch(r"-?\d+(\.\d+)?(/\d+)?", number):
            raise context.error(f"{number!r} is not a number", "Write column; factor; offset; digits, e.g. week; 7; 0")
    numerator, _, denominator = factor.partition("/")
    scaled = f"{{x}} * {numerator}.0" if "." not in numerator else f"{{x}} * {numerator}"
    scaled += f" / {denominator}.0" if denominator else ""
    t, v, m = context.name("t"), context.name("v"), context.name("m")
    number = context.number(source, "double")
    value = scaled.replace("{x}", number) + f" + {offset}"
    if digits:
        value = f"round({value}, {digits[0]})"
    if context.type == "integer":
        value = f"try_cast(round({value}) as bigint)"
    parsed = {t: context.text(source), v: value, m: context.why(source)}
    return Expression(v, parsed, missing=m, issues=[(context.columns(source), f"{t} is not null and {v} is null")])


def _days_between(context: _Context) -> Expression:
    """Days between two dates; `first(column)` is the first date that the form has of the person in the column,
    `first(form.column)` that which another form has."""
    context.need(2, 3)
    start, end, *pattern = context.parts
    v = context.name("v")
    first = re.fullmatch(r"first\((.+)\)", start)
    start = first[1].strip() if first else start
    if first and "." in start:
        return _days_since_elsewhere(context, start, end, pattern)
    dates = [context.date(start, pattern), context.date(end, pattern)]
    before = {}
    if first:
        if "{" in start:
            raise context.error("first() takes one column, not a slot", "Name the column")
        before[context.name("first")] = f"{{{{ first_date({dates[0]}) }}}}"
    begin = f"'{context.name('first')}'" if first else dates[0]
    parsed = {
        context.name("t", 1): context.text(start),
        context.name("t", 2): context.text(end),
        v: f"{{{{ days_between({begin}, {dates[1]}) }}}}",
        context.name("m"): f"coalesce({context.why(start)}, {context.why(end)})",
    }
    issues = []
    for i, (column, date) in enumerate(zip((start, end), dates, strict=True), start=1):
        if column == end and i == 1:
            continue
        same = context.name("d", i)
        parsed[same] = f"{{{{ days_between({date}, {date}) }}}}"  # null for text that is no date
        issues.append((context.columns(column), f"{context.name('t', i)} is not null and {same} is null"))
    return Expression(v, parsed, missing=context.name("m"), before=before, issues=issues)


def _days_since_elsewhere(context: _Context, start: str, end: str, pattern: list[str]) -> Expression:
    """Days from the first date that another form has of the person; text there that is no date counts as none."""
    form, first = context.date_elsewhere(start, pattern)
    date = context.date(end, pattern)
    t, v, d, m = context.name("t", 2), context.name("v"), context.name("d", 2), context.name("m")
    parsed = {
        t: context.text(end),
        v: f"{{{{ days_between('{context.name('first')}', {date}) }}}}",
        d: f"{{{{ days_between({date}, {date}) }}}}",
        m: context.why(end),
    }
    issues = [(context.columns(end), f"{t} is not null and {d} is null")]
    starts = {context.name("first"): (form, f"{{{{ {first} }}}}")}
    return Expression(v, parsed, missing=m, starts=starts, issues=issues)


def _flag(context: _Context) -> Expression:
    if context.type != "boolean":
        raise context.error(f"{context.target.name} is no true or false", "Use recode")
    if len(context.parts) < 2:
        raise context.error("flag needs a column and the codes that raise it", "Write column; code; code")
    source, *codes = context.parts
    values = ", ".join(literal(c) for c in codes)
    v, m = context.name("v"), context.name("m")
    raised = context.by_slot(source, lambda c: f"{c} in ({values})")
    return Expression(v, {v: raised, m: context.why(source)}, missing=m)


def _parse(context: _Context) -> Expression:
    context.need(3)
    source, pattern, group = context.parts
    t, m = context.name("t"), context.name("m")
    # Once more escaped for SQL, then for the template, which would take \b for a backspace.
    escaped = pattern.replace("'", "''").replace("\\", "\\\\").replace("'", "\\'")
    found = context.by_slot(source, lambda c: f"{{{{ extract_group('{c}', '{escaped}', {group}) }}}}")
    parsed = {t: context.text(source), m: context.why(source), context.name("x"): found}
    value = context.name("x")
    if context.type != "text":
        value = _cast(value, context.type, context.decimal(source))
    return Expression(
        value, parsed, missing=m, issues=[(context.columns(source), f"{t} is not null and {value} is null")]
    )


def _items(context: _Context) -> Expression:
    if context.type != "items" or (len(context.parts) < 2 and context.parts != [SLOT]):
        raise context.error(
            "items needs an instrument and its columns",
            f"Write INSTRUMENT; column; column ..., or {SLOT} where slots are called like instruments",
        )
    instrument, *columns = context.parts
    if instrument == SLOT:
        return _items_by_slot(context, columns)
    ranges = _ranges(context, instrument, columns)
    parsed: dict[str, str] = {}
    issues: list[tuple[tuple[str, ...], str]] = []
    values = []
    for i, (column, (low, high)) in enumerate(zip(columns, ranges, strict=True), start=1):
        if column == "-":
            values.append("cast(null as float)")
            continue
        context.check_missing_codes(column, (low, high))
        t, v = context.name("t", i), context.name("v", i)
        parsed[t] = context.text(column)
        mark = _mark(context.decimal(column))
        parsed[v] = f"{{{{ item_value('{context.text(column)}', {low:g}, {high:g}{mark}) }}}}"
        values.append(v)
        issues.append((context.columns(column), f"{t} is not null and {v} is null"))
    some = f"coalesce({', '.join(values)}) is not null"
    listed = ", ".join(f"'{v}'" for v in values)
    return Expression(f"case when {some} then {{{{ list_of([{listed}]) }}}} end", parsed, issues=issues)


def _ranges(context: _Context, instrument: str, columns: Sequence[str]) -> list[tuple[float, float]]:
    """The ranges of an instrument's items, of which there must be as many as columns. Raises MappingError."""
    try:
        ranges = item_ranges(instrument)
    except KeyError as error:
        raise context.error(str(error.args[0]), "Correct the instrument or add its items to the seed") from None
    if len(columns) != len(ranges):
        raise context.error(
            f"{instrument} has {len(ranges)} items, {len(columns)} columns are given",
            "Name one column per item in the order of the item seed; write - for an item that was not asked",
        )
    return ranges


def _items_by_slot(context: _Context, columns: list[str]) -> Expression:
    """Each slot is called like its instrument and holds its items in order; instruments may differ in length.

    Helper k is item k of whatever slot the row is of, so a questionnaire of many parts needs as many helpers and issue
    bits as its longest part has items, not as it has items at all.
    """
    slots = context.need_slots(SLOT)
    if columns:
        raise context.error(f"{SLOT} takes no columns beside it", "The columns are those of unpivot")
    ranges = [_ranges(context, slot.name, slot.columns) for slot in slots]
    for slot, mine in zip(slots, ranges, strict=True):
        for column, low_high in zip(slot.columns, mine, strict=True):
            context.check_missing_codes(column, low_high)
    parsed: dict[str, str] = {}
    issues: list[tuple[tuple[str, ...], str]] = []
    for i in range(max(map(len, ranges))):
        t, v = context.name("t", i + 1), context.name("v", i + 1)
        texts, values, places = [], [], []
        for no, (slot, mine) in enumerate(zip(slots, ranges, strict=True), start=1):
            places.append(slot.columns[i] if i < len(mine) else slot.columns[0])  # a place that no row can fail
            if i < len(mine):
                column, (low, high) = slot.columns[i], mine[i]
                mark = _mark(context.block.form.column(column).decimal)
                texts.append(f"when {no} then {column}")
                values.append(f"when {no} then {{{{ item_value('{column}', {low:g}, {high:g}{mark}) }}}}")
        parsed[t] = f"case slot_no {' '.join(texts)} end"
        parsed[v] = f"case slot_no {' '.join(values)} end"
        issues.append((tuple(places), f"{t} is not null and {v} is null"))
    lists = []
    for no, mine in enumerate(ranges, start=1):
        items = [context.name("v", i + 1) for i in range(len(mine))]
        listed = ", ".join(f"'{v}'" for v in items)
        lists.append(
            f"when slot_no = {no} and coalesce({', '.join(items)}) is not null then {{{{ list_of([{listed}]) }}}}"
        )
    return Expression(f"case {' '.join(lists)} end", parsed, issues=issues)


def _sql(context: _Context) -> Expression:
    name, *columns = context.parts or [""]
    path = MAPPINGS / "sql" / f"{name}.sql"
    if not path.exists():
        raise context.error(f"no snippet {name!r}", f"Write {path.name} in harmonize/mappings/sql")
    snippet = " ".join(
        line.strip() for line in path.read_text(encoding="utf-8").splitlines() if not line.strip().startswith("--")
    ).strip()
    v, m = context.name("v"), context.name("m")
    issues = []
    for i, column in enumerate(columns, start=1):
        t = context.name("t", i)
        codes = context.block.form.column(context.columns(column)[0]).codes
        # a listed code is understood even where the snippet makes no value of it
        listed = ", ".join(literal(c) for c in codes)
        unused = f"{t} not in ({listed})" if codes else f"{v} is null"
        issues.append((context.columns(column), f"{t} is not null and {unused}"))
    parsed = {v: snippet}
    parsed |= {context.name("t", i): context.text(c) for i, c in enumerate(columns, start=1)}
    if columns:
        parsed[m] = context.why(columns[0])
    return Expression(v, parsed, missing=m if columns else "cast(null as {text})", issues=issues)


def _none(context: _Context) -> Expression:
    if not context.target.comment:
        raise context.error(f"{context.target.name} has no value and no reason", "Say why in the comment")
    type_ = (
        "{{ type_text() }}"
        if context.type == "text"
        else "{{ type_items() }}"
        if context.type == "items"
        else SQL_TYPES[context.type]
    )
    return Expression(f"cast(null as {type_})", missing="'not_applicable'")


_VERBS: dict[str, Callable[[_Context], Expression]] = {
    "copy": _copy,
    "const": _const,
    "recode": _recode,
    "lookup": _lookup,
    "first_of": _first_of,
    "linear": _linear,
    "days_between": _days_between,
    "flag": _flag,
    "parse": _parse,
    "items": _items,
    "sql": _sql,
    "none": _none,
}
