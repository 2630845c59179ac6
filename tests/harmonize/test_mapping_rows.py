"""Every row of every mapping document, on its compiled SQL, against an oracle that knows the verbs by itself.

For each block raw rows are made: a good one, and one per cell that the block reads × {each code, border values, blank,
each missing code, text that cannot be used}. The real staging and block SQL run on them; each target column of each
candidate must have the value, the missing reason and the cell issue that the oracle below gives from the raw text.
The oracle shares no code with harmonize.verbs: it reads the two CSVs, the sources YAML and the seeds.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harmonize import sources
from harmonize.mapping import Block, Target, has_mapping, read_mapping
from harmonize.paths import MAPPINGS
from harmonize.sources import Form, Study
from tests.harmonize import sqlkit

STUDIES: dict[str, Study] = {s.name: s for s in sources.studies() if has_mapping(s.name)}
BLOCKS: dict[tuple[str, str], Block] = {(s, b.name): b for s, study in STUDIES.items() for b in read_mapping(study)}
ROWS = [(s, b, t) for (s, b), block in BLOCKS.items() for t in block.targets]

Row = dict[str, str | None]
Known = Callable[[str], str | None]
"""A column's text after staging: None where it is missing."""

FILTERS: dict[tuple[str, str], Callable[[Known], bool]] = {
    ("dia", "hama"): lambda x: x("hamatotl") is not None,
    ("dia", "pgi"): lambda x: x("pgiimp") is not None,
    ("predict", "arms"): lambda x: x("phase") == "1",
    ("predict", "combination"): lambda x: x("trt2") is not None and (x("phase") == "2" or x("visit") == "12"),
    ("predict", "leavers"): lambda x: x("exitrsn") is not None,
    ("predict", "completers"): lambda x: (x("completer"), x("visit")) == ("1", "12"),
    ("predict", "completers_2"): lambda x: (x("phase"), x("visit")) == ("2", "24"),
    ("predict", "visits_opening"): lambda x: x("trt2") is not None and (x("phase"), x("visit")) == ("1", "12"),
    ("predict", "hrsd17"): lambda x: any_filled(x, "hamdtot", [f"hamd{i}" for i in range(1, 18)]),
    ("predict", "madrs"): lambda x: x("madrs") is not None,
    ("predict", "bdi"): lambda x: x("bdi") is not None,
    ("predict", "qids"): lambda x: x("qidssr") is not None,
    ("predict", "cgi"): lambda x: x("cgi") is not None,
    ("predict", "doses"): lambda x: x("dose_mg") is not None and x("trt") not in (None, "1"),
    ("predict", "doses_added"): lambda x: (
        x("dose_mg") is not None and x("trt") == "1" and (x("phase") == "2" or x("trt2") is not None)
    ),
    ("predict", "sessions"): lambda x: x("sessions") not in (None, "0"),
    ("predict", "preference"): lambda x: x("visit") == "0",
    ("ispotd", "arms"): lambda x: x("diagnosis") == "1",
    ("ispotd", "completers"): lambda x: x("diagnosis") == "1" and x("completedw8") == "1",
    ("ispotd", "leavers"): lambda x: x("diagnosis") == "1" and x("completedw8") == "0",
    ("ispotd", "weeks_treated"): lambda x: x("diagnosis") == "1" and x("weekstreated") is not None,
    ("ispotd", "doses"): lambda x: x("arm") is not None,
    ("ispotd", "exposure"): lambda x: x("arm") is not None and x("weekstreated") is not None,
    ("ispotd", "no_failed_trials"): lambda x: x("diagnosis") == "1",
    ("riesby", "visits_attended"): lambda x: x("hamd") is not None,
    ("riesby", "visits_missed"): lambda x: x("hamd") is None,
    ("riesby", "hrsd17"): lambda x: x("hamd") is not None,
    ("mars", "persons"): lambda x: x("aufnahme_nr") == "1",
    ("mars", "exits"): lambda x: x("beobachtungsende") is not None,
    ("mars", "hrsd21"): lambda x: any_filled(x, "hamd21_summe", item_columns("hrsd21", "mars")),
    ("mars", "hrsd17"): lambda x: any_filled(x, item_columns("hrsd17", "mars")),
    ("mars", "drugs"): lambda x: x("art") != "V",
    ("mars", "past_trials"): lambda x: x("art") == "V",
    ("stard", "arms"): lambda x: x("txassign") not in (None, "FU"),
    ("stard", "decisions"): lambda x: x("trtmt") in ("2", "3", "4"),
    ("stard", "visits_clinic_forms"): lambda x: x("qvtot") is None or x("version_form") is not None,
    ("stard", "visits_ivr"): lambda x: x("qvtot") is not None,
    ("stard", "qids_ivr"): lambda x: x("qvtot") is not None,
    ("stard", "qids_clinic"): lambda x: (
        (x("qvtot") is None or x("version_form") is not None) and any_filled(x, "qstot", item_columns("qids_clinic"))
    ),
    ("stard", "hrsd17"): lambda x: any_filled(x, "hdtot_r", "hdtot", item_columns("hrsd17")),
    ("stard", "ids_c30"): lambda x: any_filled(x, "ictot", item_columns("ids_c30")),
    ("stard_ascii", "qids_sr"): lambda x: any_filled(x, "qstot", item_columns("qids_sr", "stard_ascii")),
    ("stard", "fibser"): lambda x: any_filled(x, "fisfq", "fisin", "grseb"),
    ("stard", "prise"): lambda x: any_filled(x, item_columns("prise")),
    ("stard", "qlesq"): lambda x: any_filled(x, [f"qlesq{i:02}" for i in range(1, 17)]),
    ("stard", "qlesq_total"): lambda x: x("totqlesq") is not None,
    ("stard", "sf12"): lambda x: any_filled(x, [f"sfhs{i:02}" for i in range(1, 13)]),
    ("stard", "wpai"): lambda x: any_filled(x, [f"wpai{i:02}" for i in range(1, 7)]),
    ("stard", "wsas"): lambda x: any_filled(x, "totwsas", "wsastot", [f"wsas{i:02}" for i in range(1, 6)]),
    ("stard", "ucq"): lambda x: any_filled(x, item_columns("ucq")),
}
"""Which staged rows a block keeps, said once more by hand."""

