"""Quality of life, function, work and use of services by the automated telephone: five forms of the same calls.

qlesq01, sfhs01, wsas01, wpai01, ucq01. Everything follows from the severity at the call and from the person; the
numbers stand under `stard.calls` in `parameters.toml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from harmonize.synthetic.draws import Floats, Ints
from harmonize.synthetic.parameters import parameters
from harmonize.synthetic.stard_chunk import LEVEL_DASH, Chunk
from harmonize.synthetic.stard_history import employed
from harmonize.synthetic.stard_levels import Flags
from harmonize.synthetic.stard_population import FU, NO_RETURN
from harmonize.synthetic.stard_qids import phone_totals
from harmonize.synthetic.text_columns import Column, numbers, rounded, words

CALL_TYPES = ("Base", "Entry", "Exit")
"""`Base` is read (dossier section 3); what the other calls are named is an assumption."""
_LEVELS_QLESQ = (*LEVEL_DASH[:-1], "Follow up")
_LAST = 7
"""Place of the last call of a level among the person's keys."""
_TENTHS = tuple(f"{i / 10:g}" for i in range(1001))
_USUAL_SEVERITY = 20.0


@dataclass(frozen=True)
class QualityCalls:
    """Calls in order of person and time; `kind` is a position in CALL_TYPES."""

    person: Ints
    level: Ints
    day: Ints
    kind: Ints
    severity: Floats
    key: Ints


def figures() -> Mapping[str, Any]:
    """The numbers of these calls."""
    found: Mapping[str, Any] = parameters("stard")["calls"]
    return found


def quality_calls(chunk: Chunk) -> QualityCalls:
    """One call at the entry to each level, and one at the end for those who enter no other.

    The last call is one that also gave a QIDS total, so no contact is added to those of the other forms.
    """
    c, draws, p, phone = chunk.course, chunk.draws, figures(), chunk.once(phone_totals)
    person, level = np.nonzero(c.entered)
    key = chunk.number[person] * 64 + level * 8
    asked = draws.chance("quality call at entry", key, p["answered_entry"])
    person, level, key = person[asked], level[asked], key[asked]
    kind = np.where(level == c.first_level[person], 0, 1)

    ends_here = np.array([row.nonzero()[0][-1] if row.any() else -1 for row in c.entered])[phone.person] == phone.level
    at_exit = (phone.level == FU) | (phone.visit == c.exit_visit[phone.person, phone.level])
    at_exit &= (c.exit[phone.person, phone.level] != NO_RETURN) | (phone.level == FU)
    later = np.flatnonzero(ends_here & at_exit & (phone.day > c.start[phone.person, phone.level]))
    later = later[np.lexsort((phone.day[later], phone.person[later]))]
    is_last = np.ones(len(later), dtype=bool)
    is_last[:-1] = phone.person[later][1:] != phone.person[later][:-1]
    last = later[is_last]
    last_key = chunk.number[phone.person[last]] * 64 + phone.level[last] * 8 + _LAST
    reached = draws.chance("quality call at exit", last_key, p["answered_exit"])
    last, last_key = last[reached], last_key[reached]
    who, where, day = phone.person[last], phone.level[last], phone.day[last]
    gone = np.clip((day - c.start[who, where]) / 365, 0.0, 1.0)
    followed = c.entry_severity[who, where] * (1 - gone) + c.exit_severity[who, where] * gone
    severity = np.where(where == FU, followed, c.exit_severity[who, where])

    calls = QualityCalls(
        person=np.concatenate([person, who]),
        level=np.concatenate([level, where]),
        day=np.concatenate([c.start[person, level], day]),
        kind=np.concatenate([kind, np.full(len(last), 2)]),
        severity=np.concatenate([c.entry_severity[person, level], severity]).astype(np.float64),
        key=np.concatenate([key, last_key]),
    )
    order = np.lexsort((calls.day, calls.person))
    return QualityCalls(*(getattr(calls, f.name)[order] for f in fields(calls)))


def _answered(chunk: Chunk, form: str) -> QualityCalls:
    """The calls in which the form was answered."""
    calls = chunk.once(quality_calls)
    kept = ~chunk.draws.chance(f"{form} left out", calls.key, figures()["form_left_out"])
    return QualityCalls(*(getattr(calls, f.name)[kept] for f in fields(calls)))


def _table(chunk: Chunk, form: str, calls: QualityCalls, columns: dict[str, Column], first_id: int) -> pa.Table:
    columns["calltype"] = words(calls.kind, CALL_TYPES)
    columns["level"] = words(calls.level, _LEVELS_QLESQ if form == "qlesq01" else LEVEL_DASH)
    return chunk.table(form, calls.person, calls.day, columns, first_id)


