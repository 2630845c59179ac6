"""Faults planted into synthetic STAR*D forms, with a list of where they are.

Each fault is on a person of its own, and on a row whose loss touches nothing else: not the entry to the study, not a
level's boundary, not a row that one of the named quirks has changed already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harmonize.synthetic.stard_persons import subject_keys
from harmonize.synthetic.stard_rater import HRSD
from harmonize.synthetic.text_columns import Column, plain, plain_column

FIRST_ROW = 3
"""Row number that landing gives the first data row: two header rows stand above it."""
EACH = 3
"""Faults per line of the tables below; fewer where too few persons are left."""
MANIFEST = ("kind", "form", "src_row", "subjectkey", "column", "raw_value", "role")

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Edit:
    """A cell of some row of the form is overwritten; `where` names the rows that may be hit."""

    kind: str
    form: str
    column: str
    value: str
    where: str


@dataclass(frozen=True)
class Copy:
    """A row is appended again, with `column` changed by `change`."""

    kind: str
    form: str
    column: str
    change: Callable[[str], str]
    where: str


EDITS = (
    Edit("bad_arm", "ivra01", "txassign", "XYZ", "arm"),
    Edit("total_out_of_range", "hrsd01", "hdtot_r", "60", "exit"),
    Edit("total_out_of_range", "qids01", "qstot", "40", "clinic"),
    Edit("total_out_of_range", "idsc01", "ictot", "99", "exit"),
    Edit("letters_in_total", "qids01", "qstot", "abc", "clinic"),
    Edit("letters_in_total", "hrsd01", "hdtot_r", "nan", "exit"),
    Edit("letters_in_item", "qids01", "vmdsd", "x", "clinic"),
    Edit("letters_in_item", "hrsd01", "hmdsd", "x", "exit"),
    Edit("item_out_of_range", "qids01", "vintr", "7", "clinic"),
    Edit("fraction_in_day", "hrsd01", "days_baseline", "14.6", "exit"),
    Edit("impossible_day", "qids01", "days_baseline", "99999", "clinic"),
    Edit("impossible_day", "qids01", "days_baseline", "-500", "clinic"),
    Edit("impossible_day", "hrsd01", "days_baseline", "99999", "exit"),
    Edit("impossible_day", "hrsd01", "days_baseline", "-500", "exit"),
    Edit("impossible_day", "ccv01", "days_baseline", "99999", "visit"),
    Edit("impossible_day", "ccv01", "days_baseline", "-500", "visit"),
    Edit("sentinel_in_valid_range", "qids01", "days_baseline", "999", "level1"),
    Edit("unknown_level", "hrsd01", "level", "Level 9", "exit"),
    Edit("unknown_version", "qids01", "version_form", "Proxy", "clinic"),
    Edit("unknown_drug", "ccv01", "medication1_name", "Placebonil", "visit"),
    Edit("blank_key", "qids01", "subjectkey", "", "clinic"),
    Edit("bad_age", "el01", "interview_age", "2400", "enrolled"),
    Edit("bad_code", "dm01", "marital", "77", "home"),
)
_ONE_MORE = {"52": "51", "27": "26"}
"""The highest totals have no higher one."""
COPIES = (
    Copy("duplicate_key_conflict", "hrsd01", "hdtot_r", lambda v: _ONE_MORE.get(v, str(int(v) + 1)), "exit"),
    Copy("duplicate_key_conflict", "qids01", "qstot", lambda v: _ONE_MORE.get(v, str(int(v) + 1)), "clinic"),
    Copy("duplicate_key_conflict", "ccv01", "medication1_dosage", lambda v: str(int(v) + 5), "visit"),
    Copy(
        "duplicate_key_conflict",
        "el01",
        "ethnicity",
        lambda v: "Hispanic or Latino" if v.startswith("Not") else "Not Hispanic or Latino",
        "enrolled",
    ),
    Copy("duplicate_identical", "hrsd01", "hdtot_r", lambda v: v, "exit"),
)
ORPHANS = (("hrsd01", "exit"), ("qids01", "clinic"), ("dm01", "home"))


@dataclass
class _Planter:
    """Forms that are being changed, and what was done to them."""

    forms: Mapping[str, pa.Table]
    rng: np.random.Generator
    persons: pd.Index
    used: Flags
    edits: dict[str, dict[str, dict[int, str]]] = field(default_factory=dict)
    appended: dict[str, list[tuple[int, dict[str, str]]]] = field(default_factory=dict)
    manifest: list[tuple[str, str, int, str, str, str, str]] = field(default_factory=list)
    _frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    _eligible: dict[tuple[str, str], Flags] = field(default_factory=dict)

    def frame(self, form: str) -> pd.DataFrame:
        """What choosing needs to know of a form's rows."""
        if form not in self._frames:
            columns = [c for c in _NEEDED[form] if c in self.forms[form].column_names]
            frame = pd.DataFrame({c: self.forms[form].column(c).cast(pa.string()).to_pandas() for c in columns})
            frame["person"] = self.persons.get_indexer(pd.Index(frame["subjectkey"]))
            self._frames[form] = frame
        return self._frames[form]

    def victims(self, form: str, where: str, count: int = EACH) -> list[int]:
        """Up to `count` eligible rows of different persons who have no fault yet."""
        if (form, where) not in self._eligible:
            self._eligible[form, where] = _ROWS[where](self.frame(form))
        person = self.frame(form)["person"].to_numpy()
        rows = np.flatnonzero(self._eligible[form, where] & (person >= 0) & ~self.used[person])
        rows = rows[self.rng.permutation(len(rows))]
        _, first = np.unique(person[rows], return_index=True)
        chosen = rows[np.sort(first)[:count]]
        self.used[person[chosen]] = True
        return [int(row) for row in chosen]

    def note(self, kind: str, form: str, row: int, key: str, column: str, value: str, role: str = "") -> None:
        """List one fault."""
        self.manifest.append((kind, form, row + FIRST_ROW, key, column, value, role))

    def append(self, form: str, row: int, changes: dict[str, str]) -> int:
        """Copy a row to the end of the form; gives its place."""
        copies = self.appended.setdefault(form, [])
        copies.append((row, changes))
        return self.forms[form].num_rows + len(copies) - 1


