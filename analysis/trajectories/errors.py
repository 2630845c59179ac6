"""What goes wrong before and after fitting, said so that the reader can act."""

from __future__ import annotations

from dataclasses import dataclass


class DesignError(ValueError):
    """The specification and the frame do not fit; the message names column, row, value and remedy."""


@dataclass(frozen=True)
class Problem:
    """Something about a fit that a reader must know. `grave` ones make the fit inadmissible.

    `where` names a person and belongs on the screen of who may see persons; `public` is the text without it.
    """

    parameter: str
    what: str
    remedy: str
    grave: bool = True
    where: str = ""

    def __str__(self) -> str:
        return f"{self.parameter}: {self.what}{self.where}; {self.remedy}"

    @property
    def public(self) -> str:
        """The problem without what belongs to a person."""
        return f"{self.parameter}: {self.what}; {self.remedy}"