def _around(chunk: Chunk, calls: QualityCalls, name: str, mean: Floats, width: int) -> Floats:
    """Answers (calls × width) around a mean: what the person always says differently, and what changes."""
    p, draws = figures()[name], chunk.draws
    own = p["person_sd"] * draws.normal(f"{name} person", chunk.number[calls.person])
    return (mean + own)[:, None] + p["item_sd"] * draws.normals(f"{name} items", calls.key, width)


def _line(name: str, severity: Floats) -> Floats:
    p = figures()[name]
    found: Floats = p["at_usual"] + p["per_point"] * (severity - _USUAL_SEVERITY)
    return found


def qlesq01(chunk: Chunk, first_id: int) -> pa.Table:
    """Q-LES-Q-SF; its total is written raw, as which of raw and percent the archive has is not known."""
    calls = _answered(chunk, "qlesq01")
    draws = chunk.draws
    items = rounded(_around(chunk, calls, "qlesq", _line("qlesq", calls.severity), 16), 1, 5)
    total = items[:, :14].sum(axis=1)
    no_home = draws.chance("qlesq not applicable", calls.key, figures()["qlesq_not_applicable"])
    items[no_home, 3] = 6
    no_drug = draws.chance("qlesq no medication", calls.key, 0.1)
    columns: dict[str, Column] = {f"qlesq{i + 1:02}": numbers(items[:, i], 1, 6) for i in range(16)}
    columns["qlesq15"] = numbers(items[:, 14], 1, 6, blank=no_drug)
    columns["totqlesq"] = numbers(total, 14, 70, blank=no_home)
    return _table(chunk, "qlesq01", calls, columns, first_id)


def sfhs01(chunk: Chunk, first_id: int) -> pa.Table:
    """SF-12: component scores, and answers that go with them; the weights are licensed, so none is computed."""
    calls = _answered(chunk, "sfhs01")
    draws, key = chunk.draws, calls.key
    scores = {}
    for name in ("pcs12", "mcs12"):
        noise = _around(chunk, calls, name, _line(name, calls.severity), 1)[:, 0]
        scores[name] = rounded(noise * 10, 80, 750)
    bad, low = (50 - scores["pcs12"] / 10) / 10, (50 - scores["mcs12"] / 10) / 10
    e = 0.6 * draws.normals("sf12 items", key, 12).astype(np.float64)
    answers = (
        (2.6 + 0.6 * bad + e[:, 0], 1, 5),
        (2.5 - 0.5 * bad + e[:, 1], 1, 3),
        (2.4 - 0.5 * bad + e[:, 2], 1, 3),
        (1.7 - 0.3 * bad + e[:, 3], 1, 2),
        (1.7 - 0.3 * bad + e[:, 4], 1, 2),
        (1.8 - 0.3 * low + e[:, 5], 1, 2),
        (1.8 - 0.3 * low + e[:, 6], 1, 2),
        (1.8 + 0.8 * bad + e[:, 7], 1, 5),
        (2.4 + 0.7 * low + e[:, 8], 1, 5),
        (2.4 + 0.7 * low + e[:, 9], 1, 5),
        (4.4 - 0.7 * low + e[:, 10], 1, 5),
        (4.4 - 0.7 * low + e[:, 11], 1, 5),
    )
    columns: dict[str, Column] = {
        f"sfhs{i:02}": numbers(rounded(mean, low_, high), 1, 5) for i, (mean, low_, high) in enumerate(answers, 1)
    }
    blank = draws.chance("sf12 no score", key, 0.02)
    for name, tenths in scores.items():
        columns[name] = words(np.where(blank, -1, tenths), _TENTHS)
    return _table(chunk, "sfhs01", calls, columns, first_id)


def wsas01(chunk: Chunk, first_id: int) -> pa.Table:
    """WSAS; the second version of its total is there in some rows, and alone in few."""
    calls = _answered(chunk, "wsas01")
    draws, p = chunk.draws, figures()
    items = rounded(_around(chunk, calls, "wsas", _line("wsas", calls.severity) / 5, 5), 0, 8)
    total = items.sum(axis=1)
    columns: dict[str, Column] = {f"wsas{i + 1:02}": numbers(items[:, i], 0, 8) for i in range(5)}
    other = draws.chance("wsas second total", calls.key, p["wsas_second_total"])
    alone = draws.chance("wsas no first total", calls.key, p["wsas_no_first_total"])
    columns["totwsas"] = numbers(total, 0, 40, blank=alone)
    columns["wsastot"] = numbers(total, 0, 40, blank=~other)
    return _table(chunk, "wsas01", calls, columns, first_id)