DROPPED: dict[tuple[str, str], Callable[[Known], bool]] = {
    ("stard", "el01"): lambda x: x("pstat") != "4",
    ("stard", "crs01"): lambda x: x("crcid") is None,
}
"""Which rows of a form are no data, said once more by hand."""

BASE: dict[tuple[str, str], Row] = {
    ("predict", "arms"): {"phase": "1"},
    ("predict", "combination"): {"phase": "2"},
    ("predict", "completers"): {"completer": "1", "visit": "12"},
    ("predict", "completers_2"): {"phase": "2", "visit": "24"},
    ("predict", "visits_opening"): {"trt2": "1", "phase": "1", "visit": "12"},
    ("predict", "doses_added"): {"trt": "1", "phase": "2"},
    ("predict", "preference"): {"visit": "0"},
    ("mars", "persons"): {"ersteinschluss": "01.03.2004"},
    ("mars", "past_trials"): {"art": "V"},
    ("ispotd", "completers"): {"completedw8": "1"},
    ("ispotd", "leavers"): {"completedw8": "0"},
    ("riesby", "visits_missed"): {"hamd": ""},
    ("stard", "visits_clinic_forms"): {"qvtot": ""},
    ("stard", "qids_clinic"): {"qvtot": ""},
    ("stard", "persons"): {"pstat": "4"},
    ("stard", "criteria"): {"pstat": "4"},
    ("stard", "episode"): {"episode_date": "-730"},
}
"""Cells of the good row that the filters need and that no target reads."""


@dataclass(frozen=True)
class SnippetCase:
    """Raw cells and the value, missing reason and whether the cell counts as unusable, worked out by hand."""

    cells: Row
    value: Any
    reason: str | None = None
    issue: bool = False


