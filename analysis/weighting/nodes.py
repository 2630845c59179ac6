"""What a weight is made of: named nodes, each with its own model and its own stated population."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.weighting.covariates import left_side, numbers, right_side
from analysis.weighting.errors import WeightingError

METHODS = ("logistic", "penalised", "ridge", "cbps", "entropy")
ESTIMANDS = ("ATE", "ATT", "ATC", "ATO", "ATM")
TARGETS = ("all", "rest")


@dataclass(frozen=True)
class Node:
    """One reason why a person counts more or less.

    kind: `treatment` or `selection`. formula: `"chosen ~ age + sex"`. method: `logistic`; `penalised` (Firth; ridge
    for several categories), finite under separation; `ridge`; `cbps` (covariate balancing propensity score, just
    identified); `entropy` (entropy balancing). among: the population of the node's model, a 0/1 column or a condition
    on columns; None: everybody. numerator: formula of the stabilising model, `"~ 1"` by default; `stabilised=False`
    takes none. estimand, focal: of a treatment. target: of a selection, `all` (chosen stand for everybody) or `rest`
    (they stand for those who were not chosen, as in transport). moments, d_moments: powers balanced by entropy
    balancing of a continuous treatment. penalty: of the squared coefficients (ridge).
    """

    kind: str
    formula: str
    method: str = "logistic"
    name: str = ""
    among: str | None = None
    numerator: str | None = None
    stabilised: bool = True
    estimand: str = "ATE"
    focal: object = None
    target: str = "all"
    moments: int = 1
    d_moments: int = 1
    penalty: float = 1.0

    def __post_init__(self) -> None:
        if not left_side(self.formula):
            raise WeightingError(
                f"formula {self.formula!r} names nothing left of the tilde: write 'chosen ~ age + sex'"
            )
        if self.method not in METHODS:
            raise WeightingError(f"method = {self.method!r} is none of {', '.join(METHODS)}")
        if self.estimand not in ESTIMANDS:
            raise WeightingError(f"estimand = {self.estimand!r} is none of {', '.join(ESTIMANDS)}")
        if self.target not in TARGETS:
            raise WeightingError(f"target = {self.target!r} is none of {', '.join(TARGETS)}")

    @property
    def label(self) -> str:
        """How the node is called."""
        return self.name or f"{self.kind} {self.column}"

    @property
    def column(self) -> str:
        """The column that is explained."""
        left = left_side(self.formula)
        return left[2:-1].strip() if left.startswith("C(") and left.endswith(")") else left

    @property
    def wants_levels(self) -> bool:
        """Whether the formula says that the column is a set of categories, `C(arm) ~ …`."""
        return left_side(self.formula).startswith("C(")

    @property
    def population(self) -> str:
        """The population in words."""
        return "everybody in the frame" if self.among is None else f"those with {self.among}"

    def model(self) -> str:
        """The model in words."""
        stands = {"all": "", "rest": ", standing for those not chosen"}[self.target] if self.kind == "selection" else ""
        what = f", {self.estimand}" if self.kind == "treatment" else stands
        stabilised = "stabilised" if self.stabilises else "not stabilised"
        return f"{self.method} {self.column} ~ {right_side(self.formula)} among {self.population}{what}, {stabilised}"

    @property
    def stabilises(self) -> bool:
        """Whether there is a numerator: of weights that are one over a probability only."""
        plain = self.method != "entropy" and (self.kind == "treatment" or self.target == "all")
        return self.stabilised and plain and (self.kind == "selection" or self.estimand == "ATE")


def treatment(formula: str, **options: object) -> Node:
    """A treatment, binary, of several categories or continuous: `treatment("arm ~ age + sex", estimand="ATT")`."""
    return Node("treatment", formula, **options)  # type: ignore[arg-type]


def selection(formula: str, **options: object) -> Node:
    """Being chosen for what is analysed; the left side is 1 for who is kept."""
    return Node("selection", formula, **options)  # type: ignore[arg-type]


def genotyped(formula: str, **options: object) -> Node:
    """Being genotyped and having passed quality control."""
    return Node("selection", formula, **{"name": "genotyped and passed quality control", **options})  # type: ignore[arg-type]


def staying(formula: str, **options: object) -> Node:
    """Staying until the outcome is seen; against censoring."""
    return Node("selection", formula, **{"name": "staying", **options})  # type: ignore[arg-type]


def trial(formula: str, **options: object) -> Node:
    """Belonging to a trial whose persons stand for those outside: the left side is 1 in the trial, 0 in the target."""
    return Node("selection", formula, **{"name": "belonging to the trial", "target": "rest", **options})  # type: ignore[arg-type]


def rows_of(node: Node, frame: pd.DataFrame) -> NDArray[np.bool_]:
    """(n,): the node's population. Raises WeightingError where the condition cannot be asked or nobody meets it."""
    if node.among is None:
        return np.ones(len(frame), dtype=bool)
    try:
        asked = frame[node.among] if node.among in frame.columns else frame.eval(node.among)
        found = np.asarray(pd.Series(asked).fillna(0).astype(bool))
    except Exception as error:
        raise WeightingError(f"{node.label}: among = {node.among!r} cannot be asked of the frame: {error}") from error
    if not found.any():
        raise WeightingError(f"{node.label}: nobody meets among = {node.among!r}")
    return found


