"""Calls of the blinded rater: hrsd01 and idsc01."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harmonize.synthetic.draws import Floats, Ints
from harmonize.synthetic.stard_chunk import LEVEL_CALLS, Chunk
from harmonize.synthetic.stard_items import UNKNOWN, item, one_sided
from harmonize.synthetic.stard_population import FU, LEVELS, NO_RETURN
from harmonize.synthetic.text_columns import Column, deal, numbers, rounded, words

HRSD = (
    # Item, highest score, reluctance to score (assumption).
    ("hsoin", 2, 0.9), ("hmnin", 2, 0.9), ("hemin", 2, 1.1), ("hmdsd", 4, 0.7), ("hpanx", 4, 0.9), ("hinsg", 2, 4.0),
    ("happt", 2, 1.2), ("hwl", 2, 1.6), ("hsanx", 4, 1.1), ("hhypc", 4, 1.8), ("hvwsf", 4, 0.9), ("hsuic", 4, 1.8),
    ("hintr", 4, 0.7), ("hengy", 2, 0.7), ("hslow", 4, 1.5), ("hagit", 4, 1.6), ("hsex", 2, 0.9),
)  # fmt: skip
IDS_ITEMS = tuple(
    "isoin imnin iemin ihysm imdsd ianx ipanc iirtb irct ivrtn iqty iapdc iapin iwtdc iwtin icntr ivwsf ivwfr isuic "
    "iintr iplsr iengy isex islow iagit ismtc isymp igas iintp ildn".split()
)


@dataclass(frozen=True)
class Calls:
    """Calls of the blinded rater, in order of person and time; `label` is a position in the levels of the form."""

    person: Ints
    label: Ints
    day: Ints
    severity: Floats
    key: Ints


def rater_calls(chunk: Chunk) -> Calls:
    """At enrolment, and a few days after the end of each level; many of the latter were not made."""
    c, draws, number, p = chunk.course, chunk.draws, chunk.number, chunk.p
    labels = len(LEVEL_CALLS)
    made = np.zeros((len(number), labels), dtype=bool)
    day = np.zeros((len(number), labels), dtype=np.int64)
    severity = np.zeros((len(number), labels))
    missing, no_row = _hrsd_missing(chunk)
    made[:, 0] = ~(missing & no_row)
    day[:, 0] = -draws.below("entry call", number, 4)
    severity[:, 0] = c.persons.severity
    for level in range(len(LEVELS)):
        ended = c.entered[:, level] & (c.exit[:, level] != NO_RETURN)
        end = c.end[:, level]
        if level == FU:
            ended &= c.follow_up_months == 12
            end = c.start[:, FU] + 365
        name = LEVELS[level]
        made[:, level + 1] = ended & ~draws.chance(f"call missing {name}", number, p.exit_call_missing)
        day[:, level + 1] = end + draws.below(f"call lag {name}", number, 6)
        severity[:, level + 1] = c.exit_severity[:, level]
    person, label = np.nonzero(made)
    return Calls(person, label, day[person, label], severity[person, label], number[person] * 8 + label)


def _hrsd_missing(chunk: Chunk) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Who has no HRSD17 at enrolment, and whose row is absent rather than empty."""
    missing = chunk.draws.chance("hrsd missing", chunk.number, chunk.p.hrsd_missing)
    return missing, chunk.draws.chance("hrsd no row", chunk.number, chunk.p.hrsd_no_row)


def hrsd01(chunk: Chunk, first_id: int) -> pa.Table:
    """HRSD17 at enrolment and at the end of levels."""
    calls, draws, p = chunk.once(rater_calls), chunk.draws, chunk.p
    entry = calls.label == 0
    standard = (calls.severity - p.qids_sr_mean) / np.sqrt(p.qids_sr_sd**2 - p.rater_sd**2)
    noise = draws.normal("hrsd", calls.key)
    at_entry = p.hrsd_mean + p.hrsd_sd * (p.hrsd_severity * standard + np.sqrt(1 - p.hrsd_severity**2) * noise)
    # About 1.3 HRSD17 points per QIDS point: assumption.
    total = rounded(np.where(entry, at_entry, 1.3 * calls.severity + 3.0 * noise), 0, 48)
    points = sum(highest for _, highest, _ in HRSD)
    items = deal(total, [h for _, h, _ in HRSD], [r for _, _, r in HRSD], draws.matrix("hrsd items", calls.key, points))
    total = items.sum(axis=1, dtype=np.int64)

    empty = entry & _hrsd_missing(chunk)[0][calls.person]
    # Only at exit, so that the entry count of missing scores stays what it is.
    unknown = ~entry & draws.chance("hrsd unknown item", calls.key, p.hrsd_unknown_item)
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
    # About 2.2 IDS points per QIDS point: assumption.
    aim = rounded(2.2 * calls.severity + 4.0 * draws.normal("ids", calls.key), 0, 78)
    # 28 units of 3 points: 26 items, the appetite pair, the weight pair.
    units = deal(aim, [3] * 28, [1.0] * 28, draws.matrix("ids items", calls.key, 84))
    total = units.sum(axis=1, dtype=np.int64)
    items = np.empty((len(total), len(IDS_ITEMS)), dtype=np.int8)
    first_pair = IDS_ITEMS.index("iapdc")
    items[:, :first_pair] = units[:, :first_pair]
    items[:, first_pair + 4 :] = units[:, first_pair + 2 :]
    for place, name in ((0, "appetite"), (1, "weight")):
        items[:, first_pair + 2 * place : first_pair + 2 * place + 2] = one_sided(
            units[:, first_pair + place], draws, f"ids {name}", calls.key, p
        )
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
