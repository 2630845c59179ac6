"""Calls of the blinded rater: hrsd01 and idsc01."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harmonize.synthetic.draws import Floats, Ints
from harmonize.synthetic.instruments import administer, totals
from harmonize.synthetic.stard_chunk import LEVEL_CALLS, Chunk
from harmonize.synthetic.stard_items import UNKNOWN, asked_sides, item
from harmonize.synthetic.stard_population import FU, LEVELS, LOST, NO_RETURN
from harmonize.synthetic.text_columns import Column, numbers, words

HRSD = (
    # Item, highest score, its place among the items of HRSD17.
    ("hsoin", 2, 4), ("hmnin", 2, 5), ("hemin", 2, 6), ("hmdsd", 4, 1), ("hpanx", 4, 10), ("hinsg", 2, 17),
    ("happt", 2, 12), ("hwl", 2, 16), ("hsanx", 4, 11), ("hhypc", 4, 15), ("hvwsf", 4, 2), ("hsuic", 4, 3),
    ("hintr", 4, 7), ("hengy", 2, 13), ("hslow", 4, 8), ("hagit", 4, 9), ("hsex", 2, 14),
)  # fmt: skip
_IDS = (
    # Item and its place among the items of IDS_C30.
    ("isoin", 1), ("imnin", 2), ("iemin", 3), ("ihysm", 4), ("imdsd", 5), ("ianx", 7), ("ipanc", 27), ("iirtb", 6),
    ("irct", 8), ("ivrtn", 9), ("iqty", 10), ("iapdc", 11), ("iapin", 12), ("iwtdc", 13), ("iwtin", 14), ("icntr", 15),
    ("ivwsf", 16), ("ivwfr", 17), ("isuic", 18), ("iintr", 19), ("iplsr", 21), ("iengy", 20), ("isex", 22),
    ("islow", 23), ("iagit", 24), ("ismtc", 25), ("isymp", 26), ("igas", 28), ("iintp", 29), ("ildn", 30),
)  # fmt: skip
IDS_ITEMS = tuple(name for name, _ in _IDS)
_ANXIOUS_FACTOR = ("hpanx", "hsanx", "happt", "hengy", "hhypc", "hinsg")


@dataclass(frozen=True)
class Calls:
    """Calls of the blinded rater, in order of person and time; `label` is a position in the levels of the form."""

    person: Ints
    label: Ints
    day: Ints
    severity: Floats
    key: Ints


@dataclass(frozen=True)
class HrsdCalls:
    """HRSD17 of the calls as rated."""

    items: NDArray[np.int8]
    """In the order of the form."""
    total: Ints
    empty: NDArray[np.bool_]
    """The form has no score."""

    @property
    def anxious(self) -> NDArray[np.bool_]:
        """Anxiety/somatisation factor of 7 or more (Fava 2008)."""
        names = [name for name, _, _ in HRSD]
        found: NDArray[np.bool_] = self.items[:, [names.index(name) for name in _ANXIOUS_FACTOR]].sum(axis=1) >= 7
        return found


def rater_calls(chunk: Chunk) -> Calls:
    """At enrolment, and a few days after the end of each level; many of the latter were not made, least of the lost."""
    c, draws, number, own = chunk.course, chunk.draws, chunk.number, chunk.solved
    labels = len(LEVEL_CALLS)
    made = np.zeros((len(number), labels), dtype=bool)
    day = np.zeros((len(number), labels), dtype=np.int64)
    severity = np.zeros((len(number), labels))
    missing, no_row = _hrsd_missing(chunk)
    made[:, 0] = ~(missing & no_row)
    day[:, 0] = -draws.below("entry call", number, 4)
    severity[:, 0] = c.persons.persons.severity0
    for level in range(len(LEVELS)):
        ended = c.entered[:, level] & (c.exit[:, level] != NO_RETURN)
        end = c.end[:, level]
        if level == FU:
            ended &= c.follow_up_months == 12
            end = c.start[:, FU] + 365
        name = LEVELS[level]
        # Who is lost to the clinic is seldom reached by the rater.
        share = np.where(c.exit[:, level] == LOST, chunk.p.lost_call_missing, own[f"{name}.call_missing"])
        made[:, level + 1] = ended & ~draws.chance(f"call missing {name}", number, share)
        day[:, level + 1] = end + draws.below(f"call lag {name}", number, 6)
        severity[:, level + 1] = c.exit_severity[:, level]
    person, label = np.nonzero(made)
    return Calls(person, label, day[person, label], severity[person, label], number[person] * 8 + label)


def _hrsd_missing(chunk: Chunk) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Who has no HRSD17 at enrolment, and whose row is absent rather than empty."""
    missing = chunk.draws.chance("hrsd missing", chunk.number, chunk.p.hrsd_missing)
    return missing, chunk.draws.chance("hrsd no row", chunk.number, chunk.p.hrsd_no_row)