def chosen(node: Node, frame: pd.DataFrame) -> NDArray[np.float64]:
    """(n,) 0 or 1 of a selection. Raises WeightingError for other values, and where all or nobody is chosen."""
    column = _column(node, frame)
    values = numbers(column)
    bad = ~np.isin(values, (0.0, 1.0))
    if bad.any():
        row = int(np.argmax(bad))
        raise WeightingError(
            f"{node.label}: column {node.column}, row {frame.index[row]} is {column.iloc[row]!r}; 1 says chosen, 0 not"
        )
    if values.min() == values.max():
        who = "everybody" if values[0] else "nobody"
        raise WeightingError(f"{node.label}: {who} has {node.column} = 1: there is no choice to explain")
    return values


def levels(node: Node, frame: pd.DataFrame) -> tuple[list[object], NDArray[np.intp] | None, NDArray[np.float64]]:
    """Levels of a treatment with the code of each row, or no codes and its numbers where it is continuous.

    Text, true/false, two numbers, or a column named as `C(column)` are categories. Of two levels the second is the
    treated one. Raises WeightingError for missing values and for a single level.
    """
    column = _column(node, frame)
    if column.isna().any():
        row = int(np.argmax(column.isna().to_numpy()))
        raise WeightingError(
            f"{node.label}: column {node.column} is missing for {int(column.isna().sum())} persons, the first is row "
            f"{frame.index[row]}; leave them out by among=, or give them a node of their own"
        )
    numeric = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    if isinstance(column.dtype, pd.CategoricalDtype):
        found: list[object] = [c for c in column.cat.categories if (column == c).any()]
    else:
        found = sorted(column.unique().tolist())
    if len(found) < 2:
        raise WeightingError(
            f"{node.label}: everybody has {node.column} = {found[0]!r}: there is no treatment to compare"
        )
    if numeric and len(found) > 2 and not node.wants_levels:
        return [], None, column.to_numpy(dtype=float)
    codes = np.asarray(pd.Categorical(column, categories=found).codes, dtype=np.intp)
    if node.focal is not None and node.focal not in found:
        raise WeightingError(f"{node.label}: focal = {node.focal!r} is no level of {node.column}; it has {found}")
    return found, codes, codes.astype(float)


def _column(node: Node, frame: pd.DataFrame) -> pd.Series:
    if node.column not in frame.columns:
        raise WeightingError(
            f"{node.label}: the frame has no column {node.column}; it has {', '.join(map(str, frame))}"
        )
    return frame[node.column]
