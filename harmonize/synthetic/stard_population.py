"""What STAR*D is: levels, visits, arms, exits. Its figures stand in `parameters.toml` under `stard`."""

from __future__ import annotations

from typing import Any

from harmonize.synthetic.parameters import parameters, solved
from harmonize.synthetic.worlds import World

LEVELS = ("1", "2", "2A", "3", "4", "FU")
"""The levels in the order in which persons pass through them; positions in arrays follow it."""
L1, L2, L2A, L3, L4, FU = range(6)

WEEKS = (0, 2, 4, 6, 9, 12, 14)
"""Planned weeks of clinic visits in a level (section 1, read); visits are numbered by their place here."""

EXITS = ("no_benefit", "intolerance", "well", "lost", "no_return")
NO_BENEFIT, INTOLERANCE, WELL, LOST, NO_RETURN = range(5)

DRUGS = (
    "citalopram",
    "bupropion",
    "sertraline",
    "venlafaxine",
    "buspirone",
    "mirtazapine",
    "nortriptyline",
    "lithium",
    "liothyronine",
    "tranylcypromine",
)

ARMS: dict[str, tuple[str, ...]] = {
    # Section 2, read. Cognitive therapy is no drug, so it leaves no trace in the drug columns.
    "CIT": ("citalopram",),
    "BUP": ("bupropion",),
    "SER": ("sertraline",),
    "VEN": ("venlafaxine",),
    "CIT+BUP": ("citalopram", "bupropion"),
    "CIT+BUS": ("citalopram", "buspirone"),
    "CT": (),
    "CIT+CT": ("citalopram",),
    "MIRT": ("mirtazapine",),
    "NTP": ("nortriptyline",),
    "CIT+LI": ("citalopram", "lithium"),
    "SER+LI": ("sertraline", "lithium"),
    "BUP+LI": ("bupropion", "lithium"),
    "VEN+LI": ("venlafaxine", "lithium"),
    "CIT+THY": ("citalopram", "liothyronine"),
    "SER+THY": ("sertraline", "liothyronine"),
    "BUP+THY": ("bupropion", "liothyronine"),
    "VEN+THY": ("venlafaxine", "liothyronine"),
    "TCP": ("tranylcypromine",),
    "VEN+MIRT": ("venlafaxine", "mirtazapine"),
    "FU": (),
}
ARM_NAMES = tuple(ARMS)

TITRATION: dict[str, list[list[float]]] = dict(parameters("stard")["titration"])
"""By drug: dose after visit 0 … 6 while nothing holds it back; the doses at which persons stop; their shares."""


class Population:
    """The figures of `[stard.figures]` as attributes."""

    def __init__(self) -> None:
        self._figures = parameters("stard")["figures"]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._figures:
            raise AttributeError(f"stard.figures has no {name}")
        return self._figures[name]


POPULATION = Population()


def step_numbers(world: World) -> dict[str, float]:
    """Numbers by level or arm (`2.spread`, `BUP.lift`): `[stard.steps]`, then what was solved for the world."""
    return {**parameters("stard")["steps"], **solved("stard", world)}