SNIPPETS: dict[str, list[SnippetCase]] = {
    "mars_age": [
        SnippetCase({"gebjahr": "1960", "ersteinschluss": "01.03.2004"}, 44.0),
        SnippetCase({"gebjahr": " 1960 ", "ersteinschluss": "2003-12-31"}, 43.0),
        SnippetCase({"gebjahr": "k.A.", "ersteinschluss": "01.03.2004"}, None, "unknown"),
        SnippetCase({"gebjahr": "abc", "ersteinschluss": "01.03.2004"}, None, "unparseable", issue=True),
        SnippetCase({"gebjahr": "1960", "ersteinschluss": "abc"}, None, "unparseable", issue=True),
    ],
    "mars_analysis_flags": [
        *(SnippetCase({"diagnose_icd10": code}, "psychotic") for code in ("F31.5", "F32.3", "F33.3")),
        *(SnippetCase({"diagnose_icd10": code}, None) for code in ("F31.3", "F31.4", "F32.2", "F33.0", "F33.2")),
        SnippetCase({"diagnose_icd10": "k.A."}, None, "unknown"),
        SnippetCase({"diagnose_icd10": "F33.9"}, None, "invalid_code", issue=True),
    ],
    "ispotd_antidepressant_free": [
        SnippetCase({"treatedbefore": "0", "washout7d": ""}, "antidepressant_free"),
        SnippetCase({"treatedbefore": "0", "washout7d": "0"}, "antidepressant_free"),
        SnippetCase({"treatedbefore": "1", "washout7d": "1"}, "antidepressant_free"),
        SnippetCase({"treatedbefore": "1", "washout7d": "0"}, None),
        SnippetCase({"treatedbefore": "1", "washout7d": ""}, None),
        SnippetCase({"treatedbefore": "-99", "washout7d": "1"}, None),
        SnippetCase({"treatedbefore": "", "washout7d": ""}, None),  # a control
        SnippetCase({"treatedbefore": "maybe", "washout7d": ""}, None, issue=True),
    ],
    "stard_ascii_race": [
        *(
            SnippetCase({"white": "0", "black": "0", "asian": "0", "amind": "0", "hawai": "0", column: "1"}, race)
            for column, race in (
                ("white", "White"),
                ("black", "Black"),
                ("asian", "Asian"),
                ("amind", "American Indian"),
                ("hawai", "Hawaiian"),
            )
        ),
        SnippetCase({"white": "1", "black": "1"}, "More than one"),
        SnippetCase({"white": "1", "black": "-2"}, "White"),
        SnippetCase({"unknown": "1", "white": "0"}, None),
        SnippetCase({}, None),
    ],
    "stard_episode_days": [
        SnippetCase({"episode_date": "-730"}, 730.0),
        SnippetCase({"episode_date": "730"}, 730.0),  # some rows carry no sign: the dossier takes the absolute value
        SnippetCase({"episode_date": "-0"}, 0.0),
        SnippetCase({"episode_date": " -14.5 "}, 14.5),
        SnippetCase({"episode_date": "-7"}, 7.0),  # a week ago, not a code: -7 is one in dm01 and prise01 only
        SnippetCase({"episode_date": "long ago"}, None, "unparseable", issue=True),
        SnippetCase({"episode_date": "nan"}, None, "unparseable", issue=True),
    ],
    "stard_exit_intolerance": [
        SnippetCase({}, None),
        SnippetCase({"l1se": "0", "l2se": "0", "l3se": "0"}, None),
        *(SnippetCase({c: "1"}, "intolerance") for c in ("l1se", "l2se", "l2ase", "l2ctse", "l3se")),
        SnippetCase({"l1se": "0", "l3se": " 1 "}, "intolerance"),
        SnippetCase({"l1se": "2"}, None),
    ],
    "stard_preference_ct": [
        SnippetCase({"cogswl2": "1", "cogaugl2": "2"}, True),
        SnippetCase({"cogswl2": "2", "cogaugl2": "1"}, True),
        SnippetCase({"cogswl2": "1", "cogaugl2": ""}, True),
        SnippetCase({"cogswl2": "", "cogaugl2": "1"}, True),
        SnippetCase({"cogswl2": "2", "cogaugl2": "2"}, False),
        SnippetCase({"cogswl2": "", "cogaugl2": ""}, None),
        SnippetCase({"cogswl2": "", "cogaugl2": "2"}, None),
        SnippetCase({"cogswl2": "maybe", "cogaugl2": ""}, None, issue=True),
    ],
}

UNUSABLE = ["abc", "nan", "inf", "1,5", "1 2", "0x1F", "1_0"]
"""Text that is no number."""


def any_filled(x: Known, *names: str | list[str]) -> bool:
    return any(x(c) is not None for n in names for c in ([n] if isinstance(n, str) else n))


def item_columns(block: str, study: str = "stard") -> list[str]:
    return [c.strip() for c in BLOCKS[study, block].targets["items"].args.split(";")[1:] if c.strip() != "-"]


# --- The oracle ------------------------------------------------------------------------------------------------


@dataclass
class Cell:
    """What a target should be: its value, why there is none, and the source columns whose text cannot be used."""

    value: Any
    reason: str | None = None
    issues: set[str] = field(default_factory=set)


def staged(form: Form, row: Row, column: str) -> tuple[str | None, str | None]:
    """A cell after staging: its text, or why there is none."""
    text = (row.get(column, "") or "").strip(" ")
    if text == "":
        return None, "blank"
    reason = form.column(column).missing.get(text)
    return (None, reason) if reason else (text, None)


def number(text: str, type_: str, valid: tuple[float, float] | None = None, decimal: str = ".") -> float | int | None:
    """Text as a number of a type, by a grammar of its own: decimal digits, at most one mark, an exponent."""
    if decimal == ",":
        text = text.translate({ord(","): ".", ord("."): ","})
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", text):
        return None
    value = float(text)
    if not math.isfinite(value) or (type_ == "integer" and value != math.floor(value)):
        return None
    if (valid and not valid[0] <= value <= valid[1]) or (type_ == "integer" and abs(value) >= 2**63):
        return None
    return int(value) if type_ == "integer" else value