def plant_faults(forms: Mapping[str, pa.Table], seed: int) -> tuple[dict[str, pa.Table], pd.DataFrame]:
    """The forms with faults, and one row per fault (two for a copied row: `role` original and copy).

    `src_row` is the row number that landing gives; `raw_value` is what stands in that row and column, '' for a blank.
    The forms given are not changed.
    """
    persons = pd.Index(plain_column(forms["el01"].column("subjectkey")).to_pandas())
    planter = _Planter(forms, np.random.default_rng(seed), persons, np.zeros(len(persons), dtype=bool))
    for edit in EDITS:
        _overwrite(planter, edit)
    for copy in COPIES:
        _copy(planter, copy)
    _orphans(planter, seed)
    changed = {
        name: _applied(data, planter.edits.get(name, {}), planter.appended.get(name, ()))
        for name, data in forms.items()
    }
    manifest = pd.DataFrame(planter.manifest, columns=list(MANIFEST)).astype({"src_row": "int64"})
    return changed, manifest.sort_values(["kind", "form", "src_row"], ignore_index=True)


def _overwrite(planter: _Planter, edit: Edit) -> None:
    keys = planter.frame(edit.form)["subjectkey"]
    for row in planter.victims(edit.form, edit.where):
        planter.edits.setdefault(edit.form, {}).setdefault(edit.column, {})[row] = edit.value
        planter.note(edit.kind, edit.form, row, keys[row], edit.column, edit.value)


def _copy(planter: _Planter, copy: Copy) -> None:
    frame = planter.frame(copy.form)
    for row in planter.victims(copy.form, copy.where):
        before = frame[copy.column][row]
        after = copy.change(before)
        place = planter.append(copy.form, row, {copy.column: after})
        key = frame["subjectkey"][row]
        planter.note(copy.kind, copy.form, row, key, copy.column, before, "original")
        planter.note(copy.kind, copy.form, place, key, copy.column, after, "copy")


def _orphans(planter: _Planter, seed: int) -> None:
    """Rows of persons who are not in el01, made after the rows of persons who are."""
    made = subject_keys((1 << 40) + np.arange(10 * EACH * len(ORPHANS)), seed).to_pylist()
    keys = iter([key for key in made if key not in planter.persons])
    for form, where in ORPHANS:
        for row in planter.victims(form, where):
            key = next(keys)
            number = str(9_000_000_001 + len(planter.manifest))
            place = planter.append(form, row, {"subjectkey": key, "src_subject_id": number})
            planter.note("orphan", form, place, key, "subjectkey", key)


