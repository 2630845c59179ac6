"""Every number that synthetic persons are drawn from, with its source: `parameters.toml` beside this module.

An entry is a table with `value`, `source` and `mark`. Marks: `read` (stands in the named source), `derived`
(arithmetic from read figures), `memory` (recalled, nobody checked it), `assumption` (ours), `solved` (found by
`harmonize.synthetic.calibrate` so that the targets are met).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harmonize.synthetic.worlds import World

PATH = Path(__file__).with_name("parameters.toml")
MARKS = ("read", "derived", "memory", "assumption", "solved")

_NOTHING: Mapping[str, Mapping[str, float]] = MappingProxyType({})
_TRIED: ContextVar[Mapping[str, Mapping[str, float]]] = ContextVar("tried", default=_NOTHING)


@cache
def document() -> Mapping[str, Any]:
    """The file as it stands, entries with source and mark."""
    with PATH.open("rb") as stream:
        return tomllib.load(stream)


@cache
def parameters(section: str) -> Mapping[str, Any]:
    """The values of a section (`model`, or a study), nested as in the file and without source and mark.

    Raises KeyError with the sections there are.
    """
    if section not in document():
        raise KeyError(f"{PATH.name} has no section {section!r}; there are {', '.join(document())}")
    values: Mapping[str, Any] = _values(document()[section])
    return values


def solved(study: str, world: World) -> dict[str, float]:
    """What was solved for a study in a world: the numbers of the world's family, then those of the world itself."""
    found = parameters(study).get("solved", {})
    own = {**found.get(world.family, {}), **found.get(world.name, {})}
    return {**own, **_TRIED.get().get(study, {})}


@contextmanager
def trying(study: str, values: Mapping[str, float]) -> Iterator[None]:
    """Within the block, `solved` gives these numbers first. For calibration and for tests."""
    token = _TRIED.set({**_TRIED.get(), study: {**_TRIED.get().get(study, {}), **values}})
    try:
        yield
    finally:
        _TRIED.reset(token)


def entries(
    tree: Mapping[str, Any] | None = None, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All entries with their dotted path; solved numbers, which are bare, as entries too."""
    for name, below in (document() if tree is None else tree).items():
        here = (*path, name)
        if isinstance(below, Mapping) and "value" not in below:
            yield from entries(below, here)
        elif isinstance(below, Mapping):
            yield ".".join(here), below
        else:
            yield ".".join(here), {"value": below, "source": "harmonize.synthetic.calibrate", "mark": "solved"}


def _values(tree: Any) -> Any:
    if not isinstance(tree, Mapping):
        return tree
    return tree["value"] if "value" in tree else {name: _values(below) for name, below in tree.items()}
