"""Item scores of rating scales from one latent severity, with instrument error: so linking has a truth.

Severity is in HRSD17-equivalent points. An administration sees severity plus an error of its own (`occasion_sd`); each
item adds its noise (`item_sd`), and its score is the number of thresholds exceeded (a graded normal-ogive model).
Thresholds are placed so that the expected total follows the instrument's `link`, points of a published crosswalk; near
the floor and the top of a scale it must bend away from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from harmonize.reference import item_rows, seed_rows
from harmonize.synthetic.draws import Draws, Floats, Ints
from harmonize.synthetic.parameters import parameters
from harmonize.synthetic.worlds import World

Items = NDArray[np.int8]

_GRID = np.arange(-60.0, 100.0, 0.25)
_ROUNDS = 40
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)


@dataclass(frozen=True)
class Model:
    """An instrument's item model. Items are in the order of the seed."""

    instrument_id: str
    lowest: NDArray[np.int8]
    thresholds: Floats
    """Items × most steps, +inf where an item has fewer."""
    item_sd: float
    occasion_sd: float
    units: tuple[tuple[int, ...], ...]
    """What is added up: an item each, or a group of which the largest counts."""
    pairs: tuple[tuple[int, int], ...]
    """Less and more of one thing: only one of the two can be above its lowest score."""
    lean: Floats
    """Points by which an item sees more in persons who lean to anxiety, per unit."""


def administer(
    instrument_id: str,
    theta: Floats,
    key: Ints,
    draws: Draws,
    *,
    shift: float = 0.0,
    extra_sd: float = 0.0,
    world: World | None = None,
    lean: Floats | None = None,
) -> Items:
    """Item scores (n, n_items) of one administration each; `key` names it, `shift` points are added to severity.

    `extra_sd`: points by which the study's raters err beyond the instrument's own error. `world` matters where its
    items have a floor. `lean` (n,) standard normal: how anxious a person is, which moves points between items and
    leaves the expected total as it is in the middle of the scale.
    Raises KeyError for an instrument without a link in the parameters or without items in the seed.
    """
    m = model(instrument_id)
    error = float(np.hypot(m.occasion_sd, extra_sd))
    seen = seen_severity(theta + shift, world) + error * draws.normal(f"{instrument_id} occasion", key)
    noise = draws.normals(f"{instrument_id} items", key, len(m.thresholds))
    y = seen.astype(np.float32)[:, None] + np.float32(m.item_sd) * noise
    if lean is not None and m.lean.any():
        y += lean.astype(np.float32)[:, None] * m.lean.astype(np.float32)
    out = np.zeros(y.shape, dtype=np.int8)
    for step in m.thresholds.T.astype(np.float32):
        out += y > step
    if m.pairs:
        more = draws.matrix(f"{instrument_id} more", key, len(m.pairs)) < parameters("model")["instruments"]["more"]
        for place, (less, increase) in enumerate(m.pairs):
            out[:, increase] = np.where(more[:, place], out[:, less], 0)
            out[:, less] = np.where(more[:, place], 0, out[:, less])
    return out + m.lowest


def totals(instrument_id: str, items: Items) -> NDArray[np.int64]:
    """Totals by the scoring rule of the seed; complete items only."""
    units = model(instrument_id).units
    total = np.zeros(len(items), dtype=np.int64)
    for unit in units:
        total += items[:, unit[0]] if len(unit) == 1 else items[:, list(unit)].max(axis=1)
    return total


def expected_total(
    instrument_id: str, theta: Floats | float, *, shift: float = 0.0, world: World | None = None
) -> Floats:
    """The true link: the expected total at a latent severity, over all error."""
    seen = seen_severity(np.atleast_1d(np.asarray(theta, dtype=np.float64)) + shift, world)
    out: Floats = np.interp(seen, _GRID, _expected_on_grid(instrument_id))
    return out if np.ndim(theta) else out[0]


def severity_at(instrument_id: str, total: Floats | float) -> Floats:
    """The latent severity at which the total is expected; the link read the other way round."""
    out: Floats = np.interp(total, _expected_on_grid(instrument_id), _GRID)
    return out


def seen_severity(theta: Floats, world: World | None) -> Floats:
    """Severity as items see it: in a world with a floor, what lies below mild severity counts double and more."""
    if world is None or not world.floor:
        return theta
    f = parameters("model")["floor"]
    return theta - f["extra_slope"] * f["width"] * np.logaddexp(0.0, (f["below"] - theta) / f["width"])


def administered(instrument_id: str) -> bool:
    """Whether the instrument can be administered."""
    return instrument_id in parameters("model")["instruments"]["link"]