def _applied(
    data: pa.Table, edits: Mapping[str, Mapping[int, str]], appended: Sequence[tuple[int, dict[str, str]]]
) -> pa.Table:
    changed = data
    for name, cells in edits.items():
        place = data.column_names.index(name)
        text = plain_column(data.column(name))
        rows = sorted(cells)
        mask = np.zeros(len(text), dtype=bool)
        mask[rows] = True
        text = pc.replace_with_mask(text, pa.array(mask), pa.array([cells[r] or None for r in rows], type=pa.string()))
        changed = changed.set_column(place, name, _encoded(text, data.schema.field(name).type))
    if not appended:
        return changed
    copies = plain(data.take([row for row, _ in appended])).to_pylist()
    for copy, (_, changes) in zip(copies, appended, strict=True):
        copy.update(changes)
    columns = [_encoded(pa.array([copy[f.name] for copy in copies], type=pa.string()), f.type) for f in data.schema]
    return pa.concat_tables([changed, pa.table(columns, schema=data.schema)])


def _encoded(text: pa.Array, kind: pa.DataType) -> Column:
    if not pa.types.is_dictionary(kind):
        return text
    encoded = text.dictionary_encode()
    return pa.DictionaryArray.from_arrays(encoded.indices.cast(kind.index_type), encoded.dictionary)


# --- Rows that may be hit --------------------------------------------------------------------------------------------

_HRSD_ITEMS = [name for name, _, _ in HRSD]
_SINGLE_ITEMS = ["vmdsd", "vcntr", "vvwsf", "vsuic", "vintr", "vengy"]
_NEEDED: dict[str, list[str]] = {
    "el01": ["subjectkey", "pstat", "ethnicity"],
    "dm01": ["subjectkey", "level", "marital"],
    "hrsd01": ["subjectkey", "level", "hdtot_r", *_HRSD_ITEMS],
    "idsc01": ["subjectkey", "level", "ictot"],
    "qids01": ["subjectkey", "level", "days_baseline", "version_form", "qstot", *_SINGLE_ITEMS],
    "ccv01": ["subjectkey", "level", "days_baseline", "medication1_name", "medication1_dosage", "trtmt"],
    "ivra01": ["subjectkey", "txassign"],
}


def _alone(frame: pd.DataFrame, *key: str) -> pd.Series:
    """No other row of the form has the same key."""
    return ~frame.duplicated(["subjectkey", *key], keep=False)


def _exit(frame: pd.DataFrame) -> Flags:
    """A call of the rater at the end of a level, complete."""
    total = "hdtot_r" if "hdtot_r" in frame else "ictot"
    complete = frame[total].notna() & frame["level"].str.startswith("Level").fillna(False)
    if "hmdsd" in frame:
        complete &= ~(frame[_HRSD_ITEMS] == "-9").any(axis=1)
    return complete.to_numpy(dtype=bool)


def _clinic(frame: pd.DataFrame) -> Flags:
    """A clinic form after entry, complete, not at a boundary."""
    kept = frame["version_form"].notna() & frame["qstot"].notna() & (frame["days_baseline"] != "0")
    kept &= ~(frame[_SINGLE_ITEMS] == "999").any(axis=1) & _alone(frame, "days_baseline", "version_form")
    return kept.to_numpy(dtype=bool)


def _level1(frame: pd.DataFrame) -> Flags:
    return _clinic(frame) & (frame["level"] == "Level 1").to_numpy(dtype=bool)


def _visit(frame: pd.DataFrame) -> Flags:
    """A clinic visit after entry that goes on with a drug at a known dose, not at a boundary."""
    kept = frame["medication1_name"].notna() & frame["medication1_dosage"].notna() & (frame["trtmt"] == "1")
    kept &= ~frame["medication1_dosage"].isin(["0", "999"]) & (frame["days_baseline"] != "0")
    return (kept & _alone(frame, "days_baseline")).to_numpy(dtype=bool)


def _enrolled(frame: pd.DataFrame) -> Flags:
    return ((frame["pstat"] == "4") & frame["ethnicity"].notna()).to_numpy(dtype=bool)


def _home(frame: pd.DataFrame) -> Flags:
    """The only enrolment row of a person, with a marital status."""
    return ((frame["level"] == "Enrollment") & frame["marital"].notna() & _alone(frame, "level")).to_numpy(dtype=bool)


def _arm(frame: pd.DataFrame) -> Flags:
    return (frame["txassign"].notna() & (frame["txassign"] != "FU")).to_numpy(dtype=bool)


_ROWS: dict[str, Callable[[pd.DataFrame], Flags]] = {
    "exit": _exit,
    "clinic": _clinic,
    "level1": _level1,
    "visit": _visit,
    "enrolled": _enrolled,
    "home": _home,
    "arm": _arm,
}