def day(text: str, form: Form) -> date | None:
    """A day in one of the forms that the contract names: DD.MM.YYYY, ISO text with a time or without, or DATE9."""
    declared = form.format["dates"]
    german = re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", text) if "DD.MM.YYYY" in declared else None
    sas = re.fullmatch(r"(\d{1,2})([A-Za-z]{3})(\d{4})", text) if "DDMONYYYY" in declared else None
    iso = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)([T ]\d\d:\d\d(:\d\d)?)?", text)
    months = ["", *"JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()]
    try:
        if german:
            return date(int(german[3]), int(german[2]), int(german[1]))
        if sas:
            return date(int(sas[3]), months.index(sas[2].upper()), int(sas[1]))
        return date(int(iso[1]), int(iso[2]), int(iso[3])) if iso else None
    except ValueError:
        return None


def typed(value: str, type_: str) -> Any:
    return {"text": str, "integer": int, "double": float, "boolean": lambda v: v == "true"}[type_](value)


def half_up(value: float, digits: int) -> float:
    """Rounded as people do: half away from zero (Python's own `round` goes to the even neighbour)."""
    scaled = abs(value) * 10**digits
    return value if scaled > 1e15 else math.copysign(math.floor(scaled + 0.5) / 10**digits, value)


@cache
def item_seed(instrument: str) -> list[dict[str, str]]:
    """The items of an instrument, in their order."""
    rows = [r for r in sqlkit.seed_table("ref_scale_items") if r["scale_id"] == instrument]
    return sorted(rows, key=lambda r: int(r["item_no"]))


class Oracle:
    """One mapping row."""

    def __init__(self, block: Block, target: Target) -> None:
        self.block, self.target, self.form = block, target, block.form
        self.type = block.entity.type_of(target.name)
        self.args = [a.strip() for a in target.args.split(";")] if target.args else []

    def filled(self, argument: str, slot_no: int) -> str:
        """An argument for one slot."""
        if not self.block.slots:
            return argument
        slot = self.block.slots[slot_no - 1]
        names = {"slot": slot.name, **{str(i): c for i, c in enumerate(slot.columns, 1)}}
        names |= {f"slot.{i}": p for i, p in enumerate(slot.name.split("."), 1)}
        return re.sub(r"\{([^}]*)\}", lambda m: names[m[1]], argument)

    def item_columns(self, slot_no: int) -> list[str]:
        """The columns of the items: those named, or all of the slot where the instrument is that of the slot."""
        by_slot = self.args[:1] == ["{slot}"] and slot_no
        return list(self.block.slots[slot_no - 1].columns) if by_slot else self.args[1:]

    def sources(self, slot_no: int) -> list[str]:
        """The raw columns the row reads."""
        columns = {
            "const": [],
            "none": [],
            "items": self.item_columns(slot_no),
            "first_of": self.args,
            "days_between": self.args[:2],
            "sql": [],
        }.get(self.target.verb, self.args[:1])
        return [self.filled(c, slot_no) for c in columns if c != "-"]

    def expected(self, row: Row, slot_no: int) -> Cell:
        """What the target is for a raw row. Raises KeyError for a verb that no mapping used when this was written."""
        columns = self.sources(slot_no)
        cells = [staged(self.form, row, c) for c in columns]
        return {
            "copy": self.copy,
            "const": lambda *_: Cell(typed(self.filled(self.args[0], slot_no), self.type)),
            "none": lambda *_: Cell(None, "not_applicable"),
            "recode": self.recode,
            "lookup": self.lookup,
            "first_of": self.first_of,
            "linear": self.linear,
            "days_between": self.days_between,
            "items": lambda columns, cells: self.items(columns, cells, slot_no),
        }[self.target.verb](columns, cells)

    def usable(self, column: str, text: str | None) -> Any:
        if text is None or self.type == "text":
            return text
        declared = self.form.column(column)
        return number(text, self.type, declared.valid, declared.decimal)

    def copy(self, columns: list[str], cells: list[Any]) -> Cell:
        (column,), ((text, reason),) = columns, cells
        value = self.usable(column, text)
        if text is not None and value is None:
            return Cell(None, "unparseable", {column})
        return Cell(value, reason)

    def first_of(self, columns: list[str], cells: list[Any]) -> Cell:
        values = [self.usable(c, t) for c, (t, _) in zip(columns, cells, strict=True)]
        bad = {c for c, (t, _), v in zip(columns, cells, values, strict=True) if t is not None and v is None}
        value = next((v for v in values if v is not None), None)
        reason = None if value is not None else "unparseable" if bad else cells[0][1]
        return Cell(value, reason, bad)

    def linear(self, columns: list[str], cells: list[Any]) -> Cell:
        (column,), ((text, reason),) = columns, cells
        if text is None:
            return Cell(None, reason)
        declared = self.form.column(column)
        known = number(text, "double", declared.valid, declared.decimal)
        if known is None:
            return Cell(None, "unparseable", {column})
        numerator, _, denominator = self.args[1].partition("/")
        value = known * float(numerator) / float(denominator or 1) + float(self.args[2])
        if self.type == "integer":
            value = half_up(value, 0)
            return Cell(int(value)) if abs(value) < 2**63 else Cell(None, "unparseable", {column})
        return Cell(half_up(value, int(self.args[3])) if len(self.args) > 3 else value)

    def days_between(self, columns: list[str], cells: list[Any]) -> Cell:
        days = [day(text, self.form) if text is not None else None for text, _ in cells]
        told = zip(columns, cells, days, strict=True)
        bad = {c for c, (text, _), found in told if text is not None and found is None}
        start, end = days
        return Cell((end - start).days if start and end else None, cells[0][1] or cells[1][1], bad)

    def recode(self, columns: list[str], cells: list[Any]) -> Cell:
        (column,), ((text, reason),) = columns, cells
        pairs = dict(p.split("=", 1) for p in self.args[1:])
        codes = {c: v for c, v in pairs.items() if not c.startswith("?")} or self.form.column(column).codes
        found = codes.get(text) if text is not None else pairs.get(f"?{reason}")
        if found is None:
            return Cell(None, reason or "invalid_code", set() if text is None else {column})
        if found.startswith("!"):
            return Cell(None, found[1:])
        return Cell(typed(found, self.type))

    def lookup(self, columns: list[str], cells: list[Any]) -> Cell:
        (column,), ((text, reason),) = columns, cells
        if text is None:
            return Cell(None, reason)
        seed, key = self.args[1].split(".")
        found = {r[key]: r[self.args[2]] for r in sqlkit.seed_table(seed)}.get(text.lower())
        # A unit stands beside what is looked up; the miss is told once, by the other.
        told = {column} if not self.target.name.endswith("_unit") else set()
        return Cell(found or None, None) if found else Cell(None, "invalid_code", told)

    def items(self, columns: list[str], cells: list[Any], slot_no: int) -> Cell:
        seed = item_seed(self.filled(self.args[0], slot_no))
        texts = dict(zip(columns, cells, strict=True))
        values, bad = [], set()
        for column, item in zip(self.item_columns(slot_no), seed, strict=True):
            text = texts[column][0] if column != "-" else None
            known = number(text, "double", (float(item["score_min"]), float(item["score_max"]))) if text else None
            values.append(None if known is None else float(np.float32(known)))  # items are 32-bit numbers
            if text is not None and known is None:
                bad.add(column)
        return Cell(values if any(v is not None for v in values) else None, None, bad)


# --- The cases -------------------------------------------------------------------------------------------------


def good(block: Block, column: str) -> str:
    """A cell every target that reads the column can use."""
    declared = block.form.column(column)
    for target in block.targets.values():
        oracle = Oracle(block, target)
        for slot_no in range(1, len(block.slots) + 1) if block.slots else [0]:
            if column not in oracle.sources(slot_no):
                continue
            if target.verb == "recode":
                pairs = [p.partition("=") for p in oracle.args[1:]]
                inline = [c for c, _, v in pairs if not c.startswith("?") and not v.startswith("!")]
                return (inline or list(declared.codes))[-1]
            if target.verb == "days_between":
                return {"DDMONYYYY": "05MAR2008", "DD.MM.YYYY": "01.03.2004"}[block.form.format["dates"][0]]
            if target.verb == "lookup":
                return next(iter(sqlkit.seed_table("drug_synonyms")))["synonym"].title()
    if declared.codes:
        return next(iter(declared.codes))
    return "1" if "1" not in declared.missing else "2"


def variations(block: Block, column: str) -> Iterator[str | None]:
    """Cells of a column: all codes and their neighbours, numbers of every shape, blanks, missing codes, bad text."""
    declared = block.form.column(column)
    yield from declared.codes
    for target in block.targets.values():
        if target.verb == "recode" and target.args.split(";")[0].strip() in (column, "{1}"):
            yield from (p.partition("=")[0].strip().removeprefix("?") for p in target.args.split(";")[1:])
    if any(t.verb == "lookup" for t in block.targets.values()):
        yield from ("Citalopram", "CELEXA", "lithium", " sertraline ", "Valproinsäure", "no such drug")
    if any(t.verb == "days_between" for t in block.targets.values()):
        yield from ("04MAR2008", "29feb2008", " 1Apr2009 ", "29FEB2007", "31APR2008", "05MRZ2008", "05-MAR-2008")
        yield from ("29.02.2004", "30.02.2004", " 15.3.2004 ", "31.12.1999", "01.03.2014", "29.02.2003", "01.03.04")
        yield from ("2004-03-05", "2004-03-05T08:30:00", "2004-02-30", "03/05/2004")
    yield from (None, "", "  ")
    yield from declared.missing
    yield from (f" {c} " for c in declared.missing)
    yield from (
        "0",
        "1",
        "2",
        "3",
        "4",
        "5",
        " 3 ",
        "14",
        "14.0",
        "14.6",
        "-0",
        "-1",
        "1e2",
        "27",
        "53",
        "999.0",
        "1e300",
    )
    if declared.valid:
        low, high = declared.valid
        yield from (f"{v:g}" for v in (low - 1, low, low + 0.5, high, high + 1))
    yield from UNUSABLE


@cache
def cases(study: str, name: str) -> list[Row]:
    """The raw rows a block is tried on."""
    block = BLOCKS[study, name]
    oracles = [Oracle(block, t) for t in block.targets.values()]
    numbers = range(1, len(block.slots) + 1) if block.slots else [0]
    read = list(dict.fromkeys(c for o in oracles for n in numbers for c in o.sources(n)))
    key = "subjectkey" if study == "stard" else STUDIES[study].subject_key[0]
    base: Row = {} if key == sources.ROW_KEY else {key: "7"}
    base |= {c: good(block, c) for c in read}
    base |= {c.name: "1" for c in block.form.columns if c.required and c.name not in base}
    base |= {c: "1" for slot in block.slots for c in slot.columns if c not in base}
    if (study, block.form.name) == ("stard", "crs01"):
        base["crcid"] = "12"
    if name in ("visits_ivr", "qids_ivr"):
        base["qvtot"] = "9"
    base |= BASE.get((study, name), {})
    rows = [base]
    # Of a questionnaire in many parts one part is filled at a time: a row of all would be tried once for each. Texts of
    # every shape are tried on the first item of each part.
    many = len(block.slots) > 4 and any(o.target.verb == "items" for o in oracles)
    later = {c for s in block.slots for c in s.columns[1:]} if many else set()
    others = {
        c: [d for s in block.slots if c not in s.columns for d in s.columns] for s in block.slots for c in s.columns
    }
    for column in read:
        alone = {**base, **dict.fromkeys(others.get(column, []), "")} if many else base
        tried = ("", None, "0", "1", "2", "abc") if column in later else dict.fromkeys(variations(block, column))
        rows += [{**alone, column: v} for v in tried]
    for oracle in oracles:
        for slot_no in numbers if oracle.target.verb in ("items", "first_of") else []:
            columns = oracle.sources(slot_no)
            rows.append({**base, **dict.fromkeys(columns, "")})
            rows.append({**base, **dict.fromkeys(columns, "abc")})
            rows += [{**base, **dict.fromkeys(columns, ""), c: "1"} for c in columns]
            rows += [{**base, columns[0]: a, columns[1]: b} for a in ("", "-9", "abc", "5") for b in ("", "abc", "6")]
        if oracle.target.verb == "sql":
            snippet = oracle.args[0]
            rows += [snippet_row(base, snippet, case) for case in SNIPPETS.get(snippet, [])]
    rows += [{**base, c: v} for slot in block.slots for c in slot.columns if c not in read for v in ("", "-9")]
    conditions = filter_columns(study, name)
    rows += [{**base, c: v} for c in conditions for v in ("", "1", "2", "4", "12", "FU", "Clinician")]
    rows += [{**base, **dict.fromkeys(conditions, ""), c: v} for c in conditions for v in ("", "1")]
    return rows


def snippet_row(base: Row, snippet: str, case: SnippetCase) -> Row:
    blank = {c: "" for other in SNIPPETS[snippet] for c in other.cells}
    return {**base, **blank, **case.cells}


def filter_columns(study: str, name: str) -> list[str]:
    """Columns named in the block's filters and the form's drop rules."""
    block = BLOCKS[study, name]
    conditions = " ".join([f.keep for f in block.filters] + [d.when for d in block.form.drop_rules])
    return [c for c in block.form.column_names if re.search(rf"\b{c}(__missing)?\b", conditions)]


@cache
def outcome(study: str, name: str) -> dict[tuple[int, int], dict[str, Any]]:
    """The block's candidates by (row, slot), from the compiled SQL."""
    with sqlkit.connect() as connection:
        found = sqlkit.candidates(connection, STUDIES[study], BLOCKS[study, name], cases(study, name))
    by_key = {(r["src_row"], r["slot_no"]): r for r in found}
    assert len(by_key) == len(found), "a join made two candidates of one"
    return by_key


def rated(block: Block) -> list[str]:
    """Columns of a filter as trd new-study writes it: one of them is not blank. Empty for any other filter."""
    terms = [t.strip() for f in block.filters for t in f.keep.split(" or ")]
    found = [re.fullmatch(r"coalesce\((\w+)__missing, ''\) <> 'blank'", t) for t in terms]
    return [hit[1] for hit in found if hit] if all(found) else []


def kept(study: str, name: str, row: Row) -> list[int]:
    """The slots for which a raw row gives a candidate (0 where the block has none)."""
    block = BLOCKS[study, name]

    def known(column: str) -> str | None:
        return staged(block.form, row, column)[0]

    if DROPPED.get((study, block.form.name), lambda _: False)(known):
        return []
    if not FILTERS.get((study, name), lambda _: True)(known):
        return []
    if (columns := rated(block)) and all(staged(block.form, row, c)[1] == "blank" for c in columns):
        return []
    if not block.slots:
        return [0]
    return [i for i, s in enumerate(block.slots, 1) if any(staged(block.form, row, c)[1] != "blank" for c in s.columns)]


# --- The tests -------------------------------------------------------------------------------------------------

COMPANION = {"arm_assigned": "arm_missing", "score": "score_missing", "dose": "dose_missing"}


def companion(block: Block, target: str) -> str | None:
    """The missing-reason column that speaks of a target."""
    if target in ("value_num", "value_code"):
        return "value_missing" if block.targets[target].verb != "none" else None
    return COMPANION.get(target)


def same(actual: Any, expected: Any) -> bool:
    if isinstance(expected, list):
        return isinstance(actual, list) and len(actual) == len(expected) and all(map(same, actual, expected))
    if isinstance(expected, bool) or not isinstance(expected, int | float) or actual is None:
        return actual == expected and type(actual) is type(expected)
    return type(actual) is type(expected) and math.isclose(actual, expected, rel_tol=1e-12)


def expected_cells(study: str, name: str, target: str) -> Iterator[tuple[tuple[int, int], Row, Cell]]:
    """Each candidate with what the target must be there."""
    block = BLOCKS[study, name]
    oracle = Oracle(block, block.targets[target])
    rows = cases(study, name)
    if oracle.target.verb == "sql":
        for case in SNIPPETS.get(oracle.args[0], []):
            row = snippet_row(rows[0], oracle.args[0], case)
            issues = {oracle.args[1]} if case.issue else set()
            for slot_no in kept(study, name, row):
                yield (rows.index(row) + 1, slot_no), row, Cell(case.value, case.reason, issues)
        return
    for src_row, row in enumerate(rows, 1):
        for slot_no in kept(study, name, row):
            yield (src_row, slot_no), row, oracle.expected(row, slot_no)


@pytest.mark.parametrize(("study", "name", "target"), ROWS, ids=["-".join(r) for r in ROWS])
def test_a_mapping_row(study: str, name: str, target: str) -> None:
    block = BLOCKS[study, name]
    oracle = Oracle(block, block.targets[target])
    found = outcome(study, name)
    beside = companion(block, target)
    tried = []
    for key, row, expected in expected_cells(study, name, target):
        actual = found[key]
        said = {c: row.get(c) for c in oracle.sources(key[1])}
        assert same(actual[target], expected.value), f"{key} {said}: {actual[target]!r}, not {expected.value!r}"
        issues = {column for of, column in actual["issues"] if of == target}
        assert issues == expected.issues, f"{key} {said}: cell issues in {issues}"
        if beside:
            reason = expected.reason if expected.value is None else None
            assert actual[beside] == reason, f"{key} {said}: {actual[beside]!r}, not {reason!r}"
        tried.append(expected)
    assert tried, "no candidate tries this row"
    values = [t.value for t in tried]
    if oracle.target.verb == "none":
        assert values == [None] * len(values)
    else:
        assert any(v is not None for v in values), "no case gives a value"
    if oracle.target.verb not in ("const", "none", "sql"):
        assert oracle.sources(1 if block.slots else 0)
        any_text = oracle.target.verb == "copy" and oracle.type == "text"
        filtered = set(oracle.sources(0)) & set(filter_columns(study, name)) and oracle.target.verb == "recode"
        if not any_text and not target.endswith("_unit") and not filtered:
            assert any(t.issues for t in tried), "no case has text that cannot be used"


@pytest.mark.parametrize(("study", "name"), BLOCKS, ids=["-".join(k) for k in BLOCKS])
def test_a_block_keeps_the_rows_it_should(study: str, name: str) -> None:
    """Filters, drop rules and empty slots, and where each candidate says it comes from."""
    block = BLOCKS[study, name]
    assert bool(block.filters) == ((study, name) in FILTERS or bool(rated(block))), (
        "write the block's filters once more in FILTERS"
    )
    assert bool(block.form.drop_rules) == ((study, block.form.name) in DROPPED), "write the drop rules in DROPPED"
    rows = cases(study, name)
    wanted = {(i, slot_no) for i, row in enumerate(rows, 1) for slot_no in kept(study, name, row)}
    found = outcome(study, name)
    assert set(found) == wanted
    assert {i for i, _ in wanted} >= {1}, "the good row is kept"
    if block.filters or block.form.drop_rules:
        assert len({i for i, _ in wanted}) < len(rows), "no row tries the filter"
    for row in found.values():
        assert (row["study_id"], row["src_form"], row["block"]) == (study, block.form.name, name)
        assert row["block_no"] == block.number
        assert row["boundary_allowed"] == (block.duplicates == "boundary")
        assert re.fullmatch(rf"{study}-[0-9a-f]{{16}}", row["subject_id"])


@pytest.mark.parametrize(("study", "name"), BLOCKS, ids=["-".join(k) for k in BLOCKS])
def test_cases_hold_what_a_delivery_can_hold(study: str, name: str) -> None:
    """Per column that a target reads: each code, a blank, each missing code and unusable text are among the rows."""
    block = BLOCKS[study, name]
    rows = cases(study, name)
    for target in block.targets.values():
        for slot_no in range(1, len(block.slots) + 1) if block.slots else [0]:
            for column in Oracle(block, target).sources(slot_no):
                said = {row.get(column, "") for row in rows}
                assert said >= {"", None, "abc", *block.form.column(column).missing, *block.form.column(column).codes}


def test_every_snippet_has_cases() -> None:
    files = {p.stem for p in (MAPPINGS / "sql").glob("*.sql")}
    used = {t.args.split(";")[0].strip() for b in BLOCKS.values() for t in b.targets.values() if t.verb == "sql"}
    assert files == set(SNIPPETS), "write cases by hand for each snippet of harmonize/mappings/sql"
    assert files == used, "a snippet that no mapping row uses"
    for name, written in SNIPPETS.items():
        assert any(c.value is not None for c in written), name
        assert any(c.value is None for c in written), name


LOOKUPS = {t.args.split(";")[1].strip() for b in BLOCKS.values() for t in b.targets.values() if t.verb == "lookup"}


@pytest.mark.parametrize("seed", sorted(LOOKUPS))
def test_lookup_keys_are_lower_case_and_unique(seed: str) -> None:
    """A key twice would make two candidates of one; a capital would never be found."""
    name, key = seed.split(".")
    keys = [r[key] for r in sqlkit.seed_table(name)]
    assert len(set(keys)) == len(keys)
    assert keys == [k.strip().lower() for k in keys]


ITEM_ROWS = [r for r in ROWS if BLOCKS[r[:2]].targets[r[2]].verb == "items"]


@pytest.mark.parametrize(("study", "name", "target"), ITEM_ROWS, ids=["-".join(r[:2]) for r in ITEM_ROWS])
def test_items_stand_in_the_order_of_the_seed(study: str, name: str, target: str) -> None:
    """The cases above read the columns from the mapping row; here the item seed says which element each item is."""
    block = BLOCKS[study, name]
    oracle = Oracle(block, block.targets[target])
    for slot_no in range(1, len(block.slots) + 1) if block.slots else [0]:
        columns = oracle.item_columns(slot_no)
        for column, item in zip(columns, item_seed(oracle.filled(oracle.args[0], slot_no)), strict=True):
            item_no = item["item_no"]
            if study == "stard" and item["stard_nda_element"]:
                assert column == item["stard_nda_element"], f"item {item_no}"
            elif study == "stard_ascii":  # the names of qids01 with a leading s (dossier, columns table)
                assert column == f"s{item['stard_nda_element'][1:]}", f"item {item_no}"
            else:  # the seed names no element of the study: the description of the column must speak of the item
                words = set(re.findall(r"[a-z]{4,}", item["item_name"]))
                described = block.form.column(column).description.lower()
                assert any(w[:5] in described for w in words), f"item {item_no} {item['item_name']}: {described}"
        assert len(set(columns)) == len(columns)


def test_slots_are_the_elements_the_seeds_name() -> None:
    """reference.variables and reference.conditions say which element of which form each variable or diagnosis is."""
    elements = {r["variable_id"]: r["source"] for r in sqlkit.seed_table("variables")}
    elements |= {r["condition_id"]: r["source"] for r in sqlkit.seed_table("ref_conditions")}
    checked = 0
    for (study, name), block in BLOCKS.items():
        if study == "stard" and (block.entity.name == "history" or name == "diagnoses"):
            for slot in block.slots:
                found = re.search(r"element (\w+)\.(\w+)", elements[slot.name])
                assert found, slot.name
                assert (found[1], (found[2],)) == (block.form.name, slot.columns)
                checked += 1
    assert checked > 60


def test_all_mapping_rows_have_a_test(record_property: Callable[[str, object], None]) -> None:
    """The share of mapping rows with a test, counted in the CSV documents themselves: 100 %."""
    documents = [p.with_name(p.name.replace("_blocks", "")) for p in MAPPINGS.glob("*_blocks.csv")]
    written = [(p.stem, r["block"], r["target"]) for p in documents for r in read(p)]
    tested = [row for row in ROWS if next(expected_cells(*row), None) is not None]
    share = len(set(tested) & set(written)) / len(written)
    record_property("mapping_rows_tested", share)
    print(f"mapping rows with a test: {len(set(tested) & set(written))} of {len(written)} ({share:.0%})")
    assert sorted(tested) == sorted(written)
    assert share == 1


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