@cache
def model(instrument_id: str) -> Model:
    """The item model. Raises KeyError for an instrument without a link in the parameters or items in the seed."""
    p = parameters("model")["instruments"]
    if not administered(instrument_id):
        raise KeyError(f"{instrument_id} has no link in the parameters; there are {', '.join(p['link'])}")
    base = _EXTENDS.get(instrument_id)
    first = item_rows(base) if base else []
    rows = [*first, *(r for r in item_rows(instrument_id) if int(r["item_no"]) > len(first))]
    rows = [r for r in rows if r["scored_in_total"] != "0"]
    top = np.array([int(r["score_max"]) - int(r["score_min"]) for r in rows])
    hardness = np.array(p["hardness"].get(instrument_id, [1.0] * len(rows)))
    rule = next(r["scoring_rule"] for r in seed_rows("ref_scales") if r["scale_id"] == instrument_id)
    units, pairs = _units(rows, rule)
    error = p["error"].get(instrument_id, p["error"]["other"])
    lean = np.zeros(len(rows))
    if instrument_id in p["anxious_items"]:
        lean[:] = -1.0
        lean[np.array(p["anxious_items"][instrument_id]) - 1] = 1.0
        lean[lean > 0] = p["lean_points"]
        lean[lean < 0] = -p["lean_points"] * top[lean > 0].sum() / top[lean < 0].sum()
    made = Model(
        instrument_id=instrument_id,
        lowest=np.array([int(r["score_min"]) for r in rows], dtype=np.int8),
        thresholds=np.full((len(rows), int(top.max())), np.inf),
        item_sd=error[0],
        occasion_sd=error[1],
        units=units,
        pairs=pairs,
        lean=lean,
    )
    kept = model(base).thresholds if base else np.empty((0, 0))
    _place(made, top, hardness, np.array(p["link"][instrument_id]), kept)
    return made


_EXTENDS = {"HRSD21": "HRSD17"}
"""Instruments whose first items are those of another, with the same thresholds."""


def _units(rows: list[dict[str, str]], rule: str) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, int], ...]]:
    """Groups that are added up, and pairs of less and more."""
    groups: dict[object, list[int]] = {}
    for place, row in enumerate(rows):
        grouped = rule == "qids_domain_max" or row["scored_in_total"] == "max_of_pair"
        groups.setdefault(row["domain"] if grouped else place, []).append(place)
    pairs: list[tuple[int, int]] = []
    for name, members in groups.items():
        if name == "appetite_weight":
            pairs += [(members[0], members[1]), (members[2], members[3])]
        elif name in ("appetite", "weight"):
            pairs.append((members[0], members[1]))
    return tuple(tuple(members) for members in groups.values()), tuple(pairs)


def _place(m: Model, top: Ints, hardness: Floats, link: Floats, kept: Floats) -> None:
    """Fill in the thresholds: the k-th point of the scale is got where the link says, items in order of hardness."""
    fixed = len(kept)
    if fixed:
        m.thresholds[:fixed, : kept.shape[1]] = kept
    free = [unit for unit in m.units if unit[0] >= fixed]
    steps = [(unit, k) for unit in free for k in range(top[unit[0]])]
    # Within an item the steps are even; a hard item has them all later.
    when = np.array([((k + 0.5) / top[u[0]]) ** (1 / hardness[u[0]]) for u, k in steps])
    rank = np.empty(len(steps), dtype=np.int64)
    rank[np.argsort(when, kind="stable")] = np.arange(len(steps))
    theta, total = link.T
    lowest = float(m.lowest.sum())
    base = _expected(m, _GRID) if fixed else np.zeros(len(_GRID))
    goal = _link(theta, total - lowest, _GRID) - base
    goal = np.maximum.accumulate(goal + 1e-9 * np.arange(len(goal)))
    wanted = rank + 0.5
    place = np.interp(wanted, goal, _GRID)
    spread = np.hypot(m.item_sd, m.occasion_sd)
    at = place.copy()
    # Where a largest item counts, or near the ends, what comes out is not what was put in: correct a few times.
    for _ in range(_ROUNDS):
        for (unit, k), value in zip(steps, at, strict=True):
            # The largest of n items exceeds a threshold sooner than one.
            asked = len(unit) - sum(1 for less, more in m.pairs if less in unit and more in unit)
            m.thresholds[list(unit), k] = value + spread * ndtri(0.5 ** (1 / asked))
        now = _expected(m, _GRID) - base
        off = np.interp(np.interp(place, _GRID, goal), now + 1e-9 * np.arange(len(now)), _GRID) - place
        at = at - 0.5 * np.clip(off, -2.0, 2.0)
        at = np.clip(at, place - 1.5 * spread, place + 1.5 * spread)


def _link(theta: Floats, total: Floats, at: Floats) -> Floats:
    """The link between its points, and on beyond them with the slope of its ends."""
    out = np.interp(at, theta, total)
    for end, inner, beyond in ((0, 1, at < theta[0]), (-1, -2, at > theta[-1])):
        slope = (total[end] - total[inner]) / (theta[end] - theta[inner])
        out[beyond] = total[end] + slope * (at[beyond] - theta[end])
    return out


def _expected(m: Model, theta: Floats) -> Floats:
    """Expected total above the lowest possible, by Gauss-Hermite quadrature over the occasion error."""
    out = np.zeros(len(theta))
    for node, weight in zip(_NODES, _WEIGHTS / _WEIGHTS.sum(), strict=True):
        seen = theta + m.occasion_sd * node
        less = ndtr((m.thresholds[:, :, None] - seen) / m.item_sd)
        silent = {more for _, more in m.pairs}
        for unit in m.units:
            # Of a pair of less and more only one was asked about.
            asked = [place for place in unit if place not in silent]
            out += weight * (1 - np.prod(less[asked], axis=0)).sum(axis=0)
    return out


@cache
def _expected_on_grid(instrument_id: str) -> Floats:
    m = model(instrument_id)
    return _expected(m, _GRID) + float(m.lowest.sum())