def rate_hrsd(chunk: Chunk) -> HrsdCalls:
    """Items and total of every call."""
    calls = chunk.once(rater_calls)
    anxiety = chunk.course.persons.persons.anxiety[calls.person]
    error = chunk.p.hrsd_rater_sd
    rated = administer(
        "HRSD17", calls.severity, calls.key, chunk.draws, world=chunk.world, lean=anxiety, extra_sd=error
    )
    empty = (calls.label == 0) & _hrsd_missing(chunk)[0][calls.person]
    return HrsdCalls(rated[:, [place - 1 for _, _, place in HRSD]], totals("HRSD17", rated), empty)


def hrsd01(chunk: Chunk, first_id: int) -> pa.Table:
    """HRSD17 at enrolment and at the end of levels."""
    calls, rated, draws, p = chunk.once(rater_calls), chunk.once(rate_hrsd), chunk.draws, chunk.p
    items, total, empty = rated.items.copy(), rated.total, rated.empty
    # Only at exit, so that the entry count of missing scores stays what it is.
    unknown = (calls.label > 0) & draws.chance("hrsd unknown item", calls.key, p.hrsd_unknown_item)
    which = draws.below("hrsd which item", calls.key, len(HRSD))
    items[unknown, which[unknown]] = UNKNOWN
    items[empty] = -1
    no_total = empty | draws.chance("hrsd blank total", calls.key, p.hrsd_blank_total)
    no_total |= unknown & draws.chance("hrsd unknown total", calls.key, 0.5)
    not_entered = no_total | ~draws.chance("hrsd entered total", calls.key, p.hrsd_entered_total)
    columns: dict[str, Column] = {name: item(items[:, i], 4, "-9") for i, (name, _, _) in enumerate(HRSD)}
    columns["hdtot_r"] = numbers(total, 0, 52, blank=no_total)
    columns["hdtot"] = numbers(total, 0, 52, blank=not_entered)
    columns["level"] = words(calls.label, LEVEL_CALLS)
    return chunk.table("hrsd01", calls.person, calls.day, columns, first_id)


def idsc01(chunk: Chunk, first_id: int) -> pa.Table:
    """IDS-C30 of the same calls."""
    draws, p = chunk.draws, chunk.p
    called = chunk.once(rater_calls)
    made = ~draws.chance("ids missing", called.key, p.ids_call_missing)
    calls = Calls(*(getattr(called, field.name)[made] for field in fields(Calls)))
    rated = administer("IDS_C30", calls.severity, calls.key, draws, world=chunk.world)
    total = totals("IDS_C30", rated)
    items = rated[:, [place - 1 for _, place in _IDS]]
    first_pair = IDS_ITEMS.index("iapdc")
    for pair, name in ((first_pair, "appetite"), (first_pair + 2, "weight")):
        items[:, pair : pair + 2] = asked_sides(items[:, pair : pair + 2], draws, f"ids {name}", calls.key, p)
    unknown = (calls.label > 0) & draws.chance("ids unknown item", calls.key, p.ids_unknown_item)
    # One of the first four items (sleep): none of them belongs to a pair.
    which = draws.below("ids which item", calls.key, 4)
    items[unknown, which[unknown]] = UNKNOWN
    columns: dict[str, Column] = {name: item(items[:, i], 3, "-9") for i, name in enumerate(IDS_ITEMS)}
    varies = items[:, IDS_ITEMS.index("ivrtn")] > 0
    columns["iwrse"] = words(np.where(varies, draws.below("iwrse", calls.key, 3), -1), tuple("123"))
    columns["ienv"] = words(np.where(varies, draws.below("ienv", calls.key, 2), -1), ("0", "1"))
    columns["ictot"] = numbers(total, 0, 84, blank=unknown)
    columns["time_point"] = words((calls.label > 0).astype(np.int8), ("Enrollment", "Exit"))
    columns["level"] = words(calls.label, LEVEL_CALLS)
    return chunk.table("idsc01", calls.person, calls.day, columns, first_id)
