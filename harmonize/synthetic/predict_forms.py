"""The two forms of a synthetic PReDICT, as text in the way a SAS export prints it.

Numbers that are missing are a full stop; `.A` is not applicable, `.N` not done. Dates are DATE9. (05MAR2008).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from harmonize.sources import Study
from harmonize.synthetic.draws import Draws, Floats, Ints, permuted
from harmonize.synthetic.instruments import administer, totals
from harmonize.synthetic.parameters import parameters
from harmonize.synthetic.predict_course import ACUTE, SLOTS, WEEK_12, WEEKS, Course
from harmonize.synthetic.predict_treatment import doses, sessions
from harmonize.synthetic.text_columns import Column, constant, plain, table, words
from harmonize.synthetic.worlds import World
from harmonize.synthetic.worlds import world as world_of

NOTE = "SYNTHETIC, nobody was measured; the layout is INVENTED"
BLANK, NOT_APPLICABLE, NOT_DONE = -1, -2, -3
"""Codes of the missing numbers `.`, `.A` and `.N`; values are not negative."""
_MISSING = (".N", ".A", ".")
_FIRST_DAY = np.datetime64("2007-01-15")
_RECRUITMENT_DAYS = 2300
_LEFT = np.array([2, 1, NOT_APPLICABLE, 4, NOT_APPLICABLE])
"""Codes of EXITRSN by position in LEAVING."""
_CONSENT = 3
_TOTALS = ("MADRS", "BDI_II", "QIDS_SR16", "CGI_S")
_PCS = 5
_PC_CENTRES = np.array(
    [[0.9, -0.2, 0, 0, 0], [-2.4, -0.3, 0, 0, 0], [0.3, 1.6, 0.2, 0, 0], [0.2, 0.3, -2.9, 0, 0], [0, 0.2, -0.9, 0.3, 0]]
)
"""Principal components of the ancestries, in hundredths: chosen, for groups that lie apart."""


def archive_keys(number: Ints, seed: int) -> NDArray[np.str_]:
    """PID: nine digits in no order."""
    return (100_000_000 + permuted(number, seed, 8, 10)).astype(str)


def visits(of: Study, course: Course, seed: int, world: str) -> pa.Table:
    """One row per person and held visit."""
    p, draws, there = parameters("predict"), Draws(seed), world_of(world)
    who = course.persons
    row, visit = np.nonzero(course.seen)
    number = who.number[row]
    key = number * SLOTS + visit
    combined = course.combined[row] & (visit >= WEEK_12)
    start = draws.below("recruited", who.number, _RECRUITMENT_DAYS)
    columns: dict[str, Column] = {
        "pid": pa.array(archive_keys(number, seed)),
        "trt": _numbers(course.arm[row] + 1),
        "pref": _numbers(1 + draws.choice("preference", who.number, p["entry"]["preference"])[row]),
        "phase": _numbers(np.where(visit < ACUTE, 1, 2)),
        "visit": _numbers(WEEKS[visit]),
        "basedate": _dates(start[row]),
        "visitdate": _dates(start[row] + course.day[row, visit]),
        "hamdtot": _numbers(course.hrsd[row, visit]),
        "dose_mg": _numbers(doses(course, draws)[row, visit]),
        "sessions": _numbers(sessions(course, draws)[row, visit]),
        "completer": _numbers(course.completer[row].astype(np.int64)),
        "trt2": _numbers(np.where(combined, course.arm[row] + 1, BLANK)),
        "exitrsn": _numbers(_reasons(course, draws)[row, visit]),
        "note": constant(NOTE, len(row)),
    }
    items = course.hrsd_items[row, visit].astype(np.int64)
    lacks = draws.chance("item not done", key, p["visits"]["item_not_done"])
    items[lacks, draws.below("which item not done", key[lacks], items.shape[1])] = NOT_DONE
    columns |= {f"hamd{i + 1}": _numbers(items[:, i]) for i in range(items.shape[1])}
    columns |= _other_scales(course, row, visit, key, draws, there)
    return table(of.form("visits"), columns, len(row))


def persons(of: Study, course: Course, seed: int, world: str) -> pa.Table:
    """One row per person."""
    draws, who = Draws(seed), course.persons
    key = who.number
    pcs = _PC_CENTRES[who.ancestry] / 100 + 0.004 * np.stack(
        [draws.normal(f"pc{i}", key) for i in range(1, _PCS + 1)], axis=1
    )
    columns: dict[str, Column] = {
        "pid": pa.array(archive_keys(key, seed)),
        "sex": _numbers(1 + who.female.astype(np.int64)),
        "age": _numbers(np.floor(who.age).astype(np.int64)),
        "race": _numbers(who.race + 1),
        "ethnic": _numbers(np.where(who.hispanic, 1, 2)),
        "edu": _numbers(np.where(draws.chance("education blank", key, 0.02), BLANK, who.education_years)),
        "episodes": _numbers(np.where(draws.chance("episodes blank", key, 0.01), BLANK, who.n_episodes)),
        "epilen_wk": _numbers(np.rint(who.episode_weeks).astype(np.int64)),
        "anxdx": _numbers(np.where(who.comorbid[:, :4].any(axis=1), 1, 0)),
        "dna": _numbers(course.dna.astype(np.int64)),
        **{f"pc{i + 1}": _decimals(pcs[:, i], course.dna) for i in range(_PCS)},
        "grs": _decimals(who.score, course.dna),
        "note": constant(NOTE, len(key)),
    }
    return table(of.form("persons"), columns, len(key))


FORMS: dict[str, Callable[[Study, Course, int, str], pa.Table]] = {"visits": visits, "persons": persons}


def write_csv(path: Path, data: pa.Table, *, header: bool) -> None:
    """Write a form (with `header`), or append to it: upper-case names, CRLF, quotes where a field needs them.

    Only the note, which is the last field of every row, holds a comma.
    """
    if data.column_names[-1] != "note":
        raise ValueError(f"the last column is {data.column_names[-1]}, not note")
    body = io.BytesIO()
    options = pacsv.WriteOptions(include_header=False, quoting_style="none")
    pacsv.write_csv(plain(data.drop_columns("note")), body, options)
    lines = body.getvalue().replace(b"\n", f',"{NOTE}"\r\n'.encode())
    names = ",".join(name.upper() for name in data.column_names)
    with path.open("wb" if header else "ab") as stream:
        stream.write((f"{names}\r\n".encode() if header else b"") + lines)


def _reasons(course: Course, draws: Draws) -> Ints:
    """EXITRSN at the last visit of each phase, blank elsewhere."""
    out = np.full(course.seen.shape, BLANK)
    everyone = np.arange(len(course.arm))
    last = ACUTE - 1 - course.seen[:, :ACUTE][:, ::-1].argmax(axis=1)
    code = _LEFT[course.left]
    share = parameters("predict")["leaving"]["consent"]
    code = np.where((code == 4) & draws.chance("consent withdrawn", course.persons.number, share), _CONSENT, code)
    out[everyone, last] = np.where(course.completer, NOT_APPLICABLE, code)
    followed = course.seen[:, ACUTE:].any(axis=1)
    last = course.seen.shape[1] - 1 - course.seen[:, ::-1].argmax(axis=1)
    out[everyone[followed], last[followed]] = np.where(course.left_2[followed] == 3, 4, NOT_APPLICABLE)
    return out


def _other_scales(course: Course, row: Ints, visit: Ints, key: Ints, draws: Draws, world: World) -> dict[str, Column]:
    names = dict(zip(_TOTALS, ("madrs", "bdi", "qidssr", "cgi"), strict=True))
    shares = dict(zip(_TOTALS, parameters("predict")["visits"]["not_done"], strict=True))
    theta, lean = course.theta[row, visit], course.persons.anxiety[row]
    found: dict[str, Column] = {}
    for instrument, name in names.items():
        total = totals(instrument, administer(instrument, theta, key, draws, world=world, lean=lean))
        skipped = draws.chance(f"{instrument} not done", key, shares[instrument])
        found[name] = _numbers(np.where(skipped, NOT_DONE, total))
    return found


def _numbers(values: Ints) -> pa.DictionaryArray:
    highest = int(values.max(initial=0))
    return words(values - NOT_DONE, (*_MISSING, *map(str, range(highest + 1))))


def _decimals(values: Floats, known: NDArray[np.bool_]) -> pa.Array:
    text = np.char.mod("%.4f", values)
    return pa.array(np.where(known, text, ".A").astype(object), type=pa.string())


def _dates(days: Ints) -> pa.DictionaryArray:
    return words(days, _calendar())


@cache
def _calendar() -> tuple[str, ...]:
    days = _FIRST_DAY + np.arange(_RECRUITMENT_DAYS + 400)
    return tuple(d.strftime("%d%b%Y").upper() for d in days.astype(object))
