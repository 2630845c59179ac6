"""Persons' time under observation, cut into rows within which hazards are constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.trajectories.design import Design
from analysis.trajectories.errors import DesignError

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class PersonTime:
    """Rows of a person stand together, persons in the order of the design; `first` (N,) is each person's first row.

    piece (rows,): which interval between the cuts. exposure (rows,): weeks. events (causes, rows): 0 or 1. score
    (rows,): the last score seen before, standardised. exit (N,): week; cause (N,): index among causes, -1 for planned
    exits and the end of observation.
    """

    first: Indices
    piece: Indices
    exposure: Array
    events: Array
    score: Array
    exit: Array
    cause: Indices

    @property
    def n_pieces(self) -> int:
        """Number of intervals."""
        return int(self.piece.max()) + 1


def person_time(
    design: Design,
    exits: pd.DataFrame,
    causes: Sequence[str],
    planned: Sequence[str],
    cuts: Sequence[float],
    *,
    week: str = "exit_week",
    cause: str = "exit_cause",
    by_score: bool = True,
) -> PersonTime:
    """Cut the time of the persons of `design` at `cuts` (weeks) and, with `by_score`, at their scores.

    `exits` has one row per person: the person, the week and cause of the exit. An empty cause is the end of planned
    observation; causes in `planned` (moved on, follow-up in remission) end observation as well and are never events.
    Raises DesignError for persons without a row, unknown causes and exits before the last score.
    """
    person = design.spec.person
    absent = [c for c in (person, week, cause) if c not in exits.columns]
    if absent:
        raise DesignError(f"exits has no column {', '.join(absent)}; it has {', '.join(map(str, exits.columns))}")
    if exits[person].duplicated().any():
        raise DesignError(f"person {exits[person][exits[person].duplicated()].iloc[0]} has more than one exit")
    found = exits.set_index(person)
    lacking = design.persons[~design.persons.isin(found.index)]
    if len(lacking):
        raise DesignError(f"{len(lacking)} persons have no row in exits, the first is {lacking[0]}")
    found = found.loc[design.persons]
    end = found[week].to_numpy(dtype=float)
    name = found[cause].astype(object).where(found[cause].notna(), "")
    unknown = ~name.isin([*causes, *planned, ""]).to_numpy()
    if unknown.any():
        at = int(np.argmax(unknown))
        raise DesignError(
            f"the exit of person {design.persons[at]} has the cause {name.iloc[at]!r}; causes are {', '.join(causes)}, "
            f"planned exits {', '.join(planned) or 'none'}, and nothing for the end of observation"
        )
    last = np.maximum.reduceat(design.time, design.starts)
    wrong = ~(end > 0) | (end < last)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise DesignError(
            f"person {design.persons[at]} leaves at week {end[at]:g} and has a score at week {last[at]:g}; "
            "an exit is after week 0 and not before the last score"
        )
    index = {c: i for i, c in enumerate(causes)}
    which = np.array([index.get(c, -1) for c in name], dtype=np.intp)
    return _split(design, end, which, len(causes), np.sort(np.asarray(cuts, dtype=float)), by_score)


def _split(design: Design, end: Array, which: Indices, n_causes: int, cuts: Array, by_score: bool) -> PersonTime:
    n = design.n
    everybody = np.arange(n)
    who, when = [everybody, np.repeat(everybody, len(cuts))], [np.zeros(n), np.tile(cuts, n)]
    if by_score:
        who.append(design.person)
        when.append(design.time)
    person, start = np.concatenate(who), np.concatenate(when)
    inside = (start >= 0) & (start < end[person])
    order = np.lexsort((start[inside], person[inside]))
    person, start = person[inside][order], start[inside][order]
    new = np.r_[True, (np.diff(person) > 0) | (np.diff(start) > 0)]
    person, start = person[new], start[new]
    first = np.searchsorted(person, everybody)
    stop = np.r_[start[1:], 0.0]
    final = np.r_[person[1:] != person[:-1], True]
    stop[final] = end
    events = np.zeros((n_causes, len(person)))
    left = np.flatnonzero(which >= 0)
    events[which[left], np.flatnonzero(final)[left]] = 1.0
    return PersonTime(
        first.astype(np.intp),
        np.searchsorted(cuts, start, side="right").astype(np.intp),
        stop - start,
        events,
        _last_score(design, person, start),
        end,
        which,
    )


def _last_score(design: Design, person: Indices, start: Array) -> Array:
    """The last score at or before `start`, the first one where there is none, standardised over persons' first ones."""
    order = np.lexsort((design.time, design.person))
    y, first = design.y[order], design.starts
    longest = float(max(design.time.max(), start.max())) + 1.0 - float(min(design.time.min(), 0.0))
    keys = design.person[order] * longest + design.time[order]
    at = np.searchsorted(keys, person * longest + start, side="right") - 1
    value = y[np.maximum(at, first[person])]
    found: Array = (value - y[first].mean()) / (y[first].std() or 1.0)
    return found