def wpai01(chunk: Chunk, first_id: int) -> pa.Table:
    """WPAI: answers, and the percentages by the published formulas; who is not employed has no hours."""
    calls = _answered(chunk, "wpai01")
    draws, key = chunk.draws, calls.key
    works = chunk.once(employed)[calls.person]
    ill = calls.severity / _USUAL_SEVERITY
    week = rounded(37 + 9 * draws.normal("wpai week", chunk.number[calls.person]), 4, 80)
    missed = np.where(
        draws.chance("wpai missed", key, np.clip(0.4 * ill, 0, 1)), 1 + draws.below("wpai hours", key, 16), 0
    )
    missed = np.minimum(missed, week)
    other = np.where(draws.chance("wpai other", key, 0.2), 1 + draws.below("wpai other hours", key, 8), 0)
    other = np.minimum(other, week - missed)
    worked = week - missed - other
    work, activity = (
        rounded(_around(chunk, calls, "wpai", _line("wpai", calls.severity), 2)[:, i], 0, 10) for i in (0, 1)
    )
    idle = ~works | (worked == 0)
    spent = np.maximum(missed + worked, 1)
    away = missed / spent
    share = {
        "wpai_pctmissed": (away, ~works | (missed + worked == 0)),
        "wpai_pctworked": (1 - away, ~works | (missed + worked == 0)),
        "wpai_pctwrkimp": (work / 10, idle),
        "wpai_totwrkimp": (away + (1 - away) * work / 10, idle),
        "wpai_pctactimp": (activity / 10, np.zeros(len(key), dtype=bool)),
    }
    columns: dict[str, Column] = {
        "wpai01": words(np.where(works, 0, 1), ("1", "2")),
        "wpai02": numbers(missed, 0, 168, blank=~works),
        "wpai03": numbers(other, 0, 168, blank=~works),
        "wpai04": numbers(worked, 0, 168, blank=~works),
        "wpai05": numbers(work, 0, 10, blank=idle),
        "wpai06": numbers(activity, 0, 10),
        "wpai_totalhrs": numbers(missed + worked, 0, 168, blank=~works),
    }
    for name, (part, blank) in share.items():
        columns[name] = words(np.where(blank, -1, rounded(part * 1000, 0, 1000)), _TENTHS)
    return _table(chunk, "wpai01", calls, columns, first_id)


@cache
def _services() -> tuple[tuple[str, str, float, int], ...]:
    """(question with yes or no, question with a count, share of yes, most) in the order of the form."""
    return (
        ("ucq020", "ucq030", 0.30, 12),
        ("ucq040", "ucq050", 0.20, 12),
        ("ucq060", "ucq070", 0.45, 10),
        ("ucq120", "ucq130", 0.01, 20),
        ("ucq140", "ucq150", 0.005, 20),
        ("ucq160", "ucq170", 0.04, 12),
    )


def ucq01(chunk: Chunk, first_id: int) -> pa.Table:
    """Use of services in three months; what follows a no is blank."""
    calls = _answered(chunk, "ucq01")
    draws, key = chunk.draws, calls.key
    more = np.clip(calls.severity / _USUAL_SEVERITY, 0.2, 2.0)
    yes: dict[str, Flags] = {}
    columns: dict[str, Column] = {}
    for asked, counted, share, most in _services():
        yes[asked] = draws.chance(asked, key, np.clip(share * more, 0, 1))
        columns[counted] = numbers(1 + draws.below(counted, key, most), 1, most, blank=~yes[asked])
    yes["ucq010"] = yes["ucq020"] | yes["ucq040"] | yes["ucq060"]
    yes["ucq110"] = yes["ucq120"] | yes["ucq140"] | yes["ucq160"]
    yes["ucq080"] = draws.chance("ucq080", key, np.clip(0.10 * more, 0, 1))
    reason = draws.below("ucq emergency", key, 3)
    for place, name in enumerate(("ucq091", "ucq092", "ucq100")):
        columns[name] = numbers((reason == place).astype(np.int64), 0, 1, blank=~yes["ucq080"])
    follow = {"ucq020": "ucq010", "ucq040": "ucq010", "ucq060": "ucq010"}
    follow |= {"ucq120": "ucq110", "ucq140": "ucq110", "ucq160": "ucq110"}
    for name, said in yes.items():
        left_out = ~yes[follow[name]] if name in follow else np.zeros(len(key), dtype=bool)
        columns[name] = words(np.where(left_out, -1, np.where(said, 0, 1)), ("1", "2"))
    return _table(chunk, "ucq01", calls, columns, first_id)
