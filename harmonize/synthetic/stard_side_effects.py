"""Side effects as the patient says them at clinic visits after entry: side_effects01 (FIBSER) and prise01 (PRISE).

Both follow one latent burden: how badly the person takes drugs, how ill he is, how long he has been in the level, and
whether he leaves it as intolerant. The numbers stand under `stard.side_effects` in `parameters.toml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from harmonize.synthetic.draws import Floats, Ints
from harmonize.synthetic.parameters import parameters
from harmonize.synthetic.stard_chunk import LEVEL_DASH, WEEK_LABELS, Chunk
from harmonize.synthetic.stard_levels import Flags
from harmonize.synthetic.stard_population import FU, INTOLERANCE
from harmonize.synthetic.text_columns import Column, numbers, words

LEVEL_NUMBERS = ("1", "2", "2.1", "3", "4")
"""1 is read; how the form writes level 2A was not found: 2.1 after the spelling of other files."""
DOMAINS = (
    # Symptoms, the tick for none, the rating; how often the domain is hit, on the logit scale. Assumption.
    (("gdiar", "gcnst", "gdmth", "gnsea"), "gnone", "gstro", -0.9),
    (("htplp", "htdzy", "htchs"), "htnone", "heart_prs", -2.0),
    (("skrsh", "skpsp", "skich", "skdry"), "sknone", "skin_c", -1.6),
    (("nvhed", "nvtrm", "nvcrd", "nvdzy"), "nvnone", "nrvsy", -1.1),
    (("eyvsn", "eyear"), "enone", "earng", -1.9),
    (("urdif", "urpn", "urfrq", "urmns"), "urnone", "genur_prs", -2.2),
    (("sldif", "slmch"), "slnone", "sleep", -0.5),
    (("sxls", "sxorg", "sxerc"), "sxnone", "sex_prs", -1.2),
    (("oaxty", "octrt", "omal", "orsls", "oftge", "odegy"), "onone", "other_prs", -1.0),
)
_OF_ONE_SEX = {"urmns": True, "sxerc": False}
"""Symptoms that only women, or only men, are asked about."""


def _figures() -> Mapping[str, Any]:
    found: Mapping[str, Any] = parameters("stard")["side_effects"]
    return found


def _asked(chunk: Chunk, form: str) -> Ints:
    """Rows of the clinic visits at which the form was filled: after entry, in treatment, not repeated at a boundary."""
    v = chunk.visits
    there = ~v.copied & (v.visit > 0) & (v.level != FU)
    there &= ~chunk.draws.chance(f"{form} left out", v.key, _figures()["left_out"])
    return np.flatnonzero(there)


def burden(chunk: Chunk) -> Floats:
    """Latent burden at each clinic visit."""
    c, v, p = chunk.course, chunk.visits, _figures()
    leaves = (c.exit[v.person, v.level] == INTOLERANCE) & (v.visit == c.exit_visit[v.person, v.level])
    return (
        p["per_person"] * c.persons.persons.side_effects[v.person]
        + p["per_point"] * (v.severity - 12.0)
        + p["per_visit"] * v.visit
        + p["if_intolerant"] * leaves
        + p["visit_sd"] * chunk.draws.normal("side effects at visit", v.key)
    )


def side_effects01(chunk: Chunk, first_id: int) -> pa.Table:
    """FIBSER: who has none says so three times."""
    v, draws, p = chunk.visits, chunk.draws, _figures()
    rows = _asked(chunk, "side_effects01")
    key, x = v.key[rows], chunk.once(burden)[rows]
    some = x > p["none_below"]
    e = 0.6 * draws.normals("fibser", key, 3)
    latent = (x - p["none_below"])[:, None] + e
    start, step = np.array([1.0, 1.0, 0.4]), np.array([1.3, 1.0, 1.0])
    ratings = np.where(some[:, None], np.clip(np.rint(start + step * latent), [1, 1, 0], 6), 0).astype(np.int64)
    columns: dict[str, Column] = {}
    for place, name in enumerate(("fisfq", "fisin", "grseb")):
        columns[name] = numbers(ratings[:, place], 0, 6, blank=draws.chance(f"{name} blank", key, p["item_blank"]))
    columns["level"] = words(v.level[rows], LEVEL_NUMBERS)
    columns["week"] = words(chunk.week_label[rows], WEEK_LABELS)
    return chunk.table("side_effects01", v.person[rows], v.day[rows], columns, first_id)


def prise01(chunk: Chunk, first_id: int) -> pa.Table:
    """PRISE: a symptom is ticked or not; what is not ticked is 0 in some forms and blank in the others."""
    v, draws, p = chunk.visits, chunk.draws, _figures()
    rows = _asked(chunk, "prise01")
    key, x = v.key[rows], chunk.once(burden)[rows]
    female = chunk.course.persons.female[v.person[rows]]
    not_ticked = np.where(draws.chance("prise zeros", key, p["zeros_written"]), 0, -1)
    columns: dict[str, Column] = {}
    for symptoms, none, rating, often in DOMAINS:
        hit = draws.uniform(f"{rating} hit", key) < 1 / (1 + np.exp(-(often + p["symptom_slope"] * x)))
        which = draws.matrix(f"{rating} symptoms", key, len(symptoms))
        ticked = which == which.min(axis=1, keepdims=True)
        ticked |= which < p["further_symptom"]
        for place, name in enumerate(symptoms):
            own: Flags = female == _OF_ONE_SEX[name] if name in _OF_ONE_SEX else np.ones(len(key), dtype=bool)
            ticked[:, place] &= own
            columns[name] = words(np.where(hit & ticked[:, place], 1, np.where(own, not_ticked, -1)), ("0", "1"))
        columns[none] = words(np.where(hit, not_ticked, 1), ("0", "1"))
        bad = draws.chance(f"{rating} bad", key, 1 / (1 + np.exp(1.8 - x)))
        columns[rating] = words(np.where(hit, 1 + bad, 0), ("0", "1", "2"))
        if rating == "sex_prs":
            refused = draws.chance("sex_prs refused", key, p["sex_refused"])
            columns[rating] = words(np.where(refused, 3, np.where(hit, 1 + bad, 0)), ("0", "1", "2", "-7"))
    columns["level"] = words(v.level[rows], LEVEL_DASH)
    columns["week"] = words(chunk.week_label[rows], WEEK_LABELS)
    return chunk.table("prise01", v.person[rows], v.day[rows], columns, first_id)
